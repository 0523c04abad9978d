"""A counter in the registers of a Modbus TCP server."""

from line_inspector.actuators.modbus_connection import ModbusConnection
from line_inspector.actuators.plc_signals import REGISTER_BITS
from line_inspector.config import ModbusCounterSettings


class ModbusCounter:
    """One TCP connection."""

    def __init__(self, settings: ModbusCounterSettings) -> None:
        self._settings = settings
        self._connection = ModbusConnection(settings.host, settings.port, settings.unit, settings.timeout_ms)

    def read(self) -> tuple[int, int]:
        """One request for all registers, so that both halves are of one moment."""
        ask = self._connection.read_holding if self._settings.table == "holding" else self._connection.read_input
        registers = ask(self._settings.address, self._settings.bits // REGISTER_BITS)
        if self._settings.word_order == "low_first":
            registers.reverse()
        value = 0
        for register in registers:
            value = value << REGISTER_BITS | register
        return value, self._settings.bits

    def close(self) -> None:
        """Resets the connection."""
        self._connection.close()
