"""Parts, very many of them, through capture, ring, engine, decision and ledger: does anything grow, is anything lost?

    python tests/benchmarks/soak.py [--parts 1000000] [--warm-up 8000] [--cameras 8] [--rate HZ] [--overlay]
                                    [--log FILE]

All stations are the real ones, each a process of its own, with a fast stand-in for the model (soak_station.py); this
program triggers them and takes the accepts. It climbs to the highest rate that holds: it slows down when more than half
a second's worth of parts waits to be committed, or when a fifth of them goes uninspected. Prints, for each process,
resident memory in the second and in the last tenth of the parts, descriptors, threads and CPU time per part, its own
last; the frame rings in /dev/shm; and whether triggers = accepted + rejected = rows in the ledger, and accepts at the
gate = accepted rows. The parts that are judged follow a warm-up, in which the database's page cache and the allocators
fill, and the archive does, so that images are retired from then on: a few megabytes, whatever the number of parts.
Halfway through it decision and inference are stopped for a second each, so that the backlog which a busy machine may
cause at any time has been there once: what it took is not given back but used again. Ends with exit code 1 when a
process has grown by more than 2 %, a descriptor or a ring is left over, or a count is wrong.
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
import yaml
from processes import Holding, holding

from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.line_file import read_line_file
from line_inspector.messages import AcceptPart, Health, Trigger
from line_inspector.ring import PREFIX, SHM
from line_inspector.streams import ACCEPTS, HEALTH, TRIGGERS

SIDE_PX = 64
DEFECTIVE_EVERY = 50
STALLED = ("decision", "inference")  # for a second each
ARCHIVE_MB = 0.15  # full within the shortest warm-up: some 200 pictures, three of a hundred parts have one
REMEMBERED_PARTS = 20_000  # as in the stations
FIRST_RATE_HZ, FASTER, SLOWER, TRIAL_S = 40.0, 1.1, 0.8, 2.0
WAITING_S, UNINSPECTED = 0.5, 0.2
INSPECTED = ("reason.good", "reason.anomaly")
PATIENCE_S = 90.0
CAMERA_RATE_HZ = 50  # at most; a trigger older than 10 ms is late
LISTENS_EVERY_S = 0.01  # to accepts and acknowledgements: nobody waits for it
PROGRESS_S = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=1_000_000)
    parser.add_argument("--warm-up", type=int, default=8_000, help="parts before those that are judged")
    parser.add_argument("--growth", type=float, default=2, help="of a process's memory, in percent, at most")
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--rate", type=float, help="parts per second, and no climbing: to compare CPU time")
    parser.add_argument("--overlay", action="store_true", help="the operators' page runs, too")
    parser.add_argument("--log", type=Path, help="what the stations print")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="line-inspector-soak-") as folder:
        line_file = write_line(Path(folder), arguments.cameras)
        log = arguments.log or Path(folder) / "stations.log"
        with log.open("wb") as output:
            soak = Soak(line_file, arguments.warm_up, arguments.parts, arguments.rate, arguments.overlay, output)
            try:
                soak.run()
                complaints = soak.judge(arguments.growth / 100)
            finally:
                soak.end()
    for complaint in complaints:
        print(f"MISSED: {complaint}")
    return 1 if complaints else 0


def write_line(folder: Path, cameras: int) -> Path:
    """A line of small frames, every fiftieth of them bright, which the stand-in takes for a defect."""
    (folder / "frames").mkdir()
    for number in range(DEFECTIVE_EVERY):
        grey = 250 if number == DEFECTIVE_EVERY - 1 else 20 + number
        frame = np.full((SIDE_PX, SIDE_PX), grey, np.uint8)
        frame[:, 1::2] = 128  # stripes: a camera that shows one grey is blind
        cv2.imwrite(str(folder / "frames" / f"{number:03d}.png"), frame)
    camera = {
        "source": {"kind": "folder", "path": "frames"}, "trigger": {"kind": "line"}, "to_gate_mm": 1000,
        "max_rate_hz": CAMERA_RATE_HZ, "max_width_px": SIDE_PX, "max_height_px": SIDE_PX, "channels": 1,
    }  # fmt: skip
    content = {
        "line": f"soak-{time.time_ns():x}"[:32],
        "recipe": "disc",
        "data_dir": "data",
        "belt": {"speed_mm_s": 1000},
        "cameras": {f"top{number}": camera for number in range(cameras)},
        "decision": {"gate": {"kind": "simulated", "window_ms": 4}},
        "records": {
            "keep_frames_s": 0.5,
            "accept_sample": 0.01,
            "archive_max_mb": ARCHIVE_MB,
            "archive_min_free_mb": 0,
        },
        "overlay": {"port": 0},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


class Soak:
    """The line, its triggers, and what was seen of it."""

    def __init__(
        self, line_file: Path, warm_up: int, parts: int, rate_hz: float | None, overlay: bool, output: Any
    ) -> None:
        self.line, self._warm_up, self._parts = read_line_file(line_file), warm_up, parts
        self._processes = _start(self.line, line_file, min(REMEMBERED_PARTS, parts // 10), overlay, output)
        bus = Bus(self.line.sockets_dir)
        self._gate = bus.acked_receiver(ACCEPTS, AcceptPart)
        self._triggers = {name: bus.acked_sender(TRIGGERS, "world", name) for name in self.line.cameras}
        self._health = bus.subscriber(HEALTH, Health, tuple(self._processes))
        self._beats: dict[str, Health] = {}
        self._at_gate: set[str] = set()
        self._sent, self._rate_hz, self._highest_hz = 0, rate_hz or FIRST_RATE_HZ, rate_hz or 0.0
        self._climbs = rate_hz is None
        self._stalls = [(name, blow) for name in STALLED for blow in (signal.SIGSTOP, signal.SIGCONT)]
        self._seen: defaultdict[str, list[tuple[int, Holding]]] = defaultdict(list)
        self._cpu_s: list[tuple[int, float]] = []  # of this program
        self._took_s = 0.0

    def run(self) -> None:
        """Triggers every part, and waits until the last is acknowledged."""
        self._wait(lambda: self._beats.keys() >= self._processes.keys(), "the stations do not start")
        begin_s = next_s = listen_s = look_s = trial_s = said_s = time.monotonic()
        before: Counter[str] = Counter()
        while self._sent < self._warm_up + self._parts:
            now_s = time.monotonic()
            if now_s >= next_s:
                next_s = max(
                    next_s + 1 / self._rate_hz, now_s - 2 / self._rate_hz
                )  # what was missed is not made up for
                self._trigger()
            if now_s >= look_s:
                look_s = now_s + 1.0
                self._look()
                self._stall_or_resume()
            if self._climbs and now_s >= trial_s + TRIAL_S:
                trial_s, before = now_s, self._pace(before)
            if now_s >= said_s + PROGRESS_S:
                said_s = now_s
                self._say(now_s - begin_s)
            if now_s >= listen_s:
                listen_s = now_s + LISTENS_EVERY_S
                self._listen()
            time.sleep(max(0.0, min(next_s, listen_s) - time.monotonic()))
        self._wait(lambda: not self._waiting, "the last parts are not acknowledged")
        self._took_s = time.monotonic() - begin_s
        self._look()

    def judge(self, growth: float) -> list[str]:
        """Prints the tables; what was not as it must be."""
        complaints = self._judge_holdings(growth)
        rings = [path.name for path in SHM.glob(f"{PREFIX}.{self.line.ring_owner}.*")]
        if len(rings) != len(self.line.cameras):
            complaints.append(f"{len(rings)} frame rings of {len(self.line.cameras)} cameras")
        time.sleep(0.5)
        self._listen()
        reasons = {name: count for name, count in self._beats["decision"].counters.items() if "reason" in name}
        codes = self.end()
        complaints += [f"{name} ended with code {code}" for name, code in codes.items() if code]
        left = list(SHM.glob(f"{PREFIX}.{self.line.ring_owner}.*"))
        print(f"\nframe rings in /dev/shm: {len(rings)} while it ran, {len(left)} afterwards")
        if left:
            complaints.append(f"left in /dev/shm: {left}")
        print(", ".join(f"{name.removeprefix('reason.')} {count}" for name, count in sorted(reasons.items())))
        return complaints + self._judge_counts()

    def end(self) -> dict[str, int]:
        """Stops what runs, capture first; exit codes by name."""
        order = sorted(self._processes, key=lambda name: (name == "decision", not name.startswith("capture")))
        codes = {}
        for name in order:
            self._processes[name].terminate()
            if name.startswith("capture"):
                continue  # all at once
            codes[name] = self._processes[name].wait(PATIENCE_S)
        return codes | {name: self._processes[name].wait(PATIENCE_S) for name in order}

    def spent_ms(self) -> dict[str, float]:
        """CPU milliseconds a part of each process, after the warm-up."""
        return {name: self._per_part([(sent, held.cpu_s) for sent, held in seen]) for name, seen in self._seen.items()}

    @property
    def _waiting(self) -> int:
        return sum(len(sender) for sender in self._triggers.values())

    def _trigger(self) -> None:
        camera = f"top{self._sent % len(self._triggers)}"
        self._sent += 1
        part_id = f"{camera}-1-{self._sent:07d}"
        self._triggers[camera].send(part_id, Trigger(part_id=part_id, camera=camera, trigger_ns=time.monotonic_ns()))

    def _listen(self) -> None:
        for sender, accept in self._gate.drain():
            self._at_gate.add(accept.part_id)
            self._gate.acknowledge(sender, accept.part_id)
        now_ns = time.monotonic_ns()
        for triggers in self._triggers.values():
            triggers.acknowledged()
            triggers.resend(now_ns)
        self._beats.update((beat.station, beat) for beat in self._health.drain())

    def _look(self) -> None:
        for name, process in self._processes.items():
            assert process.poll() is None, f"{name} has ended"
            self._seen[name].append((self._sent, holding(process.pid)))
        self._cpu_s.append((self._sent, time.process_time()))

    def _stall_or_resume(self) -> None:
        """The next step, if any is left: called once a second."""
        if self._stalls and self._sent >= self._warm_up / 2:
            name, blow = self._stalls.pop(0)
            self._processes[name].send_signal(blow)

    def _pace(self, before: Counter[str]) -> Counter[str]:
        """Faster while the line keeps up; the counters it went by."""
        counters = Counter(self._beats["decision"].counters)
        decided = sum(counters[name] - before[name] for name in ("accepted", "rejected"))
        inspected = sum(counters[name] - before[name] for name in INSPECTED)
        if self._waiting > WAITING_S * self._rate_hz or inspected < (1 - UNINSPECTED) * decided:
            self._rate_hz = max(FIRST_RATE_HZ / 2, self._rate_hz * SLOWER)
        else:
            self._highest_hz = max(self._highest_hz, self._rate_hz)
            self._rate_hz = min(CAMERA_RATE_HZ * len(self._triggers), self._rate_hz * FASTER)
        return counters

    def _wait(self, done: "Any", complaint: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end_s, complaint
            for name, process in self._processes.items():
                assert process.poll() is None, f"{name} has ended"
            self._listen()
            time.sleep(0.005)

    def _say(self, seconds: float) -> None:
        resident_mb = sum(seen[-1][1].resident_kb for seen in self._seen.values()) / 1000
        told = f"{self._sent:,} parts in {seconds:.0f} s, now {self._rate_hz:.0f}/s, {self._waiting} waiting"
        print(f"{told}, {resident_mb:.0f} MB", file=sys.stderr, flush=True)

    def _judge_holdings(self, most: float) -> list[str]:
        complaints = []
        heads = ("process", "second tenth, MB", "last tenth, MB", "growth", "descriptors", "threads", "CPU ms a part")
        print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
        spent_ms = self.spent_ms()
        for name, seen in self._seen.items():
            shares = [((sent - self._warm_up) / self._parts, held) for sent, held in seen]
            second = [held for share, held in shares if 0.1 <= share <= 0.2]
            last = [held for share, held in shares if share >= 0.9]
            before, after = (fmean(held.resident_kb for held in some) / 1000 for some in (second, last))
            growth = after / before - 1
            descriptors = max(held.descriptors for held in second), last[-1].descriptors
            threads = max(held.threads for held in second), last[-1].threads
            cells = (name, f"{before:.1f}", f"{after:.1f}", f"{growth:+.2%}", "{} → {}".format(*descriptors))
            print(f"| {' | '.join(cells)} | {threads[0]} → {threads[1]} | {spent_ms[name]:.2f} |")
            if growth > most:
                complaints.append(f"{name} has grown by {growth:.2%}")
            if descriptors[1] > descriptors[0]:
                complaints.append(f"{name} had {descriptors[0]} descriptors, and then {descriptors[1]}")
            if threads[1] > threads[0]:
                complaints.append(f"{name} had {threads[0]} threads, and then {threads[1]}")
        print(
            f"CPU time: {sum(spent_ms.values()):.2f} ms a part, and {self._per_part(self._cpu_s):.2f} of this program"
        )
        return complaints

    def _per_part(self, cpu_s: list[tuple[int, float]]) -> float:
        """Milliseconds of CPU per part, after the warm-up, of what had been spent by when so many parts were sent."""
        judged = [(sent, spent) for sent, spent in cpu_s if sent >= self._warm_up]
        return 1000 * (judged[-1][1] - judged[0][1]) / (judged[-1][0] - judged[0][0])

    def _judge_counts(self) -> list[str]:
        with sqlite3.connect(self.line.ledger_url.removeprefix("sqlite:///")) as connection:
            rows = dict(connection.execute("select accepted, count(*) from parts group by accepted"))
        accepted, rejected = rows.get(1, 0), rows.get(0, 0)
        print(f"triggers {self._sent} = accepted {accepted} + rejected {rejected} = rows {accepted + rejected}")
        rate = f"{self._sent / self._took_s:.0f} parts/s on average, {self._highest_hz:.0f}/s at best"
        hours = 1_000_000 / (self._sent / self._took_s) / 3600
        print(f"accepts at the gate {len(self._at_gate)}; {rate}: {hours:.1f} h for a million")
        complaints = []
        if self._sent != accepted + rejected:
            complaints.append(f"{self._sent} triggers, but {accepted + rejected} rows")
        if len(self._at_gate) != accepted:
            complaints.append(f"{len(self._at_gate)} accepts at the gate, but {accepted} accepted rows")
        return complaints


def _start(
    line: Line, line_file: Path, remembered: int, overlay: bool, output: Any
) -> "dict[str, subprocess.Popen[bytes]]":
    program = str(Path(__file__).with_name("soak_station.py"))
    wanted = {"decision": ["decision"], "inference": ["inference"]}
    wanted |= {f"capture.{name}": ["capture", "--camera", name] for name in line.cameras}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    started = {}
    for name, (kind, *options) in wanted.items():
        of_it = remembered // len(line.cameras) if kind == "capture" else remembered
        command = [sys.executable, program, kind, str(of_it), str(line_file), *options]
        started[name] = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    if overlay:
        command = [sys.executable, "-m", "stations.overlay", str(line_file)]
        started["overlay"] = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    return started


if __name__ == "__main__":
    sys.exit(main())
