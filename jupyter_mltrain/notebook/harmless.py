"""Lines that were scanned before and hold no secret: a notebook in which a line changed is scanned for that line.

Kept are hashes of harmless lines, in the user's cache folder; of a line that may hold a secret, nothing is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_KEPT: Final = 20_000  # lines
_DIGITS: Final = 32  # hexadecimal, of a hash


class Harmless:
    """What a scanner found harmless, as long as it is the same scanner."""

    def __init__(self, scanner: str, settings: str) -> None:
        self._file = _folder() / "harmless" / f"{_version(scanner, settings)}.txt"
        self._hashes: dict[str, None] = dict.fromkeys(self._read())

    def without(self, lines: Iterable[str]) -> list[str]:
        """Return the lines that nobody knows to be harmless."""
        return [line for line in lines if _hash(line) not in self._hashes]

    def keep(self, lines: Iterable[str]) -> None:
        """Remember lines. Without a place to write them they are scanned again, which costs only time."""
        new = [found for line in lines if (found := _hash(line)) not in self._hashes]
        if not new:
            return
        kept = [*self._hashes, *new][-_KEPT:]
        draft = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text("".join(f"{one}\n" for one in kept), encoding="ascii")
            draft.replace(self._file)

    def _read(self) -> list[str]:
        try:
            return self._file.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return []


def _folder() -> Path:
    home = os.environ.get("MLTRAIN_HOME")
    if home:
        return Path(home) / "cache"
    import platformdirs

    return Path(platformdirs.user_cache_dir("jupyter-mltrain"))


def _version(scanner: str, settings: str) -> str:
    """Tell versions of a package apart without importing it."""
    spec = find_spec(scanner)
    place = spec.origin if spec and spec.origin else ""
    with suppress(OSError):
        place += str(Path(place).stat().st_mtime_ns)
    return _hash(f"{place} {settings}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
