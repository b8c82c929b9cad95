"""Logins of package indexes, from where uv takes them too; and addresses without them."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

Login = tuple[str, str]

_URL: Final = re.compile(r"[a-z][a-z+.-]*://[^\s'\"`<>]+", re.IGNORECASE)
# What is before the last "@" of the host; with a password of which nobody has quoted the / ? # in it, of everything:
# then what looks like a port is no number.
_LOGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<login>[^/?#\s]*|[^/?#\s:@[]*:(?!\d*(?:[/?#]|$))\S*)@", re.IGNORECASE
)
_NO_PORT: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#\s:@[]*:(?!\d*(?:[/?#]|$))\S*", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{([A-Z0-9_]+)\}")
_ADDRESSES: Final = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


def without_password(url: str) -> str:
    """Return a URL without user and password, also where they make it none; the user of ssh stays, who is no secret."""
    found = _LOGIN.match(url)
    if found is None:
        return _NO_PORT.sub(r"\1...", url)
    user = f"{found['login'].partition(':')[0]}@" if "ssh" in found["scheme"] else ""
    return f"{found['scheme']}{user}{url[found.end() :]}"


def for_people(text: str) -> str:
    """Return a text whose URLs have neither login nor query, where tokens may be."""
    return _URL.sub(lambda match: without_password(match[0]).partition("?")[0], text)


class Credentials:
    """Knows who may fetch from where.

    Logins come from addresses with ``user:password@`` (in requirements files, in uv's variables and settings), from
    ``UV_INDEX_<NAME>_USERNAME`` and ``..._PASSWORD``, and from netrc. One for a host holds for all of its paths.
    """

    def __init__(self, texts: Iterable[str] = (), settings: Iterable[dict[str, Any]] = ()) -> None:
        """Take what texts, uv's settings and the variables hold; nothing is read from files but netrc."""
        self._logins: dict[tuple[str, str], Login] = {}
        known = list(settings)
        for text in (*(os.environ.get(name, "") for name in _ADDRESSES), *texts):
            self._add_text(_VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), text))
        for name, url in _indexes(known):
            self._add_text(url)
            self._add_named(name, url)
        for entry in os.environ.get("UV_INDEX", "").split():
            name, named, url = entry.partition("=")
            if named and "://" not in name:
                self._add_named(name, url)

    def login(self, url: str) -> Login | None:
        """Return user and password for a URL, None for nobody's."""
        parts = urlsplit(url)
        found = self._logins.get((parts.scheme, _host(parts.netloc)))
        return found or _of_netrc(parts.hostname or "")

    def _add_text(self, text: str) -> None:
        for match in _URL.finditer(text):
            try:
                parts = urlsplit(match[0].removeprefix("git+"))
            except ValueError:
                continue  # uv says what is wrong with it
            user, _, password = parts.netloc.rpartition("@")[0].partition(":")
            if user:
                self._logins[parts.scheme, _host(parts.netloc)] = unquote(user), unquote(password)

    def _add_named(self, name: str, url: str) -> None:
        prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        user, password = os.environ.get(f"{prefix}_USERNAME"), os.environ.get(f"{prefix}_PASSWORD")
        parts = urlsplit(url)
        if name and (user or password):
            self._logins[parts.scheme, _host(parts.netloc)] = user or "", password or ""


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2].lower()


def _indexes(settings: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield name and URL of the indexes in uv's settings."""
    for one in settings:
        for table in (one, one.get("pip", {})):
            for index in table.get("index", ()):
                yield str(index.get("name", "")), str(index.get("url", ""))
            for url in (table.get("index-url", ""), *table.get("extra-index-url", ()), *table.get("find-links", ())):
                yield "", str(url)


def _of_netrc(host: str) -> Login | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None
