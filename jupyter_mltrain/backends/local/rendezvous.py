"""Turn the names and ports that replicas know each other by into addresses on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Pod = Mapping[str, Any]
Ports = dict[str, dict[int, int]]
"""Pod name -> container port -> port on 127.0.0.1. JSON keys are text: ``ports_from_json`` reads them back."""


def wanted(pods: Iterable[Pod]) -> dict[str, tuple[int, ...]]:
    """Return the container ports of each pod (its manifest as the operator makes it)."""
    raise NotImplementedError


def allocate(pods: Iterable[Pod], folder: Path) -> Ports:
    """Reserve a free loopback port for each (pod, port); ``folder`` holds the reservations of all jobs."""
    raise NotImplementedError


def release(ports: Ports, folder: Path) -> None:
    """Give reserved ports back. Idempotent."""
    raise NotImplementedError


def rewrite(texts: Mapping[str, str], pod: Pod, ports: Ports) -> dict[str, str]:
    """Return the environment with hosts and ports turned into loopback addresses."""
    raise NotImplementedError
