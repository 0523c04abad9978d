import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from line_inspector.errors import InputError
from line_inspector.images import SMALLEST_SIDE_PX, list_images, read_image

RNG = np.random.default_rng(5)
COLOUR = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)  # RGB
MONO = RNG.integers(0, 256, (40, 60), dtype=np.uint8)
DAMAGES = 200


def saved(path: Path, picture: np.ndarray | Image.Image, **options: object) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_colour_comes_in_bgr_order_and_mono_in_two_dimensions(tmp_path: Path, suffix: str) -> None:
    colour, mono = read_image(saved(tmp_path / f"c{suffix}", COLOUR)), read_image(saved(tmp_path / f"m{suffix}", MONO))
    assert np.array_equal(colour, COLOUR[:, :, ::-1])
    assert np.array_equal(mono, MONO)
    for frame in (colour, mono):
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous


def test_a_jpeg_is_read_close_to_what_was_saved(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(0, 255, 60, dtype=np.uint8)[None, :, None], (40, 1, 3))
    frame = read_image(saved(tmp_path / "a.jpg", smooth, quality=95))
    assert np.abs(frame.astype(int) - smooth[:, :, ::-1]).max() <= 6


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_image_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = saved(tmp_path / f"a{suffix}", COLOUR)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "truncated or damaged" in refusal(path) or "not an image" in refusal(path)


def test_a_png_with_a_flipped_byte_in_its_pixels_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", COLOUR)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    assert "truncated or damaged" in refusal(path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # Pillow on damaged tags and sizes
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
def test_no_damage_ends_in_anything_but_a_frame_or_one_clear_line(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 6, "Maker", "2026:01:01 00:00:00"
    extra = {"exif": exif} if suffix != ".bmp" else {}
    rng, whole = random.Random(1), saved(tmp_path / f"a{suffix}", COLOUR, **extra).read_bytes()
    path, refused = tmp_path / f"b{suffix}", 0
    for _ in range(DAMAGES):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data) if rng.random() < 0.5 else min(300, len(data)))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            frame = read_image(path)
            assert frame.dtype == np.uint8
            assert frame.ndim == 2 or frame.shape[2] == 3
        except InputError as e:
            assert "\n" not in str(e)
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("picture", "name", "words"),
    [
        (Image.fromarray(np.full((40, 40), 40_000, np.uint16)), "a.png", "not 8-bit mono or RGB"),
        (Image.fromarray(np.full((40, 40), 0.5, np.float32)), "a.tif", "not 8-bit mono or RGB"),
        (Image.new("CMYK", (40, 40)), "a.jpg", "not 8-bit mono or RGB"),
        (Image.new("RGBA", (40, 40)), "a.png", "alpha"),
        (Image.new("LA", (40, 40)), "a.png", "alpha"),
    ],
    ids=["16-bit", "float", "cmyk", "rgba", "la"],
)
def test_depth_and_alpha_are_refused_by_name(tmp_path: Path, picture: Image.Image, name: str, words: str) -> None:
    assert words in refusal(saved(tmp_path / name, picture))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_files_of_another_program_are_refused(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"deep{suffix}"
    assert cv2.imwrite(str(path), np.full((40, 40, channels), 40_000, np.uint16))
    assert "not 8-bit mono or RGB" in refusal(path) or "not an image" in refusal(path)


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(np.repeat(np.repeat(COLOUR[:4, :4], 8, 0), 8, 1)).quantize(16)
    path = saved(tmp_path / "a.png", picture)
    assert np.array_equal(read_image(path), np.asarray(picture.convert("RGB"))[:, :, ::-1])


def test_a_palette_with_transparency_is_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(COLOUR).quantize(16)
    assert "alpha" in refusal(saved(tmp_path / "a.png", picture, transparency=0))


def test_a_black_and_white_picture_is_read_as_such(tmp_path: Path) -> None:
    frame = read_image(saved(tmp_path / "a.png", Image.fromarray(MONO > 127)))
    assert set(np.unique(frame)) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = (255, 0, 0)  # red at the upper left
    turns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    frame = read_image(saved(tmp_path / "a.png", np.ascontiguousarray(turns[orientation]), exif=exif))
    assert np.array_equal(frame, upright[:, :, ::-1])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("value", [0, 1, 2, 9])
def test_an_odd_exif_block_does_not_hide_a_whole_picture(tmp_path: Path, value: int) -> None:
    """The type of its first tag is changed: writing such a block anew fails, and nothing here needs to."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.jpg", COLOUR, exif=exif)
    data = bytearray(path.read_bytes())
    data[data.index(b"Exif\0\0") + 6 + 11] = value
    path.write_bytes(data)
    assert read_image(path).ndim == 3


def test_files_that_are_no_images_are_refused(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("not a picture")
    for path in (empty, text):
        assert "not an image that can be read" in refusal(path)
    assert "no such image" in refusal(tmp_path / "none.png")
    assert refusal(tmp_path)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_tiny_pictures_are_refused_and_small_ones_read(tmp_path_factory, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    path = saved(tmp_path_factory.getbasetemp() / "tiny.png", np.zeros((height, width), np.uint8))
    if min(width, height) < SMALLEST_SIDE_PX:
        assert f"too small ({width} x {height} px)" in refusal(path)
    else:
        assert read_image(path).shape == (height, width)


def test_a_folder_is_listed_by_name_and_only_its_images(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.tiff"):
        (tmp_path / name).touch()
    (tmp_path / "sub.png").mkdir()
    (tmp_path / "._a.jpg").write_bytes(b"what macOS knows of a.jpg")
    assert [path.name for path in list_images(tmp_path)] == ["a.jpg", "b.PNG", "c.tiff"]


def test_a_folder_without_images_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "none")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="a.png: is a file, not a folder"):
        list_images(tmp_path / "a.png")
