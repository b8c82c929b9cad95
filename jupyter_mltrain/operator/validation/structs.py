"""JSON into Go structs, as Kubernetes does it: what the decoder would say of wrong types and unknown fields.

Source: ``sigs.k8s.io/json`` (case-sensitive, strict) and the ``UnmarshalJSON`` of Time, Quantity and IntOrString. The
structs are the ``$defs`` of the Job schema, each under the name of its Go type.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from . import quantities
from .schema import Schema, load
from .structural import json_type

_JSON_WORDS = {"boolean": "bool", "integer": "number"}
# Structs that others embed: Go names them on the way to a field, JSON does not. Volume embeds all but its name.
_EMBEDDED: dict[str, dict[str, tuple[str, ...]]] = {
    "Probe": {"ProbeHandler": ("exec", "httpGet", "tcpSocket", "grpc")},
    "Volume": {"VolumeSource": ()},
}
# Go's own name of a type, by the field or by the JSON type.
_GO_TYPES = {
    "boolean": "bool",
    "completionMode": "v1.CompletionMode",
    "imagePullPolicy": "v1.PullPolicy",
    "limits": "v1.ResourceList",
    "operation": "v1.ManagedFieldsOperationType",
    "operator": "v1.TolerationOperator",
    "requests": "v1.ResourceList",
    "restartPolicy": "v1.RestartPolicy",
    "uid": "types.UID",
}
_INT_LIMITS = {"int32": 2**31, "int64": 2**63}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)")


class Decoding:
    """One value decoded: the first wrong type, as far as there is one, and all unknown fields."""

    def __init__(self, value: Any, struct: str) -> None:
        self.unknown: list[str] = []
        self._first: str | None = None
        self._abort: str | None = None
        self._value(value, {"$ref": f"#/$defs/{struct}"}, _At())

    @property
    def error(self) -> str | None:
        """What the decoder fails with. A value with a parser of its own stops it at once, a wrong type does not."""
        return self._abort or self._first

    def _value(self, value: Any, schema: Schema, at: _At) -> None:
        if value is None or self._abort:
            return
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            schema = load("Job")["$defs"][name]
        if name in ("Quantity", "IntOrString", "Time", "MicroTime"):
            self._parsed(name, value, at)
        elif "properties" in schema:
            self._struct(value, name, schema["properties"], at)
        elif "additionalProperties" in schema:
            self._map(value, schema, at)
        elif schema.get("type") == "array":
            self._list(value, schema, at)
        elif schema.get("type") != "object":  # an object without more is raw JSON
            self._scalar(value, schema, at)

    def _struct(self, value: Any, name: str, properties: dict[str, Schema], at: _At) -> None:
        if not isinstance(value, dict):
            self._wrong(value, f"v1.{name}", at)
            return
        for key, item in value.items():
            if key in properties:
                self._value(item, properties[key], at.field(name, key))
            else:
                self.unknown.append(at.path(key))

    def _map(self, value: Any, schema: Schema, at: _At) -> None:
        if not isinstance(value, dict):
            self._wrong(value, _go_type(schema, at), at)
            return
        for key, item in value.items():
            self._value(item, schema["additionalProperties"], at.key(key))

    def _list(self, value: Any, schema: Schema, at: _At) -> None:
        if not isinstance(value, list):
            self._wrong(value, _go_type(schema, at), at)
            return
        for number, item in enumerate(value):
            self._value(item, schema["items"], at.index(number))

    def _scalar(self, value: Any, schema: Schema, at: _At) -> None:
        kind, have = schema.get("type"), json_type(value)
        if kind == "integer" and have in ("integer", "number"):
            limit = _INT_LIMITS[schema.get("format", "int64")]
            # Go reads no exponent and no fraction into an integer.
            if isinstance(value, float) or not -limit <= value < limit:
                self._wrong(value, _go_type(schema, at), at, f"number {json.dumps(value)}")
        elif kind != have:
            self._wrong(value, _go_type(schema, at), at)

    def _parsed(self, name: str, value: Any, at: _At) -> None:
        if name == "IntOrString":
            self._int_or_string(value, at)
        elif name == "Quantity":
            text = value.strip() if isinstance(value, str) else json.dumps(value)
            wrong = quantities.problem(text)
            if wrong:
                self._abort = wrong
        elif not isinstance(value, str):
            self._abort = _mismatch(json_word(value), "string", at)
        elif not _valid_time(value):
            text, layout = _time_quote(value), "2006-01-02T15:04:05Z07:00"
            self._abort = f'parsing time {text} as "{layout}": cannot parse {text} as "2006"'

    def _int_or_string(self, value: Any, at: _At) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(value, "int32", at, None if not isinstance(value, float) else f"number {json.dumps(value)}")
        elif not -(2**31) <= value < 2**31:
            self._wrong(value, "int32", at, f"number {json.dumps(value)}")

    def _wrong(self, value: Any, wanted: str, at: _At, what: str | None = None) -> None:
        self._first = self._first or _mismatch(what or json_word(value), wanted, at)


def _mismatch(what: str, wanted: str, at: _At) -> str:
    where = f"struct field {at.struct}.{'.'.join(at.fields)}" if at.struct else "value"
    return f"json: cannot unmarshal {what} into Go {where} of type {wanted}"


def _time_quote(text: str) -> str:
    """Write a string as Go's package time does: bytes outside ASCII stand for themselves."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "replace")
    escaped = "".join(chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}" for byte in plain)
    return f'"{escaped}"'


class _At:
    """A place in a value: for errors the innermost struct and the fields on the way, for unknown fields the path."""

    def __init__(self, struct: str = "", fields: tuple[str, ...] = (), path: str = "") -> None:
        self.struct, self.fields, self._path = struct, fields, path

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def field(self, struct: str, key: str) -> _At:
        embedded = [
            name for name, keys in _EMBEDDED.get(struct, {}).items() if key in keys or (not keys and key != "name")
        ]
        return _At(struct, (*self.fields, *embedded, key), self.path(key))

    def key(self, key: str) -> _At:
        return _At(self.struct, self.fields, self.path(key))

    def index(self, number: int) -> _At:
        return _At(self.struct, self.fields, f"{self._path}[{number}]")


def json_word(value: Any) -> str:
    """Name the type of a JSON value as Go's decoder does."""
    word = json_type(value)
    return _JSON_WORDS.get(word, word)


def _go_type(schema: Schema, at: _At) -> str:
    field = at.fields[-1] if at.fields else ""
    if field in _GO_TYPES:
        return _GO_TYPES[field]
    if "$ref" in schema:
        return f"v1.{schema['$ref'].rpartition('/')[2]}"
    kind: str = schema.get("type", "")
    if kind == "array":
        return f"[]{_go_type(schema['items'], _At())}"
    if "additionalProperties" in schema:
        return f"map[string]{_go_type(schema['additionalProperties'], _At())}"
    if kind == "integer":
        return str(schema.get("format", "int64"))
    return _GO_TYPES.get(kind, kind)


def _valid_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True
