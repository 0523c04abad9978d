"""Damage to bytes, fast enough for a million: bits, insertions, deletions, cuts, pieces of other content."""

import random

EDGES = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc0",
    b"\xc3",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\xcf" + b"\xff" * 8,
)


def damaged(content: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """The content with one to four pieces of damage; it may by chance be the same. `other` is spliced in at times."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.randbytes(rng.randint(1, 6))
            case 2:
                del data[at : at + rng.randint(1, 8)]
            case 3:
                edge = rng.choice(EDGES)
                data[at : at + len(edge)] = edge
            case 4 if other:
                begin = rng.randrange(len(other))
                piece = other[begin : begin + rng.randint(1, 16)]
                data[at : at + len(piece)] = piece
            case 5 if rng.random() < 0.1:
                del data[at:]
    return bytes(data)
