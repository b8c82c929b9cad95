"""Being let in: basic authentication, or tokens of the registry's token server.

Source: distribution's "token authentication specification" and its OAuth2 form,
https://distribution.github.io/distribution/spec/auth/
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import httpx

from ...errors import RegistryError
from .challenges import Challenge, parse
from .connections import Connections, authority
from .credentials import Credentials, Login
from .failures import Answer, no_answer, refused
from .options import Options, is_loopback

Scopes = frozenset[str]
"""What a token is to be good for: ``repository:team/model:pull,push``."""

_CLIENT: Final = "jupyter-mltrain"
_MARGIN: Final = 10.0  # seconds before its end that a token is not used any more
_LIFETIME: Final = 60.0  # seconds, where the token server does not say: the specification's
_LONGEST_TOKEN: Final = 1 << 20


def pull(repository: str) -> Scopes:
    """Return what reading a repository takes."""
    return frozenset({f"repository:{repository}:pull"})


def push(repository: str) -> Scopes:
    """Return what reading and writing a repository takes."""
    return frozenset({f"repository:{repository}:pull,push"})


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    ends: float


class Authenticator:
    """Knows what one registry asks for, and has tokens for it until they end. Safe for threads."""

    def __init__(self, host: str, credentials: Credentials, connections: Connections, options: Options) -> None:
        self._host = host
        self._credentials = credentials
        self._connections = connections
        self._options = options
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, _Token] = {}
        self._wanted: dict[Scopes, Scopes] = {}
        self._lock = Lock()
        self._logins: dict[str, Login | None] = {}
        self._logins_lock = Lock()

    def header(self, scopes: Scopes) -> dict[str, str]:
        """Return the ``Authorization`` header for what is wanted; none where the registry asks for nothing.

        Raises
        ------
        RegistryError
            The token server refuses, or the credentials cannot be read.
        """
        challenge = self._challenge
        if challenge is None:
            return {}
        if challenge.scheme == "bearer":
            return {"Authorization": f"Bearer {self._token(challenge, scopes)}"}
        login = self._login(scopes)
        return {"Authorization": _basic(login)} if login else {}

    def challenged(self, answer: Mapping[str, str], scopes: Scopes, sent: Mapping[str, str]) -> bool:
        """Learn from a 401 what is asked for; return whether another try may be let in.

        Parameters
        ----------
        answer:
            The headers of the answer.
        sent:
            The header that was not enough.
        """
        challenge = _best(parse([answer.get("www-authenticate", "")]))
        if challenge is None:
            return False
        with self._lock:
            self._challenge = challenge
            if named := challenge.parameters.get("scope"):
                self._wanted[scopes] = scopes | frozenset(named.split())
            token = self._tokens.get(scopes)
            if token and sent.get("Authorization") == f"Bearer {token.value}":
                del self._tokens[scopes]
        return challenge.scheme == "bearer" or self.header(scopes) != sent

    def about(self, scopes: Scopes) -> str:
        """Return, for people, which credentials are used, or where they were looked for."""
        try:
            login = self._login(scopes)
        except RegistryError as error:
            return error.message
        if login:
            name = f" of {login.username!r}" if login.username else ""
            source = f" from {login.source}" if login.source else ""
            return f"The credentials{name}{source} do not allow it: log in to {self._host} again, or as somebody else."
        places = ", ".join(self._credentials.places)
        looked = f"; looked in {places}" if places else ""
        return f"No credentials for {self._host} were found{looked}: log in by `podman login` or `docker login`."

    def _login(self, scopes: Scopes) -> Login | None:
        """Return the login, looked up once: a helper is a program, and may ask people for their consent."""
        repository = _repository(scopes)
        with self._logins_lock:
            if repository not in self._logins:
                self._logins[repository] = self._credentials.find(self._host, repository)
            return self._logins[repository]

    def _token(self, challenge: Challenge, scopes: Scopes) -> str:
        # One at a time: many uploads that start together are to ask for one token.
        with self._lock:
            token = self._tokens.get(scopes)
            if token is None or token.ends < time.monotonic():
                login = self._login(scopes)
                if login and login.registry_token:
                    return login.registry_token
                token = self._tokens[scopes] = self._fetch(challenge, scopes, login)
            return token.value

    def _fetch(self, challenge: Challenge, scopes: Scopes, login: Login | None) -> _Token:
        realm = self._realm(challenge)
        what = f"Getting a token of {authority(realm)} for {self._host}"
        asked = {"service": challenge.parameters.get("service", ""), "scope": sorted(self._wanted.get(scopes, scopes))}
        asked = {name: value for name, value in asked.items() if value}
        answer = self._ask(what, realm, asked, login)
        if answer.status != 200:
            if answer.status in (400, 401, 403):
                answer = Answer(401, answer.headers, answer.body)
            raise refused(what, authority(realm), answer, login=self._explained(login))
        return _read_token(answer, what)

    def _ask(self, what: str, realm: httpx.URL, asked: dict[str, Any], login: Login | None) -> Answer:
        client = self._connections.client(realm)
        try:
            if login and login.identity_token:
                return _answer(client.post(realm, data=_grant(asked, "refresh_token", login)))
            headers = {"Authorization": _basic(login)} if login else {}
            response = client.get(realm, params=httpx.QueryParams(dict(realm.params)).merge(asked), headers=headers)
            if login and response.status_code in (404, 405):
                response = client.post(realm, data=_grant(asked, "password", login))
            return _answer(response)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise no_answer(what, authority(realm), error, met=False) from error

    def _realm(self, challenge: Challenge) -> httpx.URL:
        """Return the token server's URL, if it may be told a secret."""
        try:
            realm = httpx.URL(challenge.parameters.get("realm", ""))
        except httpx.InvalidURL:
            realm = httpx.URL("")
        host = authority(realm)
        if realm.scheme not in ("http", "https") or not host:
            raise RegistryError(f"{self._host} asks for a token, but of no server that could be asked.")
        if realm.scheme == "http" and not (is_loopback(host) or host in self._options.plain_http):
            raise RegistryError(
                f"{self._host} asks for a token of {host}, without TLS.",
                hint=f"If that is meant, add {host!r} to plain_http in the settings for images.",
            )
        return realm

    def _explained(self, login: Login | None) -> str:
        return self.about(frozenset()) if login is None else f"It was asked with {login.source or 'the login given'}."


def _best(challenges: tuple[Challenge, ...]) -> Challenge | None:
    by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
    return by_scheme.get("bearer") or by_scheme.get("basic")


def _repository(scopes: Scopes) -> str:
    """Return the repository that is worked on: what is only read beside it is mounted from."""
    names = sorted(scopes, key=lambda scope: (not scope.endswith("push"), scope))
    return names[0].split(":")[1] if names else ""


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _grant(asked: Mapping[str, Any], kind: str, login: Login) -> dict[str, Any]:
    """Return the form of an OAuth2 grant: the scopes are one field there."""
    secret = {"refresh_token": login.identity_token}
    if kind == "password":
        secret = {"username": login.username, "password": login.password}
    scope = " ".join(asked.get("scope", ()))
    return {**asked, "scope": scope, "grant_type": kind, "client_id": _CLIENT, **secret}


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content[:_LONGEST_TOKEN])


def _read_token(answer: Answer, what: str) -> _Token:
    try:
        found = json.loads(answer.body)
        value = found.get("token") or found.get("access_token")
        seconds = float(found.get("expires_in") or _LIFETIME)
    except (ValueError, TypeError, AttributeError, RecursionError):
        value = None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise RegistryError(f"{what} failed: the answer has none.", hint="Is it a token server?")
    # A token that lives shorter than the margin is good for half of its life.
    return _Token(value, time.monotonic() + max(seconds - _MARGIN, seconds / 2))
