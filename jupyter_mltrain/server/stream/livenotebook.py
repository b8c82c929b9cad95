"""A notebook that grows, and what has changed of it since when."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ...runner.records import Rebuilder, Record
from ...service.following import run_error, run_progress
from ...service.summary import RunState
from .. import wire
from .points import Points

_TEXT_KEPT: Final = 256 << 10
"""Characters that were appended to a stream and are remembered piece by piece; beyond it the whole output is sent."""


@dataclass(slots=True)
class _Output:
    """When an output was set, and what was appended since: ``(version, text)``."""

    set: int
    texts: deque[tuple[int, str]] = field(default_factory=deque)
    size: int = 0

    def append(self, version: int, text: str) -> None:
        self.texts.append((version, text))
        self.size += len(text)
        while self.size > _TEXT_KEPT:
            self.set, dropped = self.texts.popleft()
            self.size -= len(dropped)

    def since(self, version: int) -> str:
        return "".join(text for made, text in self.texts if made > version)


@dataclass(slots=True)
class _Cell:
    """When a cell changed as a whole, and its outputs since."""

    changed: int
    outputs: list[_Output] = field(default_factory=list)


class LiveNotebook:
    """The executed notebook, rebuilt from the log, and the versions of its parts.

    Parameters
    ----------
    clock:
        Gives the versions: greater and greater numbers.

    Attributes
    ----------
    rebuilder:
        Has the notebook itself, progress and metrics.
    version:
        Grows with each piece of the log.
    points:
        What the run reported.
    """

    def __init__(self, clock: Iterator[int] | None = None) -> None:
        self.rebuilder = Rebuilder()
        self.version = 0
        self._clock = itertools.count(1) if clock is None else clock
        self.points = Points()
        self._cells: list[_Cell] = []
        self._all = 0  # version at which everything changed

    def feed(self, text: str, *, lost: bool = False) -> None:
        """Take the next piece of the log; ``lost``: lines before it are missing."""
        self.version = next(self._clock)
        if lost:
            self.rebuilder.lost()
        for record in self.rebuilder.steps(text):
            self.points.take(record, self.rebuilder, self.version)
            note = self._NOTES.get(record.type)
            if note is not None:
                note(self, record)

    @property
    def run(self) -> RunState:
        """Progress, newest metrics, and what ended the run."""
        return RunState(run_progress(self.rebuilder), dict(self.points.newest), run_error(self.rebuilder))

    # What changed

    def _on_everything(self, record: Record) -> None:
        self._all = self.version
        states = self.rebuilder.progress.cells
        self._cells = [_Cell(self.version) for _ in states]
        for index, cell in enumerate(self._cells):
            outputs = self.rebuilder.cell(index).get("outputs", ())
            cell.outputs = [_Output(self.version) for _ in outputs]

    def _on_cell(self, record: Record) -> None:
        self._cells.append(_Cell(self.version))

    def _on_change(self, record: Record) -> None:
        if record.data["cell"] < len(self._cells):
            self._cells[record.data["cell"]].changed = self.version

    def _on_clear(self, record: Record) -> None:
        self._on_change(record)
        self._cells[record.data["cell"]].outputs.clear()

    def _on_output(self, record: Record) -> None:
        index = record.data["index"]
        self._cells[record.data["cell"]].outputs[index : index + 1] = [_Output(self.version)]

    def _on_text(self, record: Record) -> None:
        output = self._cells[record.data["cell"]].outputs[record.data["index"]]
        output.append(self.version, record.data["text"])

    def _on_tail(self, record: Record) -> None:
        self._cells[record.data["cell"]].outputs[record.data["index"]] = _Output(self.version)

    _NOTES: Final[dict[str, Callable[[LiveNotebook, Record], None]]] = {
        "run": _on_everything,
        "synced": _on_everything,
        "insert": _on_everything,
        "metadata": _on_everything,
        "cell": _on_cell,
        "start": _on_change,
        "end": _on_change,
        "clear": _on_clear,
        "output": _on_output,
        "text": _on_text,
        "tail": _on_tail,
    }

    # For front ends

    def whole(self) -> wire.Notebook:
        """Return everything."""
        cells = tuple(self._cell(index) for index in range(len(self._cells)))
        return wire.Notebook(
            metadata=self.rebuilder.metadata, cells=cells, progress=self._progress(), error=run_error(self.rebuilder)
        )

    def changes(self, since: int) -> wire.NotebookChanged | None:
        """Return what changed after a version; None: everything did."""
        if since < self._all:
            return None
        cells: dict[str, wire.CellState] = {}
        outputs: list[wire.CellOutput] = []
        texts: list[wire.StreamText] = []
        for index, cell in enumerate(self._cells):
            if cell.changed > since:
                cells[str(index)] = self._cell(index)
            else:
                self._output_changes(index, cell, since, outputs, texts)
        return wire.NotebookChanged(
            cells=cells,
            outputs=tuple(outputs),
            texts=tuple(texts),
            progress=self._progress(),
            error=run_error(self.rebuilder),
        )

    def _progress(self) -> wire.Progress | None:
        progress = run_progress(self.rebuilder)
        return None if progress is None else wire.Progress.model_validate(progress, from_attributes=True)

    def _output_changes(
        self, index: int, cell: _Cell, since: int, outputs: list[wire.CellOutput], texts: list[wire.StreamText]
    ) -> None:
        values = self.rebuilder.cell(index)["outputs"] if any(output.set > since for output in cell.outputs) else []
        for place, output in enumerate(cell.outputs):
            if output.set > since:
                outputs.append(wire.CellOutput(cell=index, output=place, value=values[place]))
            elif text := output.since(since):
                texts.append(wire.StreamText(cell=index, output=place, text=text))

    def _cell(self, index: int) -> wire.CellState:
        state, cell = self.rebuilder.progress.cells[index], self.rebuilder.cell(index)
        started = _started_at(cell) if state.status == "running" else None
        return wire.CellState.model_validate(
            {"cell": cell, "status": state.status, "seconds": state.seconds, "started_at": started}
        )


def _started_at(cell: dict[str, Any]) -> float | None:
    """Return when a cell began, as papermill notes it in the cell."""
    try:
        return datetime.fromisoformat(cell["metadata"]["papermill"]["start_time"]).timestamp()
    except (LookupError, TypeError, ValueError):
        return None
