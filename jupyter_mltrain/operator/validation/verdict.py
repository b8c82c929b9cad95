"""The verdict on a manifest, and the texts of the API server: field errors, Go's way to write values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the API server answers to a create.

    Attributes
    ----------
    code:
        HTTP status: 201 accepted; 400 cannot be read (unknown fields, wrong types); 403 refused by the operator's
        webhook; 404 no such kind; 422 read, but not valid.
    reason:
        ``""``, ``BadRequest``, ``Forbidden``, ``NotFound`` or ``Invalid``.
    message:
        The server's own words; ``""`` when accepted. Where Go's order of map keys is random, ours is the manifest's.
    field:
        Path of the first wrong field, where there is one.
    """

    code: int
    reason: str = ""
    message: str = ""
    field: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the object would be made."""
        return self.code == 201


ACCEPTED = Verdict(201)


class Refused(Exception):
    """The manifest got its verdict before all checks were done: this carries it up, it is no failure."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def bad_request(message: str, field: str = "") -> Refused:
    """Return the refusal of a body that cannot be read."""
    return Refused(Verdict(400, "BadRequest", message, field))


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error of one field (``k8s.io/apimachinery/pkg/util/validation/field``)."""

    field: str
    text: str
    blocking: bool = False
    """Whether rules in the expression language are not tried any more: the object has not even the right shape."""

    def __str__(self) -> str:
        return f"{self.field or '<nil>'}: {self.text}"


def required(field: str, detail: str = "") -> FieldError:
    """Return the error of a missing field."""
    return FieldError(field, _with("Required value", detail), blocking=True)


def invalid(field: str, value: object, detail: str) -> FieldError:
    """Return the error of a wrong value."""
    return FieldError(field, _with(f"Invalid value: {show(value)}", detail))


def wrong_type(field: str, value: object, detail: str) -> FieldError:
    """Return the error of a value of the wrong type."""
    return FieldError(field, _with(f"Invalid value: {show(value)}", detail), blocking=True)


def forbidden(field: str, detail: str) -> FieldError:
    """Return the error of a value that is not allowed here."""
    return FieldError(field, _with("Forbidden", detail))


def duplicate(field: str, value: object) -> FieldError:
    """Return the error of a value that may stand only once."""
    return FieldError(field, f"Duplicate value: {show(value)}")


def not_supported(field: str, value: str, supported: Iterable[str]) -> FieldError:
    """Return the error of a value outside an enumeration."""
    listed = ", ".join(map(quote, supported))
    return FieldError(field, f"Unsupported value: {quote(value)}: supported values: {listed}", blocking=True)


def too_long(field: str, limit: int) -> FieldError:
    """Return the error of a value with too many bytes."""
    return FieldError(field, f"Too long: may not be more than {limit} bytes", blocking=True)


def aggregate(errors: Iterable[FieldError]) -> str:
    """Join errors as the server does: in brackets if there is more than one, each only once."""
    texts = list(dict.fromkeys(map(str, errors)))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def show(value: object) -> str:
    """Write a value as a field error does."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return go_format(value)
    text = json.dumps(rewritten(value), separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def rewritten(value: Any) -> Any:
    """Return a JSON value as Go writes it: keys in order, whole numbers without a point."""
    if isinstance(value, dict):
        return {key: rewritten(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [rewritten(item) for item in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e21
    return int(Decimal(repr(value))) if whole else value


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"} | {
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str) -> str:
    """Write a string as Go's ``%q``."""
    return f'"{"".join(map(_quoted, text))}"'


def _quoted(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def go_format(value: object) -> str:
    """Write a JSON value as Go's ``%v``."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case float():
            return _go_float(value)
        case list():
            return f"[{' '.join(map(go_format, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{go_format(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def _go_float(value: float) -> str:
    exponent = f"{value:.17e}".partition("e")[2]
    if value == 0 or -4 <= int(exponent) < 6:
        return repr(value).removesuffix(".0")
    shortest, _, written = repr(value).partition("e")
    if not written:  # the same digits with the point after the first one
        digits = shortest.lstrip("-").removesuffix(".0").replace(".", "").strip("0")
        shortest = ("-" if value < 0 else "") + f"{digits[0]}.{digits[1:]}"
    return f"{shortest.removesuffix('.')}e{int(exponent):+03d}"


def go_type(value: Any) -> str:
    """Name the Go type that a decoded JSON value has."""
    names: list[tuple[Callable[[Any], bool], str]] = [
        (lambda v: isinstance(v, bool), "bool"),
        (lambda v: isinstance(v, int), "int64"),
        (lambda v: isinstance(v, float), "float64"),
        (lambda v: isinstance(v, str), "string"),
        (lambda v: isinstance(v, list), "[]interface {}"),
        (lambda v: isinstance(v, dict), "map[string]interface {}"),
    ]
    return next((name for test, name in names if test(value)), "<nil>")
