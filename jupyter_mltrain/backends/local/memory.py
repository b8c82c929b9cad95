"""What a replica may use of the machine: a memory limit for its process tree, and thread counts."""

from __future__ import annotations

from collections.abc import Mapping


def thread_env(cpus: float, env: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the thread counts for ``cpus`` processors as environment variables, without those that ``env`` sets."""
    raise NotImplementedError
