"""The engine of a GPU: copies and computing overlap, nothing is waited for between two batches but their answers."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.answer_rows import ROW_BYTES, pack, unpack
from line_inspector.inference.batch_buffers import BatchBuffers
from line_inspector.inference.device_input import DeviceInput
from line_inspector.inference.device_network import Network
from line_inspector.inference.engine import Finding, FrameFault, Stages
from line_inspector.inference.lanes import Lanes, Mark
from line_inspector.inference.latency import LatencyEstimate
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.preprocess import frame_fault
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.torch_engine import (
    LARGEST_MAP_PX,
    MOST_TILES_AT_ONCE,
    NOT_A_NUMBER,
    full_maps,
)
from line_inspector.inference.view import View
from line_inspector.part_record import Reason

Frames = Sequence[NDArray[np.uint8]]
WARM_UPS = 5  # batches of each size; their median forgets the first, which is slow


@dataclass(frozen=True)
class Ticket:
    """A batch on its way. `order` are the places of the sound frames in it, in the order in which they are computed."""

    faults: list[str | None]
    order: list[int]
    bands: list[NDArray[np.uint8]]  # kept, since the device may still copy out of them
    buffers: BatchBuffers | None  # None without a sound frame
    done: Mark | None
    submitted_ns: int
    queued_ns: int  # when the host had given it to the device


class PipelinedEngine:
    """An Engine (see engine.py), and Pipelined, over a `network` on the device of `lanes`.

    A batch passes three lanes: its frames are copied in, computed, and its answers copied out. Each of the two sets of
    BatchBuffers belongs to one batch from `submit` to `collect`; the tensors of the programs, one program for each size
    of batch, belong to the compute lane, in which all is in order. Nothing is allocated in the steady state.
    """

    depth = 2

    def __init__(
        self,
        network: Network,
        manifest: Manifest,
        lanes: Lanes,
        *,
        max_batch_size: int,
        frame_shape: tuple[int, ...] | None = None,
        tiling: Tiling | None = None,
    ) -> None:
        self.runtime = lanes.device.type
        self.last_stages = Stages()
        self.version = manifest.version
        self.threshold = manifest.threshold
        self.pixel_threshold = manifest.pixel_threshold
        self.image_size_px = manifest.preprocessing.size_px
        self.max_batch_size = max_batch_size
        self._network, self._scale, self._lanes = network, manifest.scale, lanes
        self._tiling = tiling or Tiling(manifest.preprocessing.view, self.image_size_px)
        self._tiles_at_once = max(MOST_TILES_AT_ONCE, max_batch_size)
        self._input = DeviceInput(self._tiling.view, self.image_size_px, lanes.device)
        self._regions = torch.zeros(
            (max_batch_size, 3, *self._tiling.region_shape), dtype=torch.uint8, device=lanes.device
        )
        self._rows = torch.zeros((max_batch_size, ROW_BYTES), dtype=torch.uint8, device=lanes.device)
        self._free = deque(BatchBuffers(lanes, max_batch_size) for _ in range(self.depth))
        largest_first = reversed(batch_sizes(max_batch_size))  # smaller ones then fit into its memory
        self._programs = {size: lanes.program(self._program(size)) for size in largest_first}
        self._last_done_ns = 0
        self._latency = LatencyEstimate()
        usual_shape = self._tiling.view.frame_shape(self._tiling.region_shape, LARGEST_MAP_PX)
        self._warm_up(frame_shape or (*usual_shape, 3))

    def submit(self, frames: Frames) -> Ticket:
        """Start a batch; see Pipelined."""
        submitted_ns = time.perf_counter_ns()
        faults = [frame_fault(frame) for frame in frames]
        sound = [index for index, fault in enumerate(faults) if fault is None]
        if not sound:
            return Ticket(faults, [], [], None, None, submitted_ns, submitted_ns)
        if len(sound) > self.max_batch_size or not self._free:
            raise ValueError(f"{len(sound)} frames, and {self.depth - len(self._free)} batches on their way")
        order = sorted(sound, key=lambda index: frames[index].shape)  # frames of one shape are resized together
        bands = [self._input.band(frames[index]) for index in order]
        buffers = self._free.popleft()
        buffers.make_room(sum(band.nbytes for band in bands))
        shapes = [frames[index].shape for index in order]
        done = self._send(buffers, bands, shapes)
        return Ticket(faults, order, bands, buffers, done, submitted_ns, time.perf_counter_ns())

    def collect(self, ticket: Ticket) -> list[Finding | FrameFault]:
        """Wait for a batch's answers; see Pipelined."""
        answers: list[Finding | FrameFault] = [FrameFault(Reason.BAD_FRAME, fault or "") for fault in ticket.faults]
        if ticket.buffers is None or ticket.done is None:
            return answers
        ticket.done.synchronize()
        answered_ns = time.perf_counter_ns()
        count = len(ticket.order)
        for index, answer in zip(ticket.order, unpack(ticket.buffers.host_rows[:count].numpy()), strict=True):
            answers[index] = answer
        self._free.append(ticket.buffers)
        done_ns = time.perf_counter_ns()
        self._latency.record(self._bucket(count), done_ns - max(ticket.submitted_ns, self._last_done_ns))
        self._last_done_ns = done_ns
        self.last_stages = Stages(
            ticket.queued_ns - ticket.submitted_ns, answered_ns - ticket.queued_ns, done_ns - answered_ns
        )
        return answers

    def infer(self, frames: Frames) -> list[Finding | FrameFault]:
        """Score each frame; see Engine. No ticket may be out."""
        tickets: deque[Ticket] = deque()
        answers: list[Finding | FrameFault] = []
        for start in range(0, len(frames), self.max_batch_size):
            if len(tickets) == self.depth:
                answers += self.collect(tickets.popleft())
            tickets.append(self.submit(frames[start : start + self.max_batch_size]))
        for ticket in tickets:
            answers += self.collect(ticket)
        return answers

    def anomaly_maps(self, frames: Frames) -> list[NDArray[np.float32] | FrameFault]:
        """Return each frame's full map; see Engine."""
        return [self._full_map(frame, self._input, self._tiling.view) for frame in frames]

    def region_maps(self, regions: Frames) -> list[NDArray[np.float32] | FrameFault]:
        """Return each region's full map; see Engine."""
        view = self._tiling.view.of_region()
        whole = DeviceInput(view, self.image_size_px, self._lanes.device)
        return [self._full_map(region, whole, view) for region in regions]

    def latency_ns(self, batch_size: int) -> int:
        """Return the expected time of `infer`; see Engine. At full load, the time that a batch adds."""
        return self._latency.latency_ns(self._bucket(batch_size))

    def _send(self, buffers: BatchBuffers, bands: list[NDArray[np.uint8]], shapes: list[tuple[int, ...]]) -> Mark:
        """Queue one batch in the three lanes; the mark is reached when its answers are on the host."""
        lanes, count = self._lanes, len(bands)
        lanes.copy_in.run(lambda: buffers.copy_in(bands))
        lanes.compute.wait(lanes.copy_in.record())
        lanes.compute.run(lambda: self._compute(buffers, bands, shapes))
        lanes.copy_out.wait(lanes.compute.record())
        lanes.copy_out.run(lambda: buffers.copy_out(count))
        return lanes.copy_out.record()

    @torch.inference_mode()
    def _compute(self, buffers: BatchBuffers, bands: list[NDArray[np.uint8]], shapes: list[tuple[int, ...]]) -> None:
        first = start = 0
        for frame_shape, together in groupby(zip(shapes, bands, strict=True), key=lambda pair: pair[0]):
            same = [band for _, band in together]
            stop = start + len(same) * same[0].nbytes
            pictures = buffers.pixels[start:stop].view(len(same), *same[0].shape)
            self._regions[first : first + len(same)].copy_(self._input.regions(pictures, frame_shape))
            first, start = first + len(same), stop
        self._programs[self._bucket(first)]()
        buffers.rows[:first].copy_(self._rows[:first])

    def _program(self, size: int) -> Callable[[], None]:
        """From the first `size` regions to as many rows of answers; what is left of an earlier batch does no harm."""

        @torch.inference_mode()
        def work() -> None:
            maps = self._region_maps(self._regions[:size])
            self._rows[:size].copy_(pack(maps, self._scale, self._tiling.view))

        return work

    def _region_maps(self, regions: Tensor) -> Tensor:
        """Regions, uint8 (N, 3, H, W) -> their maps by the network's own scores, (N, H, W)."""
        tiles = self._tiling.tiles_on_device(regions)
        parts = [self._network(part) for part in torch.split(tiles, self._tiles_at_once)]
        return self._tiling.join(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _full_map(
        self, frame: NDArray[np.uint8], device_input: DeviceInput, view: View
    ) -> NDArray[np.float32] | FrameFault:
        fault = frame_fault(frame)
        if fault is not None:
            return FrameFault(Reason.BAD_FRAME, fault)
        found: list[NDArray[np.float32] | FrameFault] = []

        @torch.inference_mode()
        def work() -> None:
            band = torch.tensor(device_input.band(frame), device=self._lanes.device)
            maps = self._region_maps(device_input.regions(band[None], frame.shape))
            found.extend(full_maps(maps, self._scale, view) if bool(maps.isfinite().all()) else [NOT_A_NUMBER])

        self._lanes.compute.run(work)
        self._lanes.compute.record().synchronize()
        return found[0]

    def _bucket(self, count: int) -> int:
        return min((size for size in self._programs if size >= count), default=count)

    def _warm_up(self, frame_shape: tuple[int, ...]) -> None:
        """Batches of noise, largest first, so that memory is taken once."""
        frame = np.random.default_rng(0).integers(0, 256, frame_shape, dtype=np.uint8)
        for size in sorted(self._programs, reverse=True):
            for _ in range(WARM_UPS):
                self.infer([frame] * size)


def batch_sizes(most: int) -> list[int]:
    """1, 2, 4, ... up to `most`, and `most` itself: a batch is computed as the next larger of them."""
    return sorted({2**n for n in range(most.bit_length()) if 2**n <= most} | {most})
