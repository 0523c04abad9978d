"""A frame over tcp and its answer back: with CURVE, between two clocks, and closed to everybody else."""

import contextlib
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from msgspec.structs import replace
from worker_ends import (
    FRAME_BYTES,
    MODEL,
    REPLY,
    call,
    connect,
    door_of,
    exchange,
    free_port,
    link_of,
    make_settings,
    picture,
    ready,
    verdict_of,
)

from line_inspector import encoding
from line_inspector.config import WorkerSettings
from line_inspector.messages import Fault, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import fingerprint
from line_inspector.workers.door import Request
from line_inspector.workers.keys import write_key_pair
from line_inspector.workers.model_id import ModelId
from line_inspector.workers.sharing import Asked, OpenFrame, stamped

HOURS_NS = 7 * 3600 * 10**9


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return make_settings(tmp_path / "keys")


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_arrive_as_they_were_and_the_answer_names_them(
    settings: WorkerSettings, tmp_path: Path, channels: int
) -> None:
    pixels = picture(channels=channels)
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        assert link.give(call(10**9, (40, 50, channels)), ready(), pixels, time.monotonic_ns())
        (heard,), (request,) = exchange(link, door, 5, lambda request: verdict_of(request, 1, 2))
        assert np.array_equal(request.pixels, pixels)
        assert heard.answer.part_id == "p1" and heard.answer.fingerprint == fingerprint(pixels)
        assert link.models == (ModelId(*MODEL),)


@pytest.mark.parametrize("offset_ns", [HOURS_NS, -HOURS_NS])
def test_the_clock_of_another_host_decides_nothing(settings: WorkerSettings, tmp_path: Path, offset_ns: int) -> None:
    """The worker's clock is hours off: it must know how much time is left, and its verdict is stamped by the line's."""
    with (
        door_of(settings, tmp_path, lambda: time.monotonic_ns() + offset_ns) as door,
        link_of(settings, tmp_path) as link,
    ):
        connect(link, door)
        now_ns = time.monotonic_ns()
        frame, pixels = ready(deadline_ns=now_ns + 10**9), picture()
        assert link.give(call(10**9, (40, 50, 3)), frame, pixels, now_ns)
        (heard,), (request,) = exchange(
            link, door, 5, lambda request: verdict_of(request, now_ns + offset_ns, now_ns + offset_ns + 3_000_000)
        )
        left_ns = request.frame.deadline_ns - (time.monotonic_ns() + offset_ns)
        assert 0 < left_ns < 10**9
        arrived_ns = time.monotonic_ns()
        item = OpenFrame(frame, {"far": Asked(ModelId(*MODEL), now_ns, fingerprint(pixels))})
        verdict = stamped(item, "far", heard.answer, ModelId(*MODEL), arrived_ns)
        assert isinstance(verdict, Verdict)
        assert now_ns <= verdict.inference_start_ns <= verdict.inference_end_ns == arrived_ns
        assert verdict.inference_end_ns - verdict.inference_start_ns <= 3_000_000
        assert verdict.captured_ns == frame.captured_ns and verdict.slot == frame.slot


def test_a_frame_that_was_held_up_on_its_way_has_less_time_left(settings: WorkerSettings, tmp_path: Path) -> None:
    """The worker drains late: what it is told of the time left was true when it was sent."""
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        assert link.give(call(300_000_000, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        time.sleep(0.4)
        _, (request,) = exchange(link, door, 5)
        assert request.frame.deadline_ns < time.monotonic_ns(), "it could be answered no more"


def rogue(settings: WorkerSettings, kind: str, folder: Path) -> "zmq.Socket[bytes]":
    """Who has no key, a key that nobody knows, or takes the worker's own for the line's."""
    dealer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    if kind != "no key":
        assert settings.keys
        server = zmq.auth.load_certificate(settings.keys / "far.key")[0]
        write_key_pair(folder, "rogue")
        own = (folder / "rogue" if kind == "a key of its own" else settings.keys / "far").with_suffix(".key_secret")
        public, secret = zmq.auth.load_certificate(own)
        dealer.setsockopt(zmq.CURVE_SERVERKEY, server)
        dealer.setsockopt(zmq.CURVE_PUBLICKEY, public)
        dealer.setsockopt(zmq.CURVE_SECRETKEY, secret)
    dealer.connect(settings.host)
    return dealer


@pytest.mark.parametrize("kind", ["no key", "a key of its own", "the worker's key"])
def test_who_is_not_the_line_gets_nothing_in_and_nothing_out(
    settings: WorkerSettings, tmp_path: Path, kind: str
) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        dealer = rogue(settings, kind, tmp_path)
        connect(link, door)
        parts = [encoding.encode(call(10**9, (40, 50, 3))), encoding.encode(ready("rogue")), picture().tobytes()]
        end_s = time.monotonic() + 1.0
        while time.monotonic() < end_s:
            with contextlib.suppress(zmq.Again):
                dealer.send_multipart(parts, zmq.DONTWAIT)
            assert list(door.drain(REPLY)) == []
            assert not dealer.poll(0)
            time.sleep(0.01)
        assert door.refused == 0
        dealer.close()
        assert link.give(call(10**9, (40, 50, 3)), ready("of the line"), picture(), time.monotonic_ns())
        _, (request,) = exchange(link, door, 5)
        assert request.frame.part_id == "of the line", "the line itself is served as before"


def test_bytes_that_are_no_zeromq_do_no_harm(settings: WorkerSettings, tmp_path: Path) -> None:
    port = int(settings.host.rpartition(":")[2])
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\xff" * 5000):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(data)
        connect(link, door)


def test_without_an_authenticator_nobody_is_admitted(settings: WorkerSettings, tmp_path: Path) -> None:
    """Were the thread that knows the keys to die, the door must be shut, not open."""
    from line_inspector.workers.door import Door

    with zmq.Context() as context:
        door = Door("far", settings, tmp_path, 1_000_000, time.monotonic_ns, context=context)
        with link_of(settings, tmp_path) as link:
            end_s = time.monotonic() + 0.7
            while time.monotonic() < end_s:
                link.call(call())
                assert list(door.drain(REPLY)) == []
                assert list(link.drain(time.monotonic_ns())) == []
                time.sleep(0.01)
        door.close()


@contextlib.contextmanager
def in_the_workers_place(kind: str, settings: WorkerSettings, folder: Path) -> Iterator[None]:
    """Who answers at the worker's address while the worker is away, or before its keys are right."""
    assert settings.keys
    if kind == "a worker of another line":
        keys = folder / "other"
        write_key_pair(keys, "line")
        shutil.copy(settings.keys / "far.key_secret", keys)
        with door_of(WorkerSettings(host=settings.host, keys=keys), folder) as door:
            yield
            assert list(door.drain(REPLY)) == []
    elif kind == "zeromq in the clear":
        impostor: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
        impostor.setsockopt(zmq.LINGER, 0)
        with impostor.bind(settings.host):
            yield
        impostor.close()
    else:
        with socketserver.TCPServer(("127.0.0.1", int(settings.host.rpartition(":")[2])), Babbler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            yield
            server.shutdown()
            thread.join()


class Babbler(socketserver.BaseRequestHandler):
    """Says what is no ZeroMQ, and hangs up."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)


@pytest.mark.parametrize("kind", ["a worker of another line", "zeromq in the clear", "no zeromq"])
def test_the_line_finds_its_worker_after_another_has_answered_in_its_place(
    settings: WorkerSettings, tmp_path: Path, kind: str
) -> None:
    """Or keys that are mended on one end would need a restart of the other."""
    with link_of(settings, tmp_path) as link:
        with in_the_workers_place(kind, settings, tmp_path):
            end_s = time.monotonic() + 1.0
            while time.monotonic() < end_s:
                link.call(call())
                assert list(link.drain(time.monotonic_ns())) == [] and not link.lost(time.monotonic_ns())
                time.sleep(0.01)
        with door_of(settings, tmp_path) as door:
            end_s = time.monotonic() + 10
            while not link.alive(time.monotonic_ns()):
                assert time.monotonic() < end_s, "it has given up"
                link.lost(time.monotonic_ns())
                link.call(call())
                list(door.drain(REPLY))
                list(link.drain(time.monotonic_ns()))
                time.sleep(0.01)


def test_a_worker_that_says_far_too_much_is_not_heard(settings: WorkerSettings, tmp_path: Path) -> None:
    """Else a heat map of a megabyte would go through decision, page and ledger, part after part."""
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        assert link.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        answers = iter([b"\0" * 500_000, b""])

        def answer(request: Request) -> Verdict:
            return replace(verdict_of(request, 1, 2), heat=next(answers))

        heard, _ = exchange(link, door, 1.5, answer)
        assert not [item for item in heard if item.answer]


def test_more_than_the_largest_frame_is_cut_off_also_from_the_bearer_of_the_lines_key(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        shape = (1, FRAME_BYTES, 1)
        for length, taken in ((FRAME_BYTES + 1_000_000, False), (FRAME_BYTES, True)):
            pixels = np.zeros((1, length), np.uint8)
            connect(link, door)
            assert link.give(call(10**9, shape), ready(), pixels, time.monotonic_ns())
            _, requests = exchange(link, door, 3)
            assert bool(requests) is taken and door.refused == 0, "it was never whole in memory, to be refused"


@pytest.mark.parametrize("curve", [False, True], ids=["in the clear", "with a key of its own"])
def test_the_line_gives_no_frame_to_a_worker_of_another_key(
    settings: WorkerSettings, tmp_path: Path, curve: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody listens at the worker's address; without the worker's secret key not one byte of a frame reaches it."""
    impostor: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    impostor.setsockopt(zmq.LINGER, 0)
    if curve:
        public, secret = zmq.curve_keypair()
        impostor.setsockopt(zmq.CURVE_SERVER, 1)
        impostor.setsockopt(zmq.CURVE_PUBLICKEY, public)
        impostor.setsockopt(zmq.CURVE_SECRETKEY, secret)
    impostor.bind(settings.host)
    with link_of(settings, tmp_path) as link:
        end_s = time.monotonic() + 0.7
        while time.monotonic() < end_s:
            assert not link.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
            assert not link.lost(time.monotonic_ns()) and not link.alive(time.monotonic_ns())
            assert not impostor.poll(10)
        assert ("another key than we know it by" if curve else "something else listens there") in caplog.text
    impostor.close()


@pytest.mark.parametrize("reason", [Reason.DOUBLE_TRIGGER, Reason.LATE_VIEW, Reason.ENGINE_FAULT])
def test_a_worker_cannot_say_that_a_part_is_none(settings: WorkerSettings, tmp_path: Path, reason: Reason) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        assert link.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        fault = Fault(part_id="p1", camera="top", reason=reason, detail="")
        heard, _ = exchange(link, door, 1.5, lambda request: fault)
        assert [item.answer.reason for item in heard if item.answer] == [reason] * (reason is Reason.ENGINE_FAULT)
        assert link.refused == (reason is not Reason.ENGINE_FAULT)


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [((40, 50, 3), bytes(10)), ((0, 50, 3), b""), ((40, 50, 2), bytes(4000)), ((-40, -50, 3), bytes(6000))],
)
def test_pixels_of_an_impossible_shape_are_refused(
    settings: WorkerSettings, tmp_path: Path, shape: tuple[int, int, int], pixels: bytes
) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        link.socket.send_multipart([encoding.encode(call(10**9, shape)), encoding.encode(ready()), pixels])
        _, requests = exchange(link, door, 0.3)
        assert requests == [] and door.refused == 1


def test_a_worker_that_has_gone_is_noticed_at_once_and_found_again(settings: WorkerSettings, tmp_path: Path) -> None:
    with link_of(settings, tmp_path) as link:
        with door_of(settings, tmp_path) as door:
            connect(link, door)
            assert not link.lost(time.monotonic_ns())
            assert link.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        gone_s = time.monotonic()
        while not link.lost(time.monotonic_ns()):
            assert time.monotonic() - gone_s < 1, "a connection that ends is noticed without waiting for silence"
            time.sleep(0.005)
        assert link.load.lose() == ["p1"]
        assert not link.give(call(), ready("p2"), picture(), time.monotonic_ns())
        with door_of(settings, tmp_path) as door:
            connect(link, door)
            _, requests = exchange(link, door, 0.3)
            assert requests == [], "what waited for the old one is not for the new one"


def answered(fault: Fault | Verdict) -> str:
    return fault.reason.value if isinstance(fault, Fault) else "verdict"


def test_a_verdict_of_other_pixels_or_of_another_model_is_a_fault(settings: WorkerSettings, tmp_path: Path) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        assert link.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        (heard,), _ = exchange(link, door, 5, lambda request: verdict_of(request, 0, 0))
    right, now_ns = fingerprint(picture()), time.monotonic_ns()
    for model, of_pixels, expected in [
        (MODEL, right, "verdict"),
        (MODEL, right + 1, Reason.WRONG_FRAME),
        (("two", MODEL[1]), right, Reason.WRONG_MODEL),
        (("one", "1" * 64), right, Reason.WRONG_MODEL),
    ]:
        item = OpenFrame(ready(), {"far": Asked(ModelId(*model), now_ns - 10**6, of_pixels)})
        assert answered(stamped(item, "far", heard.answer, ModelId(*MODEL), now_ns)) == expected


def test_an_address_that_is_not_ours_is_named(settings: WorkerSettings, tmp_path: Path) -> None:
    from line_inspector.errors import InputError

    elsewhere = settings.model_copy(update={"host": f"tcp://192.0.2.1:{free_port()}"})
    with pytest.raises(InputError, match="address of this host"), door_of(elsewhere, tmp_path):
        pass
