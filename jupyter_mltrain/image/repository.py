"""A repository that an image is pushed to: what it has, what it can take from elsewhere, what has to travel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from . import oci
from .cache import Cache
from .progress import Progress, Report
from .registry import Registry

_PLACES: Final = "places"
"""Of the cache's documents: a repository that has a blob, by registry and digest."""


@dataclass(slots=True)
class Traffic:
    """Bytes of layers that went where; counted by several threads."""

    pushed: int = 0
    mounted: int = 0
    present: int = 0
    fetched: int = 0


class Repository:
    """Where images are pushed to.

    Parameters
    ----------
    base:
        The base image's repository, if it is of the same registry; else ``""``.

    Attributes
    ----------
    known:
        Digests that the repository has for certain.
    """

    def __init__(self, registry: Registry, name: str, cache: Cache, traffic: Traffic, *, base: str = "") -> None:
        self.registry = registry
        self.name = name
        self.known: frozenset[str] = frozenset()
        self._cache = cache
        self._base = base
        self._traffic = traffic
        self._lock = Lock()

    def has(self, digest: str) -> bool:
        """Return whether a blob is there for certain; False: nobody asked."""
        return digest in self.known

    def put(
        self,
        blob: oci.Descriptor,
        source: Path | Callable[[], BinaryIO],
        name: str,
        report: Report,
        *,
        own: bool = False,
    ) -> None:
        """See to it that the repository has a blob.

        Parameters
        ----------
        source:
            Opened only if its bytes must travel.
        own:
            No other image has it: no other repository is asked for it.
        """
        if blob.digest in self.known:
            report(Progress("push", name, blob.size, blob.size, "present"))
            self._count("present", blob.size)
            return
        elsewhere = () if own else tuple(self._places(blob.digest))
        outcome = self.registry.ensure_blob(self.name, blob, source, mount_from=elsewhere, name=name, report=report)
        if not own:
            self._cache.put_document(_PLACES, f"{self.registry.host} {blob.digest}", self.name.encode())
        self._count(outcome, blob.size)

    def _places(self, digest: str) -> Iterator[str]:
        """Yield other repositories that may have a blob."""
        if self._base:
            yield self._base
        found = (self._cache.document(_PLACES, f"{self.registry.host} {digest}") or b"").decode()
        if found and found not in (self._base, self.name):
            yield found

    def _count(self, outcome: str, size: int) -> None:
        with self._lock:
            setattr(self._traffic, outcome, getattr(self._traffic, outcome) + size)
