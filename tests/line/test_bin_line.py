"""World, captures and decision as processes, on a belt that changes its speed and stops, with a sensor over the bin:
what the sensor sees is confirmed, and what it does not see is an alarm. The count is told by the world, or read off a
server.
"""

from pathlib import Path

import pytest
from tracked_line import TrackedLine, encoder_of, gate_of

ALARMS = {"bin_sensor": True, "rejects_in_row": 1000, "window_parts": 1000, "window_rejects": 1000}


def fallen(folder: Path, gate: str, encoder: str, **world: object) -> tuple[TrackedLine, int]:
    """A line that has run, and how many of its parts were rejected."""
    line = TrackedLine(folder, gate_of(gate), encoder_of(encoder), {"stop_share": 0.4, **world}, alarms=ALARMS)
    try:
        line.run(seconds=12)
    finally:
        line.close()
    spans = [part.gate_ns - part.trigger_ns for part in line.parts]
    assert max(spans) > 1.5 * min(spans), "the belt has not stood"
    return line, sum(part.bin == "reject" for part in line.parts)


@pytest.mark.parametrize(
    ("gate", "encoder"),
    [("simulated", "world"), pytest.param("modbus", "modbus", marks=pytest.mark.slow)],
)
def test_rejects_that_fall_when_the_belt_brings_them_are_confirmed(tmp_path: Path, gate: str, encoder: str) -> None:
    line, rejected = fallen(tmp_path, gate, encoder)
    assert rejected > 8 and "reject_unconfirmed" not in line.raised, line.log()


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "encoder"), [("simulated", "world"), ("modbus", "modbus")])
def test_rejects_that_the_sensor_does_not_see_are_an_alarm(tmp_path: Path, gate: str, encoder: str) -> None:
    line, rejected = fallen(tmp_path, gate, encoder, bin_missed_share=1)
    assert rejected > 8 and line.raised.count("reject_unconfirmed") > rejected / 2, line.log()
