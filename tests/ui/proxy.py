"""A reverse proxy between browser and server, with the manners of bad ones."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.ui.lab import LabServer

PIECE = 1 << 16
HEAD = 1 << 20
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CHANNEL = b"/jupyter-mltrain/channels"
UPGRADE = re.compile(rb"^upgrade:\s*websocket\s*\r\n", re.IGNORECASE | re.MULTILINE)

T = TypeVar("T")


class Proxy:
    """Passes on what browser and server say, in a thread of its own; each fault is switched on by the test.

    Parameters
    ----------
    cut_after:
        Seconds after which each WebSocket is cut, whatever is said on it.

    Attributes
    ----------
    sockets:
        Whether WebSockets get through; else the header that asks for one is lost, as behind a proxy that knows none.
    opened:
        How many WebSockets of this project were asked for; JupyterLab has its own.
    """

    def __init__(self, server: LabServer, cut_after: float | None = None) -> None:
        self.sockets = True
        self.opened = 0
        self._upstream = server.port
        self._cut_after = cut_after
        self._open: set[asyncio.Task[None]] = set()
        self._thawed: asyncio.Event
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._listener = self._call(self._listen())
        port = self._listener.sockets[0].getsockname()[1]
        self.url = server.url.replace(f":{server.port}/", f":{port}/")

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break every connection that is open; new ones get through."""
        self._call(self._cut())

    def freeze(self) -> None:
        """Let what is open fall silent, with neither side told; what is opened from now on gets through."""
        self._call(self._freeze())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    async def _listen(self) -> asyncio.Server:
        self._thawed = asyncio.Event()
        self._thawed.set()
        return await asyncio.start_server(self._take, "127.0.0.1", 0, limit=HEAD)

    async def _stop(self) -> None:
        self._listener.close()
        await self._cut()

    async def _cut(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _freeze(self) -> None:
        """The connections of now keep the event that is never set; those to come get one that is."""
        self._thawed.clear()
        self._thawed = asyncio.Event()
        self._thawed.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            writer.transport.abort()  # either side has gone, or the test wants it so
        finally:
            self._open.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        is_socket = UPGRADE.search(head) is not None
        self.opened += is_socket and CHANNEL in head.partition(b"\r\n")[0]
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.write(BAD_GATEWAY)
            return
        try:
            server_writer.write(head if self.sockets else UPGRADE.sub(b"", head))
            async with asyncio.timeout(self._cut_after if is_socket else None):
                await asyncio.gather(
                    pump(reader, server_writer, self._thawed), pump(server_reader, writer, self._thawed)
                )
        finally:
            server_writer.transport.abort()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, thawed: asyncio.Event) -> None:
    """Pass on all that comes while the way is free; the end of it too."""
    while piece := await source.read(PIECE):
        await thawed.wait()
        sink.write(piece)
        await sink.drain()
    if thawed.is_set():
        sink.write_eof()
