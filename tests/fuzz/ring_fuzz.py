"""Damaged headers and references of a real ring in shared memory: what is read is the camera's frame, or torn."""

import mmap
import os
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from byte_damage import damaged
from msgspec.structs import replace

from line_inspector.images import Frame
from line_inspector.messages import SlotRef
from line_inspector.ring import SHM, Geometry, RingReader, RingWriter, TornFrame

GEOMETRY = Geometry(slots=3, slot_bytes=32 * 32 * 3)
HEADER_BYTES = 64
USED_BYTES = 28  # generation, shape, part, fingerprint
SHAPES = ((32, 32), (32, 32, 3), (16, 24), (17, 31, 3))
READS_PER_FRAME = 20


@dataclass
class Tally:
    """What became of the reads."""

    damaged: int = 0
    torn: int = 0
    whole: int = 0


@dataclass
class Shot:
    """A frame in its slot, and the header as its writer left it."""

    ref: SlotRef
    part_id: str
    frame: Frame
    header: bytes


class Ring:
    """One camera's ring, and the memory below it, as a program gone wild has it before itself."""

    def __init__(self, writer: RingWriter, memory: mmap.mmap) -> None:
        self._writer, self._memory = writer, memory
        self._written = 0

    def shoot(self, rng: random.Random) -> Shot:
        """The next frame."""
        self._written += 1
        shape = rng.choice(SHAPES)
        frame = np.frombuffer(rng.randbytes(int(np.prod(shape))), np.uint8).reshape(shape)
        part_id = f"part-{self._written}"
        ref = self._writer.write(frame, part_id, 0, 0, 1)
        return Shot(ref, part_id, frame, self.header(ref.slot))

    def header(self, slot: int) -> bytes:
        start = slot * GEOMETRY.stride_bytes
        return self._memory[start : start + HEADER_BYTES]

    def scribble(self, slot: int, header: bytes) -> None:
        start = slot * GEOMETRY.stride_bytes
        self._memory[start : start + HEADER_BYTES] = header


def fuzz_rings(count: int, seed: int) -> Tally:
    """Raises AssertionError for a read that gives anything but the very frame, and whatever reading should not."""
    rng, tally, reader = random.Random(seed), Tally(), RingReader()
    with a_ring() as ring:
        shot, before = ring.shoot(rng), b""
        for number in range(count):
            if number % READS_PER_FRAME == 0:
                before, shot = shot.header, ring.shoot(rng)
            tally.damaged += 1
            match rng.randrange(4):
                case 0 | 1:
                    _read_damaged_header(ring, reader, shot, before, rng, tally)
                case 2:
                    _damage_between_the_looks(ring, reader, shot, before, rng, tally)
                case 3:
                    _read_damaged_reference(reader, shot, rng, tally)
            assert (reader.copy(shot.ref, shot.part_id) == shot.frame).all(), "the frame itself is no more to be had"
    return tally


@contextmanager
def a_ring() -> Iterator[Ring]:
    """A ring of a line that nobody else has; gone afterwards."""
    writer = RingWriter(f"fuzz-{uuid.uuid4().hex[:12]}", "top", GEOMETRY)
    descriptor = os.open(SHM / writer.name, os.O_RDWR)
    memory = mmap.mmap(descriptor, 0)
    os.close(descriptor)
    try:
        yield Ring(writer, memory)
    finally:
        memory.close()
        writer.close()


def _read_damaged_header(
    ring: Ring, reader: RingReader, shot: Shot, before: bytes, rng: random.Random, tally: Tally
) -> None:
    ring.scribble(shot.ref.slot, _damaged_header(shot.header, before, rng))
    try:
        frame = reader.copy(shot.ref, shot.part_id)
    except TornFrame:
        tally.torn += 1
    else:
        assert ring.header(shot.ref.slot)[:USED_BYTES] == shot.header[:USED_BYTES], "damage that nobody saw"
        assert frame.shape == shot.frame.shape and (frame == shot.frame).all()
        tally.whole += 1
    ring.scribble(shot.ref.slot, shot.header)


def _damage_between_the_looks(
    ring: Ring, reader: RingReader, shot: Shot, before: bytes, rng: random.Random, tally: Tally
) -> None:
    """As the engine reads: look, infer, look again."""
    reader.view(shot.ref, shot.part_id)
    ring.scribble(shot.ref.slot, _damaged_header(shot.header, before, rng))
    try:
        reader.check(shot.ref, shot.part_id)
    except TornFrame:
        tally.torn += 1
    else:
        assert ring.header(shot.ref.slot)[:USED_BYTES] == shot.header[:USED_BYTES], "damage that nobody saw"
        tally.whole += 1
    ring.scribble(shot.ref.slot, shot.header)


def _read_damaged_reference(reader: RingReader, shot: Shot, rng: random.Random, tally: Tally) -> None:
    ref, part_id = shot.ref, shot.part_id
    match rng.randrange(5):
        case 0:
            ref = replace(ref, slot=rng.choice((ref.slot + 1, ref.slot - 1, -1, 2**63, rng.getrandbits(64))))
        case 1:
            near = ref.generation + rng.choice((-2, -1, 1, 2, 2**32, 2**63))
            ref = replace(ref, generation=rng.choice((near, 0, -1, rng.getrandbits(64))))
        case 2:
            name = damaged(ref.ring.encode(), rng, ref.ring.encode()).decode(errors="replace")
            ref = replace(ref, ring=name)
        case 3:
            digits = "9" * rng.choice((1, 20, 400, 5000))
            ref = replace(ref, ring=f"{ref.ring.rpartition('.')[0]}.{digits}x{rng.choice((digits, '32'))}")
        case 4:
            part_id = damaged(part_id.encode(), rng).decode(errors="replace")
    try:
        frame = reader.copy(ref, part_id)
    except TornFrame:
        tally.torn += 1
        return
    assert (ref, part_id) == (shot.ref, shot.part_id), f"{ref} of {part_id} leads to the frame of {shot}"
    assert (frame == shot.frame).all()
    tally.whole += 1


def _damaged_header(header: bytes, before: bytes, rng: random.Random) -> bytes:
    """Of the same length: bits and bytes changed, mostly where something is, another part's header, or noise."""
    match rng.randrange(8):
        case 0:
            return before
        case 1:
            return rng.randbytes(HEADER_BYTES)
        case 2:
            return bytes((rng.choice((0, 0x7F, 0xFF)),)) * HEADER_BYTES
    data = bytearray(header)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(USED_BYTES if rng.random() < 0.9 else HEADER_BYTES)
        match rng.randrange(3):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, before[at]))
            case 2:
                data[at & ~3 : (at & ~3) + 4] = rng.randbytes(4)
    return bytes(data)
