"""What a terminal shows while an image is built: bars for what takes time, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import click

from ..image.progress import Progress, Report, ignore

if TYPE_CHECKING:
    from rich.progress import TaskID

_PATIENCE: Final = 0.4  # seconds without a word: what is done by then needs no bars
_WORDS: Final = {
    "base": "read",
    "lock": "resolve",
    "fetch": "download",
    "layer": "build",
    "push": "push",
    "write": "write",
}
_STAY: Final = ("push", "write")  # what is shown to the end: where everything went
_LONGEST: Final = 40  # characters of a name
_ENDS: Final = {"done": "done", "cached": "cached", "mounted": "mounted", "present": "in the registry"}


@contextmanager
def transfer(*, quiet: bool) -> Iterator[Report]:
    """Show what the function that is yielded is told, on standard error."""
    if quiet:
        yield ignore
    elif sys.stderr.isatty():
        bars = _Bars()
        try:
            yield bars.show
        finally:
            bars.close()
    else:
        yield _Lines().show


class _Lines:
    """Says once what was done with each piece, unless it was nothing."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: set[tuple[str, str]] = set()

    def show(self, progress: Progress) -> None:
        piece = progress.step, progress.name
        with self._lock:
            if progress.state != "done" or piece in self._told:
                return
            self._told.add(piece)
            size = f", {in_words(progress.total)}" if progress.total else ""
            click.echo(f"{_WORDS[progress.step]} {progress.name}: done{size}", err=True)


class _Bars:
    """A bar for each piece that is being worked on. Drawing them is only loaded when something takes its time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._start = time.monotonic()
        self._bars: Any = None
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def show(self, progress: Progress) -> None:
        with self._lock:
            if self._bars is None and time.monotonic() - self._start < _PATIENCE:
                return
            self._draw(progress)

    def close(self) -> None:
        """Leave the bars as they are."""
        with self._lock:
            if self._bars is not None:
                self._bars.stop()

    def _draw(self, progress: Progress) -> None:
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        piece = progress.step, progress.name
        over = progress.state != "running"
        if piece not in self._tasks:
            if over and progress.step not in _STAY:
                return
            self._tasks[piece] = self._bars.add_task(_title(progress), total=None, size="", words="")
        if over and progress.step not in _STAY:
            self._bars.remove_task(self._tasks.pop(piece))
            return
        words = _ENDS.get(progress.state, progress.detail)
        total = progress.total or (1 if over else None)
        self._bars.update(
            self._tasks[piece],
            completed=total if over else progress.done,
            total=total,
            size=in_words(progress.total) if progress.total else "",
            words=words,
        )


def _title(progress: Progress) -> str:
    name = progress.name if len(progress.name) <= _LONGEST else f"{progress.name[: _LONGEST - 1]}…"
    return f"{_WORDS[progress.step]} {name}"


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=3)),
        BarColumn(bar_width=None, table_column=Column(min_width=8, ratio=2)),
        TextColumn("{task.fields[size]}", markup=False, justify="right", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, max_width=30)),
        console=Console(stderr=True),
        expand=True,
    )


def in_words(size: int) -> str:
    """Return a number of bytes for people."""
    from ..notebook.files import in_words

    return in_words(size)
