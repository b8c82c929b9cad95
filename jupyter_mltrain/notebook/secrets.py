"""Likely secrets in a notebook and its modules, found by detect-secrets. A secret's value never leaves this module."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ..model.findings import Finding, Severity

_one_at_a_time: Final = threading.Lock()  # detect-secrets keeps its settings in a global


def likely_secrets(pieces: Iterable[tuple[Mapping[str, Any], str]]) -> list[Finding]:
    """Return a finding for each line that looks like it holds a secret.

    Parameters
    ----------
    pieces:
        (where, source) of each cell and module. A line that ends in ``# pragma: allowlist secret`` is left alone.
    """
    places: list[dict[str, Any]] = []
    lines: list[str] = []
    for where, source in pieces:
        for number, line in enumerate(source.split("\n"), start=1):
            places.append({**where, "line": number})
            lines.append(" ".join(line.splitlines()))
    kinds: dict[int, set[str]] = {}
    for kind, number in _scan("\n".join(lines)):
        kinds.setdefault(number, set()).add(kind)
    return [_finding(kinds[number], places[number - 1]) for number in sorted(kinds)]


def _scan(text: str) -> list[tuple[str, int]]:
    """Return (kind of secret, line) for each finding of detect-secrets in a piece of Python."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    with tempfile.TemporaryDirectory() as folder, _one_at_a_time, default_settings():
        # It scans files only, and the name matters: in Python code a password has to stand in quotes.
        file = Path(folder) / "notebook.py"
        file.write_text(text, encoding="utf-8", errors="replace")
        return [(secret.type, secret.line_number) for secret in scan_file(str(file))]


def _finding(kinds: Iterable[str], where: dict[str, Any]) -> Finding:
    return Finding(
        "likely-secret",
        Severity.WARNING,
        f"This line looks like it holds a secret ({', '.join(sorted(kinds))}); it would travel with every job.",
        "Take it out and give it by reference, as an environment variable from a Secret.",
        where,
    )
