"""The simulated PLC: its program, and a server in a thread of its own through which alone it can be reached."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from line_inspector.actuators import require_gate
from line_inspector.actuators.plc_signals import lanes_of
from line_inspector.config import NS_PER_MS, Line, ModbusGateSettings, OpcUaGateSettings
from line_inspector.errors import InputError
from line_inspector.simulation.bin_sensor import BinSensor
from line_inspector.simulation.gate import Passage
from line_inspector.simulation.plc_program import PlcProgram
from line_inspector.simulation.plc_trouble import LOOK_S, PlcState, read_trouble, trouble_file
from line_inspector.simulation.server_thread import ServerThread, StopServer, in_peace

RETRY_S = 0.2

Server = Callable[[PlcProgram], Awaitable[StopServer]]  # starts it; gives back how to stop it


class SimulatedPlc:
    """A PLC that listens at the address in the line file. Raises InputError where it cannot."""

    def __init__(self, line: Line, settings: ModbusGateSettings | OpcUaGateSettings) -> None:
        timeout_ns = int(settings.heartbeat_timeout_ms * NS_PER_MS)
        self._bin = BinSensor(line.simulation)
        self._program = PlcProgram(lanes_of(line.cameras), timeout_ns, settings.cycle_ms, random.Random(), self._bin)
        self._server = _server(settings)
        self._trouble_file = trouble_file()
        live = self._suffer if self._trouble_file else in_peace
        try:
            self._thread = ServerThread("plc", lambda: self._server(self._program), live)
        except OSError as e:
            remedy = "Give an address of this machine and a free port, since the world takes the place of the PLC"
            raise InputError(
                f"the simulated PLC cannot listen ({e})", f"{settings.kind} gate of line {line.line}", remedy
            ) from e

    @property
    def refused(self) -> int:
        """None: the server answers what it cannot take."""
        return 0

    @property
    def stop_requested(self) -> bool:
        """What the PLC was last told."""
        return self._program.stop_requested

    def hear(self) -> None:
        """Nothing to do: the server's thread takes what arrives when it arrives."""

    def passage(self, part_id: str, camera: str, gate_ns: int) -> Passage:
        """How the part goes through; the PLC does not know which one it is."""
        passage = self._program.passage(camera, gate_ns)
        if not passage.accepted:
            self._bin.falls(time.monotonic_ns())
        return passage

    def close(self) -> None:
        """Stops listening."""
        self._thread.close()

    async def _suffer(self, stop_server: StopServer, stop: asyncio.Event) -> StopServer:
        """Does to the PLC what the file says, until the end; gives back how to stop the server that runs then."""
        assert self._trouble_file
        state = PlcState.RUNNING
        while not stop.is_set():
            trouble = read_trouble(self._trouble_file)
            self._program.shift_clock(trouble.clock_shift_ms)
            if trouble.state is not state:
                try:
                    stop_server = await self._turned(state, trouble.state, stop_server)
                    state = trouble.state
                except OSError:  # another program has its port, as a connection's own end may: it tries again
                    await asyncio.sleep(RETRY_S)
            await asyncio.sleep(LOOK_S)
        return stop_server

    async def _turned(self, before: PlcState, now: PlcState, stop_server: StopServer) -> StopServer:
        """The PLC stands still from now on, or no longer; one that was off has its server and its program anew."""
        if before is PlcState.OFF:
            self._program.restart()
            return await self._server(self._program)
        if now is PlcState.RUNNING:
            self._program.resume()
            return stop_server
        self._program.pause(time.monotonic_ns())
        if now is PlcState.OFF:
            await stop_server()
            return _nothing_to_stop
        return stop_server


async def _nothing_to_stop() -> None:
    """There is no server while the PLC is off."""


def _server(settings: ModbusGateSettings | OpcUaGateSettings) -> Server:
    require_gate(settings)
    if isinstance(settings, ModbusGateSettings):
        from line_inspector.simulation.modbus_plc import serve_modbus

        return lambda program: serve_modbus(settings, program)
    from line_inspector.simulation.opcua_plc import serve_opcua

    return lambda program: serve_opcua(settings, program)
