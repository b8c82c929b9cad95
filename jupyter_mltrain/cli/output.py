"""What every command prints alike: errors, findings, JSON, plain columns."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ..errors import MltrainError
from ..model.findings import Finding, Severity

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON."
)

_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def styled(text: str, **style: Any) -> str:
    """Return text in colour, or as it is where NO_COLOR is set (no-color.org)."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def print_error(error: MltrainError, *, as_json: bool) -> None:
    """Print an error on standard error: message and hint, or one JSON object."""
    if as_json:
        click.echo(json.dumps({"error": error.to_dict()}, default=str), err=True)
        return
    click.echo(styled("Error: ", fg="red", bold=True) + error.message, err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    click.echo(_json(value, indent=2))


def print_json_line(value: Any) -> None:
    """Print one JSON value on one line of a stream."""
    click.echo(_json(value))


def print_document(text: str) -> None:
    """Print a script or a manifest as it is.

    Raises
    ------
    MltrainError
        Standard output cannot hold a character of it: escaped, it would be another document.
    """
    if not _can_hold(text):
        raise MltrainError(
            f"Standard output cannot hold all characters of this document: its encoding is {sys.stdout.encoding}",
            hint="Set PYTHONIOENCODING=utf-8.",
        )
    click.echo(text, nl=False)


def escape_what_cannot_be_printed() -> None:
    """Let standard output show a character that its encoding cannot hold as ``\\u65e5``, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _json(value: Any, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    return text if _can_hold(text) else json.dumps(value, indent=indent, default=str)


def _can_hold(text: str) -> bool:
    """Whether standard output can hold a text; half a surrogate pair fits nowhere."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def print_findings(findings: Iterable[Finding], *, err: bool = True) -> None:
    """Print one line for each finding, its hint below it."""
    for finding in findings:
        word = styled(f"{finding.severity.value}:", fg=_SEVERITY_STYLE[finding.severity])
        place = f"{finding.place}: " if finding.place else ""
        click.echo(f"{word} {place}{finding.message} [{finding.code}]", err=err)
        if finding.hint:
            click.echo(f"  {finding.hint}", err=err)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return plain text in aligned columns, the last one ragged: for pipes, ``grep`` and ``awk``."""
    table = [list(header), *[[" ".join(cell.split("\n")) or "-" for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)


def age(seconds: float) -> str:
    """Return a duration in at most two units: ``41s``, ``2m14s``, ``3h05m``, ``2d``."""
    whole = int(max(seconds, 0))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d"
