"""BTAD (beanTech): 01, 02 and 03, each with train/ok, test/ok, test/ko, ground_truth/ko.

Images are .bmp or .png by product; a mask has its image's stem and .png or .bmp. The folder says which image is
defective: some masks of 03 are all black, and such an image counts in image metrics only.
"""

from pathlib import Path

from line_inspector.datasets.labelled_image import GOOD, LabelledImage, masked_images
from line_inspector.datasets.product import Layout
from line_inspector.images import list_images

OK, KO = "ok", "ko"


def _is_product(folder: Path) -> bool:
    return (folder / "train" / OK).is_dir() or (folder / "test" / OK).is_dir()


def _good_images(folder: Path) -> list[Path]:
    return list_images(folder / "train" / OK)


def _test_images(folder: Path) -> list[LabelledImage]:
    good = [LabelledImage(path, GOOD, None) for path in list_images(folder / "test" / OK)]
    return good + masked_images(list_images(folder / "test" / KO), KO, folder / "ground_truth" / KO)


BTAD = Layout("BTAD", _is_product, _good_images, _test_images)
