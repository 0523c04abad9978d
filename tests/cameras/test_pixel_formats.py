import numpy as np
import pytest

from line_inspector.cameras.pixel_formats import PIXEL_FORMATS, channels, to_frame
from line_inspector.images import Frame

WIDTH_PX, HEIGHT_PX = 8, 6
BGR = (30, 120, 210)


def buffer(pixel_format: str, padding_bytes: int = 0) -> Frame:
    """What a camera sends of an even surface of colour BGR, by the definition of the format in PFNC."""
    name = pixel_format.removesuffix("Packed").removesuffix("8")
    value = dict(zip("BGR", BGR, strict=True)) | {"a": 255}
    if name == "Mono":
        rows = np.full((HEIGHT_PX, WIDTH_PX), 77)
    elif name.startswith("Bayer"):
        first, second = name[-2], name[-1]
        other = {"R": "B", "B": "R", "G": "G"}
        tile = np.array([[value[first], value[second]], [value[other[second]], value[other[first]]]])
        rows = np.tile(tile, (HEIGHT_PX // 2, WIDTH_PX // 2))
    else:
        rows = np.tile([value[letter] for letter in name], (HEIGHT_PX, WIDTH_PX))
    return np.pad(rows, ((0, 0), (0, padding_bytes)), constant_values=9).astype(np.uint8).ravel()


@pytest.mark.parametrize("padding_bytes", [0, 5])
@pytest.mark.parametrize("pixel_format", PIXEL_FORMATS)
def test_every_format_becomes_mono_or_bgr(pixel_format: str, padding_bytes: int) -> None:
    frame = to_frame(buffer(pixel_format, padding_bytes), WIDTH_PX, HEIGHT_PX, pixel_format, padding_bytes)
    assert frame.dtype == np.uint8
    if pixel_format == "Mono8":
        assert np.array_equal(frame, np.full((HEIGHT_PX, WIDTH_PX), 77))
    else:
        assert np.array_equal(frame, np.broadcast_to(BGR, (HEIGHT_PX, WIDTH_PX, 3)))


@pytest.mark.parametrize("padding_bytes", [0, 5])
@pytest.mark.parametrize("pixel_format", ["Mono8", "BGR8"])
def test_mono_and_bgr_are_not_copied(pixel_format: str, padding_bytes: int) -> None:
    data = buffer(pixel_format, padding_bytes)
    frame = to_frame(data, WIDTH_PX, HEIGHT_PX, pixel_format, padding_bytes)
    data[:] = 0
    assert not frame.any() and not frame.flags.writeable


def test_short_buffers_and_deep_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        to_frame(buffer("BGR8")[:-1], WIDTH_PX, HEIGHT_PX, "BGR8")
    with pytest.raises(ValueError, match="Mono12"):
        to_frame(buffer("Mono8"), WIDTH_PX, HEIGHT_PX, "Mono12")


def test_channels_count_the_bytes_of_a_pixel() -> None:
    assert [channels(name) for name in ("Mono8", "BayerRG8", "BGR8", "RGB8Packed", "RGBa8")] == [1, 1, 3, 3, 4]
