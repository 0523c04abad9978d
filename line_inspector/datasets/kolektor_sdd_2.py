"""KolektorSDD2: train/ and test/, each with NNNNN.png and NNNNN_GT.png.

Every image has a mask; an all-black one means good. The split is the official one; the defective images of train/ are
left out, since training here takes good parts only. Names that are not five digits are passed over: the archive holds
a `10301 (copy).png` and a `10301_GT (copy).png`.
"""

import re
from pathlib import Path

from line_inspector.datasets.labelled_image import LabelledImage, labelled_by_mask
from line_inspector.datasets.product import Layout
from line_inspector.errors import InputError

DEFECT = "defect"
IMAGE = re.compile(r"\d{5}\.png")
MASK = re.compile(r"\d{5}_GT\.png")


def _is_product(folder: Path) -> bool:
    parts = [folder / "train", folder / "test"]
    return any(MASK.fullmatch(path.name) for part in parts if part.is_dir() for path in part.iterdir())


def _good_images(folder: Path) -> list[Path]:
    found = [image.path for image in _labelled(folder / "train") if not image.is_defective]
    if not found:
        raise InputError("no image with an all-black mask", str(folder / "train"), "Unpack the data set again.")
    return found


def _test_images(folder: Path) -> list[LabelledImage]:
    labelled = sorted(_labelled(folder / "test"), key=lambda image: image.is_defective)
    defective = sum(image.is_defective for image in labelled)
    if not 0 < defective < len(labelled):
        what = f"{len(labelled) - defective} good and {defective} defective images to test with"
        raise InputError(what, str(folder / "test"), "Unpack the whole data set.")
    return labelled


def _labelled(part: Path) -> list[LabelledImage]:
    images = sorted(path for path in part.iterdir() if IMAGE.fullmatch(path.name)) if part.is_dir() else []
    if not images:
        raise InputError("no folder with NNNNN.png images", str(part), "Unpack the data set again.")
    return [labelled_by_mask(path, path.with_name(f"{path.stem}_GT.png"), DEFECT) for path in images]


KOLEKTOR_SDD_2 = Layout("KolektorSDD2", _is_product, _good_images, _test_images)
