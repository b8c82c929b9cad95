"""What leaves the server as bytes: JSON and text, also of what a program printed or called its files."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(value: Any) -> bytes:
    """Return a model or plain values as JSON, names as they are on the wire.

    What is not finite becomes null, for which JSON has a word; half of a surrogate pair, which UTF-8 cannot hold and
    which stands for a byte in a file's name, is escaped.
    """
    from pydantic_core import PydanticSerializationError
    from pydantic_core import to_json as encoded

    try:
        return encoded(value, by_alias=True, inf_nan_mode="null")
    except PydanticSerializationError:
        return json.dumps(_plain(value), allow_nan=False).encode()


def to_utf8(text: str) -> bytes:
    """Return a text as UTF-8, with escapes for what it cannot hold."""
    return text.encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(by_alias=True))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
