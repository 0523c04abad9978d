"""`line-inspector forge`: show what defects a training would forge on these good parts."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from line_inspector.commands.train import chosen_architecture
from line_inspector.commands.train_view import (
    ONE_TILE,
    WHOLE_FRAME,
    Foreground,
    Roi,
    TileGrid,
    TileOverlap,
    read_view,
)
from line_inspector.errors import InputError
from line_inspector.inference.view import WHOLE
from line_inspector.model.configurations import DEFAULT
from line_inspector.training.options import TrainingOptions

if TYPE_CHECKING:
    from line_inspector.training.tiles import Tiles

DEFAULTS = TrainingOptions()


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(forge)


def forge(
    good_dir: Annotated[Path, typer.Argument(help="Folder of images of good parts.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    image_size_px: Annotated[int, typer.Option(min=32, max=2048)] = DEFAULTS.architecture.image_size_px,
    textures: Annotated[Path | None, typer.Option(help="Folder of further textures, such as DTD.")] = None,
    roi: Roi = WHOLE_FRAME,
    tiles: TileGrid = ONE_TILE,
    tile_overlap: TileOverlap = WHOLE.overlap,
    foreground: Foreground = "none",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = DEFAULTS.seed,
) -> None:
    """Draw every kind of forged defect on your good parts: what the model will be taught to find.

    If they look nothing like what can go wrong with the part, expect less of the model.
    """
    from line_inspector.images import write_png
    from line_inspector.training.foreground import coverage_remark
    from line_inspector.training.forging_sheet import draw_forging_sheet
    from line_inspector.training.good_frames import read_good_folder
    from line_inspector.training.model_building import build_forger
    from line_inspector.training.tiles import Tiles

    if out.suffix.lower() != ".png":
        raise InputError("not the name of a PNG", str(out), "Let it end in .png.")
    view, foreground_file = read_view(roi, tiles, tile_overlap, foreground)
    architecture = chosen_architecture(DEFAULT, None, image_size_px, patches_per_side=1)  # fits where any number does
    good = read_good_folder(good_dir, image_size_px, view, foreground_file)
    options = replace(DEFAULTS, architecture=architecture, texture_folder=textures)
    everyone = list(range(len(good)))
    forger = build_forger(good, everyone, options)
    images = Tiles(good.pixels, tuple(everyone), good.tiling)
    write_png(out, draw_forging_sheet(forger, images, seed, images.within))
    if remark := coverage_remark(good.tiling.foreground):
        print(f"note: {remark}", file=sys.stderr)
    kinds = f"{len(forger.kinds)} kinds of defects"
    print(f"{out}: {kinds}, forged {_where(images, forger.on_product)}; made of {forger.texture_source}.")


def _where(images: "Tiles", on_product: bool) -> str:
    if on_product:
        return "on the product, which stands out"
    if images.tiling.foreground is not None:
        return "on the foreground"
    return "anywhere on a tile" if images.are_cut else "anywhere: the product fills the frame"
