"""What every inference engine does: a batch of frames in, a finding or a named fault per frame out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from line_inspector.part_record import Reason


@dataclass(frozen=True)
class Finding:
    """The model's answer for one frame.

    Scores and maps are on the stable scale (scale.py), 0..1. `score` is the maximum of the map, finite. `heat` is the
    map reduced by max-pooling to uint8 (HEAT_SIDE_PX, HEAT_SIDE_PX) of messages.py, 255 for 1.0, so that a small defect
    keeps its brightness.
    """

    score: float
    heat: NDArray[np.uint8]


@dataclass(frozen=True)
class FrameFault:
    """Why a frame got no score; its part must be rejected.

    `reason` is BAD_FRAME for a wrong type or shape, BAD_SCORE where the model's answer is not a number.
    """

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Stages:
    """Where the time of one batch went, in nanoseconds.

    `preprocess_ns` cuts and scales the frames, `forward_ns` is the network, with copies to and from its device, and
    `post_ns` what is made of its maps.
    """

    preprocess_ns: int = 0
    forward_ns: int = 0
    post_ns: int = 0


class Engine(Protocol):
    """One loaded model on one device. Not thread-safe: one loop owns an engine."""

    @property
    def version(self) -> str: ...

    @property
    def runtime(self) -> str:
        """What runs the network: torch, openvino, or cuda, which is torch on a GPU."""
        ...

    @property
    def threshold(self) -> float:
        """The image score in 0..1 from which on a part is rejected."""
        ...

    @property
    def pixel_threshold(self) -> float:
        """The value of the map in 0..1 from which on a pixel is outlined as anomalous."""
        ...

    @property
    def image_size_px(self) -> int: ...

    @property
    def max_batch_size(self) -> int:
        """The largest batch worth giving it; larger ones are answered, but were not warmed up."""
        ...

    def infer(self, frames: Sequence[NDArray[np.uint8]]) -> list[Finding | FrameFault]:
        """Answer every frame, in order. Frames are uint8, mono (H, W) or BGR (H, W, 3), of any size, also mixed."""
        ...

    def anomaly_maps(self, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | FrameFault]:
        """Return the full maps over the whole frame, float32 in 0..1, for evaluation; not for the line.

        They are (image_size_px, image_size_px) where the model looks at the whole frame as one tile, larger where it
        looks at several, and 0 where it does not look: beside its region of interest and its foreground.
        """
        ...

    def region_maps(self, regions: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32] | FrameFault]:
        """As `anomaly_maps`, but of pictures that are the region of interest already, and over it alone."""
        ...

    @property
    def last_stages(self) -> Stages:
        """Of the last batch."""
        ...

    def latency_ns(self, batch_size: int) -> int:
        """Return the expected time of `infer` for this batch size: measured at start, corrected by every batch."""
        ...


@runtime_checkable
class Pipelined(Protocol):
    """What an engine has besides where several of its batches can be on their way at once; `infer` is both in one.

    The frames of a batch must stay where they are until it is collected: the device may copy out of them until then.
    So what they have become is looked at after `collect`, never before.
    """

    @property
    def depth(self) -> int:
        """How many batches may be submitted and not collected."""
        ...

    def submit(self, frames: Sequence[NDArray[np.uint8]]) -> Any:
        """Start a batch of at most `max_batch_size` frames and return its ticket, without waiting for anything.

        Raises ValueError for a larger one, and where `depth` batches are out already.
        """
        ...

    def collect(self, ticket: Any) -> list[Finding | FrameFault]:
        """Wait for a batch and answer its frames, in order; each ticket once, the oldest first."""
        ...
