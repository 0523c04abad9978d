"""The files of a model directory beside its manifest: weights, golden and calibration frames, foreground, report."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.scale import ScoreScale
from line_inspector.inference.signed_directory import sha256, write_file
from line_inspector.inference.tiling import Tiling
from line_inspector.model.adps import ADPS

WEIGHTS = "weights.safetensors"
CALIBRATION = "calibration"
FOREGROUND = "foreground.png"
GOLDEN_SCORES = "golden/scores.json"
REPORT = "report.html"


def write_payload(
    folder: Path,
    model: ADPS,
    tiling: Tiling,
    scale: ScoreScale,
    golden_frames: Sequence[NDArray[np.uint8]],
    calibration_frames: Sequence[NDArray[np.uint8]],
    report: bytes,
) -> dict[str, str]:
    """Write everything but the manifest into `folder`, images as write_model_directory takes them.

    Returns sha256 by relative path.
    """
    for name in ("golden", CALIBRATION):
        (folder / name).mkdir(parents=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    payload = {WEIGHTS: safetensors.torch.save(state)}
    scores = {}
    for number, frame in enumerate(golden_frames):
        name = f"{number:02d}.png"
        payload[f"golden/{name}"] = cv2.imencode(".png", frame)[1].tobytes()
        scores[name] = scale.of(_score(model, frame, tiling))
    payload[GOLDEN_SCORES] = msgspec.json.format(msgspec.json.encode(scores), indent=2) + b"\n"
    for number, image in enumerate(calibration_frames):
        payload[f"{CALIBRATION}/{number:03d}.png"] = cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()
    if report:
        payload[REPORT] = report
    if tiling.foreground is not None:
        payload[FOREGROUND] = cv2.imencode(".png", tiling.foreground.astype(np.uint8) * 255)[1].tobytes()
    for relative, content in payload.items():
        write_file(folder / relative, content)
    return {relative: sha256(content) for relative, content in payload.items()}


def _score(model: ADPS, frame: NDArray[np.uint8], tiling: Tiling) -> float:
    device = model.mean.device
    training = model.training
    model.eval()
    with torch.inference_mode():
        region = to_model_input(frame, tiling.size_px, tiling.view)
        tiles = torch.from_numpy(tiling.tiles(region[None])).to(device)
        maps = [model.anomaly_map(model.normalise(tile)) for tile in torch.split(tiles, 1)]
        score = float(tiling.join(torch.cat(maps)).amax())
    model.train(training)
    return score
