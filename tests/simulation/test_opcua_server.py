"""The simulated PLC's OPC UA server ends at once, whoever connects to it meanwhile."""

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import pytest
from loopback import free_port

from line_inspector.config import OpcUaGateSettings
from line_inspector.simulation.opcua_plc import serve_opcua
from line_inspector.simulation.plc_program import PlcProgram
from line_inspector.simulation.server_thread import ServerThread

MOST_AT_ONCE = 200  # a process may have no more than a thousand files open


class Crowd:
    """Clients that connect one after the other, and stay until there are too many."""

    def __init__(self, port: int) -> None:
        self._port, self._over = port, threading.Event()
        self._clients: deque[socket.socket] = deque()
        self.connected = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def leave(self) -> None:
        self._over.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self._clients.append(socket.create_connection(("127.0.0.1", self._port), timeout=1))
                self.connected += 1
            if len(self._clients) > MOST_AT_ONCE:
                self._clients.popleft().close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def crowd(port: int) -> Iterator[Crowd]:
    crowd = Crowd(port)
    yield crowd
    crowd.leave()


def test_it_ends_although_clients_come_while_it_does(port: int, crowd: Crowd) -> None:
    settings = OpcUaGateSettings(kind="opcua", endpoint=f"opc.tcp://127.0.0.1:{port}/")
    program = PlcProgram({"top": 0}, 400_000_000, 4, random.Random(0))
    server = ServerThread("plc", lambda: serve_opcua(settings, program))
    patience_s = time.monotonic() + 30
    while crowd.connected < 20:
        assert time.monotonic() < patience_s, "nobody came"
        time.sleep(0.01)
    began_s = time.monotonic()
    server.close()
    assert time.monotonic() - began_s < 10
