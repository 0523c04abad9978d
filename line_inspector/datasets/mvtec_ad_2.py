"""MVTec AD 2: <product>/train/good, validation/good, test_public/{good,bad}, test_public/ground_truth/bad.

Every bad image of test_public has a mask `<stem>_mask.png`. test_private and test_private_mixed come without labels
(their owner's server judges them), so they are not read. Training takes train/good alone, as published figures do;
validation/good is left out, since a training here holds back its own images for the threshold.
"""

from pathlib import Path

from line_inspector.datasets.labelled_image import GOOD, LabelledImage, masked_images
from line_inspector.datasets.product import Layout
from line_inspector.images import list_images

BAD = "bad"


def _is_product(folder: Path) -> bool:
    return (folder / "test_public").is_dir()


def _good_images(folder: Path) -> list[Path]:
    return list_images(folder / "train" / GOOD)


def _test_images(folder: Path) -> list[LabelledImage]:
    test = folder / "test_public"
    good = [LabelledImage(path, GOOD, None) for path in list_images(test / GOOD)]
    return good + masked_images(list_images(test / BAD), BAD, test / "ground_truth" / BAD)


MVTEC_AD_2 = Layout("MVTec AD 2", _is_product, _good_images, _test_images)
