"""`line-inspector evaluate` on a small data set: numbers, table, picture sheet, and one clear line for bad input."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from pictures import save_picture

from line_inspector.commands import main
from line_inspector.datasets.labelled_image import LabelledImage, count_by_defect, read_mask
from line_inspector.datasets.layouts import open_product
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import write_model_directory
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import View
from line_inspector.training.evaluate import Case, evaluate, inspect
from line_inspector.training.metrics import image_auroc
from line_inspector.training.sheet import MASK_COLOUR, OUTLINE_COLOUR, draw_sheet

METRICS = ("image_auroc", "pixel_auroc", "aupro", "pixel_ap")


@pytest.fixture
def dataset(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> Path:
    """Six good images, four scratches and three stains; one stain has no mask."""
    folder = tmp_path / "dataset"
    for i in range(6):
        save_picture(folder / "test" / "good" / f"{i}.png", draw_frame(i))
    for i in range(7):
        defect = "scratch" if i < 4 else "stain"
        frame, mask = draw_frame(10 + i), np.zeros((80, 96), np.uint8)
        mask[20 + i : 40, 30:60] = 255
        frame[mask > 0] = 255
        save_picture(folder / "test" / defect / f"{i}.png", frame)
        if i != 6:
            suffix = "_mask" if i % 2 else ""
            save_picture(folder / "ground_truth" / defect / f"{i}{suffix}.png", mask)
    return folder


@pytest.fixture
def model_dir(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path / "model", version="v1")


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def run_command(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *map(str, arguments)])
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run_command


def assert_refused(ended: Ended, says: str) -> None:
    assert ended.code == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert says in ended.stderr


def test_json_has_the_promised_keys_and_sound_numbers(
    run: Callable[..., Ended], model_dir: Path, dataset: Path
) -> None:
    ended = run(model_dir, dataset, "--json")
    document = json.loads(ended.stdout)
    for key in METRICS:
        assert 0.0 <= document[key] <= 1.0
    assert document["ms_per_image"] > 0.0
    assert (document["images"], document["defective"], document["without_mask"]) == (13, 7, 1)
    assert set(document["per_defect"]) == {"scratch", "stain"}
    assert document["per_defect"]["scratch"]["images"] == 10
    assert document["per_defect"]["stain"]["without_mask"] == 1
    assert all(key in document["per_defect"]["stain"] for key in METRICS)
    assert "1 defective images have no usable mask" in ended.stderr


def test_a_model_of_tiles_in_a_region_is_measured_over_the_whole_frame(
    run: Callable[..., Ended], build_tiny_model: Callable[..., object], dataset: Path, tmp_path: Path
) -> None:
    view = View(x=0.2, y=0.1, width=0.6, height=0.8, rows=1, columns=2)
    frame = cv2.imread(str(dataset / "test" / "good" / "0.png"))
    records: dict[str, dict[str, object]] = {"calibration": {}, "lineage": {}, "metrics": {}}
    write_model_directory(
        tmp_path / "m", build_tiny_model(), threshold=0.5, golden_frames=[frame], tiling=Tiling(view, 64), **records
    )
    ended = run(tmp_path / "m", dataset, "--json", "--sheet", tmp_path / "sheet.png")
    assert ended.code == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert all(0.0 <= document[key] <= 1.0 for key in METRICS)
    (case, *_) = inspect(load_verified_engine(tmp_path / "m", "cpu"), open_product(dataset).test_images(), lambda: None)
    assert case.map.shape == (round(64 / 0.8), round(112 / 0.6)) == case.mask.shape


def test_the_table_names_every_defect(run: Callable[..., Ended], model_dir: Path, dataset: Path) -> None:
    stdout = run(model_dir, dataset).stdout
    for word in ("scratch", "stain", "all", "ms per image", "good images rejected"):
        assert word in stdout


def test_the_sheet_is_a_picture(run: Callable[..., Ended], model_dir: Path, dataset: Path, tmp_path: Path) -> None:
    run(model_dir, dataset, "--sheet", tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None and sheet.shape[0] > 1000 and sheet.shape[1] > 1600
    assert (sheet == MASK_COLOUR).all(axis=2).sum() > 1000  # six masks are shown
    assert_refused(run(model_dir, dataset, "--sheet", tmp_path / "nowhere" / "sheet.png"), "nowhere")


@pytest.mark.parametrize(
    ("remove", "says"),
    [
        ("test/good", "test/good"),
        ("test/scratch test/stain", "defective"),
        ("test", "no folder test/"),
    ],
)
def test_a_data_set_with_a_part_missing_ends_in_one_line(
    run: Callable[..., Ended], model_dir: Path, dataset: Path, remove: str, says: str
) -> None:
    for part in remove.split():
        shutil.rmtree(dataset / part)
    assert_refused(run(model_dir, dataset), says)


@pytest.mark.parametrize("part", ["test/good", "test/stain"])
def test_an_empty_part_ends_in_one_line(run: Callable[..., Ended], model_dir: Path, dataset: Path, part: str) -> None:
    for path in (dataset / part).iterdir():
        path.unlink()
    assert_refused(run(model_dir, dataset), "no image")


def test_a_truncated_image_ends_in_one_line_with_its_name(
    run: Callable[..., Ended], model_dir: Path, dataset: Path
) -> None:
    path = dataset / "test" / "good" / "3.png"
    path.write_bytes(path.read_bytes()[:200])
    assert_refused(run(model_dir, dataset), "3.png")


def test_a_mask_of_another_size_ends_in_one_line(run: Callable[..., Ended], model_dir: Path, dataset: Path) -> None:
    save_picture(dataset / "ground_truth" / "scratch" / "0.png", np.zeros((40, 40), np.uint8))
    assert_refused(run(model_dir, dataset), "40 x 40")


def test_an_unknown_device_ends_in_one_line(run: Callable[..., Ended], model_dir: Path, dataset: Path) -> None:
    assert_refused(run(model_dir, dataset, "--device", "abacus"), "abacus")


def test_masks_are_found_under_both_names(dataset: Path) -> None:
    images = open_product(dataset).test_images()
    assert count_by_defect(images) == {"good": 6, "scratch": 4, "stain": 3}
    masks = {image.path.stem: image.mask.name for image in images if image.mask}
    assert masks == {"0": "0.png", "1": "1_mask.png", "2": "2.png", "3": "3_mask.png", "4": "4.png", "5": "5_mask.png"}


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_is_whatever_is_not_zero_sampled_at_pixel_centres(tmp_path: Path, value: int) -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[:64, :32] = value
    save_picture(tmp_path / "mask.png", mask)
    read = read_mask(tmp_path / "mask.png", (128, 128, 3), 64)
    assert read.shape == (64, 64)
    assert read[:32, :16].all() and read.sum() == 32 * 16


class Fixed:
    """Only what `evaluate` asks of an engine."""

    version, threshold, pixel_threshold, image_size_px = "v0", 0.5, 0.4, 8


def case(dataset: Path, defect: str, name: str, score: float, marked: bool) -> Case:
    (image,) = [i for i in open_product(dataset).test_images() if i.defect == defect and i.path.name == name]
    anomaly_map = np.full((8, 8), score / 2, np.float32)
    anomaly_map[2, 3] = score
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = marked
    return Case(image, score, anomaly_map, mask if marked or defect == "good" else None, 5.0)


def test_the_summary_counts_verdicts_and_leaves_unmasked_images_out_of_pixel_metrics(dataset: Path) -> None:
    cases = [
        case(dataset, "good", "0.png", 0.4, marked=False),
        case(dataset, "good", "1.png", 0.5, marked=False),  # at the threshold: rejected, as on the line
        case(dataset, "scratch", "0.png", 0.9, marked=True),
        case(dataset, "stain", "6.png", 0.45, marked=False),
    ]
    result = evaluate(Fixed(), cases)
    assert (result.good_rejected, result.defective_accepted) == (1, 1)
    assert result.overall.image_auroc == image_auroc([0, 0, 1, 1], [0.4, 0.6, 0.9, 0.5]) == 0.75
    assert result.overall.without_mask == 1
    assert result.overall.pixel_ap == 1.0
    assert result.per_defect["stain"].pixel_ap is None
    assert result.per_defect["stain"].image_auroc == 0.5
    assert result.ms_per_image == 5.0


def test_the_sheet_shows_a_case_without_mask_and_few_cases(dataset: Path) -> None:
    cases = [case(dataset, "good", "0.png", 0.4, marked=False), case(dataset, "stain", "6.png", 0.9, marked=False)]
    sheet = draw_sheet(cases, 0.5, 0.5)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    outlined = (sheet == OUTLINE_COLOUR).all(axis=2).sum()
    assert outlined > 0  # around the one place of the stain that is above the pixels' threshold
    assert (draw_sheet(cases, 0.5, 0.95) == OUTLINE_COLOUR).all(axis=2).sum() == 0


def test_the_sheet_loses_no_defect_of_a_map_that_is_larger_than_its_picture(dataset: Path) -> None:
    stain = LabelledImage(dataset / "test" / "stain" / "5.png", "stain", None)
    for at in range(500, 520):
        large = np.zeros((1024, 1024), np.float32)
        large[at : at + 3, at : at + 3] = 0.9
        sheet = draw_sheet([Case(stain, 0.9, large, large > 0, 5.0)], 0.5, 0.5)
        for colour in (OUTLINE_COLOUR, MASK_COLOUR):
            assert (sheet == colour).all(axis=2).any(), at


def test_a_defect_too_small_for_the_models_size_still_counts(tmp_path: Path) -> None:
    mask = np.zeros((256, 256), np.uint8)
    mask[1, 1] = 255
    save_picture(tmp_path / "a.png", mask)
    marked = read_mask(tmp_path / "a.png", mask.shape, 64)
    assert np.argwhere(marked).tolist() == [[0, 0]]


def test_the_rings_of_a_jpeg_mask_are_no_defect(tmp_path: Path) -> None:
    mask = cv2.circle(np.zeros((128, 128), np.uint8), (64, 64), 20, 255, -1)
    save_picture(tmp_path / "a.jpg", mask)
    wrong = read_mask(tmp_path / "a.jpg", mask.shape, 128) != (mask > 0)
    assert wrong.sum() < 10


def test_masks_are_found_whatever_the_case_of_their_names(dataset: Path) -> None:
    for path in (dataset / "ground_truth" / "scratch").iterdir():
        path.rename(path.with_name(path.stem.upper() + ".PNG"))
    assert all(image.mask for image in open_product(dataset).test_images() if image.defect == "scratch")
