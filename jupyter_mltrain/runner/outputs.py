"""The outputs of one cell while it runs: bounded in memory, whole on disk, with a mark at what the log lacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, Final, TextIO

from .records import stream_text

TEXT_LIMIT: Final = 1 << 20
"""Characters of stream text that a cell keeps; beyond it only the newest `TAIL_LIMIT` of each stream."""
TAIL_LIMIT: Final = 8 << 10
OUTPUTS_LIMIT: Final = 1000
"""Outputs that a cell keeps; streams then go on in the last one of their name, other outputs are counted."""


class Spill:
    """The whole text of a stream that is too long for the notebook: a file beside it, made when first written."""

    def __init__(self, path: Path, name: str, on_error: Callable[[OSError], None]) -> None:
        self.name = name  # as the notebook's note calls it
        self._path = path
        self._on_error = on_error
        self._file: TextIO | None = None

    def write(self, text: str) -> None:
        """Append; after an error (disk full) nothing more is tried."""
        if not self.name:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            self._file.write(text)
        except OSError as error:
            self.name = ""
            self._on_error(error)

    def close(self) -> None:
        """Write out what is buffered."""
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            self._on_error(error)


class Rich:
    """An output that is set as a whole: display_data, execute_result, error."""

    def __init__(self, output: dict[str, Any], display_id: str | None = None) -> None:
        self.output = output
        self.display_id = display_id
        self.sent = False  # whether the log has some version of it
        self.changed = True  # whether the log lacks this version

    def render(self) -> dict[str, Any]:
        """Return the nbformat output."""
        return self.output


class Stream:
    """A run of stdout or stderr text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = False
        self.changed = True
        self.dropped = 0  # characters between head and tail
        self.spill: Spill | None = None
        self._head = StringIO()
        self._unsent: list[str] = []
        self._unsent_length = 0
        self._tail: deque[str] = deque()
        self._tail_length = 0

    @property
    def head(self) -> str:
        """The text from the beginning on."""
        return self._head.getvalue()

    @property
    def tail(self) -> str:
        """The newest text of a stream that became too long."""
        return "".join(self._tail)

    @property
    def file(self) -> str:
        """Where the whole text is, relative to the notebook, or ``""``."""
        return self.spill.name if self.spill else ""

    @property
    def sent_head(self) -> str:
        """The head as far as the log has it."""
        head = self.head
        return head[: len(head) - self._unsent_length]

    def take_unsent(self, limit: int) -> str:
        """Return at most ``limit`` characters of the head that the log does not have yet, and take them as sent."""
        text = self._unsent.pop() if len(self._unsent) == 1 else "".join(self._unsent)
        self._unsent = [text[limit:]] if len(text) > limit else []
        text = text[:limit]
        self._unsent_length -= len(text)
        return text

    def append(self, text: str) -> None:
        """Append to the head."""
        self._head.write(text)
        self._unsent.append(text)
        self._unsent_length += len(text)
        self.changed = True

    def overflow(self, text: str) -> None:
        """Append to the tail, and to the spill, dropping what no longer fits."""
        if self.spill:
            self.spill.write(text)
        if len(text) > TAIL_LIMIT:
            self.dropped += len(text) - TAIL_LIMIT
            text = text[-TAIL_LIMIT:]
        self._tail.append(text)
        self._tail_length += len(text)
        while (excess := self._tail_length - TAIL_LIMIT) > 0:
            cut = self._tail.popleft()
            if len(cut) > excess:
                self._tail.appendleft(cut[excess:])
            dropped = min(len(cut), excess)
            self.dropped += dropped
            self._tail_length -= dropped
        self.changed = True

    def render(self) -> dict[str, Any]:
        """Return the nbformat output."""
        text = stream_text(self.head, dropped=self.dropped, tail=self.tail, file=self.file)
        return {"output_type": "stream", "name": self.name, "text": text}


class Outputs:
    """The outputs of one cell, as a front end would keep them.

    Parameters
    ----------
    spill:
        Makes the file for the whole text of ``stdout`` or ``stderr``.
    """

    def __init__(self, spill: Callable[[str], Spill]) -> None:
        self.slots: list[Rich | Stream] = []
        self.cleared = False  # whether the log still has outputs that are gone
        self._make_spill = spill
        self._spills: dict[str, Spill] = {}
        self._clear_next = False
        self._start()

    def _start(self) -> None:
        self._length = 0
        self._long: dict[str, Stream] = {}  # the stream of each name that goes on after the limit
        self._uncounted: Rich | None = None
        self._uncounted_number = 0

    def stream(self, name: str, text: str) -> None:
        """Take text of ``stdout`` or ``stderr``; adjacent text of one name is one output."""
        self._clear_if_due()
        room = 0 if name in self._long or len(self.slots) >= OUTPUTS_LIMIT else TEXT_LIMIT - self._length
        if room > 0 and text:
            head, text = text[:room], text[room:]
            self._length += len(head)
            self._last_stream(name).append(head)
        if text:
            self._long_stream(name).overflow(text)

    def add(self, output: dict[str, Any], display_id: str | None = None) -> None:
        """Take an output that is no stream."""
        self._clear_if_due()
        if len(self.slots) >= OUTPUTS_LIMIT and output["output_type"] != "error":
            self._count_one_more()
        else:
            self.slots.append(Rich(output, display_id))

    def update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Replace what the outputs with that id show."""
        for slot in self.slots:
            if isinstance(slot, Rich) and slot.display_id == display_id:
                slot.output = {**slot.output, "data": data, "metadata": metadata}
                slot.changed = True

    def clear(self, *, wait: bool = False) -> None:
        """Remove all outputs, with ``wait`` when the next one comes."""
        self._clear_next = wait
        if not wait:
            self.cleared = self.cleared or any(slot.sent for slot in self.slots)
            self.slots = []
            self._start()

    def close(self) -> None:
        """Close the files with whole texts."""
        for spill in self._spills.values():
            spill.close()

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self.clear()

    def _last_stream(self, name: str) -> Stream:
        last = self.slots[-1] if self.slots else None
        if not (isinstance(last, Stream) and last.name == name):
            last = Stream(name)
            self.slots.append(last)
        return last

    def _long_stream(self, name: str) -> Stream:
        if name not in self._long:
            streams = [slot for slot in self.slots if isinstance(slot, Stream) and slot.name == name]
            stream = streams[-1] if streams else self._last_stream(name)
            stream.spill = self._spill(name)
            for each in streams:
                stream.spill.write(each.head)
            self._long[name] = stream
        return self._long[name]

    def _spill(self, name: str) -> Spill:
        if name not in self._spills:
            self._spills[name] = self._make_spill(name)
        return self._spills[name]

    def _count_one_more(self) -> None:
        self._uncounted_number += 1
        if self._uncounted is None:
            self._uncounted = Rich({})
            self.slots.append(self._uncounted)
        text = f"[{self._uncounted_number:,} more outputs left out: a cell keeps {OUTPUTS_LIMIT:,}]"
        self._uncounted.output = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
        self._uncounted.changed = True
