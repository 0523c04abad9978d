"""From a model directory to an engine that may be trusted: hashes checked, golden frames replayed."""

from functools import partial
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.inference.build import MAX_BATCH_SIZE, build_engine
from line_inspector.inference.device_network import Precision
from line_inspector.inference.engine import Engine, Finding
from line_inspector.inference.export_cache import read_cached_forward
from line_inspector.inference.half_precision import is_close
from line_inspector.inference.model_directory import read_golden, read_manifest, read_model_directory, read_tiling
from line_inspector.inference.pipelined_engine import PipelinedEngine
from line_inspector.inference.torch_engine import TorchEngine

# Largest change of a golden frame's score between two machines or devices in fp32: kernels differ by some 1e-5, which
# the stable scale magnifies by less than ten, but close to a limit near 1. A wrong weight or a wrong colour order
# moves it far more.
GOLDEN_TOLERANCE = 0.01


def load_verified_engine(
    path: Path,
    device: str = "auto",
    *,
    precision: Precision = "fp32",
    max_batch_size: int | None = None,
    frame_shape: tuple[int, ...] | None = None,
) -> Engine:
    """Read a model directory, check its hashes, build its engine, and replay its golden frames.

    `precision` as build_engine's; where half precision does not answer as fp32 does (half_precision.py), it is fp32.
    Raises InputError for a directory that cannot be trusted, or whose golden frames score otherwise than recorded.
    """
    tiling = read_tiling(path)
    build = partial(build_engine, max_batch_size=max_batch_size, frame_shape=frame_shape, tiling=tiling)
    engine = build(*read_model_directory(path), device)
    _replay_golden(engine, path)
    if precision == "fp32" or not isinstance(engine, PipelinedEngine):
        return engine
    half = build(*read_model_directory(path), device, precision=precision)
    return half if is_close(half, engine, [frame for frame, _ in read_golden(path)]) else engine


def load_verified_openvino_engine(
    path: Path, cache: Path, threads: int, *, max_batch_size: int | None = None
) -> Engine:
    """As load_verified_engine, on OpenVINO and `threads` CPU threads, from the model's export in the folder `cache`.

    Raises InputError also where there is no such export, or it cannot be trusted, or OpenVINO is not installed.
    """
    manifest = read_manifest(path)
    read_model_directory(path)  # for its hashes: what proves the export must not have changed
    try:
        engine = TorchEngine(
            read_cached_forward(cache / path.name, manifest, threads),
            manifest,
            max_batch_size=max_batch_size or MAX_BATCH_SIZE["cpu"],
            tiling=read_tiling(path),
            tiles_at_once=1,  # one after the other is faster than any batch, at least on one and two threads
            runtime="openvino",
        )
        _replay_golden(engine, path)
    except RuntimeError as e:  # how OpenVINO says that it cannot compile or run something on this machine
        said = " ".join(str(e).split())
        raise InputError(f"OpenVINO cannot run it ({said})", str(path), "Set inference.engine to torch.") from e
    return engine


def _replay_golden(engine: Engine, path: Path) -> None:
    golden = read_golden(path)
    if not golden:
        raise InputError("holds no golden frame to prove it by", str(path), "Train it again.")
    for number, (frame, expected) in enumerate(golden):
        (result,) = engine.infer([frame])
        score = result.score if isinstance(result, Finding) else float("nan")
        if not abs(score - expected) <= GOLDEN_TOLERANCE:
            raise InputError(
                f"golden frame {number} scores {score:.4f} here, recorded was {expected:.4f}",
                str(path),
                "Keep the model in service, and train this one again.",
            )
