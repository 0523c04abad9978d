"""KolektorSDD: kos01 ... kos50, one folder for each electrical commutator, with PartN.jpg and PartN_label.bmp.

Every image has a label; an all-black one means good. The official splits are three folds for supervised training, with
defective images in each, so learning from good parts only needs a split of its own, and this is ours: every third
commutator by name (kos03, kos06, ...) gives its good images to the test, with every defective image; the good images of
the other commutators are trained on. No commutator has good images on both sides.
"""

import re
from pathlib import Path

from line_inspector.datasets.labelled_image import LabelledImage, labelled_by_mask
from line_inspector.datasets.product import Layout
from line_inspector.errors import InputError

DEFECT = "defect"
ITEM = re.compile(r"kos\d+")
IMAGE = re.compile(r"Part\d+\.jpg", re.IGNORECASE)
EVERY = 3


def _is_product(folder: Path) -> bool:
    return any(ITEM.fullmatch(path.name) and path.is_dir() for path in folder.iterdir())


def _good_images(folder: Path) -> list[Path]:
    trained_on = [item for number, item in enumerate(_items(folder), start=1) if number % EVERY]
    found = [image.path for item in trained_on for image in _labelled(item) if not image.is_defective]
    if not found:
        raise InputError("no good image outside every third folder", str(folder), "Unpack the data set again.")
    return found


def _test_images(folder: Path) -> list[LabelledImage]:
    good, defective = [], []
    for number, item in enumerate(_items(folder), start=1):
        labelled = _labelled(item)
        good += [image for image in labelled if not image.is_defective and number % EVERY == 0]
        defective += [image for image in labelled if image.is_defective]
    if not good or not defective:
        what = f"{len(good)} good and {len(defective)} defective images to test with"
        raise InputError(what, str(folder), "Unpack the whole data set.")
    return good + defective


def _items(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if ITEM.fullmatch(path.name) and path.is_dir())


def _labelled(item: Path) -> list[LabelledImage]:
    images = sorted(path for path in item.iterdir() if IMAGE.fullmatch(path.name))
    if not images:
        raise InputError("folder holds no PartN.jpg", str(item), "Unpack the data set again.")
    return [labelled_by_mask(path, path.with_name(f"{path.stem}_label.bmp"), DEFECT) for path in images]


KOLEKTOR_SDD = Layout("KolektorSDD", _is_product, _good_images, _test_images)
