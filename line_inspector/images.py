"""Image files read strictly: what is not a whole 8-bit mono or colour picture is refused, with the reason.

OpenCV fills the missing rows of a truncated JPEG with grey and says nothing, and silently drops depth and alpha;
a grey lower half would be learned as a good part. Pillow raises on both, so it does the decoding.
"""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from line_inspector.errors import InputError

Frame = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SMALLEST_SIDE_PX = 16

# What Pillow's decoders raise for damaged files, as far as mutating them has shown (tests/test_images.py).
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    struct.error,
    zlib.error,
)
ORIENTATION_TAG = 0x0112
TURNS = {  # EXIF orientation: what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(path: Path) -> Frame:
    """The picture in `path`, as uint8 (H, W) for mono or (H, W, 3) in BGR order, turned upright by its EXIF tag.

    Raises InputError for a file that is missing, unreadable, truncated, deeper than 8 bits, has alpha, or is tiny.
    """
    try:
        with Image.open(path) as picture:
            _require_plain(picture, path)
            picture.load()
            upright = _upright(picture)
            pixels = np.asarray(upright if upright.mode == "L" else upright.convert("RGB"))
    except FileNotFoundError as e:
        raise InputError("no such image", str(path), "Check the path") from e
    except (UnidentifiedImageError, Image.DecompressionBombError) as e:
        raise InputError("not an image that can be read", str(path), "Replace or remove the file") from e
    except DAMAGE as e:
        raise InputError(f"image is truncated or damaged ({e})", str(path), "Replace or remove the file") from e
    if min(pixels.shape[:2]) < SMALLEST_SIDE_PX:
        size = f"{pixels.shape[1]} x {pixels.shape[0]} px"
        raise InputError(f"image is too small ({size})", str(path), f"Use at least {SMALLEST_SIDE_PX} px a side")
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    return np.ascontiguousarray(pixels[:, :, ::-1])


def write_png(path: Path, picture: Frame) -> None:
    """Write a picture, mono or BGR, whole or not at all. Raises InputError where it cannot be written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        partial.replace(path)
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(path), "Name another file.") from e
    finally:
        partial.unlink(missing_ok=True)


def list_images(folder: Path, *, below: bool = False) -> list[Path]:
    """Every image file directly in `folder`, or also `below` it, by name; hidden ones are passed over.

    Raises InputError where there is no folder or no image.
    """
    try:
        require_folder(folder)
        files = folder.rglob("*") if below else folder.iterdir()
        found = sorted(p for p in files if is_image_name(p.name) and p.is_file())
    except OSError as e:
        raise InputError(f"folder cannot be read ({e.strerror})", str(folder), "Check its permissions") from e
    if not found:
        raise InputError("folder holds no image", str(folder), f"Put {', '.join(IMAGE_SUFFIXES)} files there")
    return found


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: `._001.png` is not, which macOS writes beside `001.png`."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")


def require_folder(folder: Path) -> None:
    """Raises InputError for a path at which nothing is, or a file."""
    if folder.is_file():
        raise InputError("is a file, not a folder", str(folder), "Name a folder")
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), "Check the path")


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF tag says. Pillow's own function writes the EXIF block anew, and stumbles over odd ones."""
    turn = TURNS.get(picture.getexif().get(ORIENTATION_TAG, 1))
    return picture if turn is None else picture.transpose(turn)


def _require_plain(picture: ImageFile.ImageFile, path: Path) -> None:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        raise InputError("image has an alpha channel", str(path), "Save it without transparency")
    if picture.mode not in ("L", "RGB", "P", "1"):
        raise InputError(f"image is not 8-bit mono or RGB (mode {picture.mode})", str(path), "Convert it to 8 bits")
    if any(";16" in str(arguments) for *_, arguments in picture.tile):  # Pillow cuts 16-bit RGB to its upper byte
        raise InputError("image is not 8-bit mono or RGB (16 bits a channel)", str(path), "Convert it to 8 bits")
