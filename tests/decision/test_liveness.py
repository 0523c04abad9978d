"""liveness.py: silence for longer than the stream's row allows is death."""

from line_inspector.decision.liveness import Liveness
from line_inspector.streams import HEALTH


def test_a_sender_is_dead_after_the_time_of_its_row() -> None:
    worker = Liveness(HEALTH, now_ns=0)
    assert not worker.dead(HEALTH.dead_after_ns)
    assert worker.dead(HEALTH.dead_after_ns + 1)
    worker.seen(sent_ns=HEALTH.dead_after_ns + 1)
    assert not worker.dead(2 * HEALTH.dead_after_ns)


def test_an_old_message_does_not_age_a_living_sender() -> None:
    worker = Liveness(HEALTH, now_ns=1_000)
    worker.seen(sent_ns=10)
    assert not worker.dead(HEALTH.dead_after_ns + 1_000)


def test_it_is_alive_only_once_it_has_been_heard() -> None:
    liveness = Liveness(HEALTH, 0)
    assert not liveness.alive(1) and not liveness.dead(1)
    liveness.seen(5)
    assert liveness.alive(5 + HEALTH.dead_after_ns)
    assert not liveness.alive(6 + HEALTH.dead_after_ns)
