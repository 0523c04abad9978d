"""The whole way from pixels to anomaly maps as one graph, with a batch of any size: what every export is made from."""

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from line_inspector.inference.folding import fold_batch_norm
from line_inspector.model.adps import ADPS

INPUT = "frames"
OUTPUT = "maps"


class PixelsToMaps(nn.Module):
    """Normalisation, network, softmax and Gaussian: all that a Forward of torch_engine.py does."""

    def __init__(self, model: ADPS) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 RGB (B, 3, S, S) -> (B, S, S), 0..1."""
        return self.model.anomaly_map(self.model.normalise(pixels))


def capture(model: ADPS) -> ExportedProgram:
    """Capture the graph of `model`, batch norms folded. Raises RuntimeError for a network that torch cannot capture."""
    graph = PixelsToMaps(fold_batch_norm(model)).eval()
    size_px = model.architecture.image_size_px
    example = torch.zeros(2, 3, size_px, size_px, dtype=torch.uint8)  # a batch of 1 would be taken for a constant
    with torch.no_grad():
        return torch.export.export(graph, (example,), dynamic_shapes=({0: Dim("batch")},))
