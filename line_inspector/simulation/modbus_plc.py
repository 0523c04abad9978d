"""The Modbus TCP server of the simulated PLC (pymodbus)."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from line_inspector.actuators.plc_signals import FROM_PLC, TO_PLC, Outputs, block_of, from_registers, to_registers
from line_inspector.config import ModbusGateSettings
from line_inspector.simulation.plc_program import PlcProgram

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


async def serve_modbus(settings: ModbusGateSettings, program: PlcProgram) -> Callable[[], Awaitable[Any]]:
    """Listens; gives back how to stop. Raises OSError where the address cannot be had."""
    first, _ = block_of(TO_PLC)
    last, count = block_of(FROM_PLC)
    registers = SimData(settings.base_register + first, last + count - first, 0, DataType.REGISTERS)

    async def access(
        _function: int, start: int, address: int, _count: int, current: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """Called before each request is answered: the program takes what is written and puts in what is read."""
        now_ns = time.monotonic_ns()
        if values is None:
            current[last - first : last - first + count] = to_registers(FROM_PLC, program.inputs(now_ns))
            return None
        if (address - start, len(values)) != block_of(TO_PLC):
            return ExcCodes.ILLEGAL_ADDRESS
        program.written(_outputs([int(value) for value in values]), now_ns)
        return None

    device = SimDevice(id=settings.unit, simdata=[registers], action=access)
    server = ModbusTcpServer(device, address=(settings.host, settings.port))
    try:
        await server.serve_forever(background=True)
    except RuntimeError as e:  # pymodbus swallows the system's own words
        raise OSError(f"{settings.host}:{settings.port} cannot be had") from e
    return server.shutdown


def _outputs(registers: list[int]) -> Outputs:
    return Outputs(**dict(from_registers(TO_PLC, registers)))  # type: ignore[arg-type]  # 0 and 1 are good booleans
