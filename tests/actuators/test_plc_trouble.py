"""A PLC that stands still, is off, or whose clock jumps: nothing passes that must not, and service comes back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_plc_gates import KINDS, Bench, Plc

from line_inspector.simulation.plc_trouble import TROUBLE_FILE, PlcState, Trouble, write_trouble


@pytest.fixture(scope="module", params=KINDS)
def troubled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A gate on a cable to its PLC, and the file that brings trouble to that."""
    told = tmp_path_factory.mktemp("plc") / "trouble"
    write_trouble(told, Trouble())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TROUBLE_FILE, str(told))
        plc = Plc(request.param)
        bench = Bench(request.param, plc)
        try:
            yield bench, told
        finally:
            write_trouble(told, Trouble())
            bench.close()
            plc.close()


def test_a_plc_that_stands_still_or_is_off_lets_nothing_pass_and_is_served_again(troubled: tuple[Bench, Path]) -> None:
    bench, told = troubled
    write_trouble(told, Trouble())
    bench.wait_until(bench.send_past, timeout_s=60)
    for state in (PlcState.PAUSED, PlcState.OFF):
        session = bench.plc._program.session
        write_trouble(told, Trouble(state))
        bench.wait_until(lambda: not bench.gate.accepting)
        assert not any(bench.send_past(after_ms=150) for _ in range(3))
        write_trouble(told, Trouble())
        bench.wait_until(bench.send_past, timeout_s=30)
        assert (bench.plc._program.session != session) == (state is PlcState.OFF)


def test_a_window_of_before_opens_nothing_after_a_restart(troubled: tuple[Bench, Path]) -> None:
    bench, told = troubled
    write_trouble(told, Trouble())
    bench.wait_until(bench.send_past, timeout_s=60)
    gate_ns = time.monotonic_ns() + 3_000_000_000
    bench.gate.accept("part", "top", gate_ns - 1_500_000_000, gate_ns + 1_500_000_000)
    time.sleep(0.3)
    write_trouble(told, Trouble(PlcState.OFF))
    time.sleep(0.3)
    write_trouble(told, Trouble())
    bench.wait_until(lambda: bench.gate.accepting, timeout_s=30)
    assert not bench.plc.passage("part", "top", time.monotonic_ns()).accepted


def test_a_clock_that_jumps_makes_what_waits_meaningless(troubled: tuple[Bench, Path]) -> None:
    bench, told = troubled
    write_trouble(told, Trouble())
    bench.wait_until(bench.send_past, timeout_s=60)
    gate_ns = time.monotonic_ns() + 2_000_000_000
    bench.gate.accept("part", "top", gate_ns - 50_000_000, gate_ns + 50_000_000)
    time.sleep(0.3)
    write_trouble(told, Trouble(clock_shift_ms=1_000))  # the window comes a second early now
    while time.monotonic_ns() < gate_ns - 900_000_000:
        assert not bench.plc.passage("another", "top", time.monotonic_ns()).accepted
        time.sleep(0.005)
    bench.wait_until(bench.send_past)
