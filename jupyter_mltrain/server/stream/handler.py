"""The WebSocket: who may open it. Light: what follows jobs is imported with the first connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..handlers.base import ROOT, ErrorAnswers

if TYPE_CHECKING:
    from .connection import Connection
    from .hub import Hub

_MESSAGE_BYTES: Final = 16 << 10
_PING_SECONDS: Final = 15.0
_COMPRESSION: Final = {"compression_level": 3, "mem_level": 5}
"""Log lines and JSON shrink to a fifth at once; fifty connections keep fifty compressors."""


class ChannelsHandler(ErrorAnswers, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """``/jupyter-mltrain/channels``: a client subscribes to topics and is told what changes."""

    auth_resource = ROOT

    _hub: Hub
    _connection: Connection | None = None
    _writer: asyncio.Task[None] | None = None

    def set_default_headers(self) -> None:
        """Set none: an upgrade has no content."""

    def get_compression_options(self) -> dict[str, Any]:
        """Compress what is sent."""
        return _COMPRESSION

    @property
    def max_message_size(self) -> int:
        """What a client sends is short; beyond this the connection is closed."""
        return _MESSAGE_BYTES

    @property
    def ping_interval(self) -> float:
        """Seconds between two pings of tornado's own, which takes a connection without an answer for dead.

        The mixin's pings, in milliseconds, are begun by its ``open``, which is not called.
        """
        return _PING_SECONDS

    @property
    def ping_timeout(self) -> None:
        """As tornado has it by default."""

    @ws_authenticated
    @authorized("read")  # type: ignore[untyped-decorator]
    async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Upgrade the connection, for users who may read."""
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise HTTPError(400, "Here is a WebSocket: the request has to ask for an upgrade")
        managers = self.settings["jupyter_mltrain"]
        self._hub = await managers.hub()
        if self._hub.connections >= managers.config.max_subscribers:
            raise HTTPError(503, "As many WebSockets as this server keeps are open")
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to send."""
        from .connection import Connection

        self.set_nodelay(True)
        self._hub.connections += 1
        self._connection = Connection(self._hub, self._send)
        self._writer = asyncio.create_task(self._write(self._connection))

    def on_message(self, message: str | bytes) -> None:
        """Take what the client sends."""
        if self._connection is not None:
            self._connection.receive(message)

    def on_close(self) -> None:
        """Let go of everything that the client followed."""
        if self._writer is not None:
            self._writer.cancel()
        if self._connection is not None:
            self._hub.connections -= 1
            self._connection.close()
            self._connection = None

    async def _send(self, message: bytes) -> None:
        await self.write_message(message)

    async def _write(self, connection: Connection) -> None:
        try:
            await connection.run()
        except (WebSocketClosedError, StreamClosedError):
            pass  # on_close is called
        except TimeoutError:
            self.log.info("A client of jupyter_mltrain took nothing for too long: its connection is closed")
            self.close(1013, "too slow")
        except Exception:
            self.log.exception("Writing to a client of jupyter_mltrain failed")
            self.close(1011)
