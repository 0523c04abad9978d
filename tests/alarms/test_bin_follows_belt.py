"""reject_bin.py on a belt that slows, stops, restarts and loses its count: a reject is awaited where it falls."""

from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from line_inspector.actuators.gate import BinReading
from line_inspector.alarms.reject_bin import RejectBin
from line_inspector.tracking.encoded_belt import EncodedBelt

MS = 1_000_000
TRAVEL, FALL_NS, TOLERANCE_NS = 400 * MS, 30 * MS, 40 * MS
NS_PER_COUNT = 0.2 * MS
SPACING = 100 * MS


@dataclass
class OnBelt:
    """A rejected part: where the belt truly is when it is before the gate, and whether the sensor will see it."""

    part_id: str
    place: int
    seen: bool
    gone: bool = False


class World:
    """The true belt, its encoder, the bin and its sensor. A part is rejected as it comes, TRAVEL before the gate."""

    def __init__(self, late_ms: int = 0) -> None:
        self.now_ns, self.place, self.speed, self.silent, self.offset = 0, 0.0, 1.0, False, 0
        self.belt = EncodedBelt(NS_PER_COUNT, 100 * MS)
        self.bin = RejectBin(FALL_NS, TOLERANCE_NS, self.belt)
        self.late_ns = late_ms * MS
        self.parts: list[OnBelt] = []
        self.pulses: list[int] = []
        self.count, self.seen_ns = 65_530, 0
        self.lost: list[str] = []
        self.run(200)

    def part(self, seen: bool = True) -> str:
        part = OnBelt(f"part {len(self.parts)}", int(self.place) + TRAVEL, seen)
        self.parts.append(part)
        here = self.belt.place(self.now_ns)
        if here is None:
            self.bin.unplaced(part.part_id, TRAVEL, self.now_ns)
        else:
            self.bin.rejected(part.part_id, here + TRAVEL, self.now_ns)
        return part.part_id

    def run(self, ms: int) -> list[str]:
        """What was missed in the meantime."""
        before = len(self.lost)
        for _ in range(ms):
            self.step()
        return self.lost[before:]

    def step(self) -> None:
        self.now_ns += MS
        self.place += MS * self.speed
        for part in self.parts:
            if not part.gone and self.place >= part.place:
                part.gone = True
                if part.seen:
                    self.pulses.append(self.now_ns + FALL_NS + self.late_ns)
        for at_ns in [at_ns for at_ns in self.pulses if at_ns <= self.now_ns]:
            self.pulses.remove(at_ns)
            self.count, self.seen_ns = (self.count + 1) % 2**16, at_ns
        if self.now_ns % (10 * MS) == 0 and not self.silent:
            counts = int(self.place / NS_PER_COUNT) + self.offset
            if not self.belt.read(counts, self.now_ns):
                self.bin.derailed(self.now_ns)
        if self.now_ns % (5 * MS) == 0:
            self.bin.heard(BinReading(1, self.count, self.seen_ns, False))
            self.lost += self.bin.overdue(self.now_ns)


SPEEDS = st.sampled_from([0.0, 0.1, 0.4, 0.7, 1.0])


@given(
    legs=st.lists(st.tuples(SPEEDS, st.integers(1, 8), st.booleans(), st.booleans()), max_size=12),
    late_ms=st.integers(-25, 25),
)
def test_exactly_the_lost_rejects_are_unconfirmed_whatever_the_belt_does(
    legs: list[tuple[float, int, bool, bool]], late_ms: int
) -> None:
    """Each leg: a speed, for so long; then a part comes or none, and the sensor sees it or not."""
    world, comes = World(late_ms), 0
    for speed, tens, comes_one, seen in legs:
        world.speed = speed
        world.run(10 * tens)
        if comes_one and world.place >= comes:
            world.part(seen)
            comes = int(world.place) + SPACING
    world.speed = 1.0
    world.run(800)
    assert world.lost == [part.part_id for part in world.parts if not part.seen]
    assert world.bin.unexpected == 0


@given(
    legs=st.lists(st.tuples(SPEEDS, st.integers(1, 30), st.booleans(), st.booleans(), st.booleans()), max_size=12),
    resets=st.booleans(),
)
@example(legs=[(0.0, 5, True, True, True)], resets=False)  # it stops unheard, and goes on within the patience
def test_as_many_are_missed_as_were_lost_also_when_the_count_is(
    legs: list[tuple[float, int, bool, bool, bool]], resets: bool
) -> None:
    """Each leg may be one of which the encoder tells nothing; afterwards it may count from elsewhere."""
    world, comes = World(), 0
    for speed, tens, comes_one, seen, silent in legs:
        world.offset -= 5000 * (resets and world.silent and not silent)
        world.speed, world.silent = speed, silent
        world.run(10 * tens)
        if comes_one and world.place >= comes:
            world.part(seen)
            comes = int(world.place) + SPACING
    world.speed, world.silent = 1.0, False
    world.run(1500)
    assert len(world.lost) == sum(not part.seen for part in world.parts)


def test_a_belt_that_stands_puts_the_fall_off() -> None:
    world = World()
    world.part()
    lost = world.part(seen=False)
    world.run(200)
    world.speed = 0.0
    assert world.run(5000) == [], "they lie before the gate"
    world.speed = 0.1
    assert world.run(2000 + 300) == [], "the way that is tolerated takes ten times as long"
    assert world.run(300) == [lost] and world.bin.unexpected == 0


def test_a_belt_that_stops_behind_the_gate_puts_the_alarm_off_and_not_away() -> None:
    world = World()
    lost = world.part(seen=False)
    world.run(420)
    world.speed = 0.0
    assert world.run(3000) == []
    world.speed = 1.0
    assert world.run(200) == [lost]


@pytest.mark.parametrize("falls_at_once", [True, False])
def test_a_part_that_stands_before_the_very_gate_falls_now_or_when_the_belt_goes_on(falls_at_once: bool) -> None:
    world = World()
    world.part()
    world.run(400 if falls_at_once else 399)
    world.speed = 0.0
    assert world.run(3000) == [] and world.parts[0].gone is falls_at_once
    world.speed = 1.0
    assert world.run(500) == [] and world.bin.unexpected == 0


def test_what_is_on_the_belt_when_the_counter_is_reset_is_awaited_all_the_same() -> None:
    world = World()
    for seen in (True, False, True):
        world.part(seen)
        world.run(100)
    world.offset = -int(world.place / NS_PER_COUNT)
    assert world.run(420) == ["part 1"]
    world.part()
    assert world.run(800) == []


def test_a_dead_encoder_is_no_reject_that_is_missed() -> None:
    world = World()
    world.part()
    world.run(50)
    world.silent = True
    world.run(150)
    world.part(seen=False)
    assert world.run(10_000) == [], "belt_unknown is the alarm of that"
    world.silent = False
    assert world.run(800) == ["part 1"]


def test_a_pulse_is_put_where_the_belt_was_and_not_where_it_was_thought_to_be() -> None:
    """The encoder is late by 90 ms, as a busy machine makes it, while the belt stops hard."""
    world = World()
    world.part()
    world.run(380)
    world.silent, world.speed = True, 0.0
    world.run(90)
    world.silent = False
    assert world.run(1000) == []
    world.speed = 1.0
    assert world.run(500) == [] and world.bin.unexpected == 0
