"""The engine over a way from pixels to maps. cpu.py and openvino_export.py give it theirs."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.inference.engine import Finding, FrameFault, Stages
from line_inspector.inference.heat import coarse_maps, over_frame
from line_inspector.inference.latency import LatencyEstimate
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.preprocess import frame_fault, to_model_input
from line_inspector.inference.scale import ScoreScale
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import View
from line_inspector.part_record import Reason

# uint8 RGB (B, 3, H, W) in host memory -> anomaly maps (B, H, W), float32 in 0..1, on the model's device; they are the
# network's own, and are brought to the stable scale here, for all engines
Forward = Callable[[NDArray[np.uint8]], torch.Tensor]
Answer = TypeVar("Answer")
Read = Callable[[torch.Tensor, ScoreScale, View], list[Answer]]  # maps of regions of interest, not scaled yet
NOT_A_NUMBER = FrameFault(Reason.BAD_SCORE, "the model's answer is not a number")
MOST_TILES_AT_ONCE = 8  # on a CPU more only take more memory; a GPU gets as many as its largest batch of frames
FORWARDS_HELD = 8  # frames are answered in groups of so many full forwards: more would only fill the memory with tiles
LARGEST_MAP_PX = 2048  # side of a whole frame's map


class TorchEngine:
    """An Engine (see engine.py) around `forward`. Building it runs a few batches to warm up and to learn its latency.

    `frame_shape` is the shape of the camera's frames, so that the latency includes their resizing. `tiling` is what the
    model looks at, needed where it has a foreground. Batches are of frames, and latencies those of all their tiles;
    `tiles_at_once` go through the network together, as many as is usual unless told.
    """

    def __init__(
        self,
        forward: Forward,
        manifest: Manifest,
        *,
        max_batch_size: int,
        frame_shape: tuple[int, ...] | None = None,
        tiling: Tiling | None = None,
        tiles_at_once: int | None = None,
        runtime: str = "torch",
    ) -> None:
        self.runtime = runtime
        self.version = manifest.version
        self.threshold = manifest.threshold
        self.pixel_threshold = manifest.pixel_threshold
        self.image_size_px = manifest.preprocessing.size_px
        self.max_batch_size = max_batch_size
        self._tiles_at_once = tiles_at_once or max(MOST_TILES_AT_ONCE, max_batch_size)
        self.last_stages = Stages()
        self._forward = forward
        self._scale = manifest.scale
        self._tiling = tiling or Tiling(manifest.preprocessing.view, self.image_size_px)
        self._latency = LatencyEstimate()
        usual_shape = self._tiling.view.frame_shape(self._tiling.region_shape, LARGEST_MAP_PX)
        self._warm_up(max_batch_size, frame_shape or (*usual_shape, 3))

    def infer(self, frames: Sequence[NDArray[np.uint8]]) -> list[Finding | FrameFault]:
        """Score each frame; see Engine."""
        started_ns = time.perf_counter_ns()
        results = self._answer(frames, _findings, self._tiling.view)
        inferred = sum(not isinstance(r, FrameFault) or r.reason is not Reason.BAD_FRAME for r in results)
        if inferred:
            self._latency.record(inferred, time.perf_counter_ns() - started_ns)
        return results

    def anomaly_maps(self, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | FrameFault]:
        """Return each frame's full map; see Engine."""
        return self._answer(frames, full_maps, self._tiling.view)

    def region_maps(self, regions: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | FrameFault]:
        """Return each region's full map; see Engine."""
        return self._answer(regions, full_maps, self._tiling.view.of_region())

    def latency_ns(self, batch_size: int) -> int:
        """Return the expected time of `infer`; see Engine."""
        return self._latency.latency_ns(batch_size)

    def _answer(self, frames: Sequence[NDArray[np.uint8]], read: Read[Answer], view: View) -> list[Answer | FrameFault]:
        """Run the sound frames as one batch, or as few, and put what `read` makes of their maps back in place."""
        faults = [frame_fault(frame) for frame in frames]
        sound = [frame for frame, fault in zip(frames, faults, strict=True) if fault is None]
        at_once = max(1, FORWARDS_HELD * self._tiles_at_once // self._tiling.count)
        answers: list[Answer | FrameFault] = []
        self.last_stages = Stages()
        for start in range(0, len(sound), at_once):
            group = sound[start : start + at_once]
            began_ns = time.perf_counter_ns()
            regions = np.stack([to_model_input(frame, self.image_size_px, view) for frame in group])
            prepared_ns = time.perf_counter_ns()
            with torch.inference_mode():
                maps = self._region_maps(regions)
                forwarded_ns = time.perf_counter_ns()
                pairs = zip(read(maps, self._scale, view), _is_number(maps), strict=True)
                answers += [answer if is_number else NOT_A_NUMBER for answer, is_number in pairs]
            self._spent(began_ns, prepared_ns, forwarded_ns, time.perf_counter_ns())
        following = iter(answers)
        return [next(following) if fault is None else FrameFault(Reason.BAD_FRAME, fault) for fault in faults]

    def _spent(self, began_ns: int, prepared_ns: int, forwarded_ns: int, ended_ns: int) -> None:
        so_far = self.last_stages
        self.last_stages = Stages(
            so_far.preprocess_ns + prepared_ns - began_ns,
            so_far.forward_ns + forwarded_ns - prepared_ns,
            so_far.post_ns + ended_ns - forwarded_ns,
        )

    def _region_maps(self, regions: NDArray[np.uint8]) -> torch.Tensor:
        """Regions (N, 3, H, W) -> their maps by the network's own scores, (N, H, W)."""
        pixels = self._tiling.tiles(regions)
        most = self._tiles_at_once
        parts = [self._forward(pixels[start : start + most]) for start in range(0, len(pixels), most)]
        return self._tiling.join(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _warm_up(self, max_batch_size: int, frame_shape: tuple[int, ...]) -> None:
        """Run batches of noise. The first of each size is slow (kernels are chosen then) and is not counted."""
        frame = np.random.default_rng(0).integers(0, 256, frame_shape, dtype=np.uint8)
        for size, repeats in {max_batch_size: 1, 1: 3}.items():
            self._answer([frame] * size, _findings, self._tiling.view)
            for _ in range(repeats):
                self.infer([frame] * size)


def _is_number(maps: torch.Tensor) -> list[bool]:
    """Whether every pixel of each map is a finite number: what is none shows in the largest or the smallest."""
    largest_and_smallest = torch.stack([maps.amax((1, 2)), maps.amin((1, 2))])
    finite: list[bool] = largest_and_smallest.isfinite().all(0).tolist()
    return finite


def _findings(maps: torch.Tensor, scale: ScoreScale, view: View) -> list[Finding]:
    """The scale keeps the order, so that the few numbers left after pooling are the only ones to bring to it."""
    scores = scale.apply(maps.amax((1, 2))).tolist()
    heats = (scale.apply(coarse_maps(maps, view)) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return [Finding(score, heat) for score, heat in zip(scores, heats, strict=True)]


def full_maps(maps: torch.Tensor, scale: ScoreScale, view: View) -> list[NDArray[np.float32]]:
    """Maps of regions by the network's own scores (B, H, W) -> of whole frames, on the stable scale."""
    if not view.is_whole_frame:
        maps = over_frame(maps, view, view.frame_shape((maps.shape[1], maps.shape[2]), LARGEST_MAP_PX))
    return list(scale.apply(maps).cpu().numpy())
