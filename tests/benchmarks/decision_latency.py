"""From the verdict to the gate's command: how long decision takes, while the database stands still and people watch.

    python tests/benchmarks/decision_latency.py [--parts 3000] [--rate 50] [--picture FILE.png] [--bar-ms 2]

A real decision station and a real overlay; this program is their camera, their worker and their gate, over the line's
own sockets, and holds the ledger's write lock from the first part to the last. Measured is, on one clock, from before
the verdict is sent until its AcceptPart is here. Beside it stands what the same two sockets take with nothing between
them, an echo in a process of its own: that much is the machine's, and how busy it is. Prints percentiles and a
histogram, and ends with exit code 1 when p99 misses the bar, a part is not accepted, or the ledger does not get every
part afterwards.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml
from latency_picture import text_histogram, write_histogram

from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.line_file import read_line_file
from line_inspector.messages import HEAT_SIDE_PX, AcceptPart, Announcement, Fault, FrameReady, Health, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.records.reading import read_parts
from line_inspector.ring import Geometry, RingWriter, fingerprint
from line_inspector.streams import ACCEPTS, ANNOUNCEMENTS, FAULTS, HEALTH, SHOTS, VERDICTS

sys.path.append(str(Path(__file__).parent.parent))

from announced import announced

SIDE_PX = 256
AHEAD_S = 0.008  # from announcement to verdict: what camera and worker take
TRAVEL_NS, RESERVE_NS = 1_000_000_000, 45_000_000
WARM_UP = 100
PATIENCE_S = 60.0
LINE = {
    "recipe": "disc",
    "data_dir": ".",
    "belt": {"speed_mm_s": 1000},
    "cameras": {
        "top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 1000, "max_rate_hz": 90}
    },
    "decision": {"gate": {"kind": "simulated", "window_ms": 10}},
    "overlay": {"port": 0},
}
ECHO = """
import sys, pathlib
from line_inspector.bus import Bus
from line_inspector.messages import AcceptPart, Verdict
from line_inspector.streams import ACCEPTS, VERDICTS
bus = Bus(pathlib.Path(sys.argv[1]))
verdicts, accepts = bus.receiver(VERDICTS, Verdict), bus.acked_sender(ACCEPTS, "decision")
while verdicts.socket.poll():
    for told in verdicts.drain():
        part = AcceptPart(part_id=told.part_id, camera=told.camera, window_start_ns=0, window_end_ns=0)
        accepts.send(told.part_id, part)
        accepts.forget(told.part_id)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=50, help="parts per second")
    parser.add_argument("--picture", type=Path, help="a PNG with the histogram")
    parser.add_argument("--bar-ms", type=float, default=2.0, help="what p99 must stay under")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="line-inspector-latency-") as folder:
        echoed_ms = echo(Path(folder) / "echo", min(arguments.parts, 1000), 1 / arguments.rate)
        decided_ms, pictures, complaints = decision(Path(folder) / "line", arguments.parts, 1 / arguments.rate)
    print(f"{len(decided_ms)} parts at {arguments.rate:g}/s, database locked, {pictures} pictures drawn by the overlay")
    print(f"nothing between the sockets: {_percentiles(echoed_ms)}")
    print(f"verdict in, accept out:      {_percentiles(decided_ms)}")
    print(text_histogram(decided_ms, arguments.bar_ms))
    if arguments.picture:
        title = f"Verdict in to accept out, {len(decided_ms)} parts, database locked, overlay running"
        write_histogram(arguments.picture, title, {"decision": decided_ms, "bare sockets": echoed_ms}, arguments.bar_ms)
    p99_ms = float(np.percentile(decided_ms, 99))
    if p99_ms >= arguments.bar_ms:
        complaints.append(f"p99 is {p99_ms:.2f} ms, the bar is {arguments.bar_ms:g} ms")
    for complaint in complaints:
        print(f"MISSED: {complaint}")
    return 1 if complaints else 0


def decision(folder: Path, parts: int, period_s: float) -> tuple[list[float], int, list[str]]:
    """Milliseconds for each part after the warm-up, pictures drawn meanwhile, and what was not as it must be."""
    folder.mkdir()
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump({"line": f"latency-{time.time_ns():x}"[:32], **LINE}))
    line = read_line_file(path)
    with _stations(path, folder / "log"), RestOfTheLine(line) as rest:
        rest.wait_until_served()
        with _locked(Path(line.ledger_url.removeprefix("sqlite:///"))):
            taken_ms = [rest.part(number, period_s) for number in range(WARM_UP + parts)]
            held, pictures = rest.counters()["uncommitted"], rest.pictures
        rest.wait_until(lambda counters: counters["uncommitted"] == 0)
    rows = sum(row.accepted for row in read_parts(line.ledger_url))
    complaints = []
    if None in taken_ms:
        complaints.append(f"{taken_ms.count(None)} parts were not accepted")
    if held < parts:
        complaints.append(f"the database was not locked: only {held} parts waited for it")
    if rows != len(taken_ms):
        complaints.append(f"{len(taken_ms)} parts, but {rows} accepted in the ledger")
    return [taken for taken in taken_ms[WARM_UP:] if taken is not None], pictures, complaints


def echo(folder: Path, parts: int, period_s: float) -> list[float]:
    """Milliseconds over the same sockets to a process that decides nothing."""
    bus = Bus(folder)
    gate = bus.acked_receiver(ACCEPTS, AcceptPart)
    process = subprocess.Popen([sys.executable, "-c", ECHO, str(folder)])
    verdicts, taken_ms = bus.sender(VERDICTS), []
    told = _verdict("echo", SlotRef(ring="none", slot=0, generation=2), 0, 0)
    end_s = time.monotonic() + PATIENCE_S
    while not verdicts.send(told):
        assert time.monotonic() < end_s, "the echo does not start"
        time.sleep(0.02)
    gate.socket.poll()
    list(gate.drain())
    for _ in range(parts):
        time.sleep(period_s)
        begin_ns = time.monotonic_ns()
        verdicts.send(told)
        gate.socket.poll()
        taken_ms.append((time.monotonic_ns() - begin_ns) / 1e6)
        list(gate.drain())
    process.kill()
    process.wait()
    gate.close()
    verdicts.close()
    return taken_ms


class RestOfTheLine:
    """Camera, worker and gate."""

    def __init__(self, line: Line) -> None:
        bus = Bus(line.sockets_dir)
        self._gate = bus.acked_receiver(ACCEPTS, AcceptPart)
        self._worker = bus.publisher(HEALTH, "inference")
        self._camera = bus.publisher(HEALTH, "capture.top")
        self._health = bus.subscriber(HEALTH, Health, ("decision", "overlay"))
        self._announcements = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
        self._shots, self._verdicts, self._faults = bus.sender(SHOTS), bus.sender(VERDICTS), bus.sender(FAULTS)
        self._ring = RingWriter(line.ring_owner, "top", Geometry(slots=100, slot_bytes=SIDE_PX * SIDE_PX))
        self._frame = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX), np.uint8)
        self._beats: dict[str, dict[str, int]] = {}
        self._next_s = 0.0

    def __enter__(self) -> "RestOfTheLine":
        return self

    def __exit__(self, *_: object) -> None:
        self._ring.close()
        sockets = (self._gate, self._worker, self._camera, self._health, self._announcements)
        for socket in (*sockets, self._shots, self._verdicts, self._faults):
            socket.close()

    def part(self, number: int, period_s: float) -> float | None:
        """Announces a part, and says good of it; milliseconds until the gate hears so, None if it does not."""
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s = time.monotonic() + period_s
        part_id, trigger_ns = f"top-1-{number:06d}", time.monotonic_ns()
        told = announced(part_id, "top", trigger_ns, TRAVEL_NS, RESERVE_NS, int(period_s * 1e9))
        self._announcements.send(part_id, told)
        self._announcements.acknowledged()
        slot = self._ring.write(self._frame, part_id, 0, 0, trigger_ns)
        self._shots.send(_shot(told, slot))
        if number % 10 == 0:
            self._live()
        time.sleep(AHEAD_S)
        verdict = _verdict(part_id, slot, trigger_ns + 1_000_000, fingerprint(self._frame))
        begin_ns = time.monotonic_ns()
        self._verdicts.send(verdict)
        return self._accepted(part_id, begin_ns)

    def counters(self) -> dict[str, int]:
        """The latest of decision's."""
        self._live()
        return self._beats.get("decision", {})

    @property
    def pictures(self) -> int:
        """How many the overlay has drawn."""
        return self._beats["overlay"].get("pictures", 0)

    def wait_until_served(self) -> None:
        """Decision and overlay are there, and every socket is connected."""
        told = Fault(part_id="none", camera="top", reason=Reason.NO_FRAME, detail="")
        self.wait_until(lambda counters: bool(counters) and "overlay" in self._beats and self._faults.send(told))

    def wait_until(self, done: Callable[[dict[str, int]], bool]) -> None:
        """Until `done` says so of decision's counters."""
        end_s = time.monotonic() + PATIENCE_S
        while not done(self.counters()):
            assert time.monotonic() < end_s, f"the stations do not get so far: {self._beats}"
            time.sleep(0.05)

    def _accepted(self, part_id: str, begin_ns: int) -> float | None:
        while self._gate.socket.poll(500):
            taken_ms = (time.monotonic_ns() - begin_ns) / 1e6
            for sender, accept in self._gate.drain():
                self._gate.acknowledge(sender, accept.part_id)
                if accept.part_id == part_id:
                    return taken_ms
        return None

    def _live(self) -> None:
        self._beats.update((health.station, health.counters) for health in self._health.drain())
        for station, publisher in (("inference", self._worker), ("capture.top", self._camera)):
            now_ns = time.monotonic_ns()
            publisher.send(Health(station=station, pid=1, sent_ns=now_ns, state="serving", counters={}))


def _shot(told: Announcement, slot: SlotRef) -> FrameReady:
    return FrameReady(
        part_id=told.part_id, camera="top", slot=slot, captured_ns=told.trigger_ns, deadline_ns=told.deadline_ns
    )


def _verdict(part_id: str, slot: SlotRef, captured_ns: int, checksum: int) -> Verdict:
    return Verdict(
        part_id=part_id, camera="top", slot=slot, score=0.25, threshold=0.5, pixel_threshold=0.4, model_version="v1",
        fingerprint=checksum, captured_ns=captured_ns, inference_start_ns=captured_ns, inference_end_ns=captured_ns,
        heat=bytes(HEAT_SIDE_PX**2),
    )  # fmt: skip


def _percentiles(taken_ms: list[float]) -> str:
    p50, p90, p99, p999 = np.percentile(taken_ms, (50, 90, 99, 99.9))
    return f"p50 {p50:.3f}, p90 {p90:.3f}, p99 {p99:.3f}, p99.9 {p999:.3f}, worst {max(taken_ms):.3f} ms"


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Another program has the ledger's write lock."""
    connection = sqlite3.connect(database, timeout=PATIENCE_S, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


@contextmanager
def _stations(path: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        command = [sys.executable, "-m"]
        running = [
            subprocess.Popen([*command, f"stations.{name}", str(path)], stderr=output)
            for name in ("decision", "overlay")
        ]
        try:
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
