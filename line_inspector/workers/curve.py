"""CURVE on sockets: a worker admits its line and nobody else, and a line speaks with the worker whose key it knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq
from zmq.auth.thread import ThreadAuthenticator

from line_inspector.config.inference import LINE_KEY
from line_inspector.workers.keys import read_key_pair, read_public_key

DOMAIN = "line-inspector"
SILENCE_MS = 2000  # a peer whose host is gone is let go after this


class Guest:
    """The one public key that is let in; what pyzmq's authenticator asks."""

    def __init__(self, public: bytes) -> None:
        self._public = public

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the bearer of the key, in Z85, may come in."""
        return domain == DOMAIN and key == self._public


@contextmanager
def guarded_by_line_key(context: "zmq.Context[zmq.Socket[bytes]]", folder: Path) -> Iterator[None]:
    """Meanwhile, servers of the context admit the bearer of the line's key alone. Raises InputError.

    Without a running authenticator nobody is admitted, since `serve_curve` enforces the domain.
    """
    guest = Guest(read_public_key(folder, LINE_KEY))
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    try:
        authenticator.configure_curve_callback(domain=DOMAIN, credentials_provider=guest)
        yield
    finally:
        authenticator.stop()


def serve_curve(socket: "zmq.Socket[bytes]", folder: Path, worker: str) -> None:
    """Makes the socket, before it binds, the worker's end. Raises InputError."""
    pair = read_key_pair(folder, worker)
    socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN.encode())
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
    _notice_silence(socket)


def join_curve(socket: "zmq.Socket[bytes]", folder: Path, worker: str) -> None:
    """Makes the socket, before it connects, the line's end. Raises InputError."""
    pair = read_key_pair(folder, LINE_KEY)
    socket.setsockopt(zmq.CURVE_SERVERKEY, read_public_key(folder, worker))
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
    _notice_silence(socket)


def _notice_silence(socket: "zmq.Socket[bytes]") -> None:
    """A pulled cable tells nobody; without these, either end would wait for minutes.

    The kernel asks, not ZeroMQ: a heartbeat of libzmq 4.3 ends the process with a failed assertion where the peer has
    filled the queue and hung up, so that whoever is let in could stop a worker, or a worker its line.
    """
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 1)  # seconds; after TCP_MAXRT without an answer it is over
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_MAXRT, SILENCE_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, SILENCE_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, SILENCE_MS)
