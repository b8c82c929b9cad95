"""The WebSocket where networks and clients are as they are: slow, cut, behind a proxy, logged in elsewhere."""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import IdentityProvider, User
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_mltrain.server.stream import connection as connection_module
from tests.server._api import Api
from tests.server._streaming import Mirror

Connect = Callable[..., Awaitable[WebSocketClientConnection]]
CHANNELS = ("jupyter-mltrain", "channels")
PATIENCE = 60.0


class RawSocket:
    """A WebSocket by hand, which reads only when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int, path: str, token: str) -> "RawSocket":
        # A small window, so that not much is on its way when nobody reads.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Authorization: token {token}",
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer.splitlines()[0], answer
        return cls(reader, writer)

    async def send(self, **message: Any) -> None:
        text = json.dumps(message).encode()
        assert len(text) < 126
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
        self._writer.write(bytes([0x81, 0x80 | len(text)]) + mask + masked)
        await self._writer.drain()

    async def receive(self) -> str:
        """Return the next text message."""
        while True:
            first, length = await self._reader.readexactly(2)
            if length >= 126:
                size = 2 if length == 126 else 8
                length = struct.unpack("!H" if size == 2 else "!Q", await self._reader.readexactly(size))[0]
            content = await self._reader.readexactly(length)
            if first & 0x0F == 1:
                return content.decode()

    def close(self) -> None:
        self._writer.close()


async def _until(mirror: Mirror, read: Callable[[], Awaitable[Any]], found: Callable[[dict[str, Any]], Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (value := found(mirror.state)):
            message = await read()
            assert message is not None, "the connection was closed"
            mirror.take(message)
        return value


async def test_who_stops_reading_costs_one_message_and_holds_up_nobody(
    api: Api, finished: Any, jp_serverapp: Any, jp_http_port: int, jp_base_url: str, jp_ws_fetch: Connect
) -> None:
    row = await api.submit(
        api.write("long.ipynb", "import os\nos.system('yes a rather long line of a log | head -200000')")
    )
    job = await finished(row["id"])
    topic = f"log/{row['id']}/{job.leader.name}"
    path = f"{jp_base_url}jupyter-mltrain/channels"
    slow = await RawSocket.open(jp_http_port, path, jp_serverapp.identity_provider.token)
    handlers = _handlers(jp_serverapp)
    await slow.send(type="ping")
    await slow.receive()
    [handler] = handlers()
    for _ in range(300):  # each asks for a hundred kilobytes and more
        await slow.send(type="subscribe", topic=topic, limit=5000)
    quick = await jp_ws_fetch(*CHANNELS)
    mirror = Mirror()
    for number in range(20):
        await quick.write_message(json.dumps({"type": "ping"}))
        await _until(mirror, quick.read_message, lambda _, n=number: len(mirror.of_topic("", "pong")) > n)
    await quick.write_message(json.dumps({"type": "subscribe", "topic": topic, "limit": 5000}))
    await _until(mirror, quick.read_message, lambda s: topic in s)
    message = len(json.dumps(mirror.of_topic(topic)[0]))
    assert len(handler.ws_connection.stream._write_buffer) <= 2 * message
    late = Mirror()
    late._seq = 1  # the answer to its ping
    await slow.send(type="ping")
    await _until(late, slow.receive, lambda s: "" in s)
    assert len(late.of_topic(topic)) < 100
    assert late.state[topic]["lines"][-1] == mirror.state[topic]["lines"][-1]
    slow.close()
    quick.close()
    assert await quick.read_message() is None


def _handlers(app: Any) -> Callable[[], list[Any]]:
    """Return what finds the open WebSockets' handlers."""
    import gc

    from jupyter_mltrain.server.stream.handler import ChannelsHandler

    return lambda: [
        each for each in gc.get_objects() if isinstance(each, ChannelsHandler) and each._connection is not None
    ]


# A proxy


@asynccontextmanager
async def impatient_proxy(port: int, seconds: float) -> AsyncIterator[int]:
    """Run a proxy that cuts a connection when the server has said nothing for so long."""
    serving: set[asyncio.Task[Any]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float | None) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            while content := await asyncio.wait_for(reader.read(1 << 16), patience):
                writer.write(content)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())  # type: ignore[arg-type]
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back, None), carry(there, writer, seconds))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*serving)


def through(port: int, base_url: str, token: str) -> HTTPRequest:
    """Return the request of a browser whose page comes through a proxy; the token is in the address."""
    url = f"ws://127.0.0.1:{port}{base_url}jupyter-mltrain/channels?token={token}"
    return HTTPRequest(url, headers={"Origin": f"http://127.0.0.1:{port}"})


async def test_the_heartbeat_keeps_a_proxy_from_cutting(
    api: Api, jp_serverapp: Any, jp_http_port: int, jp_base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "HEARTBEAT_SECONDS", 0.05)
    token = jp_serverapp.identity_provider.token
    async with impatient_proxy(jp_http_port, 1.0) as port:
        socket = await websocket_connect(through(port, jp_base_url, token))
        mirror = Mirror()
        await _until(mirror, socket.read_message, lambda _: len(mirror.of_topic("", "pong")) == 40)
        socket.close()
        await _rest(socket)


async def test_who_was_cut_off_begins_anew(api: Api, jp_serverapp: Any, jp_http_port: int, jp_base_url: str) -> None:
    token = jp_serverapp.identity_provider.token
    async with impatient_proxy(jp_http_port, 0.5) as port:
        for _ in range(2):
            socket = await websocket_connect(through(port, jp_base_url, token))
            mirror = Mirror()
            await socket.write_message(json.dumps({"type": "subscribe", "topic": "jobs"}))
            await _until(mirror, socket.read_message, lambda s: "jobs" in s)
            assert [data["type"] for _, data in mirror.messages] == ["jobs"]
            await _rest(socket)
            socket.close()


async def _rest(socket: WebSocketClientConnection) -> None:
    async with asyncio.timeout(PATIENCE):
        while await socket.read_message() is not None:
            pass


# Logged in elsewhere


class HubLogin(IdentityProvider):
    """Knows users by what a hub's proxy adds to their requests, as JupyterHub's single-user servers do by a cookie."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Hub-User")
        return User(name) if name else None


@pytest.fixture
def hub_login(jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jp_serverapp.web_app.settings, "identity_provider", HubLogin(parent=jp_serverapp))


@pytest.mark.usefixtures("hub_login")
async def test_a_users_session_of_a_hub_is_enough(api: Api, jp_http_port: int, jp_base_url: str) -> None:
    url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}jupyter-mltrain/channels"
    origin = {"Origin": f"http://127.0.0.1:{jp_http_port}"}
    socket = await websocket_connect(HTTPRequest(url, headers={**origin, "X-Hub-User": "ada"}))
    await socket.write_message(json.dumps({"type": "ping"}))
    assert json.loads(await socket.read_message() or "")["data"] == {"type": "pong"}
    socket.close()
    await _rest(socket)
    for headers in (origin, {"Origin": "https://elsewhere.example", "X-Hub-User": "ada"}):
        with pytest.raises(HTTPClientError) as caught:
            await websocket_connect(HTTPRequest(url, headers=headers))
        assert caught.value.code == 403


@pytest.mark.usefixtures("hub_login")
async def test_the_routes_know_the_users_of_a_hub(api: Api, tmp_path: Path) -> None:
    headers = {"Authorization": "", "X-Hub-User": "ada"}
    assert (await api.json("jobs", headers=headers))["jobs"] == []
    answer = await api.fetch("jobs", headers={"Authorization": ""})
    assert answer.code == 403
