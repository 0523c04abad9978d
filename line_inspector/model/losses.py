"""The two losses of ADPS: asymmetric distillation and focal segmentation."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from line_inspector.model.comparison import cosine_map


def distillation_loss(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    mask: Tensor,
    reduction: Literal["mean", "sum"] = "mean",
    stage_mask: Literal["share", "any"] = "share",
) -> Tensor:
    """Agree where the part is normal, disagree where it is forged; summed over stages, mean over the batch.

    `mask`: (B, 1, H, W), 1 where forged. `reduction`: over the locations of a stage; their sum gives a stage the more
    weight, the finer it is. `stage_mask`: a location of a stage counts as forged by the share of it that is, or wholly
    where any of it is.
    """
    pool = F.adaptive_avg_pool2d if stage_mask == "share" else F.adaptive_max_pool2d
    losses = []
    for t, s in zip(teacher, student, strict=True):
        cosine = cosine_map(t, s)
        forged = pool(mask.float(), (t.shape[-2], t.shape[-1]))
        disagreement = (1.0 - forged) * (1.0 - cosine) + forged * cosine
        losses.append(disagreement.mean() if reduction == "mean" else disagreement.sum() / len(disagreement))
    return torch.stack(losses).sum()


def focal_loss(logits: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """Two-class focal loss without class weights, mean over pixels.

    logits (B, 2, H, W), mask (B, 1, H, W) of 0 and 1. Lin et al., "Focal Loss for Dense Object Detection", 2017.
    """
    margin = logits[:, 1:] - logits[:, :1]
    log_p = F.logsigmoid(torch.where(mask > 0.5, margin, -margin))
    return (-((1.0 - log_p.exp()) ** gamma) * log_p).mean()
