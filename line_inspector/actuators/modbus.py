"""A gate driven by a PLC over Modbus TCP. docs/plc.md holds the registers."""

from collections.abc import Mapping

from line_inspector.actuators.modbus_connection import ModbusConnection
from line_inspector.actuators.plc_gate import PlcGate
from line_inspector.actuators.plc_signals import (
    FROM_PLC,
    TO_PLC,
    Inputs,
    Outputs,
    block_of,
    from_registers,
    to_registers,
)
from line_inspector.config import ModbusGateSettings


class ModbusGate(PlcGate):
    """The gate that `settings` describe; `lanes` are the cameras' numbers at the PLC."""

    def __init__(self, settings: ModbusGateSettings, lanes: Mapping[str, int]) -> None:
        address = f"PLC at modbus {settings.host}:{settings.port}"
        super().__init__(address, lambda: ModbusWire(settings), settings, lanes)


class ModbusWire:
    """One TCP connection. Raises WireFault when there is none within `timeout_ms`."""

    def __init__(self, settings: ModbusGateSettings) -> None:
        self._base = settings.base_register
        self._connection = ModbusConnection(settings.host, settings.port, settings.unit, settings.timeout_ms)

    def write(self, outputs: Outputs) -> None:
        """One request for all registers, the result's number last."""
        first, _ = block_of(TO_PLC)
        self._connection.write(self._base + first, to_registers(TO_PLC, outputs))

    def read(self) -> Inputs:
        """One request for all registers."""
        first, count = block_of(FROM_PLC)
        values = dict(from_registers(FROM_PLC, self._connection.read_holding(self._base + first, count)))
        return Inputs(**values)  # type: ignore[arg-type]  # 0 and 1 are good booleans

    def safe(self) -> None:
        """Writes the rest position."""
        self.write(Outputs())

    def close(self) -> None:
        """Resets the connection."""
        self._connection.close()
