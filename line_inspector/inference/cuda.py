"""Engines on an NVIDIA GPU: their lanes are CUDA streams, their programs CUDA graphs in one pool of memory."""

import threading
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from line_inspector.errors import InputError
from line_inspector.inference.device_network import Precision, device_network
from line_inspector.inference.lanes import Mark
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.pipelined_engine import PipelinedEngine
from line_inspector.inference.tiling import Tiling
from line_inspector.model.adps import ADPS

RUNS_BEFORE_CAPTURE = 2  # libraries choose and load their kernels in the first, for which a capture leaves no room


def exact_float32() -> None:
    """Without TF32, whose rounding would move scores away from the threshold that was set for them."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def cuda_engine(
    model: ADPS,
    manifest: Manifest,
    precision: Precision,
    *,
    max_batch_size: int,
    frame_shape: tuple[int, ...] | None = None,
    tiling: Tiling | None = None,
) -> PipelinedEngine:
    """Build a warm engine on the GPU around a model that it takes over. Raises InputError where torch sees none."""
    if not torch.cuda.is_available():
        raise InputError(
            "no CUDA device that torch can use", "device cuda", "Set the device to cpu, or install the driver."
        )
    exact_float32()
    lanes = cuda_lanes()
    network = device_network(model, lanes.device, precision)
    return PipelinedEngine(
        network, manifest, lanes, max_batch_size=max_batch_size, frame_shape=frame_shape, tiling=tiling
    )


class CudaLane:
    """See lanes.py. A stream."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own annotation is missing

    def run(self, work: Callable[[], None]) -> None:
        with torch.cuda.stream(self._stream):
            work()

    def wait(self, mark: Mark) -> None:
        assert isinstance(mark, torch.cuda.Event), "marks of another device"
        self._stream.wait_event(mark)

    def record(self) -> torch.cuda.Event:
        mark = torch.cuda.Event()  # type: ignore[no-untyped-call]
        mark.record(self._stream)
        return mark


class CudaLanes:
    """See lanes.py. All engines of a process compute in one stream, so that their graphs can share one pool of memory.

    Nothing but captures happens in the stream of captures: a library's workspace belongs to a stream, and that of the
    captures to the graphs, which another thread may be running while this one builds an engine.
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda", torch.cuda.current_device())
        self.copy_in, self.compute, self.copy_out = CudaLane(), CudaLane(), CudaLane()
        self._pool = torch.cuda.graph_pool_handle()
        self._captures = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._capturing = threading.Lock()  # torch captures one graph at a time

    def host_bytes(self, count: int) -> Tensor:
        return torch.empty(count, dtype=torch.uint8, pin_memory=True)

    def copies_by_itself(self, host: Tensor) -> bool:
        return host.is_pinned()

    def program(self, work: Callable[[], None]) -> Callable[[], None]:
        torch.cuda.current_stream().synchronize()  # in which weights and tensors were made
        graph = torch.cuda.CUDAGraph()
        with self._capturing:
            for _ in range(RUNS_BEFORE_CAPTURE):
                self.compute.run(work)
            self.compute.record().synchronize()
            # Other threads go on launching meanwhile: the engine in service does not wait for the next one.
            # The outer `with` brings this thread's stream back even where a capture fails.
            with (
                torch.cuda.stream(self._captures),
                torch.cuda.graph(graph, pool=self._pool, stream=self._captures, capture_error_mode="thread_local"),
            ):
                work()
        return graph.replay


@cache
def cuda_lanes() -> CudaLanes:
    """Those of the GPU; one set for the process."""
    return CudaLanes()
