"""What happens to the connections of a ZeroMQ socket, as messages, however many of them."""

import secrets

import zmq


def connection_events(socket: "zmq.Socket[bytes]", events: int) -> "zmq.Socket[bytes]":
    """The end at which `events` of `socket` are read (zmq.utils.monitor); close it after `socket.monitor(None, 0)`.

    Its queue has no bound: with the usual one, ZeroMQ's only thread waits for whoever reads, and all sockets of the
    process with it, while anybody at all opens and closes connections. An event takes some hundred bytes.
    """
    address = f"inproc://connection-events-{secrets.token_hex(8)}"
    reader: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
    reader.setsockopt(zmq.RCVHWM, 0)  # before it is connected: the two ends' bounds make up one
    reader.setsockopt(zmq.LINGER, 0)
    socket.monitor(address, events)
    reader.connect(address)
    return reader
