"""Who gets which frame: pure, so that any sequence of workers, answers and losses can be tried."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from line_inspector.messages import FrameReady, SlotRef
from line_inspector.workers.delay import REMEMBERED_NS, Delay
from line_inspector.workers.model_id import ModelId
from line_inspector.workers.sharing import Asked, OpenFrame, Sharing
from line_inspector.workers.workload import DOUBT_NS, MOST_IN_FLIGHT, Workload

MS = 1_000_000
MODEL = ModelId("one", "0" * 64)
NAMES = ("near", "far", "farther")


def frame(part_id: str, deadline_ns: int) -> FrameReady:
    slot = SlotRef(ring="r", slot=0, generation=2)
    return FrameReady(part_id=part_id, camera="top", slot=slot, captured_ns=0, deadline_ns=deadline_ns)


def two_workers(near_ms: int = 10, far_ms: int = 10) -> tuple[Sharing, dict[str, Workload]]:
    loads = {"near": Workload(), "far": Workload()}
    loads["near"].guess(near_ms * MS)
    loads["far"].guess(far_ms * MS)
    return Sharing(loads), loads


def give(sharing: Sharing, loads: dict[str, Workload], item: OpenFrame, now_ns: int, able: list[str]) -> str | None:
    name = sharing.choose(item, able, now_ns)
    if name:
        loads[name].sent(item.frame.part_id, now_ns)
        sharing.given(item, name, Asked(MODEL, now_ns, None))
    return name


def opened(sharing: Sharing, part_id: str, deadline_ns: int) -> OpenFrame:
    item = sharing.open(frame(part_id, deadline_ns))
    assert item
    return item


def test_frames_are_shared_evenly_and_a_worker_that_is_behind_gets_fewer() -> None:
    sharing, loads = two_workers()
    given = [give(sharing, loads, opened(sharing, f"p{n}", 10**9), n * MS, ["near", "far"]) for n in range(6)]
    assert sorted(given) == ["far"] * 3 + ["near"] * 3
    for part_id in [f"p{n}" for n in range(6) if given[n] == "near"]:
        loads["near"].answered(part_id, 50 * MS)
    assert give(sharing, loads, opened(sharing, "p6", 10**9), 50 * MS, ["near", "far"]) == "near"


def test_a_frame_that_nobody_can_answer_in_time_is_given_to_nobody() -> None:
    sharing, loads = two_workers(100, 100)
    for n in range(2):
        assert give(sharing, loads, opened(sharing, f"p{n}", 250 * MS), 0, ["near", "far"])
    assert give(sharing, loads, opened(sharing, "p2", 150 * MS), 0, ["near", "far"]) is None
    assert give(sharing, loads, opened(sharing, "p3", 250 * MS), 0, ["near", "far"]), "this one could be in time"


def test_an_idle_worker_is_tried_against_a_bad_estimate_which_then_mends() -> None:
    sharing, loads = two_workers(500, 500)
    assert give(sharing, loads, opened(sharing, "p0", 100 * MS), 0, ["near"]) == "near"
    loads["near"].answered("p0", 20 * MS)
    assert loads["near"].service_ns == 20 * MS
    assert give(sharing, loads, opened(sharing, "p1", 1), 5, ["near"]) is None, "but never after the deadline"


def test_a_worker_never_has_more_in_hand_than_the_bound() -> None:
    sharing, loads = two_workers(0, 0)
    given = [give(sharing, loads, opened(sharing, f"p{n}", 10**12), 0, ["near"]) for n in range(MOST_IN_FLIGHT + 5)]
    assert given == ["near"] * MOST_IN_FLIGHT + [None] * 5


def test_what_a_lost_worker_had_goes_to_the_other_and_the_first_answer_counts() -> None:
    sharing, loads = two_workers()
    item = opened(sharing, "p0", 10**9)
    first = give(sharing, loads, item, 0, ["near", "far"])
    assert first
    other = "far" if first == "near" else "near"
    assert loads[first].lose() == ["p0"]
    assert sharing.taken_back("p0", first) is item
    assert give(sharing, loads, item, 0, [other]) == other
    sharing.close("p0")
    assert sharing.get("p0") is None and len(loads[other]) == 0
    assert sharing.taken_back("p0", other) is None


def test_a_frame_that_two_have_is_not_taken_back_with_the_loss_of_one() -> None:
    sharing, loads = two_workers()
    item = opened(sharing, "p0", 10**9)
    assert {give(sharing, loads, item, 0, ["near", "far"]) for _ in range(2)} == {"near", "far"}
    assert give(sharing, loads, item, 0, ["near", "far"]) is None
    assert sharing.taken_back("p0", "near") is None
    assert sharing.taken_back("p0", "far") is item


def test_a_worker_that_does_not_answer_is_doubted_and_its_frame_offered_to_the_other() -> None:
    sharing, loads = two_workers()
    item = opened(sharing, "p0", 10**9)
    assert give(sharing, loads, item, 0, ["far"]) == "far"
    assert list(sharing.overdue(40 * MS)) == []
    assert list(sharing.overdue(100 * MS)) == [item]
    assert loads["far"].is_doubtful(100 * MS)
    assert give(sharing, loads, item, 100 * MS, ["near", "far"]) == "near"
    assert list(sharing.overdue(100 * MS)) == [], "it is in two hands now"
    for n in range(1, 4):
        assert give(sharing, loads, opened(sharing, f"p{n}", 10**9), 100 * MS, ["near", "far"]) == "near"
    assert give(sharing, loads, opened(sharing, "p4", 10**9), 100 * MS, ["far"]) == "far", "better than nobody"


def test_doubt_ends_with_an_answer_or_after_a_while() -> None:
    sharing, loads = two_workers()
    give(sharing, loads, opened(sharing, "p0", 50 * MS), 0, ["far"])
    assert sharing.expire(50 * MS) == 1
    assert loads["far"].is_doubtful(60 * MS) and not loads["far"].is_doubtful(50 * MS + DOUBT_NS)
    give(sharing, loads, opened(sharing, "p1", 10**9), 60 * MS, ["far"])
    loads["far"].answered("p1", 70 * MS)
    assert not loads["far"].is_doubtful(71 * MS)


def test_the_estimate_tells_the_way_from_the_work() -> None:
    """A worker behind a slow network that answers every 5 ms takes 5 ms, though an answer is 45 ms away."""
    load = Workload()
    load.round_trip_ns = 40 * MS
    for n in range(20):
        load.sent(f"p{n}", 0)
    for n in range(20):
        load.answered(f"p{n}", (45 + 5 * n) * MS)
    assert abs(load.service_ns - 5 * MS) < MS
    assert abs(load.answers_at_ns(0) - 45 * MS) < MS


def test_a_delay_is_measured_between_clocks_that_are_years_apart() -> None:
    delay, offset_ns = Delay(), -(10**17)
    assert delay.of(0, offset_ns + 30 * MS) == 0, "nothing is known of the first"
    assert delay.of(100 * MS, offset_ns + 150 * MS) == 20 * MS
    assert delay.of(200 * MS, offset_ns + 220 * MS) == 0
    assert delay.of(300 * MS, offset_ns + 350 * MS) == 30 * MS
    later_ns = 2 * REMEMBERED_NS
    assert delay.of(later_ns, offset_ns + later_ns + 25 * MS) == 0, "the network has changed for good"


class AnyLine(RuleBasedStateMachine):
    """Whatever is sent, answered, lost and doubted: nobody holds a frame twice, and none is held without being open."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.loads = {name: Workload() for name in NAMES}
        self.sharing = Sharing(self.loads)
        self.parts = 0

    @rule(room_ms=st.integers(0, 500), able=st.sets(st.sampled_from(NAMES)))
    def comes(self, room_ms: int, able: set[str]) -> None:
        self.parts += 1
        item = opened(self.sharing, f"p{self.parts}", self.now_ns + room_ms * MS)
        if give(self.sharing, self.loads, item, self.now_ns, sorted(able)) is None:
            self.sharing.close(item.frame.part_id)

    @rule(name=st.sampled_from(NAMES), able=st.sets(st.sampled_from(NAMES)))
    def is_lost(self, name: str, able: set[str]) -> None:
        for part_id in self.loads[name].lose():
            item = self.sharing.taken_back(part_id, name)
            if item and give(self.sharing, self.loads, item, self.now_ns, sorted(able - {name})) is None:
                self.sharing.close(part_id)

    @rule(name=st.sampled_from(NAMES), number=st.integers(1, 50), good=st.booleans())
    def answers(self, name: str, number: int, good: bool) -> None:
        self.loads[name].answered(f"p{number}", self.now_ns)
        item = self.sharing.get(f"p{number}")
        if item and name in item.asked:
            if good:
                self.sharing.close(f"p{number}")
            else:
                self.sharing.failed(item, name)
                if not item.holders and give(self.sharing, self.loads, item, self.now_ns, list(NAMES)) is None:
                    self.sharing.close(f"p{number}")

    @rule(ms=st.integers(1, 300))
    def time_passes(self, ms: int) -> None:
        self.now_ns += ms * MS
        for item in list(self.sharing.overdue(self.now_ns)):
            give(self.sharing, self.loads, item, self.now_ns, list(NAMES))
        self.sharing.expire(self.now_ns)

    @invariant()
    def every_open_frame_is_in_somebodys_hands(self) -> None:
        for number in range(1, self.parts + 1):
            item = self.sharing.get(f"p{number}")
            holding = {name for name in NAMES if f"p{number}" in self.loads[name]}
            assert holding == (item.holders if item else set())
            assert item is None or item.holders, "a frame that nobody holds would wait for nothing"


TestAnyLine = AnyLine.TestCase
TestAnyLine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
