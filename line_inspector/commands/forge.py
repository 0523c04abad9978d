"""`line-inspector forge`: show what defects a training would forge on these good parts."""

from pathlib import Path
from typing import Annotated

import typer

from line_inspector.errors import InputError
from line_inspector.training.options import TrainingOptions

DEFAULTS = TrainingOptions()
MOST_IMAGES = 50


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(forge)


def forge(
    good_dir: Annotated[Path, typer.Argument(help="Folder of images of good parts.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    image_size_px: Annotated[int, typer.Option(min=32, max=2048)] = DEFAULTS.architecture.image_size_px,
    textures: Annotated[Path | None, typer.Option(help="Folder of further textures, such as DTD.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = DEFAULTS.seed,
) -> None:
    """Draw every kind of forged defect on your good parts: what the model will be taught to find.

    If they look nothing like what can go wrong with the part, expect less of the model.
    """
    import dataclasses

    from line_inspector.images import list_images, write_png
    from line_inspector.training.forging_sheet import draw_forging_sheet
    from line_inspector.training.good_frames import read_good_frames
    from line_inspector.training.model_building import build_forger

    if out.suffix.lower() != ".png":
        raise InputError("not the name of a PNG", str(out), "Let it end in .png.")
    good = read_good_frames(list_images(good_dir)[:MOST_IMAGES], image_size_px)
    architecture = dataclasses.replace(DEFAULTS.architecture, image_size_px=image_size_px)
    options = dataclasses.replace(DEFAULTS, architecture=architecture, texture_folder=textures)
    forger = build_forger(good, list(range(len(good))), options)
    sheet = draw_forging_sheet(forger, list(good.pixels), seed)
    write_png(out, sheet)
    where = "on the product, which stands out" if forger.on_product else "anywhere: the product fills the frame"
    print(f"{out}: forged {where}; made of {forger.texture_source}.")
