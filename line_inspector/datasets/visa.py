"""VisA: <product>/Data/Images/{Normal,Anomaly}, Data/Masks/Anomaly, image_anno.csv; split_csv/1cls.csv beside them.

The split is the official one-class split, split_csv/1cls.csv (object, split, label, image, mask), whose paths start at
the data set's folder; every image of the product must stand in it. image_anno.csv (image, label, mask) names the
defects of an image, several with commas between; it may be absent, and they are all called "anomaly" then. A mask
holds 0 and the numbers of its regions.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from line_inspector.datasets.labelled_image import GOOD, LabelledImage
from line_inspector.datasets.product import Layout
from line_inspector.errors import InputError
from line_inspector.images import list_images

SPLIT = Path("split_csv") / "1cls.csv"
ANNOTATIONS = "image_anno.csv"
NORMAL, ANOMALY = "normal", "anomaly"
UNPACK = "Unpack the data set again."


class Row(NamedTuple):
    """One image of 1cls.csv. `part` is train or test; `mask` is None where the field is empty."""

    part: str
    label: str
    image: Path
    mask: Path | None


def _is_product(folder: Path) -> bool:
    return (folder / "Data" / "Images").is_dir()


def _good_images(folder: Path) -> list[Path]:
    found = [row.image for row in _rows(folder) if row.part == "train" and row.label == NORMAL]
    if not found:
        raise InputError("no good image to train on", str(folder.parent / SPLIT), UNPACK)
    return found


def _test_images(folder: Path) -> list[LabelledImage]:
    rows = [row for row in _rows(folder) if row.part == "test"]
    defects, masks = _defects(folder), set(list_images(folder / "Data" / "Masks" / "Anomaly"))
    good = [LabelledImage(row.image, GOOD, None) for row in rows if row.label == NORMAL]
    defective = [_defective(row, defects, masks) for row in rows if row.label == ANOMALY]
    if not good or not defective:
        what = f"{len(good)} good and {len(defective)} defective images of {folder.name} to test with"
        raise InputError(what, str(folder.parent / SPLIT), UNPACK)
    return good + sorted(defective, key=lambda image: (image.defect, image.path))


def _defective(row: Row, defects: dict[Path, str], masks: set[Path]) -> LabelledImage:
    if row.mask not in masks:
        raise InputError("has no mask in Data/Masks/Anomaly", str(row.image), UNPACK)
    return LabelledImage(row.image, defects.get(row.image, ANOMALY), row.mask)


def _rows(folder: Path) -> list[Row]:
    """The rows of this product, by image. Raises InputError unless they are the very images of its folders."""
    place = folder.resolve().parent / SPLIT  # resolved, so that `evaluate MODEL .` finds the folder above
    found = []
    for number, fields in enumerate(_csv(place, ("object", "split", "label", "image", "mask")), start=2):
        if fields["object"] == folder.resolve().name:
            if fields["split"] not in ("train", "test") or fields["label"] not in (NORMAL, ANOMALY):
                raise InputError(
                    f"row {number} is neither train nor test, or neither normal nor anomaly", str(place), UNPACK
                )
            image, mask = _below(folder, fields["image"]), fields["mask"]
            found.append(Row(fields["split"], fields["label"], image, _below(folder, mask) if mask else None))
    _require_the_same({row.image for row in found}, folder, place)
    return sorted(found, key=lambda row: row.image)


def _require_the_same(named: set[Path], folder: Path, place: Path) -> None:
    there = {path for kind in ("Normal", "Anomaly") for path in list_images(folder / "Data" / "Images" / kind)}
    if there - named:
        raise InputError(f"does not stand in {SPLIT}", str(min(there - named)), UNPACK)
    if named - there:
        raise InputError(f"names an image that is not there, {min(named - there)}", str(place), UNPACK)


def _defects(folder: Path) -> dict[Path, str]:
    place = folder / ANNOTATIONS
    if not place.is_file():
        return {}
    rows = _csv(place, ("image", "label"))
    return {_below(folder, row["image"]): row["label"] for row in rows if row["label"] not in ("", GOOD, NORMAL)}


def _below(folder: Path, relative: str) -> Path:
    """A path as the files write it, from the data set's folder on, as a path below the product's folder."""
    return folder.joinpath(*Path(relative).parts[1:])


def _csv(place: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file with a header; they have at least these columns. A spreadsheet may have saved it."""
    try:
        with place.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            rows = [{name: row.get(name) or "" for name in columns} for row in reader]
    except FileNotFoundError as e:
        raise InputError("no such file", str(place), UNPACK) from e
    except (OSError, ValueError, csv.Error) as e:
        raise InputError(f"not a CSV file that can be read ({e})", str(place), UNPACK) from e
    if missing:
        raise InputError(f"no column {', '.join(sorted(missing))}", str(place), UNPACK)
    return rows


VISA = Layout("VisA", _is_product, _good_images, _test_images)
