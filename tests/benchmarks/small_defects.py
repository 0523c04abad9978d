"""What tiles find that a frame resized as a whole does not: spots of a few pixels on rendered parts of 1024 x 1024.

    python tests/benchmarks/small_defects.py [--tiles 3x3] [--steps 150] [--threads N]

Trains two models on the same rendered parts for the same number of steps, one of the whole frame, one of tiles, and
tries both on good parts and on the same parts with one small dark spot. Takes about two minutes on two free cores.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from line_inspector.cameras.renderer import render
from line_inspector.commands.train_view import read_view
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.view import WHOLE, View
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import read_good_folder
from line_inspector.training.metrics import image_auroc
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions

SIDE_PX = 1024
SPOT_PX = 6
SPOT_SHADE = 0.35  # of the brightness that the metal has there
GOOD, TRIED = 50, 12
RATE = 0.1  # of false rejects, which few images can promise


def main() -> None:
    """Print one row per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", default="3x3")
    parser.add_argument("--roi", default="0,0,1,1")
    parser.add_argument("--foreground", default="none")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--size-px", type=int, default=256)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    view, _ = read_view(arguments.roi, arguments.tiles, WHOLE.overlap, arguments.foreground)
    with tempfile.TemporaryDirectory() as folder:
        parts = Path(folder) / "good"
        parts.mkdir()
        for seed in range(GOOD):
            cv2.imwrite(str(parts / f"{seed:03d}.png"), render(seed, "", SIDE_PX, SIDE_PX)[0])
        for name, looks_at in (("whole frame", WHOLE), (f"{arguments.tiles} tiles", view)):
            print(name, _row(parts, Path(folder) / name, looks_at, arguments.steps, arguments.size_px), flush=True)


def _row(parts: Path, out: Path, view: View, steps: int, size_px: int) -> str:
    started_s = time.monotonic()
    good = read_good_folder(parts, size_px, view)
    options = TrainingOptions(architecture=Architecture(image_size_px=size_px), false_reject_rate=RATE, checks=1)
    train_model(good, out, options, Budget(steps=steps))
    trained_s = time.monotonic() - started_s
    engine = load_verified_engine(out, "cpu")
    frames = [render(10_000 + seed, "", SIDE_PX, SIDE_PX)[0] for seed in range(TRIED)]
    answers, times_ms = [], []
    for frame in [*frames, *(_spotted(frame, seed) for seed, frame in enumerate(frames))]:
        before_s = time.perf_counter()
        (answer,) = engine.infer([frame])
        times_ms.append((time.perf_counter() - before_s) * 1e3)
        assert isinstance(answer, Finding)
        answers.append(answer.score)
    scores = np.array(answers)
    rejected = scores >= engine.threshold
    auroc = image_auroc([False] * TRIED + [True] * TRIED, scores)
    region = " x ".join(map(str, view.region_shape(size_px)))
    return (
        f"(region {region}): image AUROC {auroc:.3f}, rejected {rejected[TRIED:].sum()} of {TRIED} with a spot, "
        f"{rejected[:TRIED].sum()} of {TRIED} good; trained in {trained_s:.0f} s, {median(times_ms):.0f} ms per frame"
    )


def _spotted(frame: np.ndarray, seed: int) -> np.ndarray:
    """The part with one soft-edged dark spot somewhere on its face."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi), SIDE_PX * rng.uniform(0.23, 0.37)
    x, y = SIDE_PX / 2 + radius * np.cos(angle), SIDE_PX / 2 + radius * np.sin(angle)
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    inside = np.clip(SPOT_PX / 2 + 0.5 - np.hypot(columns - x, rows - y), 0, 1)[..., None]
    return np.asarray(frame * (1 - inside * (1 - SPOT_SHADE)), dtype=np.uint8)


if __name__ == "__main__":
    main()
