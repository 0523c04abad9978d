"""One image at a time, end to end: our engines beside anomalib's documented inferencers of STFPM and PatchCore.

    python tests/benchmarks/one_image.py [MODEL_DIR] [--threads N] [--images 60] [--turns 3] [--venv .venv-peers]

uint8 frame in, score and outline out: for us `Engine.infer`, which resizes, scores and reduces the map, and the
contours of it that the operators' page draws; for anomalib `TorchInferencer.predict` and `OpenVINOInferencer.predict`
with the numpy image, whose answer holds score, map and mask, and the contours of that mask. Both peers have
EfficientNet-Lite0 at strides 8 and 16, at one input size. STFPM has learned for a moment, and PatchCore's bank holds
15,000 vectors of noise, which does for speed. Each method is a process of its own (one_image_of.py), one at a time, in
turns. What counts is CPU time, since other programs may use the machine, too; figures to be quoted want it quiet all
the same. --venv has anomalib, openvino with its extras for ONNX, and this package's dependencies.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from peers import ANOMALIB, ROOT, venv_python

OURS = ("ours-torch", "ours-openvino")
THEIRS = tuple(f"{peer}-{way}" for peer in ("stfpm", "patchcore") for way in ("torch", "openvino-f32", "openvino"))
SCRIPT = Path(__file__).with_name("one_image_of.py")


def main() -> None:
    """Print milliseconds per image and the ratios of the bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=Path, nargs="?", help="a model of ours; random weights unless told")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=60, help="per method and turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("run/one-image"), help="folder of exports, kept between runs")
    parser.add_argument("--venv", type=Path, default=Path(".venv-peers"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    times: dict[str, list[float]] = {}
    for turn in range(arguments.turns):
        for method in (*OURS, *THEIRS):
            times.setdefault(method, []).extend(measured(method, arguments))
            print(f"turn {turn + 1}: {method} {median(times[method]):.1f} ms", file=sys.stderr, flush=True)
    print(f"CPU ms per image, {arguments.threads} threads, {ANOMALIB}; median (least)")
    for method, of_images in times.items():
        print(f"  {method:22s} {median(of_images):7.2f} ({min(of_images):.2f})")
    for peer in THEIRS:
        for mine in OURS:
            print(f"  {peer} takes {median(times[peer]) / median(times[mine]):.2f} times as long as {mine}")


def measured(method: str, arguments: argparse.Namespace) -> list[float]:
    """CPU milliseconds of each image, from a process of its own."""
    python = sys.executable if method in OURS else venv_python(arguments.venv)
    command = [python, SCRIPT, method, "--threads", arguments.threads, "--images", arguments.images]
    command += ["--work", arguments.work.absolute()]
    if arguments.model_dir and method in OURS:
        command += ["--model-dir", arguments.model_dir.absolute()]
    settings = {"OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1", "TRUST_REMOTE_CODE": "1"}
    settings["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [str(word) for word in command]
    done = subprocess.run(words, env=os.environ | settings, cwd=arguments.work, stdout=subprocess.PIPE, check=True)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
