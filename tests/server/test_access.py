"""Who may do what: every route and verb, without and with credentials, rights, origin and XSRF token."""

import json
from collections.abc import Awaitable, Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer, User
from jupyter_server.utils import url_path_join
from tornado.httpclient import HTTPResponse

from jupyter_mltrain.server.routes import ROUTES
from tests.server._api import ROOT, Api

Send = Callable[..., Awaitable[HTTPResponse]]
LogIn = Callable[[], Awaitable[dict[str, str]]]

PATHS = {path: path.format(id="some-job", replica="worker-0", name="penguins") for path in ROUTES}
VERBS = [(verb, path) for path, handler in ROUTES.items() for verb in handler.methods()]
CHANGES = [(verb, path) for verb, path in VERBS if verb != "GET"]
FOREIGN = {"Origin": "https://evil.example", "Referer": "https://evil.example/page"}


@pytest.fixture
def send(jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> Send:
    """Send a request as it is: without token."""

    async def request(verb: str, path: str, headers: dict[str, str] | None = None) -> HTTPResponse:
        content = {"Content-Type": "application/json"} if verb in ("POST", "PUT", "PATCH") else {}
        body = "{}" if content else None
        url = url_path_join(jp_base_url, ROOT, PATHS.get(path, path))
        headers = {**content, **(headers or {})}
        found: HTTPResponse = await http_server_client.fetch(
            url, method=verb, body=body, headers=headers, raise_error=False, follow_redirects=False
        )
        return found

    return request


@pytest.fixture
def log_in(http_server_client: Any, jp_base_url: str, jp_serverapp: Any) -> LogIn:
    """Return the cookies that a browser has after somebody logged in."""

    async def cookies() -> dict[str, str]:
        found: SimpleCookie = SimpleCookie()
        for path in ("api/me", "any/page"):  # the first one tells who it is, and any page has a token against forgery
            url = f"{url_path_join(jp_base_url, path)}?token={jp_serverapp.identity_provider.token}"
            answer = await http_server_client.fetch(url, raise_error=False)
            for header in answer.headers.get_list("Set-Cookie"):
                found.load(header)
        return {name: morsel.value for name, morsel in found.items()}

    return cookies


def cookie_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def assert_refused(answer: HTTPResponse, *statuses: int) -> None:
    assert answer.code in statuses, (answer.code, answer.body)
    assert set(json.loads(answer.body)) == {"code", "message", "hint", "details"}


@pytest.fixture
def untouched(api: Api, monkeypatch: pytest.MonkeyPatch, jp_serverapp: Any) -> Iterator[None]:
    """Nothing below the handlers may be asked."""

    class Guard:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]
    for noun in ("jobs", "plans", "places", "samples", "images"):
        monkeypatch.setitem(vars(managers), noun, Guard())
    yield
    assert list(api.root.iterdir()) == []


@pytest.mark.usefixtures("untouched")
async def test_without_a_token_nothing_is_told_and_nothing_done(send: Send) -> None:
    for verb, path in VERBS:
        assert_refused(await send(verb, path), 403)
    assert_refused(await send("GET", "nothing/here"), 403)
    for verb in ("PUT", "PATCH"):
        assert_refused(await send(verb, "jobs"), 403)


@pytest.mark.usefixtures("untouched")
async def test_with_a_wrong_token_nothing_is_told_and_nothing_done(send: Send) -> None:
    for verb, path in VERBS:
        for wrong in ("token wrong", "Bearer wrong", "Basic dXNlcjpwYXNz"):
            assert_refused(await send(verb, path, {"Authorization": wrong}), 403)
        assert_refused(await send(verb, f"{PATHS[path]}?token=wrong"), 403)


class Recorder(Authorizer):
    """Lets through what its list has, and notes what it was asked."""

    allowed: tuple[str, ...] = ()

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        self.asked = (action, resource)
        return action in self.allowed


@pytest.fixture
def authorizer(jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(parent=jp_serverapp)
    monkeypatch.setitem(jp_serverapp.web_app.settings, "authorizer", recorder)
    return recorder


EXECUTE = {
    *("jobs", "jobs/{id}/resubmit", "samples/{name}/run"),
    *("plans", "plans/export"),
    *("images", "images/plan", "images/dockerfile", "images/dockerfile/save"),
}


@pytest.mark.usefixtures("untouched")
async def test_every_verb_asks_for_the_right_right(
    api: Api, send: Send, authorizer: Recorder, jp_auth_header: Any
) -> None:
    for verb, path in VERBS:
        assert_refused(await send(verb, path, dict(jp_auth_header)), 403)
        expected = "read" if verb == "GET" else "execute" if path in EXECUTE else "write"
        assert authorizer.asked == (expected, "jupyter-mltrain"), (verb, path)


async def test_who_may_only_read_can_look_and_not_touch(
    api: Api, send: Send, authorizer: Recorder, jp_auth_header: Any
) -> None:
    authorizer.allowed = ("read",)
    for verb, path in VERBS:
        answer = await send(verb, path, dict(jp_auth_header))
        assert answer.code in ((200, 404) if verb == "GET" else (403,)), (verb, path)
    assert (await api.json("jobs"))["total"] == 0


@pytest.mark.usefixtures("untouched")
async def test_another_page_cannot_use_the_cookie(send: Send, log_in: LogIn) -> None:
    """What a form or a script of another site can send: the user's cookie, but not the XSRF token in a header."""
    cookies = await log_in()
    for verb, path in VERBS:
        assert_refused(await send(verb, path, {**cookie_header(cookies), **FOREIGN}), 403, 404)


@pytest.mark.usefixtures("untouched")
async def test_changes_need_the_xsrf_token(send: Send, log_in: LogIn) -> None:
    cookies = await log_in()
    for verb, path in CHANGES:
        assert_refused(await send(verb, path, cookie_header(cookies)), 403)
        wrong = {**cookie_header(cookies), "X-XSRFToken": "2|wrong|wrong|0"}
        assert_refused(await send(verb, path, wrong), 403)


async def test_the_page_itself_can_do_everything_by_its_cookie(send: Send, log_in: LogIn) -> None:
    cookies = await log_in()
    assert "_xsrf" in cookies
    for verb, path in VERBS:
        answer = await send(verb, path, {**cookie_header(cookies), "X-XSRFToken": cookies["_xsrf"]})
        assert answer.code in (200, 201, 400, 404), (verb, path, answer.body)


@pytest.mark.usefixtures("untouched")
async def test_a_form_of_another_site_is_no_json(
    api: Api, http_server_client: Any, jp_base_url: str, jp_auth_header: Any
) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        url = url_path_join(jp_base_url, ROOT, "jobs")
        headers = {**jp_auth_header, "Content-Type": media}
        answer = await http_server_client.fetch(url, method="POST", body="{}", headers=headers, raise_error=False)
        assert_refused(answer, 415)


async def test_only_who_asks_from_the_right_host_is_answered(send: Send, jp_auth_header: Any) -> None:
    """A name of another site that leads here (DNS rebinding) is not answered."""
    assert_refused(await send("GET", "jobs", {**jp_auth_header, "Host": "evil.example"}), 403)


async def test_every_other_path_and_verb_is_refused_in_json(api: Api, home: Path) -> None:
    assert (await api.json("nothing/here", status=404))["code"] == "not-found"
    assert (await api.json("", status=404))["code"] == "not-found"
    for path in ROUTES:
        for verb in ("PUT", "PATCH"):
            answer = await api.fetch(PATHS[path], verb, {})
            assert_refused(answer, 405)
            assert answer.headers["Allow"] == ", ".join(ROUTES[path].methods())
