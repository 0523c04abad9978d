"""The engine over a way from pixels to maps. cpu.py, cuda.py and openvino_export.py give it theirs."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.inference.engine import Finding, FrameFault
from line_inspector.inference.heat import coarse_maps
from line_inspector.inference.latency import LatencyEstimate
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.preprocess import frame_fault, to_model_input
from line_inspector.inference.scale import ScoreScale
from line_inspector.messages import Reason

# uint8 RGB (B, 3, H, W) in host memory -> anomaly maps (B, H, W), float32 in 0..1, on the model's device; they are the
# network's own, and are brought to the stable scale here, for all engines
Forward = Callable[[NDArray[np.uint8]], torch.Tensor]
Answer = TypeVar("Answer")
NOT_A_NUMBER = FrameFault(Reason.BAD_SCORE, "the model's answer is not a number")


class TorchEngine:
    """An Engine (see engine.py) around `forward`. Building it runs a few batches to warm up and to learn its latency.

    `frame_shape` is the shape of the camera's frames, so that the latency includes their resizing.
    """

    def __init__(
        self,
        forward: Forward,
        manifest: Manifest,
        *,
        max_batch_size: int,
        frame_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.version = manifest.version
        self.threshold = manifest.threshold
        self.pixel_threshold = manifest.pixel_threshold
        self.image_size_px = manifest.preprocessing.size_px
        self.max_batch_size = max_batch_size
        self._forward = forward
        self._scale = manifest.scale
        self._latency = LatencyEstimate()
        self._warm_up(max_batch_size, frame_shape or (self.image_size_px, self.image_size_px, 3))

    def infer(self, frames: Sequence[NDArray[np.uint8]]) -> list[Finding | FrameFault]:
        """Score each frame; see Engine."""
        started_ns = time.perf_counter_ns()
        results = self._answer(frames, _findings)
        inferred = sum(not isinstance(r, FrameFault) or r.reason is not Reason.BAD_FRAME for r in results)
        if inferred:
            self._latency.record(inferred, time.perf_counter_ns() - started_ns)
        return results

    def anomaly_maps(self, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | FrameFault]:
        """Return each frame's full map; see Engine."""
        return self._answer(frames, _full_maps)

    def latency_ns(self, batch_size: int) -> int:
        """Return the expected time of `infer`; see Engine."""
        return self._latency.latency_ns(batch_size)

    def _answer(
        self, frames: Sequence[NDArray[np.uint8]], read: Callable[[torch.Tensor, ScoreScale], list[Answer]]
    ) -> list[Answer | FrameFault]:
        """Run the sound frames as one batch and put what `read` makes of their maps back in place."""
        faults = [frame_fault(frame) for frame in frames]
        sound = [frame for frame, fault in zip(frames, faults, strict=True) if fault is None]
        answers: list[Answer | FrameFault] = []
        if sound:
            pixels = np.stack([to_model_input(frame, self.image_size_px) for frame in sound])
            with torch.inference_mode():
                maps = self._forward(pixels)
                pairs = zip(read(maps, self._scale), _is_number(maps), strict=True)
                answers = [answer if is_number else NOT_A_NUMBER for answer, is_number in pairs]
        following = iter(answers)
        return [next(following) if fault is None else FrameFault(Reason.BAD_FRAME, fault) for fault in faults]

    def _warm_up(self, max_batch_size: int, frame_shape: tuple[int, ...]) -> None:
        """Run batches of noise. The first of each size is slow (kernels are chosen then) and is not counted."""
        frame = np.random.default_rng(0).integers(0, 256, frame_shape, dtype=np.uint8)
        for size, repeats in {max_batch_size: 1, 1: 3}.items():
            self._answer([frame] * size, _findings)
            for _ in range(repeats):
                self.infer([frame] * size)


def _is_number(maps: torch.Tensor) -> list[bool]:
    finite: list[bool] = maps.isfinite().flatten(1).all(1).tolist()
    return finite


def _findings(maps: torch.Tensor, scale: ScoreScale) -> list[Finding]:
    """The scale keeps the order, so that the few numbers left after pooling are the only ones to bring to it."""
    scores = scale.apply(maps.amax((1, 2))).tolist()
    heats = (scale.apply(coarse_maps(maps)) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return [Finding(score, heat) for score, heat in zip(scores, heats, strict=True)]


def _full_maps(maps: torch.Tensor, scale: ScoreScale) -> list[NDArray[np.float32]]:
    return list(scale.apply(maps).cpu().numpy())
