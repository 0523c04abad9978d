"""World, captures and decision as processes, on a belt that changes its speed and stops, with touching parts, gaps,
doubled and missing triggers, two cameras for each part; the count told by the world, or read off a server.

Judged by the world's own record. The worker is the test's own, and reads its verdict off the part's very frame: that of
a defective part is painted bright. So a defective part in the accept bin was let pass by the tracking.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked_line import TrackedLine, encoder_of, gate_of

from line_inspector.part_record import views_of
from line_inspector.records.verification import verify
from line_inspector.simulation.record import AGAIN
from line_inspector.simulation.summary import summary

TROUBLE = {"touching_share": 0.15, "touching_mm": 4, "gap_share": 0.05, "double_share": 0.1, "missing_share": 0.06}


@pytest.fixture(
    params=[
        ("simulated", "world"),
        pytest.param(("modbus", "world"), marks=pytest.mark.slow),
        pytest.param(("simulated", "modbus"), marks=pytest.mark.slow),
        pytest.param(("modbus", "modbus"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def tracked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TrackedLine]:
    gate, encoder = request.param
    line = TrackedLine(tmp_path, gate_of(gate), encoder_of(encoder), TROUBLE)
    yield line
    line.close()


def test_nothing_defective_or_unseen_passes_whatever_the_belt_does(tracked: TrackedLine) -> None:
    tracked.run(seconds=20)
    parts, rows = tracked.parts, tracked.rows
    passed = [part for part in parts if part.bin == "accept"]
    print(Counter(row.reason.value for row in rows.values()), len(passed), len(parts))
    told = summary(parts, rows.values())
    assert (told.defective_accepted, told.uninspected_accepted, told.ledger_gaps) == (0, 0, 0), tracked.log()
    clean = [part for part in parts if len(part.told) == 2 and not part.defective]
    assert len(passed) > len(clean) / 3 > 3, f"{len(passed)} of {len(clean)} passed; log:\n{tracked.log()}"
    assert {"anomaly", "touching", "view_missing", "double_trigger"} <= {row.reason.value for row in rows.values()}
    for part in passed:
        views = views_of(rows[part.part_id])
        assert [view.camera for view in views] == ["top", "side"]
        assert all(view.reason == "good" and view.score is not None and view.score < 0.5 for view in views)
    doubled = {part_id for part in parts for part_id in part.told if part_id.endswith(AGAIN)}
    assert doubled and not any(rows[part_id].accepted for part_id in doubled & rows.keys())
    spans = [part.gate_ns - part.trigger_ns for part in parts]
    assert max(spans) > 1.3 * min(spans), "the belt has not changed its speed"
    verified = verify(tracked.line.ledger_url, tracked.line.archive_dir)
    assert verified.faults == []
