"""Values against a structural schema: types, required fields, patterns, ranges, keys of lists.

Source: ``k8s.io/kube-openapi/pkg/validation/validate`` and ``apiextensions-apiserver/pkg/apiserver/schema/listtype``,
as far as the schemas of the jobs need them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .schema import Schema, child
from .verdict import FieldError, duplicate, invalid, required, wrong_type

_RANGES = {"int32": 2**31, "int64": 2**63}
_EXACT = 2.0**53 - 1


def check(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Yield what is wrong with a value, with the paths of the API server (``spec.containers[0].name``)."""
    yield from _check_type(value, schema, path)
    if schema.get("x-kubernetes-int-or-string"):
        yield from _check_int_or_string(value, path)
    match value:
        case str():
            yield from _check_pattern(value, schema, path)
        case bool() | None:
            pass
        case int() | float():
            yield from _check_range(value, schema.get("type"), schema.get("format"), path)
        case list():
            yield from _check_items(value, schema, path)
        case dict():
            yield from _check_members(value, schema, path)


def _types(schema: Schema) -> tuple[str, ...]:
    if schema.get("x-kubernetes-int-or-string"):
        return ("integer", "string")
    return (schema["type"],) if "type" in schema else ()


def _check_type(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    wanted, form = _types(schema), schema.get("format", "")
    if not wanted or _fits(value, wanted):
        return
    have = json_type(value)
    if form and not isinstance(value, str | list) and value is not None:
        yield _type_error(path, form, "float64" if isinstance(value, float) else "int64" if have == "integer" else "")
    elif not form or "integer" in wanted or value is None:
        yield _type_error(path, ",".join(wanted), have)


def _type_error(path: str, wanted: str, have: str) -> FieldError:
    return wrong_type(path, have, f'{path} in body must be of type {wanted}: "{have}"')


def _fits(value: Any, wanted: tuple[str, ...]) -> bool:
    return json_type(value) in wanted or ("integer" in wanted and isinstance(value, float) and _integral(value))


def json_type(value: Any) -> str:
    """Return the JSON Schema name of a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _integral(value: float) -> bool:
    # The server takes a float for an integer when it is one but for rounding.
    if not abs(value) <= _EXACT:
        return False
    return value == int(value) or (value > 0 and value - int(value) < 1e-9 * (value + int(value)))


def _check_int_or_string(value: Any, path: str) -> Iterator[FieldError]:
    if value is None or (_fits(value, ("integer", "string")) and not _out_of_range(value, "integer")):
        return
    yield invalid("", "", f'"{path}" must validate at least one schema (anyOf)')
    yield from _check_type(value, {"type": "integer"}, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_range(value, "integer", None, path)


def _out_of_range(value: Any, kind: str | None, form: str | None = None) -> bool:
    if kind != "integer" or isinstance(value, str):
        return False
    limit = _RANGES.get(form or "int64", _RANGES["int64"])
    return value != int(value) or not -limit <= value < limit


def _check_range(value: float, kind: str | None, form: str | None, path: str) -> Iterator[FieldError]:
    if _out_of_range(value, kind, form):
        what = f"with format {form}" if form else "(default format)"
        yield invalid("", "", f"Checked value must be of type {kind} {what} in {path}")


def _check_pattern(value: str, schema: Schema, path: str) -> Iterator[FieldError]:
    pattern = schema.get("pattern")
    # Go's $ is the very end of the text, Python's is also before a last newline.
    if pattern and (value.endswith("\n") or not re.search(pattern, value)):
        yield invalid(path, value, f"{path} in body should match '{pattern}'")


def _check_items(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    if "items" in schema:
        for number, item in enumerate(value):
            yield from check(item, schema["items"], f"{path}[{number}]")


def _check_members(value: dict[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
    prefix = f"{path}." if path else ""
    for key, item in value.items():
        known = child(schema, key)
        if known is not None:
            yield from check(item, known, prefix + key)
    for key in schema.get("required", ()):
        if key not in value:
            yield required(prefix + key)


def check_list_keys(value: Any, schema: Schema | None, path: str = "") -> Iterator[FieldError]:
    """Yield items of lists that ought to be unique and are not. Members of maps are written as ``roles[Worker]``."""
    if schema is None:
        return
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, item in value.items():
            at = f"{path}[{key}]" if key not in properties else f"{path}.{key}" if path else key
            yield from check_list_keys(item, child(schema, key), at)
    elif isinstance(value, list):
        yield from _check_unique(value, schema, path)
        for number, item in enumerate(value):
            yield from check_list_keys(item, schema.get("items"), f"{path}[{number}]")


def _check_unique(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        yield from _duplicates(value, path)
    elif kind == "map":
        for number, item in enumerate(value):
            if item is not None and not isinstance(item, dict):
                yield invalid(f"{path}[{number}]", item, "must be an object for an array of list-type map")
                return
        keys = schema["x-kubernetes-list-map-keys"]
        yield from _duplicates(
            [{key: item[key] for key in keys if key in item} for item in map(_or_empty, value)], path
        )


def _or_empty(item: dict[str, Any] | None) -> dict[str, Any]:
    return item or {}


def _duplicates(values: list[Any], path: str) -> Iterator[FieldError]:
    seen: dict[str, int] = {}
    for number, value in enumerate(values):
        key = json.dumps(value, sort_keys=True)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 2:
            yield duplicate(f"{path}[{number}]", value)
