"""The web server in a thread of its own: signals and the station's turns keep the main thread."""

import errno
import os
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from line_inspector.errors import InputError

BACKLOG = 128
CLOSING_S = 1
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class Server:
    """Serves an application on a bound socket. `serving` turns true once it answers."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self._listener = listener
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            ws="wsproto",
            timeout_graceful_shutdown=CLOSING_S,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()

    @property
    def serving(self) -> bool:
        """Whether the server has started and still runs."""
        return self._uvicorn.started and self._thread.is_alive()

    @property
    def failed(self) -> bool:
        """Whether the server has ended by itself."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Ends the server; connections that do not end in time end with the process."""
        self._uvicorn.should_exit = True
        until_s = time.monotonic() + 1.2 * CLOSING_S
        while self._thread.is_alive() and time.monotonic() < until_s:
            self._thread.join(0.05)

    def _run(self) -> None:
        self._uvicorn.run(sockets=[self._listener])


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket. Raises InputError when the port is taken or the address is not this host's."""
    where = f"overlay.port {port}"
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family, backlog=BACKLOG)
    except socket.gaierror as e:
        raise InputError(f"unknown address {host!r}", "overlay.host", "Use an address of this machine") from e
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            remedy = "Stop the program that has it, or set another port (0 takes a free one)"
            raise InputError("the port is in use", where, remedy) from e
        if e.errno == errno.EADDRNOTAVAIL:
            raise InputError(f"{host} is not an address of this machine", "overlay.host", "Use one that is") from e
        why = os.strerror(e.errno) if e.errno else str(e)
        raise InputError(f"cannot listen ({why})", where, "Set another port in the line file") from e


def address(listener: socket.socket) -> str:
    """Where a browser on this machine finds the page."""
    host, port = listener.getsockname()[:2]
    shown = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
