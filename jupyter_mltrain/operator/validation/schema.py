"""The shipped schemas, and how an object is read by one: unknown fields, nulls, defaults.

Source: ``k8s.io/apiextensions-apiserver/pkg/apiserver/schema`` (pruning, defaulting).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

Schema = dict[str, Any]
_TYPE_META = ("apiVersion", "kind", "metadata")


@cache
def load(kind: str) -> Schema:
    """Return the schema of ``TFJob``, ``PyTorchJob`` or ``Job``. See ``schemas/NOTICE.md``."""
    data = files(__package__).joinpath("schemas", f"{kind.lower()}.json.gz").read_bytes()
    schema: Schema = json.loads(gzip.decompress(data))
    return schema


def child(schema: Schema | None, key: str) -> Schema | None:
    """Return the schema of one member of an object, ``None`` if it is not known."""
    if schema is None:
        return None
    found: Schema | None = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return found


def unknown_fields(value: Any, schema: Schema) -> list[str]:
    """Return the paths of all fields that a structural schema does not know, sorted."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if key not in _TYPE_META}
    return sorted(_unknown(value, schema, ""))


def _unknown(value: Any, schema: Schema | None, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            known, at = child(schema, key), f"{path}.{key}" if path else key
            yield from [at] if known is None else _unknown(item, known, at)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, (schema or {}).get("items"), f"{path}[{number}]")


def fill(value: Any, schema: Schema | None) -> Any:
    """Return a copy as the server keeps it: without nulls of known fields, with the schema's defaults."""
    if isinstance(value, dict):
        kept = {key: fill(item, child(schema, key)) for key, item in value.items() if item is not None}
        for key, known in (schema or {}).get("properties", {}).items():
            if "default" in known:
                kept.setdefault(key, deepcopy(known["default"]))
        return kept
    if isinstance(value, list):
        return [fill(item, (schema or {}).get("items")) for item in value]
    return value
