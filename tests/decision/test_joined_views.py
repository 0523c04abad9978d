"""parts.py: what several cameras see of one part becomes one decision, good only when each of them says so."""

import pytest
from announced import inspected
from msgspec.structs import replace

from line_inspector.decision.parts import Decision, PartBook
from line_inspector.messages import Announcement, Fault, Verdict
from line_inspector.part_record import Reason, is_part, views_of
from line_inspector.tracking.window import Reach

MS = 1_000_000
TRAVEL = {"top": 400 * MS, "side": 300 * MS, "end": 300 * MS}
REACH = Reach(half_ns=40 * MS, least_half_ns=5 * MS)
START_NS, FAR_NS = 10_000 * MS, 1_000 * MS


def new_book(decided: tuple[str, ...] = ()) -> PartBook:
    return PartBook(REACH, 400 * MS, 0, decided, lanes=[("top", "side"), ("end",)])


def seen(camera: str, at_gate_ns: int = START_NS + 400 * MS, name: str = "1") -> Announcement:
    trigger_ns = at_gate_ns - TRAVEL[camera]
    return Announcement(
        part_id=f"{camera}-{name}",
        camera=camera,
        trigger_ns=trigger_ns,
        trigger_wall_ns=0,
        deadline_ns=at_gate_ns - 80 * MS,
        gate_ns=at_gate_ns,
        free_from_ns=trigger_ns - FAR_NS,
        free_until_ns=trigger_ns + FAR_NS,
    )


def decided(
    book: PartBook, *messages: Announcement | Verdict | Fault, at_ns: int = START_NS + 200 * MS
) -> list[Decision]:
    decisions: list[Decision] = []
    for message in messages:
        kind = {Announcement: book.announce, Verdict: book.verdict, Fault: book.fault}[type(message)]
        decisions += kind(message, at_ns)  # type: ignore[operator]
    return decisions


@pytest.mark.parametrize("first", ["top", "side"])
def test_two_good_views_are_one_accepted_part_named_after_the_first_camera(first: str) -> None:
    top, side = seen("top"), seen("side", START_NS + 403 * MS)
    order = (top, side) if first == "top" else (side, top)
    book = new_book()
    [decision] = decided(book, *order, *(inspected(told) for told in order))
    record = decision.record
    assert book.announced == 1
    assert record.accepted and (record.part_id, record.camera, record.gate_ns) == ("top-1", "top", top.gate_ns)
    assert set(decision.views) == {"top-1", "side-1"} and decision.shown == "top-1"
    assert [(view.part_id, view.reason, view.score) for view in views_of(record)] == [
        ("top-1", "good", 0.1),
        ("side-1", "good", 0.1),
    ]
    assert decision.window_start_ns == side.gate_ns - REACH.half_ns, "the window is what suits both"
    assert decision.window_end_ns == top.gate_ns + REACH.half_ns


def test_one_bad_view_rejects_the_part_and_is_the_one_that_is_shown() -> None:
    top, side = seen("top"), seen("side")
    [decision] = decided(new_book(), top, side, inspected(top), inspected(side, score=0.9))
    assert (decision.record.reason, decision.record.score, decision.shown) == (Reason.ANOMALY, 0.9, "side-1")
    assert decision.record.part_id == "top-1"


def test_a_view_without_a_frame_rejects_the_part_by_its_name() -> None:
    top, side = seen("top"), seen("side")
    torn = Fault(part_id="side-1", camera="side", reason=Reason.NO_FRAME, detail="cable")
    [decision] = decided(new_book(), top, side, torn, inspected(top))
    assert (decision.record.accepted, decision.record.reason) == (False, Reason.NO_FRAME)


@pytest.mark.parametrize("camera", ["top", "side"])
def test_a_view_that_nobody_announced_rejects_the_part_at_its_deadline(camera: str) -> None:
    book, told = new_book(), seen(camera)
    assert decided(book, told, inspected(told)) == []
    [decision] = book.expire(told.deadline_ns, worker_down=False)
    assert (decision.record.part_id, decision.record.reason) == (told.part_id, Reason.VIEW_MISSING)
    other = seen("side" if camera == "top" else "top")
    [late] = book.announce(other, told.deadline_ns + 1)
    assert (late.record.part_id, late.record.reason) == (other.part_id, Reason.LATE_VIEW)
    assert not late.record.accepted and told.part_id in late.record.detail and not is_part(late.record)
    assert decided(book, inspected(other), other, at_ns=told.deadline_ns + 2) == [] and len(book) == 0


def test_only_one_view_of_each_camera_and_near_the_part_can_be_late() -> None:
    book, top = new_book(), seen("top")
    decided(book, top)
    [without] = book.expire(top.deadline_ns, worker_down=False)
    assert without.record.reason is Reason.NO_VERDICT and is_part(without.record)
    late, at_ns = seen("side", top.gate_ns + 9 * MS, "late"), top.deadline_ns + 1
    for part, reason in (
        (seen("side", top.gate_ns + 11 * MS, "far"), None),
        (late, Reason.LATE_VIEW),
        (seen("side", top.gate_ns + 8 * MS, "again"), None),
        (seen("top", top.gate_ns - 3 * MS, "again"), None),
    ):
        reasons = [decision.record.reason for decision in book.announce(part, at_ns)]
        reasons += [decision.record.reason for decision in book.expire(part.deadline_ns, worker_down=False)]
        assert Reason.GOOD not in reasons and (Reason.LATE_VIEW in reasons) is (reason is Reason.LATE_VIEW), part


def test_a_view_that_a_waiting_part_takes_is_not_late_for_another() -> None:
    book, first, second = new_book(), seen("top"), seen("top", START_NS + 408 * MS, "2")
    decided(book, first)
    book.expire(first.deadline_ns, worker_down=False)
    side = seen("side", START_NS + 407 * MS)
    [both] = decided(book, second, side, inspected(second), inspected(side))
    assert set(both.views) == {"top-2", "side-1"} and both.record.accepted


def test_a_double_trigger_waits_for_no_view() -> None:
    book, top, side = new_book(), seen("top", name="1+"), seen("side")
    [double] = decided(book, top, Fault(part_id="top-1+", camera="top", reason=Reason.DOUBLE_TRIGGER, detail=""))
    assert not is_part(double.record)
    assert decided(book, side) == []
    [alone] = book.expire(side.deadline_ns, worker_down=False)
    assert is_part(alone.record) and not alone.record.accepted


def test_after_a_crash_a_late_view_is_one_still() -> None:
    book, top = new_book(), seen("top")
    decided(book, top)
    [without] = book.expire(top.deadline_ns, worker_down=False)
    restarted = new_book(decided=("top-1",))
    restarted.recovered([without.record])
    [late] = restarted.announce(seen("side"), top.deadline_ns + 1)
    assert late.record.reason is Reason.LATE_VIEW


def test_when_the_encoder_counts_anew_old_places_have_no_late_view() -> None:
    book = new_book()
    decided(book, seen("top"))
    assert [decision.record.reason for decision in book.derailed(START_NS + 201 * MS, "")] == [Reason.BELT_UNKNOWN]
    assert book.announce(seen("side"), START_NS + 202 * MS) == [] and book.announced == 2


def test_views_too_far_apart_are_of_two_parts() -> None:
    book, top, side = new_book(), seen("top"), seen("side", START_NS + 441 * MS)
    assert decided(book, top, side, inspected(top), inspected(side)) == []
    decisions = book.expire(side.deadline_ns, worker_down=False)
    assert [decision.record.reason for decision in decisions] == [Reason.VIEW_MISSING] * 2


def test_a_view_belongs_to_the_part_that_is_nearest() -> None:
    book = new_book()
    tops = [seen("top", START_NS + ms * MS, str(ms)) for ms in (400, 430)]
    sides = [seen("side", START_NS + ms * MS, str(ms)) for ms in (428, 402)]
    decisions = decided(book, *tops, *sides, *(inspected(told) for told in (*tops, *sides)))
    assert {decision.views for decision in decisions} == {("top-400", "side-402"), ("top-430", "side-428")}


def test_a_doubled_trigger_of_one_camera_does_no_harm() -> None:
    book, top, side = new_book(), seen("top"), seen("side")
    again = seen("top", START_NS + 403 * MS, "1+")
    double = Fault(part_id="top-1+", camera="top", reason=Reason.DOUBLE_TRIGGER, detail="")
    reject, accept = decided(book, top, again, double, side, inspected(top), inspected(side))
    assert (reject.views, reject.record.reason) == (("top-1+",), Reason.DOUBLE_TRIGGER)
    assert accept.record.accepted and set(accept.views) == {"top-1", "side-1"}


def test_after_a_crash_every_view_is_known() -> None:
    book = new_book(decided=("top-1", "side-1"))
    assert decided(book, seen("side"), seen("top"), inspected(seen("top"))) == [] and len(book) == 0


def test_a_part_that_waits_only_for_its_gap_or_another_camera_waits_for_no_verdict() -> None:
    book = new_book()
    unwatched = replace(seen("end"), free_until_ns=seen("end").trigger_ns)
    assert decided(book, seen("top"), unwatched) == [] and (len(book), book.unanswered) == (2, 2)
    assert decided(book, inspected(seen("top"))) == [] and book.unanswered == 1
    assert decided(book, inspected(unwatched)) == [] and (len(book), book.unanswered) == (2, 0)
    decided(book, seen("side"))
    assert book.unanswered == 1, "the other camera has announced its view"


@pytest.mark.parametrize("camera", ["side", "end"])
def test_an_id_that_two_cameras_announce_is_a_reject_and_no_crash(camera: str) -> None:
    top, other = seen("top"), replace(seen(camera), part_id="top-1")
    book = new_book()
    assert decided(book, top, inspected(top)) == []
    decisions = decided(book, other, inspected(other)) + book.expire(top.deadline_ns, worker_down=False)
    assert [decision.record.reason for decision in decisions] == [Reason.WRONG_FRAME]
    assert camera in decisions[0].record.detail and len(book) == 0
    assert decided(book, top, other) == []
