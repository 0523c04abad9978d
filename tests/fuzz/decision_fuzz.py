"""A real decision station under damaged messages at all of its sockets: it lives on, and accepts what it should.

The test is the rest of the line: camera, worker, and the gate that accepts go to. Parts come in turn of two kinds. Of
the first, messages are damaged on their way: each must be refused, so that such a part is accepted exactly when an
undamaged good verdict came as well. Of the second, the damage carries a checksum that fits, as if a program had built
messages wrong: then nothing is accepted but by a verdict that, as it was sent, says good of that very part in time.
"""

import math
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
import zmq
from announced import announced
from byte_damage import damaged

from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.encoding import MalformedMessage, Message, decode, encode, sealed, unsealed
from line_inspector.line_file import read_line_file
from line_inspector.messages import AcceptPart, Ack, Announcement, Fault, FrameReady, Health, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.records.reading import read_parts
from line_inspector.records.schema import storable
from line_inspector.streams import ACCEPTS, ANNOUNCEMENTS, FAULTS, HEALTH, SHOTS, VERDICTS, Stream

PER_PART = 100  # damaged messages for each part
PERIOD_S = 0.02  # parts come no faster: their windows at the gate, 10 ms wide, keep apart
TRAVEL_NS, RESERVE_NS, FREE_NS = 2_000_000_000, 45_000_000, 20_000_000
PATIENCE_S = 60.0
LINE = {
    "recipe": "disc",
    "data_dir": ".",
    "belt": {"speed_mm_s": 1000},
    "cameras": {
        "top": {
            "source": {"kind": "simulated"},
            "trigger": {"kind": "line"},
            "to_gate_mm": 2000,
            "max_rate_hz": 50,
            "max_width_px": 64,
            "max_height_px": 64,
        }
    },
    "decision": {"gate": {"kind": "simulated", "window_ms": 10}},
}


@dataclass
class Tally:
    """What was sent, and what came of it."""

    damaged: int = 0
    refused: int = 0
    parts: int = 0
    accepted: int = 0
    rows: int = 0


@dataclass
class Sent:
    """What a part's messages said, as they were sent; those that decode."""

    announcements: list[Announcement] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def justified(self) -> bool:
        """Whether some verdict says good of the part as it was announced."""
        return any(_good(verdict, told) for verdict in self.verdicts for told in self.announcements)


def fuzz_decision(count: int, seed: int, folder: Path) -> Tally:
    """Raises AssertionError for an accept that nothing justifies, a part that is lost, and a station that ends."""
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump({"line": f"fuzz-{time.time_ns():x}"[:32], **LINE}))
    line = read_line_file(path)
    with _decision(path, folder / "decision.log") as process, _rest_of_the_line(line, seed) as rest:
        rest.wait_until_decision_serves(process)
        for number in range(-(-count // PER_PART)):
            rest.send_part(number)
            assert process.poll() is None, (folder / "decision.log").read_text()[-3000:]
        return rest.judge(process, line)


class RestOfTheLine:
    """Everything that decision talks with."""

    def __init__(self, line: Line, seed: int) -> None:
        self._rng = random.Random(seed)
        self._bus = Bus(line.sockets_dir)
        self._gate = self._bus.acked_receiver(ACCEPTS, AcceptPart)
        self._worker = self._bus.publisher(HEALTH, "inference")
        self._health = self._bus.subscriber(HEALTH, Health, ("decision",))
        self._out = {
            stream: _raw_sender(line, stream, zmq.DEALER if stream is ANNOUNCEMENTS else zmq.PUSH)
            for stream in (ANNOUNCEMENTS, VERDICTS, FAULTS, SHOTS)
        }
        self._sent: defaultdict[str, Sent] = defaultdict(Sent)
        self._refusable = 0
        self._intact: dict[str, bool] = {}  # part damaged on its way only: does an intact good verdict come, too
        self._accepts: list[AcceptPart] = []
        self._counters: dict[str, int] = {}
        self._beat_at_s = self._part_at_s = 0.0
        self.tally = Tally()

    def wait_until_decision_serves(self, process: "subprocess.Popen[bytes]") -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not self._counters:
            assert process.poll() is None and time.monotonic() < end_s, "decision does not start"
            self._listen()
            time.sleep(0.01)

    def send_part(self, number: int) -> None:
        """Announces a part, sends its damaged messages, and for every third one a good verdict."""
        time.sleep(max(0.0, self._part_at_s - time.monotonic()))
        self._part_at_s = time.monotonic() + PERIOD_S
        part_id, now_ns = self._rng.randbytes(12).hex(), time.monotonic_ns()  # no damage makes one of another
        true = announced(part_id, "top", now_ns, TRAVEL_NS, RESERVE_NS, FREE_NS)
        built_wrong, good_comes = bool(number % 2), number % 3 == 0
        if not (built_wrong and good_comes):  # otherwise the part is what damaged announcements make of it
            self._send(ANNOUNCEMENTS, encode(true), intact=True)
        examples = _examples(true)
        for _ in range(PER_PART):
            stream = self._rng.choice((ANNOUNCEMENTS, VERDICTS, VERDICTS, VERDICTS, FAULTS, SHOTS))
            wire, other = encode(examples[stream]), encode(self._rng.choice(list(examples.values())))
            if built_wrong:
                self._send(stream, sealed(damaged(unsealed(wire).tobytes(), self._rng, other)))
            elif (broken := damaged(wire, self._rng, other)) != wire:
                self._send(stream, broken)
        if good_comes:
            self._send(VERDICTS, encode(examples[VERDICTS]), intact=True)
        if not built_wrong:
            self._intact[part_id] = good_comes
        self.tally.parts += 1
        self._listen()

    def judge(self, process: "subprocess.Popen[bytes]", line: Line) -> Tally:
        """Waits until decision has decided every true part and the ledger has them, stops it, and compares."""
        decided_s = time.monotonic() + TRAVEL_NS / 1e9
        end_s = decided_s + PATIENCE_S
        while time.monotonic() < decided_s or self._unfinished():
            assert process.poll() is None and time.monotonic() < end_s, f"decision does not finish: {self._counters}"
            self._listen()
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) == 0
        self._compare(line)
        return self.tally

    def close(self) -> None:
        for closable in (self._gate, self._worker, self._health, *self._out.values()):
            closable.close()

    def _unfinished(self) -> bool:
        return self._counters["uncommitted"] > 0 or self._counters["refused"] < self._refusable

    def _compare(self, line: Line) -> None:
        rows = {row.part_id: row for row in read_parts(line.ledger_url)}
        accepted = {accept.part_id for accept in self._accepts}
        self.tally.rows, self.tally.accepted = len(rows), len(accepted)
        self.tally.refused = self._counters["refused"]
        assert self.tally.refused == self._refusable, "more was refused than was damaged"
        for part_id in accepted:
            assert self._sent[part_id].justified, f"{part_id} was accepted, and no verdict says so"
            row = rows[storable(part_id)]
            assert row.accepted and row.reason is Reason.GOOD and row.decided_ns < row.deadline_ns
        for part_id, good_came in self._intact.items():
            assert part_id in rows, f"{part_id} has no row"
            if not good_came:
                assert part_id not in accepted
        owed = [part_id for part_id, good_came in self._intact.items() if good_came]
        assert sum(part_id in accepted for part_id in owed) > 0.9 * len(owed), "good verdicts no longer accept"

    def _send(self, stream: Stream, wire: bytes, intact: bool = False) -> None:
        """Sends, and notes what it says to whoever understands it."""
        self.tally.damaged += not intact
        try:
            said: Message = decode(wire, stream.message)
        except MalformedMessage:
            self._refusable += 1
        else:
            if isinstance(said, Announcement):
                self._sent[said.part_id].announcements.append(said)
            elif isinstance(said, Verdict):
                self._sent[said.part_id].verdicts.append(said)
        self._out[stream].send(wire)

    def _listen(self) -> None:
        """Takes accepts, acknowledges them, at times with a damaged receipt; keeps the worker's health coming."""
        for sender, accept in self._gate.drain():
            self._accepts.append(accept)
            if self._rng.random() < 0.3:
                self._gate.socket.send_multipart([sender, damaged(encode(Ack(key=accept.part_id)), self._rng)])
            else:
                self._gate.acknowledge(sender, accept.part_id)
        for socket in (self._out[ANNOUNCEMENTS],):
            while socket.poll(0):
                socket.recv()
        for health in self._health.drain():
            self._counters = health.counters
        if time.monotonic() > self._beat_at_s:
            self._beat_at_s = time.monotonic() + 0.2
            self._worker.send(
                Health(station="inference", pid=1, sent_ns=time.monotonic_ns(), state="serving", counters={})
            )


def _good(verdict: Verdict, told: Announcement) -> bool:
    """An own reading of when a verdict accepts, independent of line_inspector/decision/policy.py."""
    surely_below = math.isfinite(verdict.score) and math.isfinite(verdict.threshold)
    surely_below = surely_below and 0 <= verdict.score < verdict.threshold
    return surely_below and verdict.camera == told.camera and verdict.captured_ns >= told.trigger_ns


def _examples(true: Announcement) -> dict[Stream, Message]:
    """What the other stations would say of the part: a good verdict, so that any damage that is not seen accepts."""
    slot = SlotRef(ring="line-inspector.fuzz.top.1.3x99", slot=1, generation=2)
    part, captured_ns = {"part_id": true.part_id, "camera": true.camera}, true.trigger_ns + 1_000_000
    return {
        ANNOUNCEMENTS: true,
        VERDICTS: Verdict(
            **part, slot=slot, score=0.25, threshold=0.5, pixel_threshold=0.4, model_version="v1", fingerprint=2**31,
            captured_ns=captured_ns, inference_start_ns=captured_ns, inference_end_ns=captured_ns, heat=bytes(64),
        ),
        FAULTS: Fault(**part, reason=Reason.NO_FRAME, detail="pulled cable"),
        SHOTS: FrameReady(**part, slot=slot, captured_ns=captured_ns, deadline_ns=true.deadline_ns),
    }  # fmt: skip


def _raw_sender(line: Line, stream: Stream, kind: int) -> "zmq.Socket[bytes]":
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    if kind == zmq.DEALER:
        socket.setsockopt(zmq.IDENTITY, b"capture.top")
    socket.connect(stream.endpoint(line.sockets_dir))
    return socket


@contextmanager
def _decision(path: Path, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "stations.decision", str(path)], stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def _rest_of_the_line(line: Line, seed: int) -> Iterator[RestOfTheLine]:
    rest = RestOfTheLine(line, seed)
    try:
        yield rest
    finally:
        rest.close()
