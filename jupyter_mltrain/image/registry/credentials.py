"""Who one is at a registry: what ``docker login`` and ``podman login`` left behind.

Read are, in this order, ``$REGISTRY_AUTH_FILE``, ``$DOCKER_CONFIG/config.json``,
``$XDG_RUNTIME_DIR/containers/auth.json``, ``$XDG_CONFIG_HOME/containers/auth.json`` (``~/.config``) and, without
``$DOCKER_CONFIG``, ``~/.docker/config.json``; the first that knows the registry counts. In a file an entry for a path,
``host/team``, goes before that for the host, and what it says itself (``credHelpers``, ``auths``) before the store
for all (``credsStore``).

Formats: docker's ``config.json``, ``containers-auth.json(5)``; helpers: github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from ...errors import RegistryError
from ..reference import DOCKER_HUB
from .options import home as user_home
from .text import printable

_HUB_KEY: Final = "https://index.docker.io/v1/"
_HUB: Final = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_HELPER_NAME: Final = re.compile(r"[A-Za-z0-9._+-]+")
_HELPER_SECONDS: Final = 30.0
_TOKEN_USER: Final = "<token>"  # noqa: S105 (the helpers' word for "the secret is an identity token")


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password, or a token in their place. The secrets are in no text made of it.

    Attributes
    ----------
    source:
        Which entry of which file or helper it is from, for messages.
    identity_token:
        A refresh token for the registry's token server.
    registry_token:
        A bearer token for the registry itself.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    source: str = ""


class Credentials(Protocol):
    """Where logins are looked for."""

    def find(self, host: str, repository: str) -> Login | None:
        """Return the login for a repository of a registry, or None. Raises ``RegistryError``."""

    @property
    def places(self) -> tuple[str, ...]:
        """Where it looks, for messages."""


@dataclass(frozen=True, slots=True)
class Given:
    """One login for every repository; None: anonymous."""

    login: Login | None = None
    places: tuple[str, ...] = ()

    def find(self, host: str, repository: str) -> Login | None:
        """Return the login."""
        return self.login


class ConfigFiles:
    """Logins of docker and podman; see the module's docstring. They are read anew each time."""

    def __init__(self, environment: Mapping[str, str] | None = None, home: Path | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._files = tuple(_files(self._environment, home or user_home()))

    @property
    def places(self) -> tuple[str, ...]:
        """Return the files."""
        return tuple(str(file) for file in self._files)

    def find(self, host: str, repository: str) -> Login | None:
        """Return the login for a repository of a registry, or None.

        Raises
        ------
        RegistryError
            A file is no such file, or a helper that it names is missing or fails.
        """
        for file in self._files:
            config = _read(file)
            if config is not None and (login := self._look(file, config, host, repository)):
                return login
        return None

    def _look(self, file: Path, config: Mapping[str, Any], host: str, repository: str) -> Login | None:
        helpers, entries = _table(config, "credHelpers"), _table(config, "auths")
        for key in _keys(host, repository):
            if helper := _matching(helpers, key):
                return self._ask(str(helper), _server(host, key), file)
            entry = _matching(entries, key)
            if isinstance(entry, dict) and (login := _login(entry, f"the entry {key!r} of {str(file)!r}", file)):
                return login
        store = config.get("credsStore")
        return self._ask(str(store), _server(host, host), file) if store else None

    def _ask(self, name: str, server: str, file: Path) -> Login | None:
        """Ask a helper: the server's name in, JSON out."""
        program = f"docker-credential-{name}"
        what = f"{str(file)!r} leaves credentials for {server!r} to {program!r}"
        if not _HELPER_NAME.fullmatch(name):
            raise RegistryError(f"{what}, which is no name of a program.", hint=f"Correct {str(file)!r}.")
        try:
            done = subprocess.run(
                [program, "get"],
                input=server,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_HELPER_SECONDS,
                env=dict(self._environment),
                check=False,
            )
        except FileNotFoundError:
            hint = f"Install it, or take the entry out of {str(file)!r}."
            raise RegistryError(f"{what}, which is not on the PATH.", hint=hint) from None
        except subprocess.TimeoutExpired:
            raise RegistryError(f"{what}, which did not answer in {_HELPER_SECONDS:.0f} s.") from None
        except OSError as error:
            raise RegistryError(f"{what}, which cannot be started: {error.strerror}.") from None
        if done.returncode != 0:
            if "not found" in (done.stdout + done.stderr).lower():
                return None
            said = printable(done.stderr or done.stdout)
            raise RegistryError(f"{what}, which failed: {said or f'exit code {done.returncode}'}.")
        return _told(done.stdout, what, program)


def _files(environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if folder := environment.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json"
    if folder := environment.get("XDG_RUNTIME_DIR"):
        yield Path(folder) / "containers/auth.json"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers/auth.json"
    if not environment.get("DOCKER_CONFIG"):
        yield home / ".docker/config.json"


def _read(file: Path) -> Mapping[str, Any] | None:
    try:
        config = json.loads(file.read_bytes() or b"{}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        hint = "Give yourself the right to read it, or name another by REGISTRY_AUTH_FILE."
        raise RegistryError(f"The credentials in {str(file)!r} cannot be read: {error.strerror}.", hint=hint) from None
    except (ValueError, RecursionError):
        # The decoder's own message and cause hold pieces of the file.
        raise _malformed(file, "it is no JSON") from None
    if not isinstance(config, dict):
        raise _malformed(file, "it is no JSON object")
    return config


def _malformed(file: Path, why: str) -> RegistryError:
    return RegistryError(
        f"The credentials in {str(file)!r} cannot be read: {why}.", hint="Log in again, or correct it."
    )


def _table(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _keys(host: str, repository: str) -> Iterator[str]:
    """Yield the names that an entry may have, the longest first."""
    parts = [part for part in repository.split("/") if part]
    hosts = (host, *sorted(_HUB - {host})) if host in _HUB else (host,)
    for count in range(len(parts), -1, -1):
        for each in hosts:
            yield "/".join([each, *parts[:count]])


def _matching(table: Mapping[str, Any], key: str) -> Any:
    """Return the entry of a name; entries of old have a scheme in front and a version behind."""
    if key in table:
        return table[key]
    return next((value for written, value in table.items() if "://" in written and _bare(written) == key), None)


def _bare(written: str) -> str:
    path = written.partition("://")[2].rstrip("/")
    return path.removesuffix("/v1").removesuffix("/v2")


def _server(host: str, key: str) -> str:
    """Return what a helper knows a registry as."""
    return _HUB_KEY if host in _HUB else key


def _login(entry: Mapping[str, Any], source: str, file: Path) -> Login | None:
    username, password = _text(entry, "username"), _text(entry, "password")
    if both := _text(entry, "auth"):
        try:
            decoded = base64.b64decode(both, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _malformed(file, f"the 'auth' of {source.partition(' of ')[0]} is not base64") from None
        username, colon, password = decoded.rstrip("\0").partition(":")
        if not colon:
            raise _malformed(file, f"the 'auth' of {source.partition(' of ')[0]} is not NAME:PASSWORD in base64")
    login = Login(username, password, _text(entry, "identitytoken"), _text(entry, "registrytoken"), source)
    return login if username or login.identity_token or login.registry_token else None


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _told(answer: str, what: str, program: str) -> Login | None:
    try:
        found = json.loads(answer)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError(f"{what}, whose answer is not that of a credential helper.") from None
    if not secret:
        return None
    if username == _TOKEN_USER:
        return Login(identity_token=secret, source=program)
    return Login(username, secret, source=program)
