"""A gate driven by a PLC over Modbus TCP (pymodbus). docs/plc.md holds the registers."""

import logging
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

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
from line_inspector.actuators.wire import DISCARD_ON_CLOSE, WireFault
from line_inspector.config import ModbusGateSettings

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # each fault is reported by the gate, in one line


class ModbusGate(PlcGate):
    """The gate that `settings` describe; `lanes` are the cameras' numbers at the PLC."""

    def __init__(self, settings: ModbusGateSettings, lanes: Mapping[str, int]) -> None:
        address = f"PLC at modbus {settings.host}:{settings.port}"
        super().__init__(address, lambda: ModbusWire(settings), settings, lanes)


class ModbusWire:
    """One TCP connection. Raises WireFault when there is none within `timeout_ms`."""

    def __init__(self, settings: ModbusGateSettings) -> None:
        self._unit, self._base = settings.unit, settings.base_register
        self._client = ModbusTcpClient(settings.host, port=settings.port, timeout=settings.timeout_ms / 1000, retries=0)
        with _faults():
            self._client.connect()
            if self._client.socket is None:
                raise WireFault("cannot be reached")
            self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_ON_CLOSE)

    def write(self, outputs: Outputs) -> None:
        """One request: write multiple registers (16)."""
        first, _ = block_of(TO_PLC)
        with self._connected():
            registers = to_registers(TO_PLC, outputs)
            answer = self._client.write_registers(self._base + first, registers, device_id=self._unit)
            if answer.isError():
                raise WireFault(f"refuses to have {len(registers)} registers written ({answer})")

    def read(self) -> Inputs:
        """One request: read holding registers (3)."""
        first, count = block_of(FROM_PLC)
        with self._connected():
            answer = self._client.read_holding_registers(self._base + first, count=count, device_id=self._unit)
            if answer.isError():
                raise WireFault(f"refuses to have {count} registers read ({answer})")
            values = dict(from_registers(FROM_PLC, answer.registers))
            return Inputs(**values)  # type: ignore[arg-type]  # 0 and 1 are good booleans

    def safe(self) -> None:
        """Writes the rest position."""
        self.write(Outputs())

    def close(self) -> None:
        """Resets the connection."""
        self._client.close()

    @contextmanager
    def _connected(self) -> Iterator[None]:
        if self._client.socket is None:  # pymodbus would connect anew and go on as if nothing had happened
            raise WireFault("the connection was lost")
        with _faults():
            yield


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (ModbusException, OSError, ValueError, struct.error) as e:
        raise WireFault(" ".join(str(e).split()) or type(e).__name__) from e
