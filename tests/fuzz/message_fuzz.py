"""Messages of every kind with damaged bytes: refused by name, or what was sent.

Half of them are damaged on the way, as a wire or a memory does it. The other half carry a checksum that fits the
damage, as if a program had built them wrong: these may decode, and then must read the same back.
"""

import random
from dataclasses import dataclass
from typing import get_args

import msgspec
from byte_damage import damaged

from line_inspector.encoding import MalformedMessage, Message, decode, encode, sealed, unsealed
from line_inspector.part_record import Reason

KINDS = sorted(Message.__subclasses__(), key=lambda kind: kind.__name__)
VALUES: dict[object, object] = {str: "part-0000001", int: 2**40 + 7, float: 0.31, bool: True, bytes: bytes(64)}


@dataclass
class Tally:
    """What became of the damaged messages."""

    damaged: int = 0
    refused: int = 0
    unchanged: int = 0
    decoded: int = 0


def fuzz_messages(count: int, seed: int) -> Tally:
    """Raises AssertionError for a damaged message that is taken for another one, and whatever decoding should not."""
    rng, tally = random.Random(seed), Tally()
    wires = {kind: encode(example(kind)) for kind in KINDS}
    everything = b"".join(wires.values())
    for number in range(count):
        kind = rng.choice(KINDS)
        if number % 2:
            wire = damaged(wires[kind], rng, everything)
        else:
            wire = sealed(damaged(unsealed(wires[kind]), rng, everything))
        tally.damaged += 1
        try:
            back = decode(wire, kind)
        except MalformedMessage:
            tally.refused += 1
            continue
        assert type(back) is kind
        if wire == wires[kind]:
            tally.unchanged += 1
            continue
        assert number % 2 == 0, f"damage on the way was not seen: {wire.hex()} as {back}"
        assert encode(decode(encode(back), kind)) == encode(back)
        tally.decoded += 1
    return tally


def example(kind: type[Message]) -> Message:
    """A well-formed message with values that fill the encodings."""
    return kind(**{field.name: _value(field.type) for field in msgspec.structs.fields(kind)})


def _value(annotation: object) -> object:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return example(annotation)
    if annotation is Reason:
        return Reason.ANOMALY
    if annotation == dict[str, int]:
        return {"verdicts": 12, "refused": 1 << 33}
    if annotation in VALUES:
        return VALUES[annotation]
    return _value(get_args(annotation)[0])  # int | None, Annotated[int, ...], tuple[str, ...]
