"""Which engine runs a line's model: the one that its line file names, or the fastest that is proven here."""

import logging
from importlib.util import find_spec
from pathlib import Path

import torch

from line_inspector.config import Line, core_plan
from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.inference.export_cache import ExportCache
from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine

PUBLISH_ONE = "Put one into service: line-inspector models publish LINE.yaml MODEL_DIR"

log = logging.getLogger(__name__)


def load_chosen_engine(line: Line, folder: Path) -> Engine:
    """The model in `folder`, proven, on the engine that `inference.engine` asks for.

    `auto` is torch on a GPU. On a CPU it is OpenVINO; where that is not installed, or the model's export is missing or
    does not prove itself, it is torch, and one logged line says why. Nothing is exported here: a line that starts must
    not wait for that. Raises InputError where there is no model, or it, or the engine that was asked for by name,
    cannot be trusted.
    """
    if not folder.exists():
        raise InputError("no model is here", str(folder), PUBLISH_ONE)
    settings, threads = line.inference, core_plan(line).threads
    why_torch = None
    if settings.engine == "openvino" or (settings.engine == "auto" and not _on_gpu(settings.device)):
        try:
            engine = load_verified_openvino_engine(
                folder, line.exports_dir / line.recipe, threads, max_batch_size=settings.max_batch
            )
        except InputError as e:
            if settings.engine == "openvino":
                raise
            why_torch = e
        else:
            log.info("model %s runs on OpenVINO, threads: %d", folder.name, threads)
            return engine
    engine = load_verified_engine(
        folder,
        settings.device,
        precision=settings.precision,
        max_batch_size=settings.max_batch,
        frame_shape=largest_frame_shape(line) if _on_gpu(settings.device) else None,
    )
    if why_torch:  # said only of a model that does run
        log.warning("model %s runs on torch instead of OpenVINO: %s", folder.name, why_torch)
    return engine


class EngineLoader:
    """Loads a station's models, one after the other.

    Where `inference.device` is auto and the GPU fails at the first one, the CPU runs it and all that follow, and a
    logged line says why: a line must not stand still for a driver. A later model that the GPU cannot run raises.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._settled = line.inference.device != "auto" or not torch.cuda.is_available()

    def load(self, folder: Path) -> Engine:
        """See load_chosen_engine. Raises InputError, and RuntimeError where a GPU fails that ran a model before."""
        if self._settled:
            return load_chosen_engine(self._line, folder)
        try:
            engine = load_chosen_engine(self._line, folder)
        except (InputError, RuntimeError) as e:  # CUDA's errors are RuntimeErrors
            settings = self._line.inference.model_copy(update={"device": "cpu"})
            on_cpu = self._line.model_copy(update={"inference": settings})
            engine = load_chosen_engine(on_cpu, folder)
            self._line = on_cpu
            log.warning("model %s runs on the CPU, the GPU cannot: %s", folder.name, " ".join(str(e).split()))
        self._settled = True
        return engine


def line_exports(line: Line, recipe: str) -> ExportCache | None:
    """Where the exports of a recipe are kept; None where its line runs on torch, so that it needs none."""
    settings = line.inference
    required = settings.engine == "openvino"
    if not required and (settings.engine == "torch" or _on_gpu(settings.device) or not find_spec("openvino")):
        return None
    return ExportCache(line.exports_dir / recipe, required)


def largest_frame_shape(line: Line) -> tuple[int, ...]:
    """Of all cameras, (H, W) or (H, W, 3): a GPU that has too little memory for them must show it before the first."""
    camera = max(line.cameras.values(), key=lambda camera: camera.max_height_px * camera.max_width_px * camera.channels)
    shape = (camera.max_height_px, camera.max_width_px)
    return shape if camera.channels == 1 else (*shape, camera.channels)


def _on_gpu(device: str) -> bool:
    return device == "cuda" or (device == "auto" and torch.cuda.is_available())
