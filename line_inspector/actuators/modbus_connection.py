"""One connection to a Modbus TCP server (pymodbus): registers, and faults in one line."""

import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from line_inspector.actuators.wire import DISCARD_ON_CLOSE, BadAnswer, WireFault

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # each fault is reported by who asked, in one line


class ModbusConnection:
    """Raises WireFault when there is none within `timeout_ms`, and BadAnswer for what is answered but not done."""

    def __init__(self, host: str, port: int, unit: int, timeout_ms: int) -> None:
        self._unit = unit
        self._client = ModbusTcpClient(host, port=port, timeout=timeout_ms / 1000, retries=0)
        with _faults():
            self._client.connect()
            if self._client.socket is None:
                raise WireFault("cannot be reached")
            self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_ON_CLOSE)

    def write(self, address: int, registers: list[int]) -> None:
        """One request: write multiple registers (16)."""
        with self._connected():
            answer = self._client.write_registers(address, registers, device_id=self._unit)
            if answer.isError():
                raise BadAnswer(f"refuses to have {len(registers)} registers written ({answer})")

    def read_holding(self, address: int, count: int) -> list[int]:
        """One request: read holding registers (3)."""
        with self._connected():
            return _registers(self._client.read_holding_registers(address, count=count, device_id=self._unit), count)

    def read_input(self, address: int, count: int) -> list[int]:
        """One request: read input registers (4)."""
        with self._connected():
            return _registers(self._client.read_input_registers(address, count=count, device_id=self._unit), count)

    def close(self) -> None:
        """Resets the connection."""
        self._client.close()

    @contextmanager
    def _connected(self) -> Iterator[None]:
        if self._client.socket is None:  # pymodbus would connect anew and go on as if nothing had happened
            raise WireFault("the connection was lost")
        with _faults():
            yield


def _registers(answer: ModbusPDU, count: int) -> list[int]:
    if answer.isError():
        raise BadAnswer(f"refuses to have {count} registers read ({answer})")
    if len(answer.registers) != count:
        raise BadAnswer(f"answers with {len(answer.registers)} registers, not {count}")
    return list(answer.registers)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (ModbusException, OSError, ValueError, struct.error) as e:
        raise WireFault(" ".join(str(e).split()) or type(e).__name__) from e
