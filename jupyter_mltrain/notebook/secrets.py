"""Likely secrets in a notebook and its modules, found by detect-secrets. A secret's value never leaves this module."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ..model.findings import Finding, Severity
from .harmless import Harmless

_one_at_a_time: Final = threading.Lock()  # detect-secrets keeps its settings in a global
# What every detector of detect-secrets needs at least: 26 of them take their time for each line.
_WORTH_A_LOOK: Final = re.compile(
    r"[\w+/=.~-]{16}|://|-----BEGIN|key|pass|pwd|secret|contrase|token|['\"][0-9a-f]{8}", re.IGNORECASE
)


def likely_secrets(pieces: Iterable[tuple[Mapping[str, Any], str]]) -> list[Finding]:
    """Return a finding for each line that looks like it holds a secret.

    Parameters
    ----------
    pieces:
        (where, source) of each cell and module. A line that ends in ``# pragma: allowlist secret`` is left alone.
    """
    places: dict[str, list[dict[str, Any]]] = {}
    for where, source in pieces:
        for number, line in enumerate(source.split("\n"), start=1):
            if _WORTH_A_LOOK.search(line):
                places.setdefault(" ".join(line.splitlines()), []).append({**where, "line": number})
    if not places:
        return []
    harmless = Harmless("detect_secrets", _WORTH_A_LOOK.pattern)
    lines = harmless.without(places)
    kinds: dict[int, set[str]] = {}
    for kind, number in _scan("\n".join(lines)) if lines else ():
        kinds.setdefault(number, set()).add(kind)
    harmless.keep(line for number, line in enumerate(lines, start=1) if number not in kinds)
    return [_finding(kinds[number], place) for number in sorted(kinds) for place in places[lines[number - 1]]]


def _scan(text: str) -> list[tuple[str, int]]:
    """Return (kind of secret, line) for each finding of detect-secrets in a piece of Python."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    with tempfile.TemporaryDirectory() as folder, _one_at_a_time, default_settings() as settings:
        settings.plugins.pop("IPPublicDetector", None)  # an address is no secret
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
