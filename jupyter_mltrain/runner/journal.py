"""Writes what happens to the notebook into the log, as records, at a bounded rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final, Protocol

from .backlog import Backlog
from .document import Document
from .log import Log
from .outputs import Rich, Stream
from .records import SNAPSHOT_EVERY, SNAPSHOT_LIMIT, Record, encode
from .snapshot import RICH_LIMIT, bounded_metadata, cell_data, newest, rich_output, size, skeleton, snapshot

DELAY: Final = 0.1
"""Seconds between a change and its record, so that many small changes make one record."""
RATE: Final = 128 << 10
"""Bytes a second that outputs may write for long: what changes in between is written as one change."""
CELL_LIMIT: Final = 16 << 20
"""Bytes of JSON of large outputs of one cell in the log; later ones are cut."""
_SMALL: Final = 16 << 10
_PIECE: Final = 64 << 10  # characters of a stream in one record
_POINTS_KEPT: Final = 500  # of metrics, for a snapshot
_REPORTS_AT_ONCE: Final = RATE // 2  # bytes, so that what else is new need not wait long for its turn
_NOTES_KEPT: Final = 10


class Timer(Protocol):
    """``loop.call_later``."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Any:
        """Call back after ``delay`` seconds."""


class Journal:
    """The records of one run.

    Outputs are not written as they come: a change marks its cell, and a moment later what the log lacks is written. So
    a thousand prints make one record, an output that is cleared at once makes none, and a fast writer cannot fill the
    log: the next moment is the later, the more was written.

    Parameters
    ----------
    info:
        What the run is: program, job, role, index, rank, world_size, leader, time.
    later:
        Calls back after some seconds: the event loop's ``call_later``.
    every, limit:
        Bytes between snapshots, and of a snapshot: see `records`.
    """

    def __init__(
        self,
        document: Document,
        log: Log,
        info: dict[str, Any],
        later: Timer,
        *,
        every: int = SNAPSHOT_EVERY,
        limit: int = SNAPSHOT_LIMIT,
    ) -> None:
        self._document = document
        self._log = log
        self._info = info
        self._later = later
        self._every = every
        self._limit = limit
        self._seq = 0
        self._scheduled = False
        self._next_snapshot = log.position + every
        self._large: dict[int, int] = {}  # cell -> bytes of large outputs in the log
        self._waiting = Backlog()
        self._points: deque[dict[str, Any]] = deque(maxlen=_POINTS_KEPT)
        self._notes: deque[dict[str, Any]] = deque(maxlen=_NOTES_KEPT)
        self._started: dict[str, Any] | None = None
        self._progress: dict[str, Any] | None = None
        self._progress_sent = True
        self._done: dict[str, Any] | None = None

    def open(self) -> None:
        """Write that the run begins, and the notebook with its sources."""
        self._emit("run", self._run())
        for data in skeleton(self._document):
            self._emit("cell", data)

    def start(self, index: int, n: int, of: int) -> None:
        """Write that code cell ``n`` of ``of`` starts."""
        self.flush()
        metadata = self._document.cells[index].body["metadata"]
        self._started = {"cell": index, "n": n, "of": of, "metadata": metadata}
        self._emit("start", self._started)

    def end(self, index: int) -> None:
        """Write that a cell ended, after all its outputs."""
        self.flush()
        cell = self._document.cells[index]
        state = {key: cell.body.get(key) for key in ("execution_count", "metadata")}
        self._emit("end", {"cell": index, "status": cell.status, "seconds": cell.seconds, **state})

    def insert(self, index: int) -> None:
        """Write that a cell was put before that index."""
        if self._started and self._started["cell"] >= index:
            self._started["cell"] += 1
        self._emit("insert", cell_data(index, self._document.cells[index]))

    def metadata(self) -> None:
        """Write the notebook's metadata."""
        self._emit("metadata", {"metadata": bounded_metadata(self._document.metadata, RICH_LIMIT)})

    def metrics(self, step: int | None, time: float, values: dict[str, float | str]) -> None:
        """Take a point. Very many in a short time are written bit by bit, and thinned where there is no more room."""
        self._waiting.add({"step": step, "time": time, "values": values})
        self.touch()

    @property
    def points_left_out(self) -> int:
        """How many points came for which there was no room."""
        return self._waiting.left_out

    def progress(self, done: float, total: float | None) -> None:
        """Take what the user's code says of its progress."""
        self._progress, self._progress_sent = {"done": done, "total": total}, False
        self.touch()

    def note(self, text: str) -> None:
        """Write a word to the user."""
        self._notes.append({"text": text})
        self._emit("note", {"text": text})

    def foreign(self, lines: bytes, *, err: bool = False) -> None:
        """Pass on whole lines of another program."""
        self._log.foreign(lines, err=err)
        self._snapshot_if_due()

    def done(self, status: str, exit_code: int, error: dict[str, Any] | None, seconds: float) -> None:
        """Write how the run ended."""
        self.flush()
        # Where it ended, too: a short end of the log need not reach back to the start of the last cell.
        last = {key: self._started[key] for key in ("cell", "n", "of")} if self._started else {}
        self._done = {"status": status, "exit_code": exit_code, "error": error, "seconds": seconds, **last}
        self._emit("done", self._done)

    def touch(self) -> None:
        """See to it that what changed is written soon."""
        if not self._scheduled:
            self._scheduled = True
            self._later(DELAY, self._flush_on_time)

    def flush(self) -> None:
        """Write what changed."""
        self._flush_reports()
        self._flush_cells()

    def _flush_on_time(self) -> None:
        if not (self._document.changed or self._waiting) and self._progress_sent:
            self._scheduled = False
            return
        before = self._log.position
        if not self._log.behind:
            self._flush_reports(_REPORTS_AT_ONCE)
            self._flush_cells()
        self._later(max(DELAY, (self._log.position - before) / RATE), self._flush_on_time)

    def _flush_reports(self, limit: float = inf) -> None:
        """Write points, beyond ``limit`` bytes no more, and the progress."""
        end = self._log.position + limit
        while self._waiting and self._log.position < end:
            point = self._waiting.take()
            self._points.append(point)
            self._emit("metrics", point)
        if self._progress and not self._progress_sent:
            self._progress_sent = True
            self._emit("progress", self._progress)

    def _flush_cells(self) -> None:
        while self._document.changed:
            self._flush_cell(self._document.changed.pop())

    def _flush_cell(self, index: int) -> None:
        outputs = self._document.cells[index].outputs
        if outputs.cleared:
            self._emit("clear", {"cell": index})
            outputs.cleared = False
        for place, slot in enumerate(outputs.slots):
            if slot.changed:
                slot.changed = False
                where = {"cell": index, "index": place}
                if isinstance(slot, Stream):
                    self._flush_stream(where, slot)
                else:
                    self._flush_rich(where, slot)

    def _flush_stream(self, where: dict[str, Any], slot: Stream) -> None:
        if not slot.sent:
            output = {"output_type": "stream", "name": slot.name, "text": slot.take_unsent(_PIECE)}
            slot.sent = True
            self._emit("output", {**where, "output": output})
        while text := slot.take_unsent(_PIECE):
            self._emit("text", {**where, "text": text})
        if slot.spill:
            self._emit("tail", {**where, "dropped": slot.dropped, "tail": slot.tail, "file": slot.file})

    def _flush_rich(self, where: dict[str, Any], slot: Rich) -> None:
        large = size(slot.output)
        if large > _SMALL:
            self._large[where["cell"]] = total = self._large.get(where["cell"], 0) + large
            limit = RICH_LIMIT if total <= CELL_LIMIT else _SMALL
        else:
            limit = _SMALL
        slot.sent = True
        self._emit("output", {**where, "output": rich_output(slot, limit)})

    def _snapshot_if_due(self) -> None:
        if self._log.position >= self._next_snapshot:
            before = self._log.position
            self._snapshot()
            length = self._log.position - before
            self._next_snapshot = self._log.position + max(self._every, 2 * length)

    def _snapshot(self) -> None:
        self._write("run", {**self._run(), "snapshot": True})
        for kind, state in (("start", self._started), ("progress", self._progress), ("done", self._done)):
            if state:
                self._write(kind, state)
        for kind, data in snapshot(self._document, self._limit):
            self._write(kind, data)
        for point in newest(self._points, self._limit // 8):
            self._write("metrics", point)
        for note in newest(self._notes, self._limit // 8):
            self._write("note", note)
        self._write("synced", {})

    def _run(self) -> dict[str, Any]:
        head = {**self._document.head, "metadata": bounded_metadata(self._document.metadata)}
        return {"notebook": head, "cells": len(self._document.cells), "info": self._info}

    def _emit(self, kind: str, data: dict[str, Any]) -> None:
        self._write(kind, data)
        self._snapshot_if_due()

    def _write(self, kind: str, data: dict[str, Any]) -> None:
        self._log.records(encode(Record(kind, data, self._seq)))
        self._seq += 1
