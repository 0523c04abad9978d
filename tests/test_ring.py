import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector import ring
from line_inspector.errors import InputError
from line_inspector.messages import SlotRef
from line_inspector.ring import (
    SHM,
    Geometry,
    RingOverrun,
    RingReader,
    RingWriter,
    TornFrame,
    fingerprint,
    slots_needed,
)

HAMMER_S = 3.0
SMALL = Geometry(slots=3, slot_bytes=64 * 64 * 3)

# Writes frames of one grey value each as fast as it can, and tells where each lies; nothing ever holds a slot.
HAMMER = """
import sys, time
import numpy as np
from line_inspector.ring import Geometry, RingWriter
line, side, slots = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
writer = RingWriter(line, "top", Geometry(slots, side * side))
n = 0
while True:
    ref = writer.write(np.full((side, side), n % 256, np.uint8), f"part-{n}", 0, 0, 1)
    sys.stdout.write(f"{ref.ring} {ref.slot} {ref.generation} {n}\\n")
    sys.stdout.flush()
    n += 1
"""


@pytest.fixture
def line() -> Iterator[str]:
    """A line name that nobody else has; its segments are gone afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    for path in SHM.glob(f"{ring.PREFIX}.{name}.*"):
        path.unlink()


def segments(line: str) -> list[Path]:
    return list(SHM.glob(f"{ring.PREFIX}.{line}.*"))


def grey(value: int, shape: tuple[int, ...] = (64, 64)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def write(writer: RingWriter, value: int, part_id: str, deadline_ns: int = 0, now_ns: int = 1) -> SlotRef:
    return writer.write(grey(value), part_id, deadline_ns, 0, now_ns)


SHAPES = st.tuples(st.integers(16, 64), st.integers(16, 64)) | st.tuples(
    st.integers(16, 64), st.integers(16, 64), st.just(3)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SHAPES, st.integers(0, 255)), min_size=1, max_size=12), st.integers(1, 5))
def test_the_latest_frames_read_back_and_older_ones_are_torn(frames: list, slots: int) -> None:
    line = f"test-{uuid.uuid4().hex[:12]}"
    writer, reader = RingWriter(line, "top", Geometry(slots, 64 * 64 * 3)), RingReader()
    try:
        written = [
            (writer.write(grey(value, shape), f"p{n}", 0, 0, 1), f"p{n}", grey(value, shape))
            for n, (shape, value) in enumerate(frames)
        ]
        for ref, part_id, frame in written[-slots:]:
            assert np.array_equal(reader.copy(ref, part_id), frame)
            assert np.array_equal(reader.view(ref, part_id), frame)
        for ref, part_id, _ in written[:-slots]:
            with pytest.raises(TornFrame):
                reader.copy(ref, part_id)
    finally:
        writer.close()


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_a_reader_never_gets_a_mixed_frame_from_a_hammering_writer(line: str, slots: int) -> None:
    side = 700
    command = [sys.executable, "-c", HAMMER, line, str(side), str(slots)]
    whole, torn, reader = 0, 0, RingReader()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        end = time.monotonic() + HAMMER_S
        while time.monotonic() < end:
            name, slot, generation, n = writer.stdout.readline().split()
            ref = SlotRef(ring=name, slot=int(slot), generation=int(generation))
            try:
                frame = reader.copy(ref, f"part-{n}")
            except TornFrame:
                torn += 1
                continue
            whole += 1
            assert frame.shape == (side, side)
            assert frame.min() == frame.max() == int(n) % 256
        writer.kill()
    assert torn, "the writer never came in between: the test tested nothing"
    assert whole or slots == 1, "no frame was ever read whole: the test tested nothing"


def test_a_view_that_is_overtaken_is_found_torn_by_the_check(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 1, "a")
    view = reader.view(ref, "a")
    assert view[0, 0] == 1
    reader.check(ref, "a")
    for n in range(SMALL.slots):
        write(writer, 2, f"b{n}")
    assert view[0, 0] == 2, "a view is in place"
    with pytest.raises(TornFrame):
        reader.check(ref, "a")


def test_a_slot_whose_writer_is_inside_or_died_there_is_torn(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 1, "a")
    with segments(line)[0].open("r+b") as memory:
        memory.write((ref.generation + 1).to_bytes(8, "little"))
    for promised in (ref, replace_generation(ref, 1)):
        with pytest.raises(TornFrame):
            reader.copy(promised, "a")


def scribble(line: str, place: int, data: bytes) -> None:
    """Writes over the segment, as a program gone wild would."""
    with segments(line)[0].open("r+b") as memory:
        memory.seek(place)
        memory.write(data)


@pytest.mark.parametrize("damage", [b"\x00", b"\x7f", b"\xff"])
def test_a_damaged_header_stops_no_writer(line: str, damage: bytes) -> None:
    """A deadline or a generation read back from there could block the camera for ever."""
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    for n in range(2 * SMALL.slots):
        for slot in range(SMALL.slots):
            scribble(line, slot * SMALL.stride_bytes, damage * 64)
        ref = write(writer, n, f"p{n}")
        assert reader.copy(ref, f"p{n}")[0, 0] == n


def test_pixels_that_the_camera_did_not_write_are_torn(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 1, "a")
    reader.view(ref, "a")
    scribble(line, 64 + 5, b"\x02")
    for look in (reader.view, reader.check, reader.copy):
        with pytest.raises(TornFrame, match="other pixels"):
            look(ref, "a")


@pytest.mark.parametrize("place", range(0, 28, 4))
def test_no_damage_in_a_header_gives_another_frame(line: str, place: int) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 1, "a")
    scribble(line, place, b"\x00\x00\x00\x01")
    with pytest.raises(TornFrame):
        reader.view(ref, "a")


def replace_generation(ref: SlotRef, add: int) -> SlotRef:
    return SlotRef(ring=ref.ring, slot=ref.slot, generation=ref.generation + add)


def test_a_frame_of_another_part_is_torn(line: str) -> None:
    writer = RingWriter(line, "top", SMALL)
    ref = write(writer, 1, "a")
    with pytest.raises(TornFrame, match="another part than b"):
        RingReader().copy(ref, "b")


@pytest.mark.parametrize(
    "change",
    [
        {"slot": 3},
        {"slot": -1},
        {"slot": 2**62},
        {"generation": 0},
        {"generation": 2**62},
        {"ring": "../../etc/passwd"},
        {"ring": ""},
        {"ring": "line-inspector.x.top.1.3x99"},
        {"ring": "line-inspector.x.top.1.99999999999999999999x99999999999999999999"},
        {"ring": "line-inspector." + "x" * 5000 + ".top.1.3x99"},
        {"ring": "line-inspector.x.top.1." + "9" * 5000 + "x99"},
    ],
    ids=lambda change: str(change)[:80],
)
def test_a_reference_that_leads_nowhere_is_torn(line: str, change: dict) -> None:
    ref = write(RingWriter(line, "top", SMALL), 1, "a")
    fields = {"ring": ref.ring, "slot": ref.slot, "generation": ref.generation} | change
    with pytest.raises(TornFrame):
        RingReader().copy(SlotRef(**fields), "a")


def test_a_segment_smaller_than_its_name_says_is_torn(line: str) -> None:
    ref = write(RingWriter(line, "top", SMALL), 1, "a")
    os.truncate(SHM / ref.ring, 100)
    with pytest.raises(TornFrame):
        RingReader().copy(ref, "a")


def test_a_slot_is_not_reused_before_its_deadline(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    refs = [write(writer, n, f"p{n}", deadline_ns=1000 + n, now_ns=10) for n in range(SMALL.slots)]
    with pytest.raises(RingOverrun):
        write(writer, 9, "late", deadline_ns=2000, now_ns=999)
    assert [reader.copy(ref, f"p{n}")[0, 0] for n, ref in enumerate(refs)] == [0, 1, 2]
    ref = write(writer, 9, "in time", deadline_ns=2000, now_ns=1000)
    assert (ref.slot, reader.copy(ref, "in time")[0, 0]) == (0, 9)


def test_a_frame_that_does_not_fit_is_refused_before_it_harms_its_neighbour(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 1, "a")
    with pytest.raises(ValueError, match="bytes in slots of"):
        writer.write(grey(2, (65, 64, 3)), "b", 0, 0, 1)
    assert (reader.copy(ref, "a") == 1).all()


@given(
    st.floats(0.5, 200),
    st.floats(0.05, 3),
    st.floats(0, 5),
    st.lists(st.floats(0, 0.05), min_size=50, max_size=50),
)
@settings(max_examples=50, deadline=None)
def test_the_computed_number_of_slots_never_overruns(rate_hz: float, deadline_s: float, keep_s: float, delays) -> None:  # type: ignore[no-untyped-def]
    slots = slots_needed(rate_hz, deadline_s, keep_s)
    line = f"test-{uuid.uuid4().hex[:12]}"
    writer = RingWriter(line, "top", Geometry(slots, 16 * 16))
    try:
        for n in range(3 * slots):
            trigger_ns = int(n / rate_hz * 1e9) + 1
            written_ns = trigger_ns + int(delays[n % len(delays)] * 1e9 * min(1, deadline_s))
            deadline_ns = trigger_ns + int(deadline_s * 1e9)
            writer.write(grey(0, (16, 16)), f"p{n}", deadline_ns, int(keep_s * 1e9), written_ns)
    finally:
        writer.close()


def test_a_restarted_camera_removes_what_it_left_behind_and_takes_a_new_name(line: str) -> None:
    reader, first = RingReader(), RingWriter(line, "top", SMALL)
    other = RingWriter(line, "top-2", SMALL)
    old = write(first, 1, "a")
    assert reader.copy(old, "a")[0, 0] == 1
    second = RingWriter(line, "top", SMALL)  # the first was killed: it never closed
    new = write(second, 2, "b")
    assert new.ring != old.ring
    assert {path.name for path in segments(line)} == {new.ring, other.name}
    assert reader.copy(old, "a")[0, 0] == 1, "what is mapped stays readable until the camera's new ring is met"
    assert reader.copy(new, "b")[0, 0] == 2
    with pytest.raises(TornFrame, match="gone"):
        reader.copy(old, "a")


def test_a_reader_that_exits_takes_nothing_with_it(line: str) -> None:
    writer = RingWriter(line, "top", SMALL)
    ref = write(writer, 7, "a")
    program = (
        "from line_inspector.ring import RingReader; from line_inspector.messages import SlotRef;"
        f"print(RingReader().copy(SlotRef(ring={ref.ring!r}, slot={ref.slot}, generation={ref.generation}), 'a')[0, 0])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"
    assert [path.name for path in segments(line)] == [ref.ring]
    assert RingReader().copy(ref, "a")[0, 0] == 7


def test_close_removes_the_name_and_spares_the_readers(line: str) -> None:
    writer, reader = RingWriter(line, "top", SMALL), RingReader()
    ref = write(writer, 7, "a")
    view = reader.view(ref, "a")
    writer.close()
    assert segments(line) == []
    assert view[0, 0] == 7
    writer.close()


def test_only_the_owner_may_read_the_frames(line: str) -> None:
    RingWriter(line, "top", SMALL)
    assert segments(line)[0].stat().st_mode & 0o777 == 0o600


def test_a_full_shared_memory_is_bad_input_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system to fill")
    monkeypatch.setattr(ring, "SHM", tmp_path)
    try:
        with pytest.raises(InputError, match=r"no room for a frame ring of 39 MB.*Enlarge /dev/shm"):
            RingWriter("line", "top", Geometry(3, 13_000_000))
        assert list(tmp_path.iterdir()) == []
        RingWriter("line", "top", SMALL).close()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_slots_start_on_pages() -> None:
    for slot_bytes in (1, 4032, 4033, 640 * 480):
        assert replace(SMALL, slot_bytes=slot_bytes).stride_bytes % os.sysconf("SC_PAGESIZE") == 0
        assert replace(SMALL, slot_bytes=slot_bytes).stride_bytes >= slot_bytes + 64


@given(st.integers(0, 15), st.integers(0, 63), st.integers(1, 255))
def test_the_fingerprint_sees_a_change_in_every_row_it_samples(row: int, column: int, change: int) -> None:
    frame = np.arange(16 * 64, dtype=np.uint8).reshape(16, 64)
    changed = frame.copy()
    changed[row, column] ^= change
    assert fingerprint(frame) != fingerprint(changed)
    assert fingerprint(frame) == fingerprint(frame.copy())


def test_the_fingerprint_tells_shapes_apart() -> None:
    assert fingerprint(grey(0, (64, 32))) != fingerprint(grey(0, (32, 64)))
    assert fingerprint(grey(0, (64, 32))) != fingerprint(grey(0, (64, 32, 3)))


def test_the_first_frame_of_a_slot_meets_no_page_that_the_kernel_must_still_map(line: str) -> None:
    frame = np.full((1024, 1024), 7, np.uint8)
    writer = RingWriter(line, "top", Geometry(slots=8, slot_bytes=frame.nbytes))
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for number in range(8):
        writer.write(frame, f"part-{number}", 0, 0, 1)
    faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
    assert faults < 8 * frame.nbytes / os.sysconf("SC_PAGESIZE") / 10


def test_a_frame_that_is_a_part_of_another_has_the_fingerprint_of_its_copy() -> None:
    whole = np.arange(200 * 300, dtype=np.uint32).astype(np.uint8).reshape(200, 300)
    for part in (whole[20:90, 30:200], whole[::2, ::3], whole[:, ::-1]):
        assert fingerprint(part) == fingerprint(part.copy())
