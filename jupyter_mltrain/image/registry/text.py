"""What others wrote, made fit for a message."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 300


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return a text on one line, shortened, without anything that a terminal would take for a command."""
    line = " ".join(text[: 4 * longest].split())
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def short(digest: str) -> str:
    """Return a digest as people tell it apart: ``sha256:`` and its first twelve digits."""
    return digest[: len("sha256:") + 12]
