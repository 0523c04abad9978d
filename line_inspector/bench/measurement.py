"""Everything that is measured, in order, in about a given time; and the document that holds it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from line_inspector.bench.bench_line import prepare_subject
from line_inspector.bench.capacity import Capacity, capacity
from line_inspector.bench.engine_table import BatchSpeed, measure_engine, most_images_per_s
from line_inspector.bench.line_table import LineTable, measure_line
from line_inspector.bench.roofline import Roofline, copy_in, measure_roofline
from line_inspector.bench.running_line import running_line
from line_inspector.bench.transport import Transport, measure_transport
from line_inspector.config import Line, core_plan
from line_inspector.inference.choice import EngineLoader
from line_inspector.supervisor import stop_signals
from line_inspector.training.machine import describe_machine, versions

ENGINE_SHARE, TRANSPORT_SHARE, ROOFLINE_SHARE, LINE_SHARE = 0.12, 0.12, 0.03, 0.5  # what is left goes to starting
CAMERAS = {0: (1,), 25: (1, 2), 45: (1, 2, 4), 90: (1, 2, 4, 8)}  # from so many seconds on; each starts a process


@dataclass(frozen=True)
class Measurement:
    """The whole of it. `max_batch` is the largest batch that the line uses."""

    machine: str
    model: str
    runtime: str
    threads: int
    max_batch: int
    frame: tuple[int, ...]
    recipe: str
    engine: list[BatchSpeed]
    transport: Transport
    roofline: Roofline
    line: LineTable
    capacity: Capacity

    def document(self) -> dict[str, Any]:
        """What --json prints."""
        transport, line = asdict(self.transport), asdict(self.line)
        hop, saturation = transport.pop("hop"), line["saturation"]
        line["cameras"] = [row | {"tried": [_tried(*trial) for trial in row["tried"]]} for row in line.pop("rows")]
        return {
            "machine": self.machine,
            "versions": versions(),
            "model": self.model,
            "recipe": self.recipe,
            "engine": {
                "runtime": self.runtime,
                "threads": self.threads,
                "max_batch": self.max_batch,
                "frame": list(self.frame),
                "batches": [asdict(row) for row in self.engine],
            },
            "transport": transport | {"p50_ms": hop["p50_ms"], "p99_ms": hop["p99_ms"], "worst_ms": hop["worst_ms"]},
            "line": line | {"throughput_over_engine": saturation["throughput_over_engine"] if saturation else None},
            "roofline": asdict(self.roofline),
            "capacity": asdict(self.capacity),
        }


def measure(given: Line | None, folder: Path, seconds: float, say: Callable[[str], None]) -> Measurement:
    """Measure in the empty `folder`. Raises InputError, and KeyboardInterrupt when told to stop."""
    counts = CAMERAS[max(limit for limit in CAMERAS if limit <= seconds)]
    say("Preparing the line and its model ...")
    subject = prepare_subject(given, folder, counts[-1])
    threads = core_plan(subject.line).threads
    torch.set_num_threads(threads)
    engine = EngineLoader(subject.line).load(subject.line.current_model_path.resolve())
    device = "cuda" if engine.runtime == "cuda" else "cpu"
    say("Engine ...")
    copies = copy_in(device, subject.manifest, subject.tiles)
    batches = measure_engine(engine, subject.frames, copies, ENGINE_SHARE * seconds)
    best = max(batches, key=lambda row: row.images_per_s)
    roofline = measure_roofline(
        device, engine.runtime, subject.manifest, subject.tiles, best.images_per_s, ROOFLINE_SHARE * seconds
    )
    say("Transport ...")
    transport = measure_transport(TRANSPORT_SHARE * seconds)
    say("Starting the stations ...")
    with stop_signals() as stop, running_line(subject, folder / "line.log", stop) as running:
        say("Line ...")
        engine_hz = most_images_per_s(batches, engine.max_batch_size)
        line = measure_line(running, engine, subject, engine_hz, counts, LINE_SHARE * seconds)
    return Measurement(
        machine=describe_machine(),
        model=subject.model_words,
        runtime=engine.runtime,
        threads=threads,
        max_batch=engine.max_batch_size,
        frame=subject.frames[0].shape,
        recipe=subject.line.recipe,
        engine=batches,
        transport=transport,
        roofline=roofline,
        line=line,
        capacity=capacity(line.rows, subject.rate_hz, subject.line.recipe),
    )


def _tried(rate_hz: float, lost: int, parts: int, reasons: dict[str, int]) -> dict[str, Any]:
    return {"rate_hz": rate_hz, "lost": lost, "parts": parts, "reasons": reasons}
