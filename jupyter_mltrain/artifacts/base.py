"""The seam between a run and the place that keeps its artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file in a store: ``key`` is its path there, with ``/``; ``size`` in bytes."""

    key: str
    size: int


class ArtifactStore(Protocol):
    """A tree of files under one URI.

    Keys are relative paths with ``/``, without ``..``; every method raises ``InvalidInput`` for another key, and
    ``StorageError`` where the place cannot be read or written.
    """

    def put(self, source: Path, key: str) -> str:
        """Copy a file, or all files of a folder, to a key and return its URI.

        Each file appears whole or not at all; one that is there already is replaced.
        """

    def get(self, key: str, destination: Path) -> Path:
        """Copy a file, or all files below a key, to a path here and return it. Raises ``NotFound``."""

    def list(self, prefix: str = "") -> list[Artifact]:
        """Return the files at and below a key, sorted by key."""

    def uri(self, key: str = "") -> str:
        """Return the URI of a key; the empty key is the store itself."""
