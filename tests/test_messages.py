import random
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector import messages
from line_inspector.messages import FORMAT_VERSION, MalformedMessage, Message, Reason, decode, encode

KINDS = sorted(Message.__subclasses__(), key=lambda kind: kind.__name__)
INT_64 = st.integers(-(2**63), 2**63 - 1)
MUTATIONS = 10_000


def strategy(annotation: object) -> st.SearchStrategy:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return st.builds(annotation, **{f.name: strategy(f.type) for f in msgspec.structs.fields(annotation)})
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    return {
        str: st.text(max_size=40),
        int: INT_64,
        messages.TriggerTime: st.integers(0, 2**62),
        float: st.floats(),
        bool: st.booleans(),
        bytes: st.binary(max_size=200),
        int | None: st.none() | INT_64,
        float | None: st.none() | st.floats(),
        messages.SlotRef | None: st.none() | st.deferred(lambda: strategy(messages.SlotRef)),
        tuple[messages.StandingAlarm, ...]: st.deferred(
            lambda: st.lists(strategy(messages.StandingAlarm), max_size=3).map(tuple)
        ),
        dict[str, int]: st.dictionaries(st.text(max_size=10), INT_64, max_size=5),
    }[annotation]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_type_survives_the_wire(kind: type[Message]) -> None:
    @given(strategy(kind))
    def survives(message: Message) -> None:
        wire = encode(message)
        back = decode(wire, kind)
        assert type(back) is kind
        assert encode(back) == wire  # bytes, since NaN is not equal to itself

    survives()


@given(st.sampled_from(KINDS).flatmap(strategy), st.sampled_from(KINDS))
def test_a_message_of_another_type_is_refused_or_reads_the_same_back(message: Message, kind: type[Message]) -> None:
    try:
        back = decode(encode(message), kind)
    except MalformedMessage:
        return
    assert encode(decode(encode(back), kind)) == encode(back)


def examples(count: int) -> list[Message]:
    """One well-formed message of every kind, `count` times over, with values that fill the encodings."""
    values: dict[object, object] = {str: "part-0000001", int: 2**40 + 7, float: 0.31, bool: True, bytes: bytes(64)}

    def value(annotation: object) -> object:
        if isinstance(annotation, type) and issubclass(annotation, Message):
            return build(annotation)
        if annotation is Reason:
            return Reason.ANOMALY
        if annotation == tuple[messages.StandingAlarm, ...]:
            return (build(messages.StandingAlarm),)
        if annotation == dict[str, int]:
            return {"verdicts": 12, "refused": 1 << 33}
        if annotation == messages.SlotRef | None:
            return build(messages.SlotRef)
        return values.get(annotation) or values[annotation.__args__[0]]

    def build(kind: type[Message]) -> Message:
        return kind(**{f.name: value(f.type) for f in msgspec.structs.fields(kind)})

    return [build(kind) for _ in range(count) for kind in KINDS]


def mutated(wire: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(wire)
    for _ in range(rng.randint(1, 4)):
        position = rng.randrange(len(damaged) + 1)
        match rng.randrange(4):
            case 0 if position < len(damaged):
                damaged[position] ^= 1 << rng.randrange(8)
            case 1:
                damaged[position:position] = rng.randbytes(rng.randint(1, 6))
            case 2:
                del damaged[position : position + rng.randint(1, 8)]
            case 3:
                damaged = damaged[:position]
    return bytes(damaged)


def test_mutated_bytes_are_refused_or_are_a_message_that_is_stable() -> None:
    rng = random.Random(7)
    refused = 0
    pool = examples(1)
    for _ in range(MUTATIONS):
        message = rng.choice(pool)
        kind = type(message)
        try:
            back = decode(mutated(encode(message), rng), kind)
        except MalformedMessage:
            refused += 1
            continue
        assert type(back) is kind
        wire = encode(back)
        assert encode(decode(wire, kind)) == wire
    assert refused > MUTATIONS / 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes([FORMAT_VERSION]),
        bytes([FORMAT_VERSION + 1]) + encode(messages.Ack(key="a"))[1:],
        encode(messages.Ack(key="a")) + b"\x00",
        bytes([FORMAT_VERSION]) + b"\x91" * 100_000,  # arrays in arrays
        bytes([FORMAT_VERSION]) + b"\xdd\xff\xff\xff\xff",  # an array that says it has 4 billion entries
        bytes([FORMAT_VERSION]) + b"\x91\xdb\xff\xff\xff\xff",  # a string of 4 GB that is not there
        bytes([FORMAT_VERSION]) + b"\x91\xa2\xff\xfe",  # not UTF-8
        bytes([FORMAT_VERSION]) + b"\x92\xa1a\xa1b",  # one field too many
        bytes([FORMAT_VERSION]) + b"\x90",  # one field too few
    ],
    ids=["empty", "version-only", "version", "trailing", "nested", "array", "string", "utf-8", "more", "fewer"],
)
def test_damage_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data, messages.Ack)


def test_a_reason_that_nobody_knows_is_refused() -> None:
    wire = encode(messages.Fault(part_id="p", camera="c", reason=Reason.NO_FRAME, detail=""))
    with pytest.raises(MalformedMessage):
        decode(wire.replace(b"no_frame", b"no_frime"), messages.Fault)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        messages.Ack(key="a").key = "b"


@pytest.mark.parametrize("trigger_ns", [-1, 2**62 + 1, 2**64 - 1])
def test_a_trigger_of_no_possible_time_is_refused(trigger_ns: int) -> None:
    sent = encode(messages.Trigger(part_id="a", camera="top", trigger_ns=trigger_ns))
    with pytest.raises(MalformedMessage):
        decode(sent, messages.Trigger)
