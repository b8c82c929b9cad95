"""From a log, or any long enough end of one, to the executed notebook, the progress and the metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from .fields import require
from .format import Joiner, Record, decode, stream_text, unpack_metric

METRICS_KEPT: Final = 20_000
_STREAM_STATE: Final = ("missing", "dropped", "tail", "file")  # beside the output in an output record
_LOOSE: Final = frozenset({"start", "progress", "metrics", "note", "done"})  # mean something without a notebook


@dataclass(slots=True)
class CellState:
    """Where one cell is: ``pending``, ``running``, ``completed`` or ``failed``, as papermill calls it."""

    status: str = "pending"
    seconds: float | None = None


@dataclass(slots=True)
class Progress:
    """Where a run is.

    Attributes
    ----------
    status:
        ``waiting`` (nothing heard yet), ``running``, ``succeeded``, ``failed`` or ``interrupted``.
    cell:
        Index in the notebook of the running cell, or of the last one that ran.
    n, of:
        That cell is code cell ``n`` of ``of``, counted from 1.
    done, total:
        What the user's code reported last with ``run.progress``, or ``None``.
    cells:
        State of each cell of the notebook.
    exit_code, error:
        How the run ended; ``error`` has ``name``, ``message`` and maybe ``hint`` and ``cell``.
    info:
        What the runner said of itself: program, job, role, index, rank, world_size, leader, time.
    notes:
        The runner's words to the user, e.g. that the disk is full.
    """

    status: str = "waiting"
    cell: int | None = None
    n: int = 0
    of: int = 0
    done: float | None = None
    total: float | None = None
    seconds: float | None = None
    cells: list[CellState] = field(default_factory=list)
    exit_code: int | None = None
    error: dict[str, Any] | None = None
    info: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Rebuilder:
    """Rebuilds a run from its log.

    Feed the log in order, in chunks of any size; ask for `notebook`, `progress` and `metrics` at any time. After a gap
    (the log was rotated, or the reader too slow) the notebook stays as it was until the log's next snapshot.

    Parameters
    ----------
    cells:
        False: take no cells and no outputs, only what says something without them, so that little is kept.
    points:
        So many of the newest `metrics` are kept.
    """

    def __init__(self, *, cells: bool = True, points: int = METRICS_KEPT) -> None:
        self._cells = cells
        self._points = points
        self._state = _State(points)
        self._snapshot: _State | None = None  # being read, to replace the state
        self._skipping = False  # within a snapshot that tells nothing new
        self._synced = False
        self._rest: list[str] = []  # pieces of a line whose end is still to come
        self._joiner = Joiner()
        self._next = 0

    @property
    def synced(self) -> bool:
        """Whether the notebook is complete up to the last record: not before the first run or snapshot."""
        return self._synced

    @property
    def notebook(self) -> dict[str, Any]:
        """The executed notebook so far, an nbformat 4 document; without cells while nothing is known."""
        return self._state.document()

    @property
    def progress(self) -> Progress:
        """Where the run is."""
        return self._state.progress

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata."""
        return self._state.metadata

    def cell(self, index: int) -> dict[str, Any]:
        """Return one cell of `notebook`, without making the others."""
        return self._state.cell(index)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The newest points, oldest first: ``{"step": int or None, "time": float, "values": {name: float}}``."""
        return list(self._state.metrics)

    def feed(self, text: str) -> list[Record]:
        """Take the next piece of the log and return what happened, for live views.

        Returns
        -------
        list of Record
            The records as they took effect. A line that is no record comes as type ``line`` with its ``text``. A record
            ``synced`` says that a snapshot was taken over: everything may have changed.
        """
        return list(self.steps(text))

    def steps(self, text: str) -> Iterator[Record]:
        """Take the next piece of the log like `feed`, and stop after each record to let the caller look."""
        *ends, rest = text.split("\n")
        if ends:  # only then: joining at each piece would copy a long line again and again
            ends[0] = "".join((*self._rest, ends[0]))
            self._rest.clear()
        self._rest.append(rest)
        for line in ends:
            if (record := self._take(line)) is not None:
                yield record

    def lost(self) -> None:
        """Tell that lines before the next piece are missing."""
        self._rest.clear()
        self._desync()

    def _desync(self) -> None:
        self._synced = self._skipping = False
        self._snapshot = None

    def _take(self, line: str) -> Record | None:
        record = decode(line)
        if record is None:
            return Record("line", {"text": line})
        if record.type == "part":
            record = self._joiner.add(record)
        if record is None:
            return None
        if record.seq is not None:
            if record.seq != self._next:
                self._desync()
            self._next = record.seq + 1
        try:
            require(record)
            return self._apply(record)
        except (LookupError, TypeError, ValueError):  # another version's record, or not a record at all
            self._desync()
            return None

    def _apply(self, record: Record) -> Record | None:
        if record.type == "run":
            return self._begin(record)
        if record.type == "synced":
            return self._end_of_snapshot(record)
        if self._skipping or not (self._cells or record.type in _LOOSE):
            return None
        if self._snapshot is not None:
            self._snapshot.apply(record)
            return None
        if not self._synced and record.type not in _LOOSE:
            return None
        self._state.apply(record)
        return record

    def _begin(self, record: Record) -> Record | None:
        if not record.data.get("snapshot"):
            self._desync()
            self._synced = True
            self._state = _State(self._points, record)
            return record
        if self._synced:
            self._skipping = True
        else:
            self._snapshot = _State(self._points, record)
        return None

    def _end_of_snapshot(self, record: Record) -> Record | None:
        self._skipping = False
        if self._snapshot is None:
            return None
        self._snapshot.take_metrics(self._state)
        self._state, self._snapshot, self._synced = self._snapshot, None, True
        return record


class _State:
    """What the records of one run add up to."""

    def __init__(self, points: int, run: Record | None = None) -> None:
        self._notebook: dict[str, Any] = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self._cells: list[dict[str, Any]] = []
        self._outputs: list[list[dict[str, Any]]] = []
        self.progress = Progress()
        self.metrics: deque[dict[str, Any]] = deque(maxlen=points)
        if run is not None:
            self._notebook.update(run.data["notebook"])
            self.progress.info = run.data["info"]
            self.progress.status = "running"

    def document(self) -> dict[str, Any]:
        cells = [self.cell(index) for index in range(len(self._cells))]
        return {**self._notebook, "cells": cells}

    @property
    def metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = self._notebook["metadata"]
        return metadata

    def cell(self, index: int) -> dict[str, Any]:
        cell = self._cells[index]
        if cell["cell_type"] != "code":
            return dict(cell)
        return {**cell, "outputs": [_render(output) for output in self._outputs[index]]}

    def take_metrics(self, before: _State) -> None:
        """Put the points that are older than this state's before them, when both are of one run."""
        if self.metrics and before.progress.info == self.progress.info:
            first = self.metrics[0]["time"]
            self.metrics.extendleft(reversed([point for point in before.metrics if point["time"] < first]))

    def apply(self, record: Record) -> None:
        handler = getattr(self, f"_on_{record.type}", None)
        if handler is not None:  # else: a type that a newer version has
            handler(record.data)

    def _on_cell(self, data: dict[str, Any]) -> None:
        self._insert(len(self._cells), data)

    def _on_insert(self, data: dict[str, Any]) -> None:
        self._insert(data["cell"], data)
        if self.progress.cell is not None and self.progress.cell >= data["cell"]:
            self.progress.cell += 1

    def _insert(self, index: int, data: dict[str, Any]) -> None:
        self._cells.insert(index, data["document"])
        self._outputs.insert(index, [_missing() for _ in range(data.get("missing", 0))])
        self.progress.cells.insert(index, CellState(data.get("status", "pending"), data.get("seconds")))

    def _on_start(self, data: dict[str, Any]) -> None:
        progress, index = self.progress, data["cell"]
        progress.status, progress.cell, progress.n, progress.of = "running", index, data["n"], data["of"]
        if index < len(self._cells):
            progress.cells[index].status = "running"
            self._cells[index]["metadata"] = data["metadata"]

    def _on_end(self, data: dict[str, Any]) -> None:
        index = data["cell"]
        self.progress.cells[index] = CellState(data["status"], data["seconds"])
        cell = self._cells[index]
        cell["metadata"] = data["metadata"]
        if cell["cell_type"] == "code":
            cell["execution_count"] = data["execution_count"]

    def _on_output(self, data: dict[str, Any]) -> None:
        state = {key: data[key] for key in ("output", *_STREAM_STATE) if key in data}
        state["output"] = dict(state["output"])  # text will be added to it; the record that was handed out stays
        self._outputs[data["cell"]][data["index"] : data["index"] + 1] = [state]

    def _on_text(self, data: dict[str, Any]) -> None:
        self._outputs[data["cell"]][data["index"]]["output"]["text"] += data["text"]

    def _on_tail(self, data: dict[str, Any]) -> None:
        self._outputs[data["cell"]][data["index"]].update(dropped=data["dropped"], tail=data["tail"], file=data["file"])

    def _on_clear(self, data: dict[str, Any]) -> None:
        self._outputs[data["cell"]].clear()

    def _on_metadata(self, data: dict[str, Any]) -> None:
        self._notebook["metadata"] = data["metadata"]

    def _on_progress(self, data: dict[str, Any]) -> None:
        self.progress.done, self.progress.total = data["done"], data["total"]

    def _on_metrics(self, data: dict[str, Any]) -> None:
        values = {name: unpack_metric(value) for name, value in data["values"].items()}
        self.metrics.append({"step": data["step"], "time": data["time"], "values": values})

    def _on_note(self, data: dict[str, Any]) -> None:
        self.progress.notes.append(data["text"])

    def _on_done(self, data: dict[str, Any]) -> None:
        progress = self.progress
        progress.status, progress.exit_code = data["status"], data["exit_code"]
        progress.error, progress.seconds = data["error"], data["seconds"]
        last: list[Any] = [data.get(key) for key in ("cell", "n", "of")]
        if None not in last:
            progress.cell, progress.n, progress.of = last


def _missing() -> dict[str, Any]:
    """Return an output that stands for one that is not in the part of the log that was read."""
    output: dict[str, Any] = {"output_type": "display_data", "metadata": {"mltrain": {"missing": True}}}
    output["data"] = {"text/plain": "[this output is not in this part of the log]"}
    return {"output": output}


def _render(output: dict[str, Any]) -> dict[str, Any]:
    """Return an nbformat output; a stream gets notes where text is left out."""
    inner: dict[str, Any] = output["output"]
    if inner["output_type"] != "stream":
        return inner
    state: dict[str, Any] = {key: output[key] for key in _STREAM_STATE if key in output}
    return {**inner, "text": stream_text(inner["text"], **state)}
