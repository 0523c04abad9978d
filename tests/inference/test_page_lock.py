"""The ring's memory is page-locked while anybody can look at it, and let go before it is unmapped."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from line_inspector.inference.page_lock import READ_ONLY, PageLock, page_lock
from line_inspector.ring import SHM, Geometry, RingReader, RingWriter

GEOMETRY = Geometry(slots=3, slot_bytes=64 * 64)


class NotedRuntime:
    """Stands for torch.cuda.cudart(); notes what is asked of it, and whether the memory was still mapped."""

    def __init__(self, error: int = 0) -> None:
        self.error = error
        self.locked: dict[int, int] = {}
        self.calls: list[str] = []

    def cudaHostRegister(self, address: int, size_bytes: int, flags: int) -> int:  # noqa: N802
        assert flags == READ_ONLY
        assert is_mapped(address, size_bytes)
        self.calls.append("lock")
        if not self.error:
            self.locked[address] = size_bytes
        return self.error

    def cudaHostUnregister(self, address: int) -> int:  # noqa: N802
        assert is_mapped(address, self.locked.pop(address))
        self.calls.append("unlock")
        return 0


def is_mapped(address: int, size_bytes: int) -> bool:
    """Of a segment, as the kernel has it."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in lines if "line-inspector" in line]
    return any(int(start, 16) <= address and address + size_bytes <= int(end, 16) for start, end in ranges)


@pytest.fixture
def new_writer() -> Iterator[Callable[[], RingWriter]]:
    line = f"test-{uuid.uuid4().hex[:12]}"
    yield lambda: RingWriter(line, "top", GEOMETRY)
    for path in SHM.glob(f"line-inspector.{line}.*"):
        path.unlink()


def write(writer: RingWriter, value: int):  # type: ignore[no-untyped-def]
    return writer.write(np.full((64, 64), value, np.uint8), f"p{value}", 0, 0, 1)


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def test_a_ring_is_locked_whole_when_it_is_first_seen_and_once(new_writer: Callable[[], RingWriter]) -> None:
    runtime, writer = NotedRuntime(), new_writer()
    reader = RingReader(PageLock(runtime))
    for value in range(5):
        assert reader.view(write(writer, value), f"p{value}")[0, 0] == value
    assert eventually(lambda: len(runtime.locked) == 1)
    address, size_bytes = next(iter(runtime.locked.items()))
    assert size_bytes == GEOMETRY.slots * GEOMETRY.stride_bytes
    frame = reader.view(write(writer, 9), "p9")
    assert address <= frame.ctypes.data and frame.ctypes.data + frame.nbytes <= address + size_bytes
    assert runtime.calls == ["lock"]


def test_a_restarted_cameras_old_ring_is_let_go_when_its_last_frame_is(new_writer: Callable[[], RingWriter]) -> None:
    runtime = NotedRuntime()
    reader, first = RingReader(PageLock(runtime)), new_writer()
    held = reader.view(write(first, 1), "p1")
    assert eventually(lambda: runtime.calls == ["lock"])
    reader.view(write(new_writer(), 2), "p2")
    assert eventually(lambda: runtime.calls.count("lock") == 2)
    time.sleep(0.05)
    assert runtime.calls == ["lock", "lock"], "the old ring's frame may still be on its way to the device"
    assert held[0, 0] == 1
    del held
    assert eventually(lambda: runtime.calls == ["lock", "lock", "unlock"])
    assert len(runtime.locked) == 1


def test_a_reader_that_goes_lets_go(new_writer: Callable[[], RingWriter]) -> None:
    runtime, writer = NotedRuntime(), new_writer()
    reader = RingReader(PageLock(runtime))
    reader.view(write(writer, 1), "p1")
    assert eventually(lambda: bool(runtime.locked))
    time.sleep(0.05)  # the thread that locked it ends
    del reader
    assert eventually(lambda: runtime.calls == ["lock", "unlock"])


def test_what_cannot_be_locked_is_said_and_read_all_the_same(
    new_writer: Callable[[], RingWriter], caplog: pytest.LogCaptureFixture
) -> None:
    runtime, writer = NotedRuntime(error=801), new_writer()
    reader = RingReader(PageLock(runtime))
    with caplog.at_level(logging.WARNING):
        assert reader.view(write(writer, 1), "p1")[0, 0] == 1
        assert eventually(lambda: "not page-locked (CUDA error 801)" in caplog.text)
    del reader
    time.sleep(0.05)
    assert runtime.calls == ["lock"], "what was never locked is not unlocked"


def test_nothing_is_locked_for_the_cpu() -> None:
    assert page_lock("cpu") is None
