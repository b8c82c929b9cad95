"""What the API server checks of any object before it looks at its kind: version, kind, metadata's types."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import Any

from .structs import Decoding, json_word
from .verdict import FieldError, bad_request, invalid, rewritten

SOME_NOT_CHECKED: FieldError = invalid(
    "",
    None,
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation",
)


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: keys are text, dates of YAML are text, big integers are floats as in Go."""
    match value:
        case dict():
            return {_key(key): json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
        case bool() | None:
            return value
        case str():
            # Half a surrogate pair is no text: Go reads it as U+FFFD.
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case int():
            return value if -(2**63) <= value < 2**63 else _float(value)
        case float():
            return _float(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            raise bad_request(f"json: unsupported type: {type(value).__name__}")


def _key(key: Any) -> str:
    return str(json_value(key)) if isinstance(key, str) else json.dumps(json_value(key))


def _float(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise bad_request("json: cannot unmarshal number into Go value of type float64")
    return number


def check_version(manifest: dict[str, Any], kind: str) -> tuple[str, str]:
    """Return the group and version that a manifest names. Raises ``Refused``."""
    unrecognized = f"the object provided is unrecognized (must be of type {kind}): "
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.get(key), str | None):
            text = f"json: cannot unmarshal {json_word(manifest[key])} into Go struct field .{key} of type string"
            raise bad_request(f"{unrecognized}couldn't get version/kind; json parse error: {text}", key)
    if not manifest.get("kind"):
        raise bad_request(f"{unrecognized}Object 'Kind' is missing", "kind")
    version = manifest.get("apiVersion") or ""
    if version.count("/") > 1:
        raise bad_request(f"{unrecognized}unexpected GroupVersion string: {version}", "apiVersion")
    group, _, version = version.rpartition("/")
    return group, version


def check_metadata_types(manifest: dict[str, Any], kind: str, version: str) -> list[str]:
    """Return the unknown fields of ``metadata``. Raises ``Refused`` for wrong types."""
    # The server writes metadata anew before it decodes it.
    decoding = Decoding(rewritten(manifest.get("metadata")), "ObjectMeta")
    if decoding.error is not None:
        message = f'{manifest["kind"]} in version "{version}" cannot be handled as a {kind}: {decoding.error}'
        raise bad_request(message, "metadata")
    return [f"metadata.{path}" for path in decoding.unknown]
