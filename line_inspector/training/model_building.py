"""The model before its first step: its weights, its device, and the forger that will teach it."""

from pathlib import Path

import torch

from line_inspector.errors import InputError
from line_inspector.inference.cuda import exact_float32
from line_inspector.inference.model_directory import read_model_directory
from line_inspector.model.adps import ADPS
from line_inspector.model.backbones import UNFIT
from line_inspector.model.foreground import stands_out
from line_inspector.model.forging import Forger
from line_inspector.training.backbone_weights import read_backbone_weights
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.options import TrainingOptions
from line_inspector.training.texture_folder import read_texture_folder
from line_inspector.training.tiles import Tiles

MOST_DONORS = 500
LOOKED_AT = 50  # donors, by which to tell whether the product fills the frame


def build_model(options: TrainingOptions, parent: Path | None) -> tuple[ADPS, str]:
    """A model ready to train, on its device, and where its weights came from.

    Raises InputError for an architecture that cannot be, weights that do not fit it, and a device that is not there.
    """
    device = resolve_device(options.device)
    exact_float32()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    if parent is not None:
        model, manifest = read_model_directory(parent)
        model.requires_grad_(True).teacher.requires_grad_(False)
        source = f"parent {manifest.version}"
    else:
        model, source = _from_imagenet(options)
    return model.to(device).to(memory_format=torch.channels_last), source


def resolve_device(name: str) -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU. Raises InputError for any other that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise InputError("no such device", name, "Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("PyTorch finds no CUDA device", name, "Use --device cpu, or install a driver.")
    return torch.device(name)


def build_forger(good: GoodFrames, train: list[int], options: TrainingOptions) -> Forger:
    """The forger, with donors from the images trained on and textures from the folder, if one is named.

    What tiles show has no ground around it by which to tell the product; there, only a foreground says where it is.
    """
    textures = []
    if options.texture_folder is not None:
        textures = read_texture_folder(options.texture_folder, options.architecture.image_size_px)
    tiles = Tiles(good.pixels, tuple(train), good.tiling)
    donors = [tiles[index] for index in range(min(MOST_DONORS, len(tiles)))]
    cut_from = min(len(train), len(donors)) if tiles.are_cut else None  # every image comes once before any comes twice
    return Forger(
        donors=donors,
        textures=textures,
        folder_share=options.texture_folder_share,
        structural_share=options.structural_share,
        turned_share=options.turned_share,
        mono=all((donor == donor[..., :1]).all() for donor in donors),
        cut_from=cut_from,
        on_product=options.on_product and not tiles.are_cut and stands_out(donors[:LOOKED_AT]),
    )


def _try_out(model: ADPS) -> None:
    """One image through teacher and student. Raises what the network raises, or ValueError for other shapes."""
    size_px = model.architecture.image_size_px
    with torch.inference_mode():
        output = model.eval()(torch.zeros(1, 3, size_px, size_px))
    for stride, teacher, student in zip(model.architecture.strides, output.teacher, output.student, strict=True):
        expected = (size_px // stride, size_px // stride)
        if teacher.shape[-2:] != expected or student.shape != teacher.shape:
            raise ValueError(f"its feature map at stride {stride} has not the size of the image's {stride}th part")


def _from_imagenet(options: TrainingOptions) -> tuple[ADPS, str]:
    backbone = options.architecture.backbone
    try:
        model = ADPS(options.architecture)
        _try_out(model)
    except UNFIT as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise InputError(f"does not fit: {reason}", f"backbone {backbone}", "Choose another one, or strides.") from e
    weights = read_backbone_weights(backbone, options.weights_file)
    try:
        model.teacher.load_weights(weights.state)
    except ValueError as e:
        where = str(options.weights_file or weights.source)
        raise InputError(f"weights do not fit backbone {backbone}: {e}", where, "Name the right file.") from e
    if options.student_init == "teacher":
        model.student.backbone.load_weights(weights.state)
    return model, weights.source
