"""`line-inspector export`: a model for another runtime, only if it answers as torch does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

if TYPE_CHECKING:
    from line_inspector.inference.manifest import Manifest


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(export)


def export(
    model_dir: Annotated[Path, typer.Argument(help="Folder of the model.")],
    format: Annotated[str, typer.Option(help="onnx or openvino; each needs the extra of its name.")],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist.")],
    tolerance: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.01, help="Largest difference from torch, scores and pixels; 0.0001 unless told."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the export's manifest instead of a sentence.")] = False,
) -> None:
    """Export a model to ONNX or OpenVINO: uint8 RGB in, anomaly maps out, a batch of any size.

    Golden frames, whole and spoilt, are answered by torch and by the export in batches of 1, 2 and 5; nothing is
    written where scores or maps differ by more than the tolerance.
    """
    from line_inspector.inference.export import write_export
    from line_inspector.inference.parity import TOLERANCE

    manifest = write_export(model_dir, out, format, TOLERANCE if tolerance is None else tolerance)
    if json:
        print(msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode())
    else:
        print(f"{out}: model {manifest.model.version} as {format}; {manifest.parity.sentence()}.")
        print(f"The tolerance was {manifest.tolerance:.1e}. {_limits(manifest.model)}")


def _limits(model: "Manifest") -> str:
    """The limits in what the graph answers, which is not on the stable scale yet."""
    reject, outline = (model.scale.least_reaching(each) for each in (model.threshold, model.pixel_threshold))
    return (
        f"In its maps a part is rejected from {reject:.9g} on ({model.threshold:g} on the line's scale), "
        f"a pixel outlined from {outline:.9g} on ({model.pixel_threshold:.4g})."
    )
