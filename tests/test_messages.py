from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector import messages
from line_inspector.encoding import (
    FORMAT_VERSION,
    MalformedMessage,
    Message,
    Moment,
    Uncertainty,
    decode,
    encode,
    sealed,
    unsealed,
)
from line_inspector.part_record import Reason

KINDS = sorted(Message.__subclasses__(), key=lambda kind: kind.__name__)
INT_64 = st.integers(-(2**63), 2**63 - 1)


def strategy(annotation: object) -> st.SearchStrategy:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return st.builds(annotation, **{f.name: strategy(f.type) for f in msgspec.structs.fields(annotation)})
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    return {
        str: st.text(max_size=40),
        int: INT_64,
        Moment: st.integers(0, 2**62),
        Uncertainty: st.integers(0, 10**9),
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


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes([FORMAT_VERSION]),
        bytes([FORMAT_VERSION, 0, 0]),
        bytes([FORMAT_VERSION + 1]) + encode(messages.Ack(key="a"))[1:],
        encode(messages.Ack(key="a")) + b"\x00",
        encode(messages.Ack(key="a")).replace(b"a", b"b"),  # well-formed, but not what was sent
        sealed(b"\x91" * 100_000),  # arrays in arrays
        sealed(b"\xdd\xff\xff\xff\xff"),  # an array that says it has 4 billion entries
        sealed(b"\x91\xdb\xff\xff\xff\xff"),  # a string of 4 GB that is not there
        sealed(b"\x91\xa2\xff\xfe"),  # not UTF-8
        sealed(b"\x92\xa1a\xa1b"),  # one field too many
        sealed(b"\x90"),  # one field too few
    ],
    ids=["empty", "version-only", "short", "version", "trailing", "changed"]
    + ["nested", "array", "string", "utf-8", "more", "fewer"],
)
def test_damage_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data, messages.Ack)


def test_a_reason_that_nobody_knows_is_refused() -> None:
    body = bytes(unsealed(encode(messages.Fault(part_id="p", camera="c", reason=Reason.NO_FRAME, detail=""))))
    with pytest.raises(MalformedMessage, match="no_frime"):
        decode(sealed(body.replace(b"no_frame", b"no_frime")), messages.Fault)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        messages.Ack(key="a").key = "b"


@pytest.mark.parametrize("trigger_ns", [-1, 2**62 + 1, 2**64 - 1])
def test_a_trigger_of_no_possible_time_is_refused(trigger_ns: int) -> None:
    sent = encode(messages.Trigger(part_id="a", camera="top", trigger_ns=trigger_ns))
    with pytest.raises(MalformedMessage):
        decode(sent, messages.Trigger)


@pytest.mark.parametrize("field", ["trigger_ns", "deadline_ns", "gate_ns"])
@pytest.mark.parametrize("moment_ns", [-1, 2**62 + 1, 2**64 - 1])
def test_an_announcement_of_no_possible_time_is_refused(field: str, moment_ns: int) -> None:
    """Its accept's window could not be sent: decision would end with every part that announces itself so."""
    times = {"trigger_ns": 1, "trigger_wall_ns": 1, "deadline_ns": 2, "gate_ns": 3} | {field: moment_ns}
    with pytest.raises(MalformedMessage):
        decode(encode(messages.Announcement(part_id="a", camera="top", **times)), messages.Announcement)
