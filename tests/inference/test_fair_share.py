"""Several models on one device: earliest deadline first, and no model starves another."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.inference.fair_share import choose_model_and_batch

MS = 1_000_000
queues = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(1, 200), min_size=1, max_size=20), min_size=1, max_size=3
)


def latency_ns(_model: str, size: int) -> int:
    return (2 + size) * MS


def choose(milliseconds: dict[str, list[int]], now_ms: int = 0):  # type: ignore[no-untyped-def]
    deadlines = {model: [each * MS for each in due] for model, due in milliseconds.items()}
    return choose_model_and_batch(deadlines, now_ms * MS, latency_ns, lambda _: 8)


def test_the_earliest_frame_of_all_is_next() -> None:
    model, choice = choose({"a": [50, 90], "b": [60, 40]})
    assert (model, choice.batch[0]) == ("b", 1)


def test_a_long_queue_leaves_another_models_frame_in_time() -> None:
    """Eight frames of a would take 10 ms, and then b's would be late: it needs 3 of its 12."""
    model, choice = choose({"a": [11] * 20, "b": [12]})
    assert (model, len(choice.batch)) == ("a", 7)


def test_what_cannot_be_in_time_anyhow_holds_nobody_up() -> None:
    model, choice = choose({"a": [50] * 20, "b": [51]})
    assert (model, len(choice.batch)) == ("a", 8)
    model, choice = choose({"a": [20] * 20, "b": [20]}, now_ms=15)
    assert (model, len(choice.batch)) == ("a", 3), "b cannot follow a batch of one either"


@given(queues)
def test_whoever_could_follow_a_batch_of_one_can_follow_the_batch(due: dict[str, list[int]]) -> None:
    model, choice = choose(due)
    assert min(due[model]) == min(min(each) for each in due.values())
    if choice.batch:
        end = latency_ns(model, len(choice.batch))
        for other in due.keys() - {model}:
            follows_one = latency_ns(model, 1) + latency_ns(other, 1) <= min(due[other]) * MS
            assert not follows_one or end + latency_ns(other, 1) <= min(due[other]) * MS
    assert not set(choice.batch) & set(choice.skipped)
