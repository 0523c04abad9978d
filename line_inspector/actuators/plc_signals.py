"""The one table of what goes over the wire between us and a PLC: Modbus registers and OPC UA nodes follow from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

REGISTER_BITS = 16
REGISTER_MASK = 0xFFFF
CLOCK_MODULUS = 2**32  # the PLC's milliseconds, and every time counted in them


class Kind(Enum):
    """Type of a value, by its name in OPC UA."""

    BOOLEAN = "Boolean"
    UINT16 = "UInt16"
    UINT32 = "UInt32"

    @property
    def registers(self) -> int:
        """Modbus registers that a value takes; two hold the high word first, a Boolean is 0 or 1 in one of its own."""
        return 2 if self is Kind.UINT32 else 1


class Direction(Enum):
    """Who writes a value. The PLC is the server of both protocols, and we are its client."""

    TO_PLC = "to the PLC"
    FROM_PLC = "from the PLC"


class VisionState(IntEnum):
    """The states of OPC 40100-1, by numbers of our own, since a register holds no names; 0 is no state."""

    PREOPERATIONAL = 1
    INITIALIZED = 2
    READY = 3
    SINGLE_EXECUTION = 4
    CONTINUOUS_EXECUTION = 5
    ERROR = 6


class Mode(IntEnum):
    """What the PLC lets the line do. Memory that was cleared means: nothing is accepted."""

    HALT = 0
    SINGLE = 1
    CONTINUOUS = 2


NO_VERDICT = 0
ACCEPT = 21_930  # 0x55AA: neither cleared nor filled memory, nor a single flipped bit, is an accept


@dataclass(frozen=True)
class Signal:
    """One row: name, type, who writes it, its first register counted from `base_register`, and what it means."""

    name: str
    kind: Kind
    direction: Direction
    register: int
    meaning: str


SIGNALS = (
    Signal("heartbeat", Kind.UINT16, Direction.TO_PLC, 0, "another value at every beat; bit 0 toggles"),
    Signal("state", Kind.UINT16, Direction.TO_PLC, 1, "state of the vision system, see States"),
    Signal("ready", Kind.BOOLEAN, Direction.TO_PLC, 2, "accepts hold; while it is 0, forget them all and reject"),
    Signal("busy", Kind.BOOLEAN, Direction.TO_PLC, 3, "accepts are waiting to be handed over or acknowledged"),
    Signal("result_valid", Kind.BOOLEAN, Direction.TO_PLC, 4, "the result below has not been acknowledged yet"),
    Signal("session_echo", Kind.UINT16, Direction.TO_PLC, 5, "result: the `session` whose clock it is told in"),
    Signal("verdict", Kind.UINT16, Direction.TO_PLC, 6, f"result: {ACCEPT} (16#55AA) accepts; nothing else does"),
    Signal("lane", Kind.UINT16, Direction.TO_PLC, 7, "result: the camera's place in the line file, from 1"),
    Signal("window_start_ms", Kind.UINT32, Direction.TO_PLC, 8, "result: accept from here, in `clock_ms`"),
    Signal("window_end_ms", Kind.UINT32, Direction.TO_PLC, 10, "result: to here, both included"),
    Signal("stop_request", Kind.BOOLEAN, Direction.TO_PLC, 12, "an alarm asks the line to stop, docs/alarms.md"),
    Signal("result_number", Kind.UINT16, Direction.TO_PLC, 13, "result: its number, 1 to 65535, never 0; written last"),
    Signal("session", Kind.UINT16, Direction.FROM_PLC, 16, "another value, not 0, at every start of the PLC's program"),
    Signal(
        "clock_ms", Kind.UINT32, Direction.FROM_PLC, 17, "the PLC's own milliseconds, running freely, wrapping at 2^32"
    ),
    Signal("acknowledge", Kind.UINT16, Direction.FROM_PLC, 19, "`result_number` of the last result taken"),
    Signal("mode", Kind.UINT16, Direction.FROM_PLC, 20, "0 accept nothing, 1 accept one part, 2 accept parts"),
    Signal("bin_count", Kind.UINT16, Direction.FROM_PLC, 21, "counts what falls into the reject bins, wrapping; or 0"),
    Signal("bin_full", Kind.BOOLEAN, Direction.FROM_PLC, 22, "a reject bin is full; 0 where nothing senses it"),
)
TO_PLC = tuple(signal for signal in SIGNALS if signal.direction is Direction.TO_PLC)
FROM_PLC = tuple(signal for signal in SIGNALS if signal.direction is Direction.FROM_PLC)


@dataclass(frozen=True)
class Outputs:
    """Everything we write, one field for each row. The defaults are the rest position: all parts are rejected."""

    heartbeat: int = 0
    state: int = VisionState.PREOPERATIONAL
    ready: bool = False
    busy: bool = False
    result_valid: bool = False
    session_echo: int = 0
    verdict: int = NO_VERDICT
    lane: int = 0
    window_start_ms: int = 0
    window_end_ms: int = 0
    stop_request: bool = False
    result_number: int = 0


@dataclass(frozen=True)
class Inputs:
    """Everything we read, one field for each row. A PLC whose program does not run has session 0."""

    session: int
    clock_ms: int
    acknowledge: int
    mode: int
    bin_count: int = 0
    bin_full: bool = False


def lanes_of(cameras: Iterable[str]) -> dict[str, int]:
    """The number of each camera's lane at the PLC: its place in the line file."""
    return {camera: number for number, camera in enumerate(cameras, 1)}


def block_of(signals: tuple[Signal, ...]) -> tuple[int, int]:
    """(First register, number of registers) of the block that holds these signals, gaps included."""
    first = signals[0].register
    return first, signals[-1].register + signals[-1].kind.registers - first


def to_registers(signals: tuple[Signal, ...], values: Outputs | Inputs) -> list[int]:
    """The block of registers that holds these values."""
    first, count = block_of(signals)
    registers = [0] * count
    for signal in signals:
        value, at = int(getattr(values, signal.name)), signal.register - first
        words = [value >> REGISTER_BITS, value & REGISTER_MASK][-signal.kind.registers :]
        registers[at : at + signal.kind.registers] = words
    return registers


def from_registers(signals: tuple[Signal, ...], registers: Iterable[int]) -> Iterator[tuple[str, int]]:
    """(Name, value) of each signal in its block of registers. Raises ValueError for a block of another length."""
    words = list(registers)
    first, count = block_of(signals)
    if len(words) != count:
        raise ValueError(f"{len(words)} registers, expected {count}")
    for signal in signals:
        at = signal.register - first
        value = 0
        for word in words[at : at + signal.kind.registers]:
            value = value << REGISTER_BITS | word & REGISTER_MASK
        yield signal.name, value
