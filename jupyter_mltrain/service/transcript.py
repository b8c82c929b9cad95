"""A notebook run's log as people read it: cells, text, errors, metrics, instead of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..runner.records import PREFIX, Record, decode
from ..runner.records.format import Joiner

_LOOSE: Final = frozenset({"line", "progress", "metrics", "note", "done", "start"})  # need nothing before them


class Transcript:
    """Turns a log into lines for a terminal. Lines that are no records come out as they are.

    Parameters
    ----------
    resumed:
        The log's text begins where another transcript was `clean`, not at its beginning.

    Attributes
    ----------
    repeated:
        So many of the first lines were told by the log before: the text began within a snapshot.
    """

    def __init__(self, *, resumed: bool = False) -> None:
        self.repeated = 0
        self._told = 0  # lines so far
        self._rest = ""  # of the text, after its last line end
        self._joiner = Joiner()
        self._joining = False  # within a record that takes several lines
        self._expected: int | None = None if resumed else 0  # number of the next record
        self._known = True  # what came before, as far as it matters to what follows
        self._snapshot = False  # within a snapshot, which repeats what was there before
        self._open = ""  # text of the running cell that has no line end yet
        self._tail: dict[str, Any] | None = None  # newest end of a stream that became too long to be in the log

    @property
    def open(self) -> str:
        """What the last line has so far."""
        foreign = self._rest and not self._rest.startswith(PREFIX)
        return self._rest if foreign else self._open

    @property
    def clean(self) -> bool:
        """Whether nothing is held back, so that another transcript could go on from here."""
        held = self._rest or self._open or self._joining or self._snapshot or self._tail is not None
        return self._known and not held

    def feed(self, text: str) -> list[str]:
        """Take the next piece of the log and return the lines that are whole now."""
        *lines, self._rest = (self._rest + text).split("\n")
        shown: list[str] = []
        if lines and PREFIX not in text and not lines[0].startswith(PREFIX):
            shown = [*self._flush(), *lines]  # of another program, which may have written very much
            self._told += len(shown)
            return shown
        for line in lines:
            record = self._next(line)
            if record is not None:
                new = list(self._lines(record))
                shown += new
                self._told += len(new)
        return shown

    def end_line(self) -> list[str]:
        """Take that the program has ended: its last line needs no line end, and a record cut there is none."""
        rest, self._rest = self._rest, ""
        cut = rest.startswith(PREFIX) and decode(rest) is None
        return self.feed(f"{rest}\n") if rest and not cut else []

    def close(self) -> list[str]:
        """Return what is left of unfinished lines: the log has come to its end."""
        return [*self.end_line(), *self._flush()]

    def _flush(self) -> list[str]:
        """Return what the running cell has written of an unfinished line."""
        rest, self._open = self._open, ""
        return [rest] if rest else []

    def _next(self, line: str) -> Record | None:
        """Return the record that a line makes whole and that is to be shown."""
        record = decode(line)
        if record is None:
            return Record("line", {"text": line})
        if record.type == "part":
            record = self._joiner.add(record)
            self._joining = record is None
        return None if record is None or not self._in_order(record) else record

    def _in_order(self, record: Record) -> bool:
        """Say whether a record tells something new, and not what the log repeats, or what hangs in the air."""
        if record.seq is not None:
            if self._expected not in (None, record.seq):
                self._known = self._snapshot = False
            self._expected = record.seq + 1
        if record.type == "run":
            self._snapshot = bool(record.data.get("snapshot"))
            self._known = self._known or not self._snapshot
            return not self._snapshot
        if record.type == "synced":
            if self._known and not self._snapshot:
                self.repeated = self._told
            known, self._known, self._snapshot = self._known, True, False
            return not known
        return not self._snapshot and (self._known or record.type in _LOOSE)

    def _lines(self, record: Record) -> Iterable[str]:
        handler = self._HANDLERS.get(record.type)
        try:
            return handler(self, record.data) if handler is not None else ()
        except (LookupError, TypeError, ValueError):  # another version's record, or none at all
            return ()

    def _line(self, data: dict[str, Any]) -> list[str]:
        return [*self._flush(), data["text"]]

    def _synced(self, _: dict[str, Any]) -> list[str]:
        return [*self._flush(), "[earlier lines are not in this log]"]

    def _start(self, data: dict[str, Any]) -> list[str]:
        return [*self._flush(), f"--- cell {data['n']}/{data['of']}"]

    def _text(self, data: dict[str, Any]) -> list[str]:
        lines: list[str] = (self._open + data["text"]).split("\n")
        self._open = lines.pop()
        return lines

    def _tail_of_stream(self, data: dict[str, Any]) -> list[str]:
        self._tail = data
        return []

    def _output(self, data: dict[str, Any]) -> list[str]:
        output = data["output"]
        if output["output_type"] == "stream":
            return self._text({"text": output["text"]})
        if output["output_type"] == "error":
            return [*self._flush(), *"\n".join(output["traceback"]).splitlines()]
        return [*self._flush(), *_plain(output.get("data", {})).splitlines()]

    def _end(self, _: dict[str, Any]) -> list[str]:
        tail, self._tail = self._tail, None
        if tail is None:
            return self._flush()
        where = f", all of it is in {tail['file']}" if tail.get("file") else ""
        return [*self._flush(), f"[{tail['dropped']:,} characters left out{where}]", *tail["tail"].splitlines()]

    def _metrics(self, data: dict[str, Any]) -> list[str]:
        step = "" if data["step"] is None else f"step {data['step']}  "
        values = "  ".join(f"{name} {_short(value)}" for name, value in data["values"].items())
        return [*self._flush(), f"[metrics] {step}{values}"]

    def _note(self, data: dict[str, Any]) -> list[str]:
        return [*self._flush(), f"[note] {data['text']}"]

    def _done(self, data: dict[str, Any]) -> list[str]:
        error = data.get("error") or {}
        why = f": {error.get('name', '')}: {error.get('message', '')}" if error else ""
        return [*self._flush(), f"--- {data['status']}, exit code {data['exit_code']}{why}"]

    _HANDLERS: Final[dict[str, Callable[[Transcript, dict[str, Any]], list[str]]]] = {
        "line": _line,
        "synced": _synced,
        "start": _start,
        "text": _text,
        "tail": _tail_of_stream,
        "output": _output,
        "end": _end,
        "metrics": _metrics,
        "note": _note,
        "done": _done,
    }


def _plain(data: dict[str, Any]) -> str:
    text = data.get("text/plain", "")
    if isinstance(text, list):
        text = "".join(text)
    return text or (f"[{', '.join(sorted(data))}]" if data else "")


def _short(value: float | str) -> str:
    """Return a number with what people read of it; one that is not finite is a word already."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
