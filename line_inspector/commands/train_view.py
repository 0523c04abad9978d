"""The options of `train` that say what the model looks at."""

import re
from pathlib import Path
from typing import Literal

from line_inspector.errors import InputError
from line_inspector.inference.view import View

KINDS: dict[str, Literal["none", "auto", "file"]] = {"none": "none", "auto": "auto"}
TILES = re.compile(r"(\d{1,2})[xX](\d{1,2})")


def read_view(roi: str, tiles: str, overlap: float, foreground: str) -> tuple[View, Path | None]:
    """The view, and the file of its foreground where `foreground` is one. Raises InputError for what cannot be."""
    try:
        x, y, width, height = (float(share) for share in roi.split(","))
    except ValueError as e:
        remedy = "Give left, top, width and height as shares of the frame, such as 0.25,0.1,0.5,0.8."
        raise InputError(f"{roi!r} is no region", "--roi", remedy) from e
    counts = TILES.fullmatch(tiles)
    if not counts:
        raise InputError(f"{tiles!r} is no grid of tiles", "--tiles", "Give rows x columns, such as 2x3.")
    kind = KINDS.get(foreground, "file")
    try:
        view = View(x, y, width, height, int(counts[1]), int(counts[2]), overlap, kind)
    except ValueError as e:
        raise InputError(str(e), "--roi, --tiles and --tile-overlap", "Change them.") from e
    return view, Path(foreground) if kind == "file" else None
