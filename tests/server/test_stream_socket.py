"""The WebSocket as a browser has it: who may open it, what comes through it, what becomes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, User
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClientConnection

from tests.server._api import Api
from tests.server._streaming import Mirror

Connect = Callable[..., Awaitable[WebSocketClientConnection]]
CHANNELS = ("jupyter-mltrain", "channels")


class Page:
    """A browser's side of a socket."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.mirror = Mirror()
        self._over = False

    async def send(self, **message: Any) -> None:
        await self.socket.write_message(json.dumps(message))

    async def until(self, condition: Callable[[dict[str, Any]], Any]) -> Any:
        while not (found := condition(self.mirror.state)):
            message = await self.read()
            assert message is not None, "the server closed the connection"
            self.mirror.take(message)
        return found

    async def read(self) -> str | bytes | None:
        """Return the next message; None: the connection is over."""
        message = await self.socket.read_message()
        self._over = message is None
        return message

    async def close(self) -> None:
        """Say goodbye and wait for the answer."""
        self.socket.close()
        while not self._over:
            await self.read()


Open = Callable[[], Awaitable[Page]]


@pytest.fixture
def opened(jp_ws_fetch: Connect, jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Open]:
    """Open connections; those that are left are closed in the end."""
    pages: list[Page] = []

    async def connect() -> Page:
        pages.append(Page(await jp_ws_fetch(*CHANNELS)))
        return pages[-1]

    yield connect
    for page in pages:
        jp_asyncio_loop.run_until_complete(page.close())


@pytest.fixture
def hub_of(jp_serverapp: Any) -> Callable[[], Awaitable[Any]]:
    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]

    async def hub() -> Any:
        return await managers.hub()

    return hub


async def test_a_job_is_followed_through_the_socket(api: Api, opened: Open) -> None:
    page = await opened()
    await page.send(type="subscribe", topic="jobs")
    assert await page.until(lambda s: s.get("jobs")) == {"jobs": {}, "total": 0, "counts": {}, "next": None}
    row = await api.submit(api.write("train.ipynb", "print('hello')", "6 * 7"))
    topics = [f"job/{row['id']}", f"notebook/{row['id']}"]
    for topic in topics:
        await page.send(type="subscribe", topic=topic)
    await page.until(lambda s: s["jobs"]["jobs"].get(row["id"], {}).get("finished"))
    await page.until(lambda s: s.get(topics[1], {}).get("progress", None) and s[topics[1]]["progress"]["fraction"] == 1)
    await page.until(lambda s: s[topics[0]]["summary"]["finished"])
    cells = [cell["cell"] for cell in page.mirror.state[topics[1]]["cells"]]
    assert cells == (await api.json(f"jobs/{row['id']}/notebook"))["cells"]
    await page.close()


async def test_the_list_says_what_the_route_says(api: Api, opened: Open, finished: Any) -> None:
    page = await opened()
    await page.send(type="subscribe", topic="jobs")
    await page.until(lambda s: "jobs" in s)
    row = await api.submit(api.write("train.ipynb", "1 / 0"))
    await finished(row["id"])
    seen = await page.until(
        lambda s: "ZeroDivision" in s["jobs"]["jobs"].get(row["id"], {}).get("why", "") and s["jobs"]["jobs"][row["id"]]
    )
    told = next(job for job in (await api.json("jobs"))["jobs"] if job["id"] == row["id"])
    assert seen == told
    await page.close()


async def test_two_connections_count_for_themselves(opened: Open) -> None:
    one, two = await opened(), await opened()
    for page in (one, two, one):
        await page.send(type="ping")
    await one.until(lambda _: len(one.mirror.messages) == 2)
    await two.until(lambda _: len(two.mirror.messages) == 1)


async def test_a_connection_that_ends_is_forgotten(opened: Open, hub_of: Callable[[], Awaitable[Any]]) -> None:
    page = await opened()
    await page.send(type="subscribe", topic="jobs")
    await page.until(lambda s: "jobs" in s)
    hub = await hub_of()
    assert hub.connections == 1
    await page.close()
    while hub.connections:
        await asyncio.sleep(0)


async def test_a_reconnect_gives_a_fresh_snapshot(opened: Open) -> None:
    for _ in range(2):
        page = await opened()
        await page.send(type="subscribe", topic="jobs")
        await page.until(lambda s: "jobs" in s)
        assert [data["type"] for _, data in page.mirror.messages] == ["jobs"]
        await page.close()


async def test_a_message_that_is_too_long_ends_the_connection(opened: Open) -> None:
    page = await opened()
    await page.socket.write_message("x" * (64 << 10))
    assert await page.read() is None


async def test_nonsense_is_answered(opened: Open) -> None:
    page = await opened()
    await page.socket.write_message(b"\xff\x00", binary=True)
    await page.socket.write_message('{"type":"jobs"}')
    await page.send(type="ping")
    await page.until(lambda _: {data["type"] for _, data in page.mirror.messages} == {"error", "pong"})


# Who may open it


async def refused(connect: Connect, **headers: str) -> int:
    with pytest.raises(HTTPClientError) as caught:
        await connect(*CHANNELS, headers=headers)
    return int(caught.value.code)


@pytest.mark.parametrize("authorization", ["", "token wrong", "Bearer wrong"])
async def test_no_token_and_a_wrong_one(jp_ws_fetch: Connect, jp_serverapp: Any, authorization: str) -> None:
    assert await refused(jp_ws_fetch, Authorization=authorization) == 403


async def test_another_site_in_the_browser_of_one_who_is_logged_in(
    jp_ws_fetch: Connect, jp_serverapp: Any, http_server_client: Any, jp_base_url: str, jp_http_port: int
) -> None:
    """With its token a request proves itself whatever its origin; a cookie is sent for any site."""
    token = jp_serverapp.identity_provider.token
    host = {"Host": f"localhost:{jp_http_port}"}  # a cookie's name has it
    answer = await http_server_client.fetch(f"{jp_base_url}api/me?token={token}", headers=host)
    cookies: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("Set-Cookie"):
        cookies.load(header)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    logged_in = {"Authorization": "", "Cookie": cookie}
    (await jp_ws_fetch(*CHANNELS, headers=dict(logged_in))).close()
    assert await refused(jp_ws_fetch, **logged_in, Origin="https://elsewhere.example") == 403


@pytest.mark.parametrize(("allowed", "opens"), [(("read",), True), (("write", "execute"), False)])
async def test_an_authorizer_is_asked_for_read(
    jp_ws_fetch: Connect, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...], opens: bool
) -> None:
    asked = []

    class Only(Authorizer):
        def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
            asked.append((action, resource))
            return action in allowed

    monkeypatch.setitem(jp_serverapp.web_app.settings, "authorizer", Only(parent=jp_serverapp))
    if opens:
        (await jp_ws_fetch(*CHANNELS)).close()
    else:
        assert await refused(jp_ws_fetch) == 403
    assert asked == [("read", "jupyter-mltrain")]


async def test_only_so_many_connections(jp_ws_fetch: Connect, jp_serverapp: Any) -> None:
    jp_serverapp.web_app.settings["jupyter_mltrain"].config.max_subscribers = 1
    first = await jp_ws_fetch(*CHANNELS)
    assert await refused(jp_ws_fetch) == 503
    first.close()


async def test_below_a_base_url(opened: Open, jp_base_url: str) -> None:
    assert jp_base_url not in ("", "/")
    page = await opened()
    await page.send(type="ping")
    await page.until(lambda s: s.get("") == {"pong": True})
    await page.close()


def test_the_route_costs_a_start_nothing(tmp_path: Path) -> None:
    """What follows jobs is imported with the first connection."""
    import subprocess
    import sys

    script = (
        "import sys, jupyter_mltrain.server.stream.handler\n"
        "print([name for name in ('pydantic', 'nbformat', 'papermill') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
