"""MVTec AD, and any folder laid out like it: train/good, test/good, test/<defect>, ground_truth/<defect>.

A mask is `ground_truth/<defect>/<stem>_mask.png`, or `<stem>.png`, or with another suffix of images.py. People's own
test sets need not have a mask for every defective image, so a missing one is no fault here.
"""

from pathlib import Path

from line_inspector.datasets.labelled_image import GOOD, LabelledImage, mask_beside
from line_inspector.datasets.product import Layout
from line_inspector.errors import InputError
from line_inspector.images import list_images


def _is_product(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in (f"test/{GOOD}", f"train/{GOOD}", "ground_truth"))


def _good_images(folder: Path) -> list[Path]:
    return list_images(folder / "train" / GOOD)


def _test_images(folder: Path) -> list[LabelledImage]:
    test = folder / "test"
    if not test.is_dir():
        remedy = "Lay the images out as MVTec AD does: test/good, test/<defect>, ground_truth/<defect>."
        raise InputError("no folder test/ in the data set", str(folder), remedy)
    defects = sorted(p.name for p in test.iterdir() if p.is_dir() and p.name != GOOD)
    if not defects:
        raise InputError("no folder with defective images", str(test), "Put them into test/<name of the defect>/.")
    found = [LabelledImage(path, GOOD, None) for path in list_images(test / GOOD)]
    for defect in defects:
        masks = folder / "ground_truth" / defect
        found += [LabelledImage(path, defect, mask_beside(path, masks)) for path in list_images(test / defect)]
    return found


MVTEC_AD = Layout("MVTec AD", _is_product, _good_images, _test_images)
