"""One session with an OPC UA server (asyncua), in an event loop that runs only while something is asked."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

from asyncua import Client, ua

from line_inspector.actuators.wire import DISCARD_ON_CLOSE, WireFault

T = TypeVar("T")

CONNECT_S = 4.0  # half a dozen requests, for which a PLC may take its time
SESSION_MS = 30_000  # a PLC has few sessions: it forgets those that a cut cable has left open

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)  # each fault is reported by who asked, in one line


class OpcUaSession:
    """Raises WireFault when there is none, and when it does not answer within `timeout_ms`."""

    def __init__(self, endpoint: str, timeout_ms: int) -> None:
        self._timeout_s = timeout_ms / 1000
        self._loop = asyncio.new_event_loop()
        self._client = Client(endpoint, timeout=CONNECT_S)
        self._client.name = self._client.description = "line-inspector"
        self._client.session_timeout = SESSION_MS
        try:
            self._ask(self._client.connect(), CONNECT_S)
        except WireFault:
            self.close()
            raise

    def write(self, nodes: list[ua.NodeId], values: list[ua.DataValue]) -> list[ua.StatusCode]:
        """One Write request for all nodes, in this order; what became of each."""
        return self._ask(self._client.uaclient.write_attributes(nodes, values), self._timeout_s)

    def read(self, nodes: list[ua.NodeId]) -> list[ua.DataValue]:
        """One Read request for the values of all nodes."""
        return self._ask(self._client.uaclient.read_attributes(nodes, ua.AttributeIds.Value), self._timeout_s)

    def close(self) -> None:
        """Resets the connection, and ends what asyncua still has under way."""
        transport = self._client.uaclient.protocol and self._client.uaclient.protocol.transport
        if transport:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_ON_CLOSE)
            transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(_ended(tasks))
        self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T], patience_s: float) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(question, patience_s))
        except TimeoutError as e:
            raise WireFault(f"does not answer within {patience_s:g} s") from e
        except (ua.UaError, OSError, ValueError) as e:
            raise WireFault(" ".join(str(e).split()) or type(e).__name__) from e


async def _ended(tasks: set["asyncio.Task[Any]"]) -> None:
    """Waits for cancelled tasks, and for the transport to have closed its socket."""
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
