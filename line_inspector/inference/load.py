"""From a model directory to an engine that may be trusted: hashes checked, golden frames replayed."""

from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Engine, Finding
from line_inspector.inference.model_directory import read_golden, read_model_directory

# Largest change of a golden frame's score between two machines or devices in fp32: kernels differ by some 1e-5, a
# wrong weight or a wrong colour order by far more than this.
GOLDEN_TOLERANCE = 0.01


def load_verified_engine(
    path: Path,
    device: str = "auto",
    *,
    max_batch_size: int | None = None,
    frame_shape: tuple[int, ...] | None = None,
) -> Engine:
    """Read a model directory, check its hashes, build its engine, and replay its golden frames.

    Raises InputError for a directory that cannot be trusted, or whose golden frames score otherwise than recorded.
    """
    model, manifest = read_model_directory(path)
    golden = read_golden(path)
    if not golden:
        raise InputError("holds no golden frame to prove it by", str(path), "Train it again.")
    engine = build_engine(model, manifest, device, max_batch_size=max_batch_size, frame_shape=frame_shape)
    for number, (frame, expected) in enumerate(golden):
        (result,) = engine.infer([frame])
        score = result.score if isinstance(result, Finding) else float("nan")
        if not abs(score - expected) <= GOLDEN_TOLERANCE:
            raise InputError(
                f"golden frame {number} scores {score:.4f} here, recorded was {expected:.4f}",
                str(path),
                "Keep the model in service, and train this one again.",
            )
    return engine
