"""Weight mask block of ADPS: where the student agrees with the teacher, the teacher's features are masked out."""

import torch.nn.functional as F
from torch import Tensor


def weight_mask(teacher: Tensor, student: Tensor) -> Tensor:
    """C = (1 - cos(T, S)) * T at every location; (B, C, h, w) each. The teacher's features are not normalised."""
    return (1.0 - cosine_map(teacher, student)) * teacher


def cosine_map(teacher: Tensor, student: Tensor) -> Tensor:
    """Cosine similarity over channels: (B, C, h, w) twice -> (B, 1, h, w), -1..1."""
    return F.cosine_similarity(teacher.float(), student.float(), dim=1).unsqueeze(1)
