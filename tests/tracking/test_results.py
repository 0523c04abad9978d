"""The table of what becomes of a trigger: as in docs/tracking.md, and with a test of its behaviour for each row."""

from pathlib import Path

from line_inspector.part_record import Reason
from line_inspector.tracking.results import TRIGGER_RESULTS, trigger_table

ROOT = Path(__file__).parent.parent.parent


def test_the_page_shows_the_table() -> None:
    assert trigger_table() in (ROOT / "docs" / "tracking.md").read_text(), "put trigger_table() into docs/tracking.md"


def test_no_row_accepts_and_no_reason_stands_twice() -> None:
    reasons = [reason for row in TRIGGER_RESULTS for reason in row.reasons]
    assert Reason.GOOD not in reasons and len(set(reasons)) == len(reasons)
