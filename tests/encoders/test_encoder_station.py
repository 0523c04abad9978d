"""The station encoder as a process, with real Modbus TCP and OPC UA servers on loopback."""

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from counted_belt import COUNTS_PER_S, KINDS, LULL_NS, CountedBelt, falls, source_at, write_line_file

from line_inspector.messages import Encoder
from line_inspector.tracking.encoded_belt import EncodedBelt

MS = 1_000_000
Make = Callable[..., CountedBelt]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[CountedBelt] = []

    def one(kind: str = "modbus", **settings: Any) -> CountedBelt:
        made.append(CountedBelt(tmp_path, kind, **settings))
        made[-1].until_heard()
        return made[-1]

    yield one
    for belt in made:
        belt.close()


def speed_of(readings: list[Encoder]) -> float:
    """In counts per second, over the longest time between two beginnings."""
    fallen = [place for place in range(1, len(readings)) if readings[place].count < readings[place - 1].count]
    bounds = [0, *fallen, len(readings)]
    first, end = max(itertools.pairwise(bounds), key=lambda stretch: stretch[1] - stretch[0])
    readings = readings[first:end]
    return (readings[-1].count - readings[0].count) / (readings[-1].read_ns - readings[0].read_ns) * 1e9


@pytest.mark.parametrize("kind", KINDS)
def test_the_count_arrives_and_rises_with_the_belt(make: Make, kind: str) -> None:
    belt = make(kind)
    readings = belt.run(1.5)
    assert 60 < len(readings) < 170, belt.log()
    assert falls(readings) == 0 and all(b.read_ns > a.read_ns for a, b in itertools.pairwise(readings))
    assert speed_of(readings) == pytest.approx(COUNTS_PER_S, rel=0.05)
    assert sorted(reading.uncertain_ns for reading in readings)[len(readings) // 2] < 15 * MS
    followed = EncodedBelt(belt.line.belt.ns_per_count, 100 * MS)
    lost = [not followed.read(reading.count, reading.read_ns, reading.uncertain_ns) for reading in readings]
    assert sum(lost) <= sum(b.read_ns - a.read_ns > LULL_NS for a, b in itertools.pairwise(readings))
    belt.plc.set(speed=0)
    belt.run(0.3)
    standing = belt.run(0.3)
    assert standing and len({reading.count for reading in standing}) == 1, "a belt that stands is heard"
    belt.until(lambda: belt.health is not None and belt.health.state == "serving")


@pytest.mark.parametrize(
    "settings",
    [{}, {"word_order": "low_first"}, {"table": "input"}, {"bits": 16}, {"falling": True}, {"cycle_ms": 0}],
    ids=lambda settings: "-".join(settings) or "default",
)
def test_the_count_wraps_and_goes_on_rising(make: Make, settings: dict[str, Any]) -> None:
    belt = make(**settings)
    if settings.get("falling"):
        belt.plc.set(1_000, speed=-1)
    else:
        belt.plc.set(2 ** settings.get("bits", 32) - 1_000)
    belt.run(0.1)  # it was set: a beginning
    readings = belt.run(0.6)  # 3000 counts
    assert falls(readings) == 0, belt.log()
    assert speed_of(readings) == pytest.approx(COUNTS_PER_S, rel=0.1)


def test_a_counter_that_is_reset_is_a_fall_in_one_line(make: Make) -> None:
    belt = make()
    before = belt.run(0.3)[-1]
    belt.plc.set(0)
    readings = [before, *belt.run(0.5)]
    assert min(b.count - a.count for a, b in itertools.pairwise(readings)) < 0, belt.log()
    assert falls(readings) <= 1 == belt.log().count("was set to")
    assert speed_of(readings) == pytest.approx(COUNTS_PER_S, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_dies_is_silence_and_its_return_a_beginning(make: Make, kind: str) -> None:
    belt = make(kind)
    before = belt.run(0.2)[-1]
    belt.stop_plc()
    belt.run(0.3)
    assert belt.run(0.7) == [], "nothing is told of a count that nobody knows"
    assert belt.health and belt.health.state == "no count"
    belt.start_plc()
    belt.until_heard()
    assert belt.first_after(before, silent_ns=900 * MS).count < before.count
    readings = belt.run(0.5)
    assert speed_of(readings) == pytest.approx(COUNTS_PER_S, rel=0.1)
    assert len(belt.errors) == 1, belt.log()
    belt.until(lambda: "can be read again" in belt.log())


def test_a_cable_that_is_pulled_is_silence_and_a_beginning(make: Make) -> None:
    belt = make()
    before = belt.run(0.2)[-1]
    belt.cable.pull()
    belt.run(0.3)
    assert belt.run(0.7) == []
    belt.cable.plug_in()
    belt.until_heard()
    assert belt.first_after(before, silent_ns=700 * MS).count < before.count
    assert len(belt.errors) == 1, belt.log()


def test_a_station_that_is_frozen_tells_nothing_old_as_new_and_one_that_is_killed_begins_lower(make: Make) -> None:
    belt = make()
    before = belt.run(0.2)[-1]
    belt.station.send_signal(signal.SIGSTOP)
    belt.run(0.5)
    belt.station.send_signal(signal.SIGCONT)
    belt.until_heard()
    assert belt.first_after(before, silent_ns=350 * MS).count < before.count
    belt.station.kill()
    belt.station.wait()
    belt.run(0.1)
    last = belt.heard[-1]
    belt.start_station()
    belt.until(lambda: belt.health is not None and belt.health.pid == belt.station.pid)
    belt.until_heard()
    assert belt.first_after(last, silent_ns=0).count < last.count


WRONG = {
    "modbus": [
        ({"address": 4_000}, "refuses to have 2 registers read"),
        ({"table": "input"}, "refuses to have 2 registers read"),
    ],
    "opcua": [
        ({"node_id": "ns=3;s=Belt.speed"}, "BadNodeIdUnknown"),
        ({"node_id": "i=2254"}, "is no whole number of 16, 32 or 64 bits (an array)"),
        ({"node_id": "i=2258"}, "is no whole number of 16, 32 or 64 bits (DateTime)"),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_wrongly_is_one_line_and_no_count(make: Make, tmp_path: Path, kind: str) -> None:
    belt = make(kind)
    for wrong, words in WRONG[kind]:
        before = len(belt.errors)
        belt.read_elsewhere(source_at(kind, belt.cable.port) | wrong)
        belt.until(lambda: bool(belt.health and belt.health.counters["faults"] > 20))
        assert belt.run(0.1) == []
        (error,) = belt.errors[before:]
        assert words in error


def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    belt = CountedBelt(tmp_path, "modbus")
    belt.stop_plc()
    belt.until(lambda: belt.health is not None)
    assert belt.run(0.3) == []
    belt.start_plc()
    belt.until_heard()
    belt.close()


@pytest.mark.parametrize("belt", [{"speed_mm_s": 500}, {"speed_mm_s": 500, "encoder": {"mm_per_count": 1}}])
def test_a_line_without_a_counter_has_no_such_station(tmp_path: Path, belt: dict[str, Any]) -> None:
    path = write_line_file(tmp_path, source_at("modbus", 1))
    text = path.read_text()
    start, end = text.index("belt:"), text.index("cameras:")
    path.write_text(f"{text[:start]}belt: {belt}\n{text[end:]}")
    done = subprocess.run(
        [sys.executable, "-m", "stations.encoder", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2 and "has no counter to be read" in done.stderr and "Traceback" not in done.stderr
