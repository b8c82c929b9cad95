"""One request to a registry and its answer: where to, with which authorisation, what if it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import httpx

from ...errors import RegistryError
from ..reference import DOCKER_HUB
from .auth import Authenticator, Scopes
from .connections import Connections, authority
from .credentials import Credentials
from .failures import Answer, NoTLS, Temporary, no_answer, refused
from .options import Options, is_loopback
from .retries import retried

LONGEST_ANSWER: Final = 4 << 20  # bytes: what the specification wants registries to take as a manifest

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS: Final = 8
_LONGEST_ERROR: Final = 64 << 10
_HUB_API: Final = "registry-1.docker.io"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes
    ----------
    path:
        Below ``/v2/``, or the whole URL, or path, of a ``Location``.
    what:
        What is tried, as the subject of a sentence, for messages.
    expect:
        The statuses that are no failure.
    body:
        Bytes, or what opens them: it is called again for each try.
    timeout:
        Seconds without a byte; None: as the options have it.
    """

    method: str
    path: str
    what: str
    scopes: Scopes = frozenset()
    expect: tuple[int, ...] = (200,)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Callable[[], Iterable[bytes]] = b""
    timeout: float | None = None

    @property
    def writing(self) -> bool:
        """Whether it changes the registry."""
        return self.method not in ("GET", "HEAD")


class Transport:
    """Talks to one registry. Safe for threads."""

    def __init__(self, host: str, credentials: Credentials, options: Options) -> None:
        self.host = host
        self.options = options
        self._address = _HUB_API if host == DOCKER_HUB else host
        self._connections = Connections(options)
        self._auth = Authenticator(host, credentials, self._connections, options)
        self._base: httpx.URL | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def ask(self, call: Call) -> Answer:
        """Return the whole answer; what fails for a while only is tried again. Raises ``RegistryError``."""
        return retried(lambda: self.once(call), self.options.backoff)

    def once(self, call: Call) -> Answer:
        """Return the whole answer of one try. Raises ``RegistryError``; ``Temporary`` where another may go well."""
        with self.stream(call) as response, self.breaking(call):
            body = _read(response, LONGEST_ANSWER + 1)
            if len(body) > LONGEST_ANSWER:
                raise RegistryError(
                    f"{call.what} failed: {self.host} answers more than {LONGEST_ANSWER >> 20} MiB.",
                    hint="No manifest is that large: is it one?",
                )
            return Answer(response.status_code, response.headers, body)

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """Give the answer of one try, its body unread. Raises like `once`."""
        with self.breaking(call):
            response = self._follow(call)
        try:
            if response.status_code not in call.expect:
                raise self._refused(call, response)
            yield response
        finally:
            response.close()

    @contextmanager
    def breaking(self, call: Call) -> Iterator[None]:
        """Turn what breaks while it is sent, or its answer is read, into a ``RegistryError``."""
        try:
            yield
        except httpx.TransportError as error:
            raise no_answer(call.what, authority(error.request.url), error, met=True) from error
        except httpx.InvalidURL:
            raise self._nowhere(call) from None

    def _follow(self, call: Call) -> httpx.Response:
        """Send it, after redirects, and once more where the registry asks who one is."""
        url = self._url(call, self._home(), call.path)
        asked = False
        for _ in range(_MOST_REDIRECTS):
            ours = _same_origin(url, self._home())
            login = self._auth.header(call.scopes) if ours else {}
            response = self._send(call, url, login)
            location = response.headers.get("location", "")
            if response.status_code in _REDIRECTS and location:
                _drop(response)
                url = self._url(call, url, location)
            elif response.status_code == 401 and ours and not asked:
                asked = True
                if not self._auth.challenged(response.headers, call.scopes, login):
                    return response
                _drop(response)
            else:
                return response
        raise RegistryError(f"{call.what} failed: {self.host} redirects without end.")

    def _send(self, call: Call, url: httpx.URL, login: Mapping[str, str]) -> httpx.Response:
        client = self._connections.client(url)
        body = call.body if isinstance(call.body, bytes) else call.body()
        request = client.build_request(
            call.method,
            url,
            headers={**call.headers, **login},
            content=body,
            timeout=httpx.USE_CLIENT_DEFAULT if call.timeout is None else call.timeout,
        )
        return client.send(request, stream=True)

    def _url(self, call: Call, current: httpx.URL, location: str) -> httpx.URL:
        """Return what a path or a ``Location`` means, if it may be asked."""
        home = self._home()
        try:
            target = resolved(home, current, location)
        except httpx.InvalidURL:
            target = httpx.URL("")
        if target.scheme not in ("http", "https") or not target.host:
            raise self._nowhere(call)
        if target.scheme == "http" and home.scheme == "https":
            raise RegistryError(
                f"{call.what} failed: {self.host} leads to {authority(target)}, without TLS.",
                hint="Ask who runs the registry.",
            )
        return target

    def _nowhere(self, call: Call) -> RegistryError:
        return RegistryError(f"{call.what} failed: {self.host} names an address that cannot be asked.")

    def _home(self) -> httpx.URL:
        with self._lock:
            if self._base is None:
                self._base = self._find()
            return self._base

    def _find(self) -> httpx.URL:
        """Return the registry's ``/v2/``, and learn how it lets one in."""
        scheme, answer = self._meet()
        what = f"Asking {self.host} whether it is a registry"
        if answer.wants_tls:
            hint = f"It speaks TLS: take {self.host!r} out of plain_http in the settings for images."
            raise RegistryError(f"{what} failed: it wants HTTPS.", hint=hint, code="registry-unreachable")
        if answer.status == 401:
            self._auth.challenged(answer.headers, frozenset(), {})
        elif answer.status == 429 or answer.status >= 500 or (answer.is_html and answer.status not in _REDIRECTS):
            raise refused(what, self.host, answer)
        return self._root(scheme)

    def _meet(self) -> tuple[str, Answer]:
        """Return the scheme that the registry is asked by, and its first answer."""
        scheme, *others = self._schemes()
        failure: Temporary | None = None
        try:
            answer = self._greet(scheme)
            if not others or not answer.wants_tls:
                return scheme, answer
        except Temporary as error:
            failure = error
            if not others:
                raise
        try:
            return others[0], self._greet(others[0])
        except NoTLS:
            # Then it was no server of TLS that did not understand, but one that has a fault.
            if failure:
                raise failure from None
            raise

    def _schemes(self) -> tuple[str, ...]:
        if self.host in self.options.plain_http:
            return ("http",)
        if is_loopback(self._address) and self._connections.folder(self._address) is None:
            return "http", "https"
        return ("https",)

    def _root(self, scheme: str) -> httpx.URL:
        return httpx.URL(f"{scheme}://{self._address}/v2/")

    def _greet(self, scheme: str) -> Answer:
        """Ask for ``/v2/``, as nobody; no redirect is followed: whom to tell a password is not for others to say."""
        what = f"Connecting to {self.host}"
        url = self._root(scheme)
        client = self._connections.client(url)
        try:
            with client.stream("GET", url) as response:
                return Answer(response.status_code, response.headers, _read(response, _LONGEST_ERROR))
        except httpx.TransportError as error:
            raise no_answer(what, self.host, error, met=False) from error

    def _refused(self, call: Call, response: httpx.Response) -> RegistryError:
        with self.breaking(call):
            body = _read(response, _LONGEST_ERROR)
        answer = Answer(response.status_code, response.headers, body)
        login = self._auth.about(call.scopes) if answer.status in (401, 403) else ""
        return refused(call.what, authority(response.url), answer, writing=call.writing, login=login)


def _drop(response: httpx.Response) -> None:
    """Close an answer that does not count. Its connection can be used again if the body is read, and it is short."""
    with closing(response):
        _read(response, _LONGEST_ERROR)


def _read(response: httpx.Response, longest: int) -> bytes:
    """Return the body, or its first bytes."""
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) >= longest:
            break
    return bytes(body[:longest])


def resolved(home: httpx.URL, current: httpx.URL, location: str) -> httpx.URL:
    """Return what a path or a ``Location`` means.

    Registries behind a proxy that ends TLS often name themselves by the wrong scheme: on the registry's own host that
    is put right.
    """
    target = current.join(location)
    if target.host == home.host and target.scheme != home.scheme and _port(target) in (_port(home), _usual(target)):
        return target.copy_with(scheme=home.scheme, port=home.port)
    return target


def _usual(url: httpx.URL) -> int | None:
    return _DEFAULT_PORTS.get(url.scheme)


def _port(url: httpx.URL) -> int | None:
    return url.port or _usual(url)


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, _port(one)) == (other.scheme, other.host, _port(other))
