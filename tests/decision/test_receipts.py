"""receipts.py: an announcement is acknowledged only after its commit, a journal line kept until it has served."""

from line_inspector.decision import receipts as receipts_module
from line_inspector.decision.receipts import Receipts


def test_a_sender_waits_for_the_commit() -> None:
    receipts = Receipts(keep_ns=100)
    assert not receipts.announced("a", b"top")
    assert not receipts.announced("a", b"top")
    assert len(receipts) == 1
    assert receipts.committed("a", now_ns=5) == b"top"
    assert len(receipts) == 0


def test_an_announcement_repeated_after_its_commit_has_its_receipt_at_once() -> None:
    receipts = Receipts(keep_ns=100)
    assert receipts.committed("recovered", now_ns=5) is None
    assert receipts.announced("recovered", b"top")


def test_a_restarted_sender_gets_the_receipt() -> None:
    receipts = Receipts(keep_ns=100)
    receipts.announced("a", b"capture-1")
    receipts.announced("a", b"capture-2")
    assert receipts.committed("a", now_ns=5) == b"capture-2"


def test_journal_lines_are_served_once_and_only_after_any_deadline() -> None:
    receipts = Receipts(keep_ns=100)
    receipts.committed("a", now_ns=5)
    receipts.committed("b", now_ns=50)
    assert receipts.served(now_ns=104) == []
    assert receipts.served(now_ns=105) == ["a"]
    assert receipts.served(now_ns=1_000) == ["b"]
    assert receipts.served(now_ns=2_000) == []


def test_memory_is_bounded() -> None:
    receipts = Receipts(keep_ns=0)
    for number in range(receipts_module.REMEMBERED_PARTS + 1):
        receipts.committed(str(number), now_ns=0)
    assert not receipts.announced("0", b"top")
    assert receipts.announced("1", b"top")
