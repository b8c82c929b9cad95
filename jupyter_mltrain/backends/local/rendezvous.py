"""Turn the names and ports that replicas know each other by into addresses on this machine.

On a cluster every pod has a name and an address of its own, so all workers listen on the same port. Here they share
127.0.0.1: each (pod, port) gets a port of its own, and what the replicas are told is rewritten to match.

Rewritten is ``pod[.namespace[.svc[.cluster.local]]][:port]`` wherever it stands as a host in a text, ``TF_CONFIG``
included. A number that stands alone is a port only in a variable ``X_PORT`` beside an ``X_ADDR`` or ``X_HOST`` that
names a pod (``MASTER_PORT``, ``PET_MASTER_PORT``). Ports that are neither declared by a container nor announced in this
way stay as they are: whoever listens on them cannot be told otherwise.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ...errors import BackendUnavailable
from .text import Edit, Text

Pod = Mapping[str, Any]
"""A pod's manifest as the operator makes it."""

Ports = dict[str, dict[int, int]]
"""Pod name -> container port -> port on 127.0.0.1. All pods of the job, those without a port too."""

LOOPBACK: Final = "127.0.0.1"
LOWEST_PORT: Final = 10240
_ANNOUNCING: Final = ("TF_CONFIG", "PET_RDZV_ENDPOINT")
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


# What is wanted


def wanted(pods: Iterable[Pod]) -> dict[str, tuple[int, ...]]:
    """Return the ports of each pod: those its containers declare, and those by which pods are told of each other."""
    pods = list(pods)
    found: dict[str, set[int]] = {pod["metadata"]["name"]: set(_declared(pod)) for pod in pods}
    for pod in pods:
        for name, port in _announced(pod, found):
            found[name].add(port)
    return {name: tuple(sorted(ports)) for name, ports in found.items()}


def _containers(pod: Pod) -> list[Mapping[str, Any]]:
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def _declared(pod: Pod) -> Iterator[int]:
    for container in _containers(pod):
        for port in container.get("ports") or []:
            yield int(port["containerPort"])


def _announced(pod: Pod, hosts: Iterable[str]) -> Iterator[tuple[str, int]]:
    pattern = _hosts_pattern(frozenset(hosts), _namespace(pod))
    for container in _containers(pod):
        env = literals(container)
        for match in (match for name in _ANNOUNCING for match in pattern.finditer(env.get(name, ""))):
            if match["port"]:
                yield match["host"], int(match["port"])
        for host, port, _ in _port_variables(env, pattern):
            yield host, port


def literals(container: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a container that have a plain value."""
    return {
        entry["name"]: str(entry["value"]) for entry in container.get("env") or [] if entry.get("value") is not None
    }


def _port_variables(env: Mapping[str, str], pattern: re.Pattern[str]) -> Iterator[tuple[str, int, str]]:
    """Yield host, port and name of each variable that has a port of a host named by another variable."""
    for name, value in env.items():
        stem = name.removesuffix("PORT")
        if stem == name or not value.isdecimal():
            continue
        for beside in (env.get(f"{stem}ADDR", ""), env.get(f"{stem}HOST", "")):
            if match := pattern.fullmatch(beside):
                yield match["host"], int(value), name


# Reserving


def allocate(pods: Iterable[Pod], folder: Path) -> Ports:
    """Reserve a free loopback port for each (pod, port).

    A port is reserved for as long as there is a file of its number in ``folder``, which all jobs of the data folder
    share. The ports lie below those that the kernel gives to outgoing connections, and are free when they are chosen.

    Raises
    ------
    BackendUnavailable
        No port is free.
    OSError
        The folder cannot be written. Nothing is left reserved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed = wanted(pods)
    ports: Ports = {name: {} for name in needed}
    free = _free_ports(folder, avoid={port for each in needed.values() for port in each})
    try:
        for name, own in needed.items():
            for port in own:
                ports[name][port] = next(free)
    except BaseException:
        release(ports, folder)
        raise
    return ports


def release(ports: Ports, folder: Path) -> None:
    """Give reserved ports back. Idempotent."""
    for own in ports.values():
        for port in own.values():
            (folder / str(port)).unlink(missing_ok=True)


def _free_ports(folder: Path, avoid: set[int]) -> Iterator[int]:
    candidates = range(LOWEST_PORT, _lowest_ephemeral())
    # From a place that nobody else is likely to begin at: a full shuffle of so many takes longer than all the rest.
    start = int.from_bytes(os.urandom(4)) % len(candidates)
    for port in (*candidates[start:], *candidates[:start]):
        if port not in avoid and _reserve(folder / str(port)):
            if _bindable(port):
                yield port
            else:
                (folder / str(port)).unlink()
    raise BackendUnavailable(
        "No free port was found for the replicas.", hint="Wait for other jobs to end, or close what holds ports."
    )


def _lowest_ephemeral() -> int:
    with contextlib.suppress(OSError, ValueError):
        return max(LOWEST_PORT + 1000, int(_EPHEMERAL.read_text().split()[0]))
    return 32768  # Linux's default; other systems start higher


def _reserve(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _bindable(port: int) -> bool:
    """Return whether nobody has the port, on any address: some frameworks listen on all of them."""
    families = [socket.AF_INET, *([socket.AF_INET6] if socket.has_ipv6 else [])]
    for family in families:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(("", port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # no IPv6 on this machine
                return False
    return True


# Rewriting


def rewrite(text: Text, pod: Pod, ports: Ports, *, with_port_only: bool = False) -> Text:
    """Return a text of a pod (argument, value of a variable) with its peers' addresses turned into loopback ones.

    ``with_port_only`` leaves names alone that stand without a port: in data, such a name need not be a host.
    """
    return text.edited(_edits(text, pod, ports, with_port_only)) if ports else text


def _edits(text: Text, pod: Pod, ports: Ports, with_port_only: bool) -> Iterator[Edit]:
    for match in _hosts_pattern(frozenset(ports), _namespace(pod)).finditer(text.whole):
        if match["port"] and text.is_own(*match.span("name")):
            here = ports[match["host"]].get(int(match["port"]), match["port"])
            yield Edit(*match.span("port"), str(here))
        if match["port"] or not (with_port_only or _is_path(text.whole, match)):
            yield Edit(*match.span("name"), LOOPBACK)


def _is_path(text: str, match: re.Match[str]) -> bool:
    return text.startswith("/", match.end()) and not text.endswith("//", 0, match.start())


def port_variables(env: Mapping[str, str], pod: Pod, ports: Ports) -> dict[str, str]:
    """Return those of a pod's variables that are a port of a peer, with the port on this machine."""
    pattern = _hosts_pattern(frozenset(ports), _namespace(pod))
    return {name: str(ports[host].get(port, port)) for host, port, name in _port_variables(env, pattern)}


def _namespace(pod: Pod) -> str:
    return str(pod["metadata"].get("namespace") or "default")


@lru_cache(maxsize=64)
def _hosts_pattern(hosts: frozenset[str], namespace: str) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(hosts, key=len, reverse=True)) or r"(?!)"
    domain = rf"(?:\.{re.escape(namespace)}(?:\.svc(?:\.cluster\.local)?)?)?"
    before = r"(?:(?<=//)|(?<![\w./-]))"
    return re.compile(rf"{before}(?P<name>(?P<host>{names}){domain})(?::(?P<port>\d{{1,5}}))?(?![\w-])(?!\.\w)")
