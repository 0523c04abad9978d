"""plc_signals.py: one table, and everything that follows from it agrees with it."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.actuators.plc_signals import (
    ACCEPT,
    FROM_PLC,
    SIGNALS,
    TO_PLC,
    Inputs,
    Kind,
    Outputs,
    block_of,
    from_registers,
    to_registers,
)

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
VALUES = {Kind.BOOLEAN: st.booleans(), Kind.UINT16: U16, Kind.UINT32: U32}


def test_there_is_a_field_for_each_row_in_its_order() -> None:
    assert [signal.name for signal in TO_PLC] == [field.name for field in fields(Outputs)]
    assert [signal.name for signal in FROM_PLC] == [field.name for field in fields(Inputs)]
    assert [*TO_PLC, *FROM_PLC] == list(SIGNALS)


def test_registers_do_not_overlap_and_the_results_number_is_written_last() -> None:
    taken = [signal.register + n for signal in SIGNALS for n in range(signal.kind.registers)]
    assert taken == sorted(set(taken))
    assert TO_PLC[-1].name == "result_number"


@given(st.fixed_dictionaries({signal.name: VALUES[signal.kind] for signal in TO_PLC}))
def test_values_survive_the_registers(values: dict[str, int]) -> None:
    registers = to_registers(TO_PLC, Outputs(**values))  # type: ignore[arg-type]
    assert len(registers) == block_of(TO_PLC)[1] and all(0 <= word <= 0xFFFF for word in registers)
    assert dict(from_registers(TO_PLC, registers)) == values


def test_cleared_or_filled_memory_is_no_accept() -> None:
    for word in (0, 0xFFFF):
        assert dict(from_registers(TO_PLC, [word] * block_of(TO_PLC)[1]))["verdict"] != ACCEPT
    assert not any(to_registers(TO_PLC, Outputs(state=0)))


def test_the_high_word_comes_first() -> None:
    registers = to_registers(FROM_PLC, Inputs(session=1, clock_ms=0x12345678, acknowledge=2, mode=3))
    assert registers == [1, 0x1234, 0x5678, 2, 3, 0, 0]
