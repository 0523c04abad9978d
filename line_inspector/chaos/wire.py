"""A cable between two sockets, which can be cut: what a field bus cable is to a real gate."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

from line_inspector.chaos.scratch_gate import LOOPBACK

POLL_S = 0.05
CHUNK_BYTES = 65_536

End = Path | int  # a Unix socket, or a TCP port of loopback


class Wire:
    """Joins whoever connects at `near_end` with the socket at `far_end`, in both directions, byte by byte.

    `hold` stops the bytes and keeps them: what was sent comes late, as over TCP when a cable is plugged in again.
    `cut` ends all connections and takes no new ones. `mend` undoes either.
    """

    def __init__(self, near_end: End, far_end: End) -> None:
        self._near_end, self._far_end = near_end, far_end
        self._flowing, self._closing = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._joined: set[socket.socket] = set()
        self._is_cut = False
        self._listener = self._listen()
        self._flowing.set()
        self._acceptor = threading.Thread(target=self._accept, name="wire", daemon=True)
        self._acceptor.start()

    def hold(self) -> None:
        """Nothing comes through from now on, and both ends do not know it."""
        self._flowing.clear()

    def cut(self) -> None:
        """Both ends see their connections end."""
        with self._lock:
            self._is_cut = True
            joined, self._joined = self._joined, set()
        for end in joined:
            _shut(end)

    def mend(self) -> None:
        """Bytes flow again, and connections are taken."""
        with self._lock:
            self._is_cut = False
        self._flowing.set()

    def close(self) -> None:
        """Ends connections and threads."""
        self._closing.set()
        self.cut()
        self._flowing.set()
        self._acceptor.join()
        self._listener.close()

    def _listen(self) -> socket.socket:
        listener = _new_socket(self._near_end)
        if isinstance(self._near_end, Path):
            self._near_end.parent.mkdir(parents=True, exist_ok=True)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(_address(self._near_end))
        listener.listen(16)
        listener.settimeout(POLL_S)
        return listener

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            near.settimeout(None)
            self._join(near)

    def _join(self, near: socket.socket) -> None:
        """Leads the connection on; where nobody listens at the far end, it ends, as it would without the wire."""
        far = _new_socket(self._far_end)
        try:
            far.connect(_address(self._far_end))
        except OSError:
            near.close()
            far.close()
            return
        with self._lock:
            refused = self._is_cut
            self._joined |= set() if refused else {near, far}
        if refused:
            near.close()
            far.close()
            return
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), name="wire", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # either end may go at any moment
            while data := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                sink.sendall(data)
        with self._lock:
            self._joined -= {source, sink}
        _shut(source)
        _shut(sink)
        source.close()


def _new_socket(end: End) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(end, Path) else socket.AF_INET)


def _address(end: End) -> str | tuple[str, int]:
    return str(end) if isinstance(end, Path) else (LOOPBACK, end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
