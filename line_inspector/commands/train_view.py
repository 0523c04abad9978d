"""The options of `train` that say what the model sees of a frame."""

from line_inspector.errors import InputError
from line_inspector.inference.view import Roi, View


def chosen_view(roi: str | None, tiles: str, tile_overlap: float) -> View:
    """The view with these options. Raises InputError where they are malformed or cannot be."""
    try:
        rows, columns = (int(word) for word in tiles.lower().split("x"))
        numbers = [float(word) for word in roi.split(",")] if roi is not None else list(Roi())
        x, y, width, height = numbers
        return View(Roi(x, y, width, height), rows, columns, tile_overlap)
    except ValueError as e:
        where = "--roi, --tiles and --tile-overlap"
        remedy = "Give such as --roi 0.1,0.2,0.5,0.5 --tiles 2x3 --tile-overlap 0.25."
        raise InputError(f"not a view: {e}", where, remedy) from e
