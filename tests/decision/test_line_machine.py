"""The state machine of a part, and of the line, on a belt that changes its speed: two cameras, a gate on a clock.

The machine plays belt, encoder, both captures, worker and gate. It knows every physical part's true way, and judges by
that: what is before the gate in an open window passes, whoever it is.
"""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from line_inspector.decision.decided import Decision
from line_inspector.decision.parts import PartBook
from line_inspector.messages import Announcement, Fault, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.tracking.encoded_belt import EncodedBelt
from line_inspector.tracking.gaps import Gap, Gaps
from line_inspector.tracking.window import Reach

MS = 1_000_000
STEP_NS = 5 * MS
TRAVEL = {"top": 400 * MS, "side": 350 * MS}
REACH = Reach(half_ns=40 * MS, least_half_ns=8 * MS)
RESERVE_NS, STALE_NS, TRANSIT_NS = 80 * MS, 100 * MS, 20 * MS


@dataclass
class Physical:
    """A part on the belt; `gate_place` is where it is before the gate."""

    number: int
    gate_place: int
    bad: bool
    unseen_by: str
    fallen: bool = False


@dataclass
class Camera:
    """What a capture keeps: the gaps, what it has announced, and what is on its way to decision."""

    name: str
    gaps: Gaps = field(default_factory=lambda: Gaps(0, 2 * REACH.half_ns + 1))
    told: dict[str, Announcement] = field(default_factory=dict)
    on_its_way: deque[tuple[int, str]] = field(default_factory=deque)

    def tell(self, gap: Gap, at_ns: int) -> None:
        known = {"free_from_ns": gap.from_ns, "free_until_ns": gap.until_ns, "followed": gap.followed}
        self.told[gap.part_id] = replace(self.told[gap.part_id], **known)
        self.on_its_way.append((at_ns, gap.part_id))


class LineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ns, self.place, self.speed = 1_000 * MS, 0, 1.0
        self.cameras = {name: Camera(name) for name in TRAVEL}
        self.parts: list[Physical] = []
        self.triggers: list[tuple[int, str, Physical]] = []
        self.answers: list[tuple[int, Verdict | Fault]] = []
        self.good: set[str] = set()
        self.decisions: dict[str, Decision] = {}
        self.windows: list[Decision] = []
        self.worker, self.delay_ns, self.encoder = "answers", 0, True
        self.start()

    def start(self) -> None:
        self.heard_ns = self.now_ns
        self.belt = EncodedBelt(ns_per_count=100_000, stale_after_ns=STALE_NS)
        self.book = PartBook(REACH, 400 * MS, self.now_ns, list(self.decisions), self.belt, lanes=[tuple(TRAVEL)])

    @rule(
        gap_ms=st.sampled_from([6, 30, 60, 100, 150, 300]),
        bad=st.booleans(),
        unseen=st.sampled_from(["", "", "", "top", "side"]),
    )
    def put(self, gap_ms: int, bad: bool, unseen: str) -> None:
        """A part comes, so far behind the last one; perhaps one of the cameras does not notice it."""
        behind = self.parts[-1].gate_place - TRAVEL["top"] if self.parts else 0
        part = Physical(len(self.parts), max(behind, self.place) + gap_ms * MS + TRAVEL["top"], bad, unseen)
        self.parts.append(part)
        self.triggers += [(part.gate_place - way, name, part) for name, way in TRAVEL.items() if name != unseen]
        self.triggers.sort(key=lambda trigger: trigger[:2])

    @rule(steps=st.integers(1, 60))
    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    @rule(speed=st.sampled_from([0.0, 0.4, 0.7, 1.0, 1.0]))
    def change_speed(self, speed: float) -> None:
        self.speed = speed

    @rule(worker=st.sampled_from(["answers", "answers", "is silent", "fails"]))
    def change_worker(self, worker: str) -> None:
        self.worker = worker

    @rule(delay_ms=st.sampled_from([0, 0, 10, 50, 400]))
    def delay_announcements(self, delay_ms: int) -> None:
        self.delay_ns = delay_ms * MS

    @rule(steps=st.integers(10, 40))
    def lose_the_encoder(self, steps: int) -> None:
        self.encoder = False
        self.run(steps)
        self.encoder = True

    @rule()
    def crash(self) -> None:
        """Decision dies: its heartbeat stops, so the gate closes; the next one hears of all parts again."""
        self.windows.clear()
        self.start()
        for camera in self.cameras.values():
            camera.on_its_way.clear()
            camera.on_its_way.extend((self.now_ns, part_id) for part_id in camera.told)

    def step(self) -> None:
        begin_ns, begin = self.now_ns, self.place
        self.now_ns += STEP_NS
        self.place += int(STEP_NS * self.speed)
        self.pass_the_gate(begin_ns, begin)
        while self.triggers and self.triggers[0][0] <= self.place:
            place, name, part = self.triggers.pop(0)
            self.trigger(self.cameras[name], part, begin_ns + int((place - begin) / (self.speed or 1)))
        if self.encoder:
            silent = self.belt.since_ns < self.now_ns and self.now_ns - self.heard_ns > STALE_NS
            assert self.belt.read(self.place // 100_000, self.now_ns) is not silent
            self.heard_ns = self.now_ns
            if silent:
                self.lose_track()
        if self.book.endangered(self.now_ns):
            self.windows.clear()
        for camera in self.cameras.values():
            self.announce(camera)
        for at_ns, answer in [answer for answer in self.answers if answer[0] <= self.now_ns]:
            self.answers.remove((at_ns, answer))
            hear = self.book.verdict if isinstance(answer, Verdict) else self.book.fault
            self.take(hear(answer, self.now_ns))
        if self.book.mistrusts_count():
            self.lose_track()
        self.take(self.book.expire(self.now_ns, worker_down=False))

    def lose_track(self) -> None:
        self.take(self.book.derailed(self.now_ns, "the encoder counts anew"))
        self.windows.clear()

    def pass_the_gate(self, begin_ns: int, begin: int) -> None:
        for part in self.parts:
            if part.fallen or not begin < part.gate_place <= self.place:
                continue
            part.fallen = True
            at_ns = begin_ns + int((part.gate_place - begin) / self.speed)
            for decision in self.windows:
                if decision.window_start_ns <= at_ns <= decision.window_end_ns:
                    assert self.is_of(part, decision), "a part passed in another one's window"
                    assert not part.bad, "it was not seen to be good"

    def is_of(self, part: Physical, decision: Decision) -> bool:
        """Two touching parts, each missed by another camera, look like one that both have seen; docs/tracking.md."""
        own = [name for name in TRAVEL if f"{name}-{part.number}" in decision.views]
        if len(own) < 2 and own:
            (other,) = (int(view.partition("-")[2]) for view in decision.views if not view.startswith(own[0]))
            return bool(part.unseen_by) and bool(self.parts[other].unseen_by) and self.touch(part, self.parts[other])
        return bool(own) and not part.unseen_by

    @staticmethod
    def touch(part: Physical, other: Physical) -> bool:
        return abs(part.gate_place - other.gate_place) <= 2 * REACH.least_half_ns + STEP_NS

    def trigger(self, camera: Camera, part: Physical, trigger_ns: int) -> None:
        part_id, way_ns = f"{camera.name}-{part.number}", TRAVEL[camera.name]
        camera.told[part_id] = Announcement(
            part_id=part_id,
            camera=camera.name,
            trigger_ns=trigger_ns,
            trigger_wall_ns=0,
            deadline_ns=trigger_ns + way_ns - RESERVE_NS,
            gate_ns=trigger_ns + way_ns,
        )
        sighting = camera.gaps.trigger(part_id, trigger_ns)
        for gap in (sighting.gap, *sighting.ended):
            camera.tell(gap, self.now_ns + self.delay_ns)
        if self.worker == "answers":
            if not part.bad:
                self.good.add(part_id)
            self.answers.append((self.now_ns + 30 * MS, verdict(part_id, camera.name, trigger_ns + 1, part.bad)))
        elif self.worker == "fails":
            fault = Fault(part_id=part_id, camera=camera.name, reason=Reason.ENGINE_FAULT, detail="")
            self.answers.append((self.now_ns + 10 * MS, fault))

    def announce(self, camera: Camera) -> None:
        gap = camera.gaps.watched(self.now_ns - TRANSIT_NS)
        if gap:
            camera.tell(gap, self.now_ns + self.delay_ns)
        while camera.on_its_way and camera.on_its_way[0][0] <= self.now_ns:
            self.take(self.book.announce(camera.told[camera.on_its_way.popleft()[1]], self.now_ns))

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            for part_id in decision.views:
                assert part_id not in self.decisions, "decided twice"
                self.decisions[part_id] = decision
            record = decision.record
            assert record.accepted == (record.reason is Reason.GOOD)
            if record.accepted:
                assert {part_id.partition("-")[0] for part_id in decision.views} == set(TRAVEL), "a view is missing"
                assert set(decision.views) <= self.good and record.decided_ns < record.deadline_ns
                self.windows.append(decision)

    def teardown(self) -> None:
        self.speed, self.delay_ns = 1.0, 0
        self.run(1_000 + 10 * len(self.parts))
        seen = {f"{name}-{part.number}" for part in self.parts for name in TRAVEL if name != part.unseen_by}
        triggered = {part_id for camera in self.cameras.values() for part_id in camera.told}
        assert set(self.decisions) == triggered
        assert not self.triggers and triggered == seen and len(self.book) == 0


def verdict(part_id: str, camera: str, captured_ns: int, bad: bool) -> Verdict:
    return Verdict(
        part_id=part_id,
        camera=camera,
        slot=SlotRef(ring="r", slot=0, generation=2),
        score=0.9 if bad else 0.1,
        threshold=0.5,
        pixel_threshold=0.4,
        model_version="v1",
        fingerprint=1,
        captured_ns=captured_ns,
        inference_start_ns=captured_ns,
        inference_end_ns=captured_ns,
        heat=b"",
    )


def on_its_way(behind_ms: int, speed: float) -> tuple[LineMachine, Decision]:
    """A good part whose accept has just gone out, on a belt at this speed; a bad one follows so far behind it."""
    line = LineMachine()
    line.run(20)
    line.put(300, False, "")
    line.put(behind_ms, True, "")
    line.change_speed(speed)
    while not line.windows:
        line.step()
    return line, line.windows[0]


def test_a_belt_that_runs_faster_than_when_the_accept_went_out_brings_nobody_else_through() -> None:
    line, accept = on_its_way(behind_ms=60, speed=0.4)
    line.change_speed(1.0)
    second = line.parts[1]
    while not second.fallen:
        line.step()
    assert accept.window_start_ns <= line.now_ns <= accept.window_end_ns, "it would have passed"
    assert line.windows == []


def test_accepts_are_taken_back_when_the_encoder_falls_silent() -> None:
    line, _ = on_its_way(behind_ms=300, speed=0.3)
    line.lose_the_encoder(25)
    assert line.windows == []
    line.put(300, False, "")
    line.lose_the_encoder(200)
    line.teardown()
    assert line.decisions["top-2"].record.reason is Reason.BELT_UNKNOWN


def test_a_belt_that_stands_keeps_its_parts_waiting() -> None:
    line = LineMachine()
    line.run(20)
    line.put(10, False, "")
    line.run(40)
    line.change_speed(0.0)
    line.run(2_000)
    assert line.decisions == {}
    line.teardown()
    assert line.decisions["top-0"].record.accepted


def test_in_peace_every_good_part_with_room_around_it_passes() -> None:
    line = LineMachine()
    line.run(20)
    for speed in (1.0, 0.5, 0.0, 0.7):
        for bad in (False, True):
            line.put(300, bad, "")
        line.run(60)
        line.change_speed(speed)
    line.teardown()
    reasons = [line.decisions[f"top-{part.number}"].record.reason for part in line.parts]
    assert reasons == [Reason.ANOMALY if part.bad else Reason.GOOD for part in line.parts]


LineMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLineMachine = LineMachine.TestCase
