import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from line_inspector import encoding
from line_inspector.bus import FIRST_RESEND_NS, QUEUE_LENGTH, Bus
from line_inspector.messages import Ack, Announcement, Heartbeat, Result
from line_inspector.streams import ANNOUNCEMENTS, FRAMES, HEALTH, HEARTBEAT, VERDICTS

PATIENCE_S = 20

# Takes announcements, and acknowledges each only after its key is in the file, as decision does after a commit.
RECEIVER = """
import sys
from pathlib import Path
from line_inspector.bus import Bus
from line_inspector.messages import Announcement
from line_inspector.streams import ANNOUNCEMENTS

receiver = Bus(Path(sys.argv[1])).acked_receiver(ANNOUNCEMENTS, Announcement)
with open(sys.argv[2], "a", buffering=1) as safe:
    while True:
        receiver.socket.poll()
        for sender, message in receiver.drain():
            safe.write(message.part_id + chr(10))
            receiver.acknowledge(sender, message.part_id)
"""


def announcement(part_id: str) -> Announcement:
    return Announcement(part_id=part_id, camera="top", trigger_ns=1, trigger_wall_ns=2, deadline_ns=3, gate_ns=4)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def received(receiver, number: int) -> list:  # type: ignore[no-untyped-def]
    found: list = []
    until(lambda: (found.extend(receiver.drain()), len(found) >= number)[1])
    return found


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    yield Bus(tmp_path / "run")


class Sockets:
    """A raw peer that says what no program of ours would say."""

    def __init__(self, bus: Bus) -> None:
        self.context, self.bus = zmq.Context(), bus

    def connect(self, kind: int, stream, identity: bytes = b"raw"):  # type: ignore[no-untyped-def]
        socket = self.context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IDENTITY, identity)
        socket.connect(stream.endpoint(self.bus.sockets_dir))
        return socket


@pytest.fixture
def raw(bus: Bus) -> Iterator[Sockets]:
    sockets = Sockets(bus)
    yield sockets
    sockets.context.destroy(linger=0)


def test_a_queue_keeps_order(bus: Bus) -> None:
    receiver, sender = bus.receiver(FRAMES, Heartbeat), bus.sender(FRAMES)
    until(lambda: sender.send(Heartbeat(sent_ns=0)))
    for n in range(1, 1000):
        assert sender.send(Heartbeat(sent_ns=n))
    assert [m.sent_ns for m in received(receiver, 1000)] == list(range(1000))
    sender.close(), receiver.close()


def test_sending_to_nobody_is_answered_with_false_and_leaves_nothing_behind(bus: Bus) -> None:
    sender = bus.sender(VERDICTS)
    for n in range(QUEUE_LENGTH + 10):
        assert not sender.send(Heartbeat(sent_ns=n))
    receiver = bus.receiver(VERDICTS, Heartbeat)
    until(lambda: sender.send(Heartbeat(sent_ns=-1)))
    assert received(receiver, 1) == [Heartbeat(sent_ns=-1)]
    sender.close(), receiver.close()


def test_a_full_queue_is_answered_with_false_and_not_with_waiting(bus: Bus) -> None:
    receiver, sender = bus.receiver(FRAMES, Ack), bus.sender(FRAMES)
    until(lambda: sender.send(Ack(key="x")))
    sent = 1
    while sender.send(Ack(key="x" * 200)):
        sent += 1
        assert sent < 20 * QUEUE_LENGTH, "the queue has no end"
    assert sent >= QUEUE_LENGTH
    assert len(received(receiver, sent)) == sent
    sender.close(), receiver.close()


def test_a_queue_finds_its_receiver_again_after_a_restart(bus: Bus) -> None:
    sender, first = bus.sender(FRAMES), bus.receiver(FRAMES, Heartbeat)
    until(lambda: sender.send(Heartbeat(sent_ns=1)))
    received(first, 1)
    first.close()
    until(lambda: not sender.send(Heartbeat(sent_ns=2)))
    second = bus.receiver(FRAMES, Heartbeat)
    until(lambda: sender.send(Heartbeat(sent_ns=3)))
    assert received(second, 1)[-1] == Heartbeat(sent_ns=3)
    sender.close(), second.close()


def test_malformed_messages_are_counted_and_dropped_in_a_queue(bus: Bus, raw: Sockets) -> None:
    receiver = bus.receiver(FRAMES, Heartbeat)
    push = raw.connect(zmq.PUSH, FRAMES)
    for data in (b"", b"\xff\xff", encoding.encode(Ack(key="a")), encoding.encode(Heartbeat(sent_ns=5))):
        push.send(data)
    assert received(receiver, 1) == [Heartbeat(sent_ns=5)]
    assert receiver.refused == 3
    receiver.close()


def test_malformed_messages_are_counted_and_dropped_by_an_acked_receiver(bus: Bus, raw: Sockets) -> None:
    receiver = bus.acked_receiver(ANNOUNCEMENTS, Announcement)
    dealer = raw.connect(zmq.DEALER, ANNOUNCEMENTS)
    dealer.send(b"junk")
    dealer.send_multipart([b"", encoding.encode(announcement("two frames"))])
    dealer.send_multipart([b"a", b"b", b"c"])
    dealer.send(encoding.encode(announcement("good")))
    assert received(receiver, 1) == [(b"raw", announcement("good"))]
    assert receiver.refused == 3
    receiver.close()


def test_a_malformed_acknowledgement_acknowledges_nothing(bus: Bus, raw: Sockets) -> None:
    sender = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    router = raw.context.socket(zmq.ROUTER)
    bus.sockets_dir.mkdir()
    router.bind(ANNOUNCEMENTS.endpoint(bus.sockets_dir))
    sender.send("a", announcement("a"))
    until(lambda: sender.resend(time.monotonic_ns() + FIRST_RESEND_NS + 1) == 1)
    identity = router.recv_multipart()[0]
    router.send_multipart([identity, b"junk"])
    router.send_multipart([identity, encoding.encode(Ack(key="another"))])
    until(lambda: not sender.acknowledged() and sender.refused == 1)
    assert len(sender) == 1
    sender.close()


def test_an_acked_sender_repeats_only_what_waited_long_enough(bus: Bus) -> None:
    receiver, sender = bus.acked_receiver(ANNOUNCEMENTS, Announcement), bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    sender.send("a", announcement("a"))
    before_ns = time.monotonic_ns()
    assert sender.resend(before_ns) == 0
    until(lambda: sender.resend(before_ns + FIRST_RESEND_NS + 1) == 1)
    assert sender.resend(before_ns + FIRST_RESEND_NS + 2) == 0
    assert received(receiver, 1)[0][1].part_id == "a"
    sender.close(), receiver.close()


def test_a_forgotten_message_is_not_repeated(bus: Bus) -> None:
    sender = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    sender.send("a", announcement("a"))
    sender.forget("a")
    assert len(sender) == 0
    assert sender.resend(time.monotonic_ns() + 2 * FIRST_RESEND_NS) == 0
    sender.close()


def test_nothing_announced_is_lost_when_the_receiver_is_killed_again_and_again(bus: Bus, tmp_path: Path) -> None:
    safe = tmp_path / "safe.txt"
    safe.touch()
    command = [sys.executable, "-c", RECEIVER, str(bus.sockets_dir), str(safe)]
    sender = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    sent, confirmed = 0, set()
    for _ in range(4):
        peer = subprocess.Popen(command)
        goal = len(confirmed) + 150
        while len(confirmed) < goal:
            sender.send(f"part-{sent:06d}", announcement(f"part-{sent:06d}"))
            sent += 1
            confirmed.update(sender.acknowledged())
            sender.resend(time.monotonic_ns())
            time.sleep(0.001)
        peer.kill()
        peer.wait()
        for _ in range(50):  # parts do not stop while the receiver is away
            sender.send(f"part-{sent:06d}", announcement(f"part-{sent:06d}"))
            sent += 1
    peer = subprocess.Popen(command)
    until(lambda: (confirmed.update(sender.acknowledged()), sender.resend(time.monotonic_ns()), not len(sender))[2])
    peer.kill()
    peer.wait()
    assert confirmed == {f"part-{n:06d}" for n in range(sent)}
    assert confirmed <= set(safe.read_text().split())
    sender.close()


def test_each_sender_gets_its_own_acknowledgements(bus: Bus) -> None:
    receiver = bus.acked_receiver(ANNOUNCEMENTS, Announcement)
    senders = {name: bus.acked_sender(ANNOUNCEMENTS, name) for name in ("capture.top", "capture.side")}
    for name, sender in senders.items():
        sender.send(f"{name}-1", announcement(f"{name}-1"))
        until(lambda sender=sender: sender.resend(time.monotonic_ns() + FIRST_RESEND_NS + 1) == 1)
    heard: set[str] = set()

    def both() -> bool:  # a message that was sent at once comes twice, which must be harmless
        for identity, message in receiver.drain():
            receiver.acknowledge(identity, message.part_id)
            heard.add(message.part_id)
        return len(heard) == 2

    until(both)
    for name, sender in senders.items():
        assert received_keys(sender) == [f"{name}-1"]
        sender.close()
    receiver.close()


def test_a_restarted_sender_takes_its_identity_over(bus: Bus) -> None:
    receiver = bus.acked_receiver(ANNOUNCEMENTS, Announcement)
    first = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    until(lambda: (first.send("old", announcement("old")), bool(list(receiver.drain())))[1])
    second = bus.acked_sender(ANNOUNCEMENTS, "capture.top")  # while the first still hangs on
    found: list = []
    # what the first repeated may still be on its way
    until(lambda: (second.send("new", announcement("new")), found.extend(receiver.drain()), _has(found, "new"))[2])
    receiver.acknowledge(found[-1][0], "new")
    assert received_keys(second) == ["new"]
    assert first.acknowledged() == []
    first.close(), second.close(), receiver.close()


def _has(found: list[tuple[bytes, Announcement]], part_id: str) -> bool:
    return any(message.part_id == part_id for _, message in found)


def received_keys(sender) -> list[str]:  # type: ignore[no-untyped-def]
    keys: list[str] = []
    until(lambda: (keys.extend(sender.acknowledged()), bool(keys))[1])
    return keys


def test_one_subscriber_hears_every_publisher(bus: Bus) -> None:
    publishers = {name: bus.publisher(HEALTH, name) for name in ("decision", "capture.top")}
    subscriber = bus.subscriber(HEALTH, Heartbeat, tuple(publishers))
    heard: set[int] = set()

    def both() -> bool:
        for n, publisher in enumerate(publishers.values()):
            publisher.send(Heartbeat(sent_ns=n))
        heard.update(m.sent_ns for m in subscriber.drain())
        return heard == {0, 1}

    until(both)
    for socket in (*publishers.values(), subscriber):
        socket.close()


def test_a_subscriber_that_never_reads_slows_no_publisher(bus: Bus) -> None:
    publisher, subscriber = bus.publisher(HEARTBEAT), bus.subscriber(HEARTBEAT, Result)
    assert all(publisher.send(Ack(key="x" * 1000)) for _ in range(5 * QUEUE_LENGTH))
    subscriber.close(), publisher.close()
