"""A TCP cable for tests: carries bytes between a port of its own and another one, until it is pulled."""

import asyncio
import threading


class Cable:
    """Listens on `port`, connects to `to_port`, both on loopback. While `pulled`, bytes get stuck in it."""

    def __init__(self, to_port: int, port: int = 0) -> None:
        self._to_port, self.port = to_port, port
        self._plugged = True
        self._dead: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def pull(self) -> None:
        """Nothing gets through any more, in either direction; neither end is told."""
        self._plugged = False

    def plug_in(self) -> None:
        """New connections work again; those that were cut are reset."""
        self._loop.call_soon_threadsafe(self._reset)

    def close(self) -> None:
        """Resets every connection and stops listening."""
        self._loop.call_soon_threadsafe(self._reset)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        self._server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", self.port))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def _reset(self) -> None:
        self._plugged = True
        for writer in self._dead:
            writer.transport.abort()
        self._dead.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, far_writer)
        await asyncio.gather(self._pump(reader, far_writer, ends), self._pump(far_reader, writer, ends))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: tuple[asyncio.StreamWriter, ...]
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if not self._plugged:
                    self._dead.update(ends)
                    return
                writer.write(data)
        except OSError:
            pass
        for end in ends:
            end.transport.abort()
