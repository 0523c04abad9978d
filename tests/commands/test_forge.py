from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.commands import main
from line_inspector.model.defects import DEFECTS
from line_inspector.training.forging_sheet import GAP_PX, LABEL_PX, TILE_PX

SIDE_PX = TILE_PX  # so that the sheet shows tiles pixel by pixel
BLUE = (255, 0, 0)
GREEN = (0, 255, 0)
COUNTS_PX = 100  # so far from the left, an anomaly counts where the mask says so


@pytest.fixture
def half_blue_dir(tmp_path: Path) -> Path:
    """Good images of two tiles side by side, the left one grey noise, the right one blue."""
    folder = tmp_path / "good"
    folder.mkdir()
    for seed in range(10):
        noise = np.random.default_rng(seed).integers(60, 180, (SIDE_PX, SIDE_PX, 1)).repeat(3, axis=2)
        cv2.imwrite(str(folder / f"{seed}.png"), np.hstack([noise, np.full_like(noise, BLUE)]))
    return folder


def forged_sheet(good_dir: Path, *options: str) -> np.ndarray:
    """The sheet that the command writes, uint8 BGR."""
    out = good_dir.parent / "sheet.png"
    with pytest.raises(SystemExit) as ended:
        main(["forge", str(good_dir), "--out", str(out), "--image-size-px", str(SIDE_PX), *options])
    assert ended.value.code == 0
    return np.asarray(cv2.imread(str(out)))


def rows_of(sheet: np.ndarray) -> list[np.ndarray]:
    """Label and tiles of each kind, in order; without the blank place that an odd number leaves."""
    height = LABEL_PX + TILE_PX
    assert len(sheet) % height == 0
    rows = [row for half in np.hsplit(sheet, 2) for row in np.vsplit(half, len(sheet) // height)]
    assert all((row != rows[0][0, 0]).any() for row in rows[:-1])
    return [row for row in rows if (row != rows[0][0, 0]).any()]


def pairs(sheet: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each row of the left column, the first good tile and the forgery on it."""
    tops = range(LABEL_PX, len(sheet), LABEL_PX + TILE_PX)
    rows = [sheet[top : top + TILE_PX, GAP_PX : GAP_PX + 2 * TILE_PX] for top in tops]
    return [(row[:, :TILE_PX], row[:, TILE_PX:]) for row in rows]


def share_of_green(picture: np.ndarray) -> float:
    blue, green, red = np.moveaxis(picture.astype(int), 2, 0)
    return float((green > 60 + np.maximum(blue, red)).mean())


def share_of_blue(sheet: np.ndarray) -> float:
    return float((sheet == BLUE).all(axis=2).mean())


def test_every_kind_has_a_row_of_its_own(
    half_blue_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(forged_sheet(half_blue_dir))
    assert len(rows) == len(DEFECTS) + 2  # procedural textures, regions of good images
    said = capsys.readouterr().out
    assert f"{len(rows)} kinds of defects" in said and "regions of 10 good images" in said
    (tmp_path / "textures").mkdir()
    cv2.imwrite(str(tmp_path / "textures" / "green.png"), np.full((SIDE_PX, SIDE_PX, 3), GREEN, np.uint8))
    more = rows_of(forged_sheet(half_blue_dir, "--textures", str(tmp_path / "textures")))
    assert "of a texture folder" in capsys.readouterr().out
    assert len(more) == len(rows) + 1
    assert all(np.array_equal(*pair) for pair in zip(rows, more, strict=False))
    assert len({row[:LABEL_PX].tobytes() for row in more}) == len(more)
    for row in more:
        good, forged = row[LABEL_PX:, GAP_PX:][:, :TILE_PX], row[LABEL_PX:, GAP_PX:][:, TILE_PX : 2 * TILE_PX]
        assert not np.array_equal(good, forged)
    assert share_of_green(more[-2]) == 0 and share_of_green(more[-1]) > 0  # no good image has any


def test_what_a_training_would_not_look_at_is_not_drawn(half_blue_dir: Path) -> None:
    assert share_of_blue(forged_sheet(half_blue_dir)) > 0.3
    assert share_of_blue(forged_sheet(half_blue_dir, "--roi", "0,0,0.5,1")) == 0


def test_tiles_are_drawn_and_nothing_is_forged_beside_the_foreground(
    half_blue_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiles = ("--tiles", "1x2", "--tile-overlap", "0")
    tile_of_blue = [(good == BLUE).all() for good, _ in pairs(forged_sheet(half_blue_dir, *tiles))]
    assert any(tile_of_blue) and not all(tile_of_blue)
    said = capsys.readouterr().out
    assert "forged anywhere on a tile" in said and "regions of 20 tiles of 10 good images" in said
    mask = np.zeros((SIDE_PX, 2 * SIDE_PX), np.uint8)
    mask[:, :COUNTS_PX] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    sheet = forged_sheet(half_blue_dir, *tiles, "--foreground", str(tmp_path / "mask.png"))
    shown = capsys.readouterr()
    assert "forged on the foreground" in shown.out and "the foreground is 31.2% of the region" in shown.err
    assert share_of_blue(sheet) == 0  # the blue tile holds none of the foreground
    for good, forged in pairs(sheet):
        assert np.array_equal(good[:, COUNTS_PX:], forged[:, COUNTS_PX:])
        assert not np.array_equal(good[:, 1 : COUNTS_PX - 1], forged[:, 1 : COUNTS_PX - 1])


def test_what_cannot_be_drawn_ends_in_one_line(half_blue_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, says in (
        (["--out", "sheet.jpg"], "not the name of a PNG"),
        (["--out", "sheet.png", "--image-size-px", "150"], "must be a multiple of"),
        (["--out", "sheet.png", "--tiles", "2*2"], "is no grid of tiles"),
        (["--out", "sheet.png", "--foreground", "auto"], "stands out against a plain ground in 0 of 10"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["forge", str(half_blue_dir), *options])
        shown = capsys.readouterr().err
        assert ended.value.code == 2 and says in shown and len(shown.strip().splitlines()) == 1
