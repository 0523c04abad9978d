"""What a part of the method is worth: the same training without it, or with what the paper compares it with."""

from dataclasses import replace
from typing import Any

from line_inspector.training.options import TrainingOptions

WHOLE = "full"
PATCHES_PER_SIDE = (1, 2, 4, 8, 16)  # the paper's


def ablations(options: TrainingOptions) -> dict[str, TrainingOptions]:
    """Variants by name, the whole method first; without those that the image's size does not allow, or that are it."""
    plain = options.architecture.without_context() if options.architecture.context_stride else options.architecture
    without_context = {"segmentation_widths": plain.segmentation_widths, "context_stride": 0}
    paper = {**without_context, "prototypes": 0, "novelty": 0}
    changes: dict[str, dict[str, Any]] = {
        "without context and its novelty": without_context,
        "without prototypes": {"prototypes": 0},
        "without novelty": {"novelty": 0},
        "novelty for the segmentation only": {"novelty_logits": 0.0},
        "every place by itself": {"likeness": 0.0},
        "the paper's weight mask": paper,
        "raw difference": {"comparison": "difference", **paper},
        "concatenation": {"comparison": "concatenation", **paper},
        "without segmentation": {"post_segmentation": False, **paper},
        "first stage split, not the image": {"whole_stages": 1},
    }
    for k in PATCHES_PER_SIDE:
        if k != options.architecture.patches_per_side:
            changes[f"k = {k}"] = {"patches_per_side": k}
            changes[f"the paper's, k = {k}"] = {"patches_per_side": k, **paper}
    variants = {WHOLE: options}
    for name, change in changes.items():
        try:
            variants[name] = replace(options, architecture=replace(options.architecture, **change))
        except ValueError:  # patches that the deepest stride does not divide
            continue
    variants["student from random weights"] = replace(options, student_init="random")
    variants["forged textures only"] = replace(options, structural_share=0.0)
    return {name: variant for name, variant in variants.items() if name == WHOLE or variant != options}
