"""How registries are talked to: which without TLS, whom to trust, how long to wait, how to try again."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MiB: Final = 1 << 20


def home() -> Path:
    """Return this user's home; accounts without one, as in many containers, have the root of the file system."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _certificates() -> tuple[Path, ...]:
    return Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"), home() / ".config/containers/certs.d"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often something is tried, and how long the pauses are: they double, and half of each is left to chance.

    Attributes
    ----------
    attempts:
        Tries in a row that may fail; where an upload or a download got further, the count starts anew.
    first, longest:
        Seconds.
    patience:
        Seconds that a registry may ask to wait for (``Retry-After``); if it asks for more, that is an error.
    sleep:
        Waits so many seconds. What it raises ends the work, like a report that raises.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0
    patience: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def pause(self, failures: int, retry_after: float | None) -> None:
        """Wait after a number of failures, at least as long as the registry asks for."""
        longest = min(self.first * 2 ** (failures - 1), self.longest)
        self.sleep(max(longest * (1 + self.chance()) / 2, retry_after or 0.0))


@dataclass(frozen=True, slots=True)
class Options:
    """How registries are talked to.

    Attributes
    ----------
    plain_http:
        Hosts, with port where they have one, that are asked without TLS. Only these: nothing falls back to it. A
        loopback address need not be named: it is asked without TLS, and with it if it answers that it wants that.
    certificates:
        Folders as docker and podman know them: ``FOLDER/HOST:PORT/`` has ``*.crt``, authorities to trust for this
        host beside the system's (or ``$SSL_CERT_FILE``), and ``*.cert`` with ``*.key``, the client's own.
    timeout:
        Seconds without a byte.
    connections:
        At most as many at a time, to each host.
    whole:
        Blobs up to so many bytes are sent in one request.
    piece:
        Larger ones in requests of so many bytes.
    """

    plain_http: frozenset[str] = frozenset()
    certificates: tuple[Path, ...] = field(default_factory=_certificates)
    timeout: float = 120.0
    connect_timeout: float = 10.0
    connections: int = 16
    whole: int = 16 * MiB
    piece: int = 64 * MiB
    backoff: Backoff = field(default_factory=Backoff)


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without port, is this machine by its name alone."""
    name = host_name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return a host without its port and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
