"""The feed on the real bus and a real ring: bounded work, and no picture but the part's own."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from overlay_results import result

from line_inspector.bus import Bus, Sender
from line_inspector.config import Line
from line_inspector.messages import Heartbeat, SlotRef
from line_inspector.overlay.board import WATCHED_FOR_NS
from line_inspector.overlay.feed import Feed
from line_inspector.ring import Geometry, RingWriter
from line_inspector.streams import RESULTS

S = 1_000_000_000
SHAPE = (32, 32)


@pytest.fixture
def results(line: Line) -> Iterator[Sender]:
    publisher = Bus(line.sockets_dir).publisher(RESULTS)
    yield publisher
    publisher.close()


@pytest.fixture
def feed(line: Line, results: Sender) -> Iterator[Feed]:
    feed = Feed(Bus(line.sockets_dir), line, 0)
    while not feed.results.socket.poll(20):  # a subscription takes its time
        results.send(result(0, camera="not of this line"))
    feed.turn(0)
    yield feed
    feed.close()


@pytest.fixture
def shoot(line: Line) -> Iterator[Callable[[str], SlotRef]]:
    ring = RingWriter(line.line, "top", Geometry(slots=2, slot_bytes=SHAPE[0] * SHAPE[1]))

    def write(part_id: str) -> SlotRef:
        return ring.write(np.full(SHAPE, 200, np.uint8), part_id, 0, 0, time.monotonic_ns())

    yield write
    ring.close()


@pytest.fixture
def decide(feed: Feed, results: Sender, shoot: Callable[[str], SlotRef]) -> Callable[..., None]:
    def send(number: int, now_ns: int, **changes: Any) -> None:
        part = result(number, at_ns=now_ns, **({"slot": shoot(f"top-{number}")} | changes))
        assert results.send(part)
        assert feed.results.socket.poll(5000)
        feed.turn(now_ns)

    return send


def shown(feed: Feed) -> tuple[str, str]:
    part = feed.board.view.cameras[0].part
    assert part is not None
    return part.part_id, part.picture


def test_a_part_is_shown_with_its_own_picture(feed: Feed, decide: Callable[..., None]) -> None:
    decide(1, S)
    part_id, picture = shown(feed)
    assert part_id == "top-1"
    assert feed.board.album.get(picture) is not None


def test_a_frame_that_was_overwritten_is_no_picture(
    feed: Feed, shoot: Callable[[str], SlotRef], decide: Callable[..., None]
) -> None:
    gone = shoot("top-1")
    shoot("top-8")
    shoot("top-9")
    decide(1, S, slot=gone)
    assert shown(feed) == ("top-1", "")
    assert feed.missed == 1


def test_another_parts_frame_is_no_picture(
    feed: Feed, shoot: Callable[[str], SlotRef], decide: Callable[..., None]
) -> None:
    decide(1, S, slot=shoot("top-2"))
    assert shown(feed) == ("top-1", "")


@pytest.mark.parametrize(("watched", "most"), [(True, 17), (False, 3)])
def test_pictures_are_bounded_by_the_refresh_rate_however_fast_parts_come(
    line: Line, feed: Feed, decide: Callable[..., None], watched: bool, most: int
) -> None:
    assert line.overlay.refresh_hz == 8
    for number in range(200):  # 100 parts a second for 2 s
        now_ns = S + number * S // 100
        feed.board.looked_ns = now_ns if watched else now_ns - WATCHED_FOR_NS
        decide(number, now_ns)
    assert most - 1 <= feed.pictures <= most


def test_rejects_are_drawn_for_the_strip_though_nobody_looks(feed: Feed, decide: Callable[..., None]) -> None:
    feed.board.looked_ns = -WATCHED_FOR_NS
    for number in range(1, 5):
        decide(number, number * S // 4, accepted=False)
    assert [part.part_id for part in feed.board.view.rejects] == ["top-4", "top-3", "top-2", "top-1"]
    assert all(feed.board.album.get(part.picture) for part in feed.board.view.rejects)


def test_a_malformed_message_is_counted_and_harmless(feed: Feed, results: Sender, decide: Callable[..., None]) -> None:
    results.send(Heartbeat(sent_ns=0))
    assert feed.results.socket.poll(5000)
    feed.turn(0)
    assert feed.refused == 1
    decide(1, S)
    assert shown(feed)[0] == "top-1"
