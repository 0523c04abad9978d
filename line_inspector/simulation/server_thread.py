"""A server of the simulation's, on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

START_S = 120.0  # an OPC UA server builds some thousand nodes first, on a busy machine too

StopServer = Callable[[], Awaitable[Any]]
StartServer = Callable[[], Awaitable[StopServer]]
Live = Callable[[StopServer, asyncio.Event], Awaitable[StopServer]]


async def in_peace(stop_server: StopServer, stop: asyncio.Event) -> StopServer:
    """Runs until it is told to stop."""
    await stop.wait()
    return stop_server


class ServerThread:
    """Starts the server, and comes back when it listens. Raises OSError where it does not.

    `live` is what becomes of it until it is told to stop; it gives back how to stop the server that runs then.
    """

    def __init__(self, name: str, start: StartServer, live: Live = in_peace) -> None:
        self._start, self._live = start, live
        self._fault: OSError | None = None
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        if not self._started.wait(START_S):
            raise TimeoutError("no start")
        if self._fault:
            raise self._fault

    def close(self) -> None:
        """Stops listening."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        try:
            stop_server = await self._start()
        except OSError as e:
            self._fault = e
            return
        finally:
            self._started.set()
        stop_server = await self._live(stop_server, self._stop)
        await stop_server()
