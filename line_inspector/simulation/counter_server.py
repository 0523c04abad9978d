"""A counter that real clients read, over Modbus TCP or OPC UA, in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from line_inspector.config import CounterSettings, ModbusCounterSettings
from line_inspector.encoders import require_counter
from line_inspector.errors import InputError
from line_inspector.simulation.plc import START_S


class CounterServer:
    """Listens at the address of `settings`, and shows `count`, cut to its bits. Raises InputError where it cannot."""

    def __init__(self, settings: CounterSettings) -> None:
        require_counter(settings)
        self.count = 0
        self._settings = settings
        self._fault: OSError | None = None
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="counter", daemon=True)
        self._thread.start()
        if not self._started.wait(START_S) or self._fault:
            remedy = "Give an address of this machine and a free port, since the world takes the place of the counter"
            what = f"the simulated counter cannot listen ({self._fault or 'no start'})"
            raise InputError(what, f"belt.encoder.source {settings.server}", remedy)

    def shown(self) -> int:
        """What is read now; called in the server's thread."""
        return self.count

    def close(self) -> None:
        """Stops listening."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        try:
            stop_server = await _started(self._settings, self.shown)
        except OSError as e:
            self._fault = e
            return
        finally:
            self._started.set()
        await self._stop.wait()
        await stop_server()


async def _started(settings: CounterSettings, count: Callable[[], int]) -> Callable[[], Awaitable[Any]]:
    if isinstance(settings, ModbusCounterSettings):
        from line_inspector.simulation.modbus_counter import serve_modbus_counter

        return await serve_modbus_counter(settings, count)
    from line_inspector.simulation.opcua_counter import serve_opcua_counter

    return await serve_opcua_counter(settings, count)
