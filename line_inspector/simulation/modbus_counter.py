"""The Modbus TCP server of the simulated counter (pymodbus)."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from line_inspector.actuators.plc_signals import REGISTER_BITS, REGISTER_MASK
from line_inspector.config import ModbusCounterSettings

FUNCTIONS = {"holding": 3, "input": 4}

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


async def serve_modbus_counter(
    settings: ModbusCounterSettings, count: Callable[[], int]
) -> Callable[[], Awaitable[Any]]:
    """Listens; gives back how to stop. Raises OSError where the address cannot be had."""
    registers = SimData(settings.address, settings.bits // REGISTER_BITS, 0, DataType.REGISTERS)

    async def access(
        function: int, start: int, _address: int, _count: int, current: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """Called before each request is answered: puts in the count, and lets nobody write."""
        if values is not None or function != FUNCTIONS[settings.table]:
            return ExcCodes.ILLEGAL_FUNCTION
        words = [count() >> shift & REGISTER_MASK for shift in range(0, settings.bits, REGISTER_BITS)]  # low first
        first = settings.address - start
        current[first : first + len(words)] = words if settings.word_order == "low_first" else reversed(words)
        return None

    server = ModbusTcpServer(
        SimDevice(id=settings.unit, simdata=[registers], action=access), address=(settings.host, settings.port)
    )
    try:
        await server.serve_forever(background=True)
    except RuntimeError as e:  # pymodbus swallows the system's own words
        raise OSError(f"{settings.server} cannot be had") from e
    return server.shutdown
