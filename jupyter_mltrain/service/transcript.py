"""A notebook run's log as people read it: cells, text, errors, metrics, instead of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..runner.records import Rebuilder, Record


class Transcript:
    """Turns a log into lines for a terminal. Lines that are no records come out as they are."""

    def __init__(self) -> None:
        self._rebuilder = Rebuilder()
        self._open = ""  # text of the running cell that has no line end yet
        self._tail: dict[str, Any] | None = None  # newest end of a stream that became too long to be in the log

    def feed(self, text: str) -> list[str]:
        """Take the next piece of the log and return the lines that are whole now."""
        return [line for record in self._rebuilder.feed(text) for line in self._lines(record)]

    def close(self) -> list[str]:
        """Return what is left of an unfinished line."""
        rest, self._open = self._open, ""
        return [rest] if rest else []

    def _lines(self, record: Record) -> Iterable[str]:
        handler = self._HANDLERS.get(record.type)
        return handler(self, record.data) if handler is not None else ()

    def _line(self, data: dict[str, Any]) -> list[str]:
        return [*self.close(), data["text"]]

    def _synced(self, _: dict[str, Any]) -> list[str]:
        return [*self.close(), "[earlier lines are not in this log]"]

    def _start(self, data: dict[str, Any]) -> list[str]:
        return [*self.close(), f"--- cell {data['n']}/{data['of']}"]

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
            return [*self.close(), *"\n".join(output["traceback"]).splitlines()]
        return [*self.close(), *_plain(output.get("data", {})).splitlines()]

    def _end(self, _: dict[str, Any]) -> list[str]:
        tail, self._tail = self._tail, None
        if tail is None:
            return self.close()
        where = f", all of it is in {tail['file']}" if tail.get("file") else ""
        return [*self.close(), f"[{tail['dropped']:,} characters left out{where}]", *tail["tail"].splitlines()]

    def _metrics(self, data: dict[str, Any]) -> list[str]:
        step = "" if data["step"] is None else f"step {data['step']}  "
        return [*self.close(), "[metrics] " + step + "  ".join(f"{k} {v}" for k, v in data["values"].items())]

    def _note(self, data: dict[str, Any]) -> list[str]:
        return [*self.close(), f"[note] {data['text']}"]

    def _done(self, data: dict[str, Any]) -> list[str]:
        error = data.get("error") or {}
        why = f": {error.get('name', '')}: {error.get('message', '')}" if error else ""
        return [*self.close(), f"--- {data['status']}, exit code {data['exit_code']}{why}"]

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
