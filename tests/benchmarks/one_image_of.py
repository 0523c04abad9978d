"""One method of one_image.py, in a process of its own: prints the CPU milliseconds of each image as JSON."""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

SIZE_PX = 256
FRAME_SHAPE = (512, 640, 3)
WARM_UP = 5
BANK = 15_000  # vectors, as in the accuracy table; anomalib would keep a tenth of all, which takes 150 images
VECTORS_PER_IMAGE = (SIZE_PX // 8) ** 2

Way = Callable[[np.ndarray], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    torch.manual_seed(0)
    way = WAYS[arguments.method](arguments.work, arguments.threads, arguments.model_dir)
    frames = [part_with_a_blot(seed) for seed in range(8)]
    times_ms = []
    for number in range(arguments.images + WARM_UP):
        started_ns = time.process_time_ns()
        way(frames[number % len(frames)])
        times_ms.append((time.process_time_ns() - started_ns) / 1e6)
    print(json.dumps(times_ms[WARM_UP:]))


def part_with_a_blot(seed: int) -> np.ndarray:
    """A soft texture with a dark spot in it, so that there is something to outline: uint8 FRAME_SHAPE."""
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.normal(128, 60, FRAME_SHAPE).astype(np.float32), (0, 0), 3.0)
    centre = (int(rng.integers(100, 540)), int(rng.integers(100, 400)))
    return cv2.circle(soft.clip(0, 255).astype(np.uint8), centre, 30, (10, 10, 10), -1)


def ours(work: Path, threads: int, model_dir: Path | None, *, openvino: bool) -> Way:
    """As the worker looks at a frame, and the page finds the outline of what it draws."""
    from line_inspector.inference.engine import Finding
    from line_inspector.inference.export_cache import ExportCache
    from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine
    from line_inspector.overlay.picture import contours

    model_dir = model_dir or untrained(work)
    if openvino:
        cache = ExportCache(work / "exports", required=True)
        cache.make(model_dir, model_dir.name)
        engine = load_verified_openvino_engine(model_dir, cache.folder, threads)
    else:
        engine = load_verified_engine(model_dir, "cpu")

    def way(frame: np.ndarray) -> object:
        (found,) = engine.infer([frame])
        assert isinstance(found, Finding)
        heat = found.heat.astype(np.float32) / 255
        return found.score, contours(heat, engine.pixel_threshold, (frame.shape[0], frame.shape[1]))

    return way


def untrained(work: Path) -> Path:
    """A model of ours with random weights."""
    from line_inspector.inference.model_directory import write_model_directory
    from line_inspector.model.adps import ADPS
    from line_inspector.model.architecture import Architecture

    path = work / "untrained"
    if not path.exists():
        frame = np.random.default_rng(1).integers(0, 256, FRAME_SHAPE, dtype=np.uint8)
        model = ADPS(Architecture()).eval()
        records = {"calibration": {}, "lineage": {}, "metrics": {}}
        write_model_directory(path, model, threshold=0.5, golden_frames=[frame], version="untrained", **records)
    return path


def anomalib(
    work: Path, threads: int, _model_dir: Path | None, *, peer: str, config: dict[str, object] | None = None
) -> Way:
    """Its documented inferencer; with a `config`, the one of OpenVINO."""
    from anomalib.deploy import OpenVINOInferencer, TorchInferencer

    exports = work / peer
    if config is None:
        pickled = exports / "weights" / "torch" / "model.pt"
        if not pickled.exists():
            PEERS[peer]().to_torch(exports)
        inferencer = TorchInferencer(pickled, device="cpu")
    else:
        graph = exports / "weights" / "onnx" / "model.onnx"
        if not graph.exists():
            PEERS[peer]().to_onnx(exports, input_size=FRAME_SHAPE[:2], **FOR_EXPORT.get(peer, {}))
        inferencer = OpenVINOInferencer(graph, device="CPU", config={"INFERENCE_NUM_THREADS": threads, **config})
        inferencer.post_process = by_field

    def way(frame: np.ndarray) -> object:
        answer = inferencer.predict(frame)
        score, mask = (torch.as_tensor(each).detach().numpy() for each in (answer.pred_score, answer.pred_mask))
        return float(score.squeeze()), cv2.findContours(mask.squeeze().astype(np.uint8), *OUTER)[0]

    return way


def by_field(predictions: Any) -> dict[str, np.ndarray]:
    """As anomalib's own, which takes any of an output's names: OpenVINO may know one by several, in any order."""
    fields = {"pred_score", "pred_label", "anomaly_map", "pred_mask"}
    outputs = zip(predictions.names(), predictions.to_tuple(), strict=True)
    return {next(name for name in names if name in fields): values for names, values in outputs}


OUTER = (cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)


def stfpm() -> Any:
    """anomalib's model with its pre- and post-processing, after some steps on noise: enough to be timed."""
    from anomalib.models import Stfpm
    from anomalib.models.image.stfpm import lightning_model
    from peers_anomalib import LAYERS, stfpm_without_hub
    from peers_anomalib import stfpm as learn

    from line_inspector.model.architecture import LITE0
    from line_inspector.model.backbones import timm_name

    network, _ = learn(torch.rand(32, 3, SIZE_PX, SIZE_PX), minutes=0.05)
    lightning_model.STFPMModel = lambda **_: stfpm_without_hub()
    pre_processor = Stfpm.configure_pre_processor((SIZE_PX, SIZE_PX))
    model = Stfpm(timm_name(LITE0), LAYERS, pre_processor=pre_processor, evaluator=False, visualizer=False)
    model.model.load_state_dict(network.state_dict())
    return ready(model)


def patchcore() -> Any:
    """As `stfpm`; its bank holds vectors of noise, none left out: what a search takes follows from their number."""
    from anomalib.models import Patchcore
    from peers_anomalib import LAYERS
    from peers_anomalib import patchcore as learn

    from line_inspector.model.architecture import LITE0
    from line_inspector.model.backbones import timm_name

    images = torch.rand(-(-BANK // VECTORS_PER_IMAGE), 3, SIZE_PX, SIZE_PX)
    network, _ = learn(images, bank=BANK, choose=lambda vectors, size: list(range(size)))
    pre_processor = Patchcore.configure_pre_processor((SIZE_PX, SIZE_PX))
    options = {"pre_trained": False, "evaluator": False, "visualizer": False}
    model = Patchcore(timm_name(LITE0), LAYERS, pre_processor=pre_processor, **options)
    model.model = network
    return ready(model)


def ready(model: Any) -> Any:
    """With limits in its post-processing, as a calibration leaves them."""
    for name in ("_image_threshold", "_pixel_threshold"):
        getattr(model.post_processor, name).fill_(0.5)
    for name, value in {"image_min": 0.0, "image_max": 1.0, "pixel_min": 0.0, "pixel_max": 1.0}.items():
        getattr(model.post_processor, name).fill_(value)
    return model.eval()


PEERS = {"stfpm": stfpm, "patchcore": patchcore}
# PatchCore's search goes by chunks, which fixes the size of a batch: that of anomalib's example, which is two images,
# unless none is to be free.
FOR_EXPORT: dict[str, dict[str, Any]] = {"patchcore": {"dynamic_shapes": None}}
RUNTIMES: dict[str, dict[str, object] | None] = {
    "torch": None,
    "openvino-f32": {"INFERENCE_PRECISION_HINT": "f32"},
    "openvino": {},
}
WAYS: dict[str, Callable[[Path, int, Path | None], Way]] = {
    "ours-torch": partial(ours, openvino=False),
    "ours-openvino": partial(ours, openvino=True),
    **{
        f"{peer}-{runtime}": partial(anomalib, peer=peer, config=config)
        for peer in PEERS
        for runtime, config in RUNTIMES.items()
    },
}

if __name__ == "__main__":
    main()
