"""The options of `train`, and of `forge`, that say what the model looks at."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from line_inspector.errors import InputError
from line_inspector.inference.view import MOST_OVERLAP, View

WHOLE_FRAME = "0,0,1,1"
ONE_TILE = "1x1"
Roi = Annotated[str, typer.Option(help="Region of interest: left, top, width, height as shares of the frame, 0 to 1.")]
TileGrid = Annotated[
    str, typer.Option(help="Rows x columns of overlapping tiles, each of the model's size, for small defects.")
]
TileOverlap = Annotated[
    float, typer.Option(min=0.0, max=MOST_OVERLAP, help="Of neighbouring tiles, as a share of their side.")
]
Foreground = Annotated[
    str, typer.Option(help="Where an anomaly counts: none (anywhere), auto, or a mask image of a whole frame.")
]

KINDS: dict[str, Literal["none", "auto", "file"]] = {"none": "none", "auto": "auto"}
SHARES = "Give X,Y,WIDTH,HEIGHT as shares of the frame, 0 to 1, such as 0.25,0.1,0.5,0.8."
TILES = re.compile(r"(\d{1,2})[xX](\d{1,2})")


def read_view(roi: str, tiles: str, overlap: float, foreground: str) -> tuple[View, Path | None]:
    """The view, and the file of its foreground where `foreground` is one. Raises InputError for what cannot be."""
    try:
        x, y, width, height = (float(share) for share in roi.split(","))
    except ValueError as e:
        raise InputError(f"{roi!r} is no region", "--roi", SHARES) from e
    counts = TILES.fullmatch(tiles)
    if not counts:
        raise InputError(f"{tiles!r} is no grid of tiles", "--tiles", "Give rows x columns, such as 2x3.")
    kind = KINDS.get(foreground, "file")
    rows, columns = int(counts[1]), int(counts[2])
    # Apart, so that neither is blamed for the other.
    _view(f"--roi {roi}", SHARES, x=x, y=y, width=width, height=height)
    _view(f"--tiles {tiles}", "Give rows x columns, such as 2x3.", rows=rows, columns=columns)
    view = View(x, y, width, height, rows, columns, overlap, kind)
    return view, Path(foreground) if kind == "file" else None


def _view(where: str, remedy: str, **fields: Any) -> View:
    try:
        return View(**fields)
    except ValueError as e:
        raise InputError(str(e), where, remedy) from e
