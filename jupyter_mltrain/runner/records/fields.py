"""What the fields of a record must be: a log that no runner wrote may have lines that look like records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .format import NOT_FINITE, Record

_MOST: Final = 1 << 53  # the largest count that every JSON reader has exactly
_MISSING: Final = 10_000  # outputs of one cell; the runner keeps fewer

Check = Callable[[Any], bool]


def require(record: Record) -> None:
    """Raise ``ValueError`` unless a record of a known type has the fields of its type."""
    for name, check in RECORD_FIELDS.get(record.type, {}).items():
        if not check(record.data.get(name)):
            raise ValueError(f"{record.type!r} has no such {name!r}: {record.data.get(name)!r}")


def _is(*types: type) -> Check:
    return lambda value: type(value) in types


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _cell(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("cell_type"), str)


def _output(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("output_type"), str):
        return False
    return value["output_type"] != "stream" or isinstance(value.get("text"), str)


def _values(value: Any) -> bool:
    return isinstance(value, dict) and all(
        one in NOT_FINITE if isinstance(one, str) else _number(one) for one in value.values()
    )


def _missing(value: Any) -> bool:
    return value is None or (_count(value) and value <= _MISSING)


_text, _object, _number = _is(str), _is(dict), _is(int, float)
_STREAM: Final[Mapping[str, Check]] = {
    "missing": _or_none(_count),
    "dropped": _or_none(_count),
    "tail": _or_none(_text),
    "file": _or_none(_text),
}
_STATE: Final[Mapping[str, Check]] = {
    "document": _cell,
    "status": _or_none(_text),
    "seconds": _or_none(_number),
    "missing": _missing,
}
RECORD_FIELDS: Final[Mapping[str, Mapping[str, Check]]] = {
    "run": {"notebook": _object, "info": _object},
    "cell": _STATE,
    "insert": {"cell": _count, **_STATE},
    "start": {"cell": _count, "n": _count, "of": _count, "metadata": _object},
    "output": {"cell": _count, "index": _count, "output": _output, **_STREAM},
    "text": {"cell": _count, "index": _count, "text": _text},
    "tail": {"cell": _count, "index": _count, "dropped": _count, "tail": _text, "file": _text},
    "clear": {"cell": _count},
    "end": {"cell": _count, "status": _text, "seconds": _or_none(_number), "metadata": _object},
    "metadata": {"metadata": _object},
    "progress": {"done": _number, "total": _or_none(_number)},
    "metrics": {"step": _or_none(_is(int)), "time": _number, "values": _values},
    "note": {"text": _text},
    "done": {
        "status": _text,
        "exit_code": _is(int),
        "error": _or_none(_object),
        "seconds": _number,
        **dict.fromkeys(("cell", "n", "of"), _or_none(_count)),
    },
}
