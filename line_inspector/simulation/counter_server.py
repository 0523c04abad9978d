"""A counter that real clients read, over Modbus TCP or OPC UA, in a thread of its own."""

from collections.abc import Callable

from line_inspector.config import CounterSettings, ModbusCounterSettings
from line_inspector.encoders import require_counter
from line_inspector.errors import InputError
from line_inspector.simulation.server_thread import ServerThread, StopServer


class CounterServer:
    """Listens at the address of `settings`, and shows `count`, cut to its bits. Raises InputError where it cannot."""

    def __init__(self, settings: CounterSettings) -> None:
        require_counter(settings)
        self.count = 0
        try:
            self._thread = ServerThread("counter", lambda: _started(settings, self.shown))
        except OSError as e:
            remedy = "Give an address of this machine and a free port, since the world takes the place of the counter"
            what = f"the simulated counter cannot listen ({e})"
            raise InputError(what, f"belt.encoder.source {settings.server}", remedy) from e

    def shown(self) -> int:
        """What is read now; called in the server's thread."""
        return self.count

    def close(self) -> None:
        """Stops listening."""
        self._thread.close()


async def _started(settings: CounterSettings, count: Callable[[], int]) -> StopServer:
    if isinstance(settings, ModbusCounterSettings):
        from line_inspector.simulation.modbus_counter import serve_modbus_counter

        return await serve_modbus_counter(settings, count)
    from line_inspector.simulation.opcua_counter import serve_opcua_counter

    return await serve_opcua_counter(settings, count)
