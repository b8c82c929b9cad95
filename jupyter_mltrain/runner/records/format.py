"""The lines in a replica's log that tell how its notebook runs: how they are written and read back.

Grammar, one record a line, ASCII only, at most `MAX_LINE` bytes with the newline (the container runtime splits at
16 KiB)::

    ##mltrain SEQ JSON           a record
    ##mltrain SEQ.K/N FRAGMENT   part K of N of a record whose JSON does not fit into one line
    ##mltrain - JSON             a record without a number, from a program that runs without the runner

SEQ counts the records of one run from 0, so a reader notices a gap. Text of the user stands inside JSON strings only,
and the runner, through which everything else passes that reaches the log, moves a foreign line that starts with the
prefix one space to the right: nothing but the runner's own records decodes.

======== =============================================================================================================
type     data
======== =============================================================================================================
run      The run begins; forgets everything before. ``notebook`` (nbformat document without cells), ``cells`` (how
         many follow), ``info`` (program, job, role, rank ...). With ``snapshot: true`` it opens a snapshot.
cell     ``cell`` (index) and ``document`` (nbformat cell, without outputs), ``status``; in a snapshot ``missing``:
         how many outputs the cell has that the snapshot leaves out. ``cut``: the source is not whole.
insert   Like ``cell``, but puts a new cell before that index.
start    ``cell``, ``n`` of ``of`` code cells, ``metadata`` of the cell.
output   ``cell``, ``index``, ``output`` (nbformat output): set that output, or append it. A stream's text may lack
         ``missing`` characters at its beginning, and ``dropped`` characters before its ``tail``: see `stream_text`.
text     ``cell``, ``index``, ``text``: append to a stream.
tail     ``cell``, ``index``, ``dropped``, ``tail``, ``file``: the newest end of a stream that became too long.
clear    ``cell``: remove its outputs.
end      ``cell``, ``status``, ``seconds``, ``execution_count``, ``metadata`` of the cell.
metadata ``metadata`` of the notebook.
progress ``done`` and ``total`` as the user's code reports them.
metrics  ``step``, ``time`` (seconds since the epoch), ``values``; not-finite values are the strings of `NOT_FINITE`.
note     ``text``: a word of the runner to the user.
done     ``status``, ``exit_code``, ``error`` or null, ``seconds``; ``cell``, ``n``, ``of`` as the last ``start``
         has them.
synced   Closes a snapshot.
======== =============================================================================================================

The guarantee: the runner repeats the state as a snapshot of at most `SNAPSHOT_LIMIT` bytes after every
`SNAPSHOT_EVERY` bytes written, foreign lines included. So **any suffix of a log of at least `SUFFIX` bytes rebuilds
the notebook**: every source, status, time and the newest outputs; an output that is not in the suffix is marked
(``metadata.mltrain.missing``). A notebook whose sources alone need more than the limit has its longest ones cut.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import inf, isfinite, nan
from typing import Any, Final

PREFIX: Final = "##mltrain "
MAX_LINE: Final = 16_000
SNAPSHOT_EVERY: Final = 2 << 20
SNAPSHOT_LIMIT: Final = 512 << 10
SUFFIX: Final = 4 << 20

NOT_FINITE: Final = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}

_LINE: Final = re.compile(re.escape(PREFIX) + r"(-|\d{1,15})(?:\.(\d{1,6})/(\d{1,6}))? (.+)", re.ASCII)
_HEADER: Final = 48  # bytes kept free for prefix, number, part and newline


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or one part of a long one (type ``part``).

    Attributes
    ----------
    type:
        One of the module's table, or ``part``.
    data:
        JSON values by the table; a part has ``text``.
    seq:
        Number within the run, from 0; ``None`` for a record from a program without the runner.
    part:
        ``(k, n)`` for part k of n, counted from 1.
    """

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    seq: int | None = None
    part: tuple[int, int] | None = None


def encode(record: Record) -> list[str]:
    """Return the record's lines, without newlines.

    Raises
    ------
    ValueError
        The data are no JSON values, or a record without a number does not fit into one line.
    """
    text = json.dumps({"type": record.type, **record.data}, separators=(",", ":"), allow_nan=False)
    size = MAX_LINE - _HEADER
    if len(text) <= size:
        return [f"{PREFIX}{'-' if record.seq is None else record.seq} {text}"]
    if record.seq is None:
        raise ValueError(f"a record without a number has at most {size} bytes, not {len(text)}")
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return [f"{PREFIX}{record.seq}.{k}/{len(parts)} {part}" for k, part in enumerate(parts, 1)]


def decode(line: str) -> Record | None:
    """Return the record or the part that a line holds, or ``None`` for any other line."""
    if not line.startswith(PREFIX):
        return None
    match = _LINE.fullmatch(line.rstrip("\r\n"))
    if match is None:
        return None
    number, k, n, text = match.groups()
    seq = None if number == "-" else int(number)
    if k is not None:
        return Record("part", {"text": text}, seq, (int(k), int(n))) if seq is not None else None
    return _parse(text, seq)


def _parse(text: str, seq: int | None) -> Record | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(kind := data.pop("type", None), str):
        return None
    return Record(kind, data, seq)


class Joiner:
    """Puts the parts of long records together again."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._expected: tuple[int | None, int, int] | None = None  # seq, next k, n

    def add(self, part: Record) -> Record | None:
        """Take the next part; return the record when it is whole. A part out of order drops what was gathered."""
        assert part.part is not None
        k, n = part.part
        if k == 1:
            self._texts = []
        elif self._expected != (part.seq, k, n):
            self._expected = None
            return None
        self._texts.append(part.data["text"])
        self._expected = (part.seq, k + 1, n)
        return _parse("".join(self._texts), part.seq) if k == n else None


def stream_text(head: str, *, missing: int = 0, dropped: int = 0, tail: str = "", file: str = "") -> str:
    """Return a stream's text with notes where characters are left out.

    Parameters
    ----------
    head:
        The text from its beginning on, or, with ``missing``, from where the log begins.
    dropped:
        Characters between head and ``tail`` that only the file ``file`` beside the notebook has, if any does.
    """
    before = f"[{missing:,} characters before this are not in this part of the log]\n" if missing else ""
    if not dropped:
        return before + head + tail
    where = f": the whole text is in {file}" if file else ""
    return f"{before}{head}\n[{dropped:,} characters left out{where}]\n{tail}"


def pack_metric(value: float) -> float | str:
    """Return a metric as a JSON value."""
    return value if isfinite(value) else ("NaN" if value != value else "Infinity" if value > 0 else "-Infinity")


def unpack_metric(value: float | str) -> float:
    """Return the number again."""
    return NOT_FINITE[value] if isinstance(value, str) else value
