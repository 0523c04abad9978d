"""The CUDA engine at its limits: latency, images/s, parity, roofline, and whether copies and computing overlap.

    python tests/benchmarks/cuda_engine.py [--json cuda.json] [--trace cuda_trace.json] [--seconds 1.0]

Needs torch, numpy, OpenCV, timm, msgspec and pydantic, and no network: weights are random, which costs the same time.
Under four minutes on a data centre's GPU. Frames lie in a real ring of /dev/shm, page-locked, as on a line. `--dry-run`
runs the same program on the CPU with a tiny model, to show that it works; its figures mean nothing.
"""

import argparse
import copy
import json
import platform
import sys
import time
import uuid
from collections import deque
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from line_inspector.errors import InputError  # noqa: E402
from line_inspector.inference.batch_buffers import bytes_of  # noqa: E402
from line_inspector.inference.cpu import cpu_forward  # noqa: E402
from line_inspector.inference.cuda import cuda_lanes, exact_float32  # noqa: E402
from line_inspector.inference.device_network import Precision, device_network  # noqa: E402
from line_inspector.inference.inspection import inspect  # noqa: E402
from line_inspector.inference.lanes import Lanes  # noqa: E402
from line_inspector.inference.manifest import Manifest, Preprocessing  # noqa: E402
from line_inspector.inference.page_lock import page_lock  # noqa: E402
from line_inspector.inference.parity import parity_pixels  # noqa: E402
from line_inspector.inference.pipelined_engine import PipelinedEngine  # noqa: E402
from line_inspector.inference.preprocess import COLOUR_ORDER, RESIZE  # noqa: E402
from line_inspector.messages import FrameReady  # noqa: E402
from line_inspector.model.adps import ADPS  # noqa: E402
from line_inspector.model.architecture import Architecture  # noqa: E402
from line_inspector.model.configurations import CONFIGURATIONS  # noqa: E402
from line_inspector.model.cost import cost_of  # noqa: E402
from line_inspector.ring import Geometry, RingReader, RingWriter  # noqa: E402

LARGE, SMALL = (2048, 2448), (1024, 1280)  # mono: 5 MP, 1.3 MP
SLOTS = 8
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "bf16")
LATENCY_MODELS = ("adps-lite0", "adps-r18")
BATCHES_TRACED = 40
TINY = Architecture(image_size_px=64, patches_per_side=2, prototypes=8, novelty=16)


def main() -> None:
    """Measure and write; every part is printed as soon as it is known."""
    arguments = parsed()
    started_s = time.perf_counter()
    bench = Bench(arguments)
    result: dict[str, Any] = {"machine": machine(), "dry_run": arguments.dry_run}
    steps = {
        "rates": bench.rates,
        "models": bench.models,
        "overlap": bench.overlap,
    }
    for name, step in steps.items():
        result[name] = step()
        print(json.dumps({name: result[name]}, indent=2), flush=True)
        result["seconds"] = time.perf_counter() - started_s
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=2))
    bench.close()
    print(f"all in {result['seconds']:.0f} s")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--trace", type=Path, default=Path("cuda_trace.json"), help="file for the profiler's trace")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each throughput")
    parser.add_argument("--latencies", type=int, default=1500, help="frames of each latency")
    parser.add_argument("--models", nargs="+", default=list(CONFIGURATIONS))
    parser.add_argument("--dry-run", action="store_true", help="on the CPU")
    arguments = parser.parse_args()
    if not arguments.dry_run and not torch.cuda.is_available():
        parser.exit(2, "no CUDA device that torch can use: nothing to measure, see --dry-run\n")
    return arguments


def machine() -> dict[str, str]:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "gpu": gpu,
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "python": platform.python_version(),
    }


class Bench:
    """One ring of frames, and engines one after the other on the device."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        exact_float32()
        self.seconds = 0.05 if arguments.dry_run else arguments.seconds
        self.latencies = 5 if arguments.dry_run else arguments.latencies
        self.trace: Path = arguments.trace
        self.names: list[str] = ["tiny"] if arguments.dry_run else arguments.models
        self.most = 2 if arguments.dry_run else 16
        self.lanes: Lanes = lanes_on_cpu() if arguments.dry_run else cuda_lanes()
        self.reader = RingReader(None if arguments.dry_run else page_lock("cuda"))
        self.best: dict[str, float] = {}
        self.writer, self.shape = new_ring((64, 80) if arguments.dry_run else LARGE)
        self.requests = [self.shot(number) for number in range(SLOTS)]
        self.frames = [self.reader.view(request.slot, request.part_id) for request in self.requests]
        wait_until_locked(self.frames[0], self.lanes)

    def close(self) -> None:
        self.writer.close()

    def shot(self, number: int) -> FrameReady:
        """A frame in the ring, and its message."""
        frame = np.random.default_rng(number).integers(0, 256, self.shape, dtype=np.uint8)
        slot = self.writer.write(frame, f"p{number}", 0, 0, 1)
        return FrameReady(part_id=f"p{number}", camera="top", slot=slot, captured_ns=1, deadline_ns=10**18)

    def rates(self) -> dict[str, float]:
        """What the device can do at best: matrices of each type, its memory, and copies from page-locked memory."""
        device, side = self.lanes.device, 256 if self.lanes.device.type == "cpu" else 8192
        found = {}
        for name, dtype in (("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)):
            matrix = torch.randn(side, side, device=device).to(dtype)
            found[f"{name}_tflops"] = 2 * side**3 / best_s(partial(torch.matmul, matrix, matrix), device) / 1e12
        source = torch.empty(side * side * 8, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        found["memory_gbps"] = 2 * source.numel() / best_s(lambda: target.copy_(source), device) / 1e9
        host = self.lanes.host_bytes(source.numel())
        found["copy_in_gbps"] = source.numel() / best_s(lambda: target.copy_(host, non_blocking=True), device) / 1e9
        self.best = found
        return found

    def models(self) -> dict[str, Any]:
        """Every model in every precision: parity, latency, images/s, roofline."""
        return {name: self.model(name, self.best) for name in self.names}

    def model(self, name: str, rates: dict[str, float]) -> dict[str, Any]:
        architecture = TINY if name == "tiny" else CONFIGURATIONS[name]
        model = lively(architecture)
        work = {"flop": 2 * cost_of(architecture).multiply_adds, "bytes": bytes_moved(model)}
        pixels = parity_pixels(self.frames[:1], architecture.image_size_px)
        with torch.inference_mode():
            forward = cpu_forward(copy.deepcopy(model))
            expected = np.concatenate([forward(pixel[None]).numpy() for pixel in pixels])
        found: dict[str, Any] = {"work_per_image": work}
        for precision in PRECISIONS:
            engine = self.engine(copy.deepcopy(model), precision)
            found[precision] = {
                "parity": parity(engine, pixels, expected),
                "throughput": self.throughput(engine, precision, work, rates),
            }
            if name in LATENCY_MODELS or name == "tiny":
                found[precision]["latency_ms"] = self.latency(engine)
            print(f"{name} {precision}: {json.dumps(found[precision])}", flush=True)
            del engine
        return found

    def engine(self, model: ADPS, precision: Precision) -> PipelinedEngine:
        network = device_network(model, self.lanes.device, precision)
        return PipelinedEngine(
            network, manifest_of(model), self.lanes, max_batch_size=self.most, frame_shape=self.shape
        )

    def latency(self, engine: PipelinedEngine) -> dict[str, float]:
        """Batch 1, one at a time: from the frame that lies in the ring to the verdict on the host."""
        times_ms = []
        for number in range(self.latencies):
            started_s = time.perf_counter()
            (verdict,) = inspect([self.requests[number % SLOTS]], engine, self.reader)
            times_ms.append((time.perf_counter() - started_s) * 1e3)
            assert hasattr(verdict, "score")
        p50, p99 = np.percentile(times_ms, [50, 99])
        return {"p50": float(p50), "p99": float(p99), "worst": max(times_ms)}

    def throughput(
        self, engine: PipelinedEngine, precision: str, work: dict[str, float], rates: dict[str, float]
    ) -> dict[str, Any]:
        """Per batch size: images/s with two batches on their way, and the share of what the device could do."""
        found = {}
        for size in (size for size in (1, 2, 4, 8, 16) if size <= self.most):
            rate_hz = self.images_per_s(engine, size)
            compute = rate_hz * work["flop"] / (rates[f"{precision}_tflops"] * 1e12)
            memory = rate_hz * work["bytes"] * (1.0 if precision == "fp32" else 0.5) / (rates["memory_gbps"] * 1e9)
            copies = rate_hz * self.frames[0].nbytes / (rates["copy_in_gbps"] * 1e9)
            found[size] = {
                "images_per_s": rate_hz,
                "of_compute": compute,
                "of_memory": memory,
                "of_copies": copies,
                "of_roofline": max(compute, memory, copies),
            }
        return found

    def images_per_s(self, engine: PipelinedEngine, size: int) -> float:
        frames = [self.frames[number % SLOTS] for number in range(size)]
        run_batches(engine, frames, 5)
        batches, started_s = 0, time.perf_counter()
        while (spent_s := time.perf_counter() - started_s) < self.seconds:
            run_batches(engine, frames, 10)
            batches += 10
        return batches * size / spent_s

    def overlap(self) -> dict[str, Any]:
        """A trace of the pipeline at work, and which share of its copies' time something was computed, too."""
        name = self.names[0]
        engine = self.engine(lively(TINY if name == "tiny" else CONFIGURATIONS[name]), "fp32")
        frames = [self.frames[number % SLOTS] for number in range(min(8, self.most))]
        run_batches(engine, frames, 5)
        activities = [ProfilerActivity.CPU]
        if self.lanes.device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        with profile(activities=activities) as trace:
            run_batches(engine, frames, BATCHES_TRACED)
        trace.export_chrome_trace(str(self.trace))
        return {"model": name, "batch": len(frames), **overlapped(self.trace)}


def lanes_on_cpu() -> Lanes:
    sys.path.insert(0, str(ROOT / "tests"))
    from cpu_lanes import InlineLanes

    return InlineLanes()


def new_ring(shape: tuple[int, int]) -> tuple[RingWriter, tuple[int, int]]:
    """A ring for frames of `shape`, or of a smaller one where /dev/shm has no room for it, as in a container."""
    line = f"bench-{uuid.uuid4().hex[:8]}"
    try:
        return RingWriter(line, "top", Geometry(SLOTS, shape[0] * shape[1])), shape
    except InputError as e:
        print(f"{e}: frames of {SMALL} instead")
        return RingWriter(line, "top", Geometry(SLOTS, SMALL[0] * SMALL[1])), SMALL


def wait_until_locked(frame: np.ndarray, lanes: Lanes) -> None:
    end_s = time.perf_counter() + 10
    while not lanes.copies_by_itself(bytes_of(frame)) and time.perf_counter() < end_s:
        time.sleep(0.01)
    print(f"page-locked ring: {lanes.copies_by_itself(bytes_of(frame))}", flush=True)


def lively(architecture: Architecture) -> ADPS:
    """Random weights, batch norms that do something, and a memory of what noise looks like: so scores spread."""
    torch.manual_seed(0)
    model = ADPS(architecture).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    remember_noise(model)
    return model.requires_grad_(False)


@torch.no_grad()
def remember_noise(model: ADPS) -> None:
    """Centres, mean and deviation of the novelty, as training would take them from good parts."""
    side = model.architecture.image_size_px
    stages = model.teacher(model.normalise(torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8)))
    for scale in model.novelty.scales if model.novelty is not None else []:
        seen, others = scale.neighbourhoods(stages).permute(0, 2, 3, 1).flatten(1, 2).chunk(2)
        rows = seen.flatten(0, 1)
        scale.centres.copy_(rows[torch.randint(0, len(rows), (len(scale.centres),))])
        distances = scale.distances(others)
        scale.mean.copy_(distances.mean())
        scale.deviation.copy_(distances.std().clamp(min=1e-3))


def manifest_of(model: ADPS) -> Manifest:
    preprocessing = Preprocessing(model.architecture.image_size_px, COLOUR_ORDER, RESIZE)
    return Manifest(
        format_version=1,
        version="bench",
        created_utc="",
        architecture={},
        preprocessing=preprocessing,
        threshold=0.5,
        calibration={},
        lineage={},
        metrics={},
        files={},
    )


def parity(engine: PipelinedEngine, pixels: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """The largest differences from the CPU in fp32."""
    pictures = [np.ascontiguousarray(each.transpose(1, 2, 0)[:, :, ::-1]) for each in pixels]
    maps = np.stack([np.asarray(each) for each in engine.anomaly_maps(pictures)])
    scores = [getattr(each, "score", float("nan")) for each in engine.infer(pictures)]
    return {
        "score": float(np.abs(np.array(scores) - expected.max((1, 2))).max()),
        "map": float(np.abs(maps - expected).max()),
        "lowest_score": float(expected.max((1, 2)).min()),
        "highest_score": float(expected.max((1, 2)).max()),
    }


def run_batches(engine: PipelinedEngine, frames: list[np.ndarray], count: int) -> None:
    """As the station does at full load: the next batch is submitted before the last one is waited for."""
    out: deque[Any] = deque()
    for _ in range(count):
        out.append(engine.submit(frames))
        if len(out) == engine.depth:
            engine.collect(out.popleft())
    while out:
        engine.collect(out.popleft())


def best_s(work: Any, device: torch.device, rounds: int = 12) -> float:
    """The median time of `work`, after three runs that are not counted."""
    times = []
    for _ in range(rounds + 3):
        started_s = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started_s)
    return median(times[3:])


class CountBytes(TorchDispatchMode):
    """Bytes that operations read and write when each of them goes to memory; views are free."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [each for each in tree_leaves((args, kwargs, made)) if isinstance(each, torch.Tensor)]
            self.total += sum(each.numel() * each.element_size() for each in tensors)
        return made


def bytes_moved(model: ADPS) -> int:
    """Of one image in fp32, weights included."""
    side = model.architecture.image_size_px
    with torch.inference_mode(), CountBytes() as count:
        model.anomaly_map(model.normalise(torch.zeros(1, 3, side, side, dtype=torch.uint8)))
    return count.total


def overlapped(trace: Path) -> dict[str, float]:
    """Of the profiler's trace, in ms: how long copies to the GPU ran, kernels ran, and both at once."""
    events = [each for each in json.loads(trace.read_text())["traceEvents"] if each.get("ph") == "X"]
    copies = spans([each for each in events if each.get("cat") == "gpu_memcpy" and "HtoD" in each["name"]])
    kernels = spans([each for each in events if each.get("cat") == "kernel"])
    both_us = sum(
        max(0.0, min(copy_end, end) - max(copy_start, start))
        for copy_start, copy_end in copies
        for start, end in kernels
    )
    copied_us, computed_us = (sum(end - start for start, end in each) for each in (copies, kernels))
    return {
        "copy_in_ms": copied_us / 1e3,
        "kernels_ms": computed_us / 1e3,
        "both_ms": both_us / 1e3,
        "overlapped_share_of_copies": both_us / copied_us if copied_us else 0.0,
    }


def spans(events: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Start and end of each, those that touch taken together, so that nothing counts twice."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted((each["ts"], each["ts"] + each["dur"]) for each in events):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


if __name__ == "__main__":
    main()
