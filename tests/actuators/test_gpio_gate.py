"""gpio.py on a chip that the test makes: the kernel offers none here, so only our side of the interface is shown."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import gpiod
import pytest
from gpiod.line import Clock, Direction, Edge, Value

from line_inspector.actuators import build_gate
from line_inspector.actuators.gate import BinReading
from line_inspector.actuators.gpio import GpioGate
from line_inspector.alarms.book import AlarmBook
from line_inspector.alarms.watch import Conditions, LineWatch
from line_inspector.bus import Bus
from line_inspector.config import AlarmSettings, GpioGateSettings
from line_inspector.errors import InputError

MS = 1_000_000
TOP, SIDE, BEAT, STOP, BIN, FULL = 17, 18, 27, 22, 23, 24


class FakeRequest:
    """Lines that note when they were set, and to what. As gpiod's, it is false once released."""

    def __init__(self, config: dict[Any, gpiod.LineSettings]) -> None:
        self.released = False
        self.changes: list[tuple[int, int, bool]] = []  # (monotonic ns, line, active)
        self.settings = {
            line: value for key, value in config.items() for line in (key if type(key) is tuple else (key,))
        }
        self.active = {line: value.output_value is Value.ACTIVE for line, value in self.settings.items()}
        self.pulses: list[gpiod.EdgeEvent] = []
        self.fault: OSError | None = None

    def __bool__(self) -> bool:
        return not self.released

    def set_values(self, values: dict[int, Value]) -> None:
        assert not self.released
        for line, value in values.items():
            self.active[line] = value is Value.ACTIVE
            self.changes.append((time.monotonic_ns(), line, value is Value.ACTIVE))

    def release(self) -> None:
        self.released = True

    def wait_edge_events(self, timeout: float) -> bool:
        assert timeout == 0 and not self.released
        if self.fault:
            raise self.fault
        return bool(self.pulses)

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        taken, self.pulses = self.pulses[:16], self.pulses[16:]
        return taken

    def get_value(self, line: int) -> Value:
        assert self.settings[line].direction is Direction.INPUT
        return Value.ACTIVE if self.active[line] else Value.INACTIVE

    def pulse(self, number: int, at_ns: int) -> None:
        kind = gpiod.EdgeEvent.Type.RISING_EDGE.value
        self.pulses.append(gpiod.EdgeEvent(kind, at_ns, BIN, global_seqno=number, line_seqno=number))

    def edges(self, line: int) -> list[tuple[int, bool]]:
        return [(at_ns, active) for at_ns, changed, active in self.changes if changed == line]


class FakeChip:
    """Stands for gpiod.Chip."""

    def __init__(self) -> None:
        self.request: FakeRequest | None = None
        self.inputs: FakeRequest | None = None
        self.closed = False

    def __enter__(self) -> "FakeChip":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def request_lines(
        self, config: dict[Any, gpiod.LineSettings], consumer: str, event_buffer_size: int | None = None
    ) -> FakeRequest:
        assert consumer == "line-inspector"
        made = FakeRequest(config)
        if any(value.direction is Direction.INPUT for value in made.settings.values()):
            assert event_buffer_size
            self.inputs = made
        else:
            self.request = made
        return made


def gpio_settings(**changes: Any) -> GpioGateSettings:
    lines = {"chip": "/dev/gpiochip0", "accept_lines": {"top": TOP, "side": SIDE}, "heartbeat_line": BEAT}
    return GpioGateSettings(kind="gpio", heartbeat_timeout_ms=200, **{**lines, **changes})


@pytest.fixture
def gate_and_lines() -> Iterator[tuple[GpioGate, FakeRequest]]:
    chip = FakeChip()
    gate = GpioGate(gpio_settings(), lambda path: chip)  # type: ignore[arg-type, return-value]
    assert chip.request and chip.closed
    yield gate, chip.request
    gate.safe()


def keep_beating(gate: GpioGate, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s and not until():
        gate.beat(time.monotonic_ns(), prepared=True)
        time.sleep(0.005)


@pytest.mark.parametrize("active_low", [False, True])
def test_lines_are_requested_as_outputs_at_rest(active_low: bool) -> None:
    chip = FakeChip()
    gate = GpioGate(gpio_settings(active_low=active_low), lambda path: chip)  # type: ignore[arg-type, return-value]
    gate.safe()
    assert chip.request
    assert set(chip.request.settings) == {TOP, SIDE, BEAT}
    for settings in chip.request.settings.values():
        assert (settings.direction, settings.output_value) == (Direction.OUTPUT, Value.INACTIVE)
    assert [chip.request.settings[line].active_low for line in (TOP, SIDE, BEAT)] == [active_low, active_low, False]


def test_a_line_is_active_in_its_parts_window_and_never_outside(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.05)
    start_ns = time.monotonic_ns() + 100 * MS
    end_ns = start_ns + 80 * MS
    gate.accept("part", "top", start_ns, end_ns)
    keep_beating(gate, 0.4)
    (opened_ns, opened), (closed_ns, closed) = [edge for edge in lines.edges(TOP) if edge[0] > start_ns - 50 * MS]
    assert (opened, closed) == (True, False)
    assert start_ns <= opened_ns < start_ns + 40 * MS
    assert end_ns - 5 * MS < closed_ns < end_ns + 40 * MS, "a busy machine wakes the thread late, not that late"
    assert not any(active for _, active in lines.edges(SIDE))


def test_windows_that_touch_leave_the_line_active_between_them(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.02)
    start_ns = time.monotonic_ns() + 60 * MS
    for number in range(3):
        gate.accept(str(number), "side", start_ns + number * 40 * MS, start_ns + (number + 1) * 40 * MS + 10 * MS)
    keep_beating(gate, 0.35)
    assert [active for _, active in lines.edges(SIDE)][-2:] == [True, False]
    assert sum(active for _, active in lines.edges(SIDE)) == 1


def test_a_window_that_has_begun_opens_nothing(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.02)
    now_ns = time.monotonic_ns()
    gate.accept("late", "top", now_ns - MS, now_ns + 80 * MS)
    keep_beating(gate, 0.05)
    assert not any(active for _, active in lines.edges(TOP))


def test_the_heartbeat_toggles_with_the_loop_and_stops_with_it(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.5)
    time.sleep(0.02)
    edges = lines.edges(BEAT)
    levels = [active for _, active in edges]
    assert all(one is not other for one, other in zip(levels, levels[1:], strict=False))
    assert 6 <= len(edges) <= 12, "20 Hz for half a second"
    time.sleep(0.3)
    assert lines.edges(BEAT) == edges


def test_a_loop_that_hangs_lets_go_of_an_open_line(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.02)
    start_ns = time.monotonic_ns() + 20 * MS
    gate.accept("part", "top", start_ns, start_ns + 5_000 * MS)
    keep_beating(gate, 0.1)
    assert lines.active[TOP]
    time.sleep(0.3)
    assert not lines.active[TOP]
    keep_beating(gate, 0.1)
    assert not lines.active[TOP], "the window came back to life with the loop"


def test_safe_lets_go_before_it_returns_and_for_good(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.02)
    start_ns = time.monotonic_ns() + 20 * MS
    gate.accept("part", "top", start_ns, start_ns + 5_000 * MS)
    keep_beating(gate, 1.0, until=lambda: lines.active[TOP])
    assert lines.active[TOP]
    gate.safe()
    assert not lines.active[TOP]
    gate.safe()
    gate.accept("next", "top", time.monotonic_ns() + 20 * MS, time.monotonic_ns() + 500 * MS)
    keep_beating(gate, 1.0, until=lambda: not gate.alive)
    assert lines.released and not gate.alive
    assert not lines.active[TOP]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_a_line_ends_the_gate_and_safe_does_not_raise() -> None:
    class Broken(FakeRequest):
        def set_values(self, values: dict[int, Value]) -> None:
            raise OSError(19, "No such device")

    chip = FakeChip()
    chip.request_lines = lambda config, consumer: Broken(config)  # type: ignore[method-assign, assignment]
    gate = GpioGate(gpio_settings(), lambda path: chip)  # type: ignore[arg-type, return-value]
    end_s = time.monotonic() + 5
    while gate.alive and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not gate.alive
    gate.safe()


def test_no_method_waits(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, _ = gate_and_lines
    took_ms = []
    for number in range(300):
        start_ns = time.perf_counter_ns()
        gate.accept(str(number), "top", time.monotonic_ns() + 10 * MS, time.monotonic_ns() + 30 * MS)
        gate.beat(time.monotonic_ns(), prepared=True)
        took_ms.append((time.perf_counter_ns() - start_ns) / MS)
        time.sleep(0.002)
    assert median(took_ms) < 2 and quantiles(took_ms, n=10)[-1] < 20, "a window of 20 ms is not waited for"


@pytest.mark.parametrize(
    ("chip", "words"),
    [
        ("/dev/gpiochip77", "no such GPIO chip"),
        ("/dev/null", r"GPIO chip cannot be opened \(\w.*\)\. Give"),
    ],
)
def test_a_chip_that_is_not_there_is_one_clear_line(chip: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{chip}: {words}"):
        build_gate(gpio_settings(chip=chip), Bus(tmp_path), ("top", "side"))


def test_a_line_that_cannot_be_had_is_one_clear_line() -> None:
    def refuse(config: object, consumer: str) -> FakeRequest:
        raise OSError(16, "Device or resource busy")

    chip = FakeChip()
    chip.request_lines = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(InputError, match=r"GPIO lines 17, 18, 27 cannot be had \(.*busy\)"):
        GpioGate(gpio_settings(), lambda path: chip)  # type: ignore[arg-type, return-value]
    assert chip.closed


def test_a_missing_extra_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gpiod", None)
    with pytest.raises(InputError, match=r"gpiod is not installed .*pip install 'line-inspector\[gpio\]'"):
        build_gate(gpio_settings(), Bus(tmp_path), ("top", "side"))


def test_windows_that_are_taken_back_close_at_once(gate_and_lines: tuple[GpioGate, FakeRequest]) -> None:
    gate, lines = gate_and_lines
    keep_beating(gate, 0.05)
    now_ns = time.monotonic_ns()
    gate.accept("open", "top", now_ns + 20 * MS, now_ns + 2_000 * MS)
    gate.accept("to come", "side", now_ns + 150 * MS, now_ns + 300 * MS)
    keep_beating(gate, 1, until=lambda: lines.active[TOP])
    assert lines.active[TOP]
    gate.recall()
    keep_beating(gate, 0.3)
    assert not lines.active[TOP] and not any(active for _, active in lines.edges(SIDE))


@pytest.mark.parametrize("active_low", [False, True])
def test_the_stop_line_is_active_while_a_stop_is_asked_for(active_low: bool) -> None:
    chip = FakeChip()
    gate = GpioGate(gpio_settings(stop_line=STOP, active_low=active_low), lambda path: chip)  # type: ignore[arg-type, return-value]
    lines = chip.request
    assert lines and lines.settings[STOP].direction is Direction.OUTPUT
    assert lines.settings[STOP].active_low is active_low and not lines.active[STOP]
    for asked in (False, True, False, True):
        end_s = time.monotonic() + 5
        while lines.active[STOP] is not asked or not lines.changes:
            assert time.monotonic() < end_s
            gate.beat(time.monotonic_ns(), prepared=True, stop_requested=asked)
            time.sleep(0.005)
    gate.safe()
    assert not lines.active[STOP]
    levels = [active for _, active in lines.edges(STOP)]
    assert levels[-4:] == [True, False, True, False]


def with_bin(**changes: Any) -> tuple[GpioGate, FakeRequest]:
    chip = FakeChip()
    settings = gpio_settings(bin_line=BIN, bin_full_line=FULL, **changes)
    gate = GpioGate(settings, lambda path: chip)  # type: ignore[arg-type, return-value]
    assert chip.inputs and chip.request and set(chip.request.settings) == {TOP, SIDE, BEAT}
    return gate, chip.inputs


def test_the_lines_of_the_bin_are_inputs_and_pulses_carry_the_clock_that_we_decide_by() -> None:
    gate, lines = with_bin(bin_active_low=True, bin_debounce_ms=3)
    gate.safe()
    assert set(lines.settings) == {BIN, FULL}
    assert all(one.direction is Direction.INPUT and one.active_low for one in lines.settings.values())
    pulses = lines.settings[BIN]
    assert (pulses.edge_detection, pulses.event_clock) == (Edge.RISING, Clock.MONOTONIC)
    assert pulses.debounce_period == timedelta(milliseconds=3)


def test_pulses_are_counted_also_those_that_the_kernel_had_no_room_for() -> None:
    gate, lines = with_bin()
    first = gate.bin_reading
    assert first and (first.count, first.full) == (0, False)
    for number in range(1, 41):
        lines.pulse(number, number * MS)
    gate.beat(time.monotonic_ns(), prepared=True)
    assert gate.bin_reading == BinReading(first.run, 40, 40 * MS, False)
    lines.pulse(2**16 + 5, 90 * MS)
    lines.active[FULL] = True
    keep_beating(gate, 0.2)
    assert gate.bin_reading == BinReading(first.run, 5, 90 * MS, True)
    gate.safe()


def test_a_reject_that_is_seen_falling_on_the_line_is_confirmed_and_another_is_an_alarm() -> None:
    gate, lines = with_bin()
    book = AlarmBook()
    watch = LineWatch(AlarmSettings(bin_sensor=True, bin_tolerance_ms=50), [("top",)], book)

    def look() -> set[str]:
        now_ns = time.monotonic_ns()
        gate.beat(now_ns, prepared=True, stop_requested=book.stop_requested)
        watch.look(Conditions(False, False, False, False, False, gate.bin_reading), now_ns, 0)
        return {one.alarm.name for one in book.standing}

    look()
    watch.expect_reject("seen", time.monotonic_ns())
    lines.pulse(1, time.monotonic_ns())
    keep_beating(gate, 0.1)
    assert look() == set()
    watch.expect_reject("lost", time.monotonic_ns())
    time.sleep(0.1)
    assert look() == {"reject_unconfirmed"} and "lost" in book.standing[0].detail
    lines.active[FULL] = True
    keep_beating(gate, 0.1)
    assert look() == {"reject_unconfirmed", "bin_full"}
    gate.safe()


def test_lines_of_the_bin_that_cannot_be_read_any_more_end_the_gate() -> None:
    gate, lines = with_bin()
    lines.fault = OSError(19, "No such device")
    keep_beating(gate, 0.1)
    assert not gate.alive and gate.bin_reading is None
    gate.safe()
