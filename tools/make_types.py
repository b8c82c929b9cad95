"""Make ``src/types.ts`` from ``jupyter_mltrain/server/wire``: the front end's view of what crosses the wire.

    python tools/make_types.py            write it
    python tools/make_types.py --check    exit with 1 if it is not what would be written

What the server sends always has every field, whatever its default; what it receives may leave out fields with defaults.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from jupyter_mltrain.server import wire

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src" / "types.ts"
HEADER = "// Made by tools/make_types.py from jupyter_mltrain/server/wire: change that, then run `make types`.\n"
RECEIVED = (
    wire.Submission,
    wire.Resubmission,
    wire.DockerfileRequest,
    wire.ExportRequest,
    wire.ImageOptions,
    wire.ImagePlanRequest,
    wire.ImageRequest,
    wire.Subscribe,
    wire.Unsubscribe,
    wire.Ping,
)
SENT = tuple(model for model in wire.Wire.__subclasses__() if model not in (*RECEIVED, wire.ClientMessage))
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
REF = "#/$defs/"
WIDTH = 120

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]


def typescript() -> str:
    """Return the whole module."""
    received, sent = definitions(RECEIVED, "validation"), definitions(SENT, "serialization")
    named = {name: declaration(name, schema, complete=False) for name, schema in received.items()}
    named |= {name: declaration(name, schema, complete=True) for name, schema in sent.items()}
    named["ClientMessage"] = "export type ClientMessage = Subscribe | Unsubscribe | Ping;\n"
    return "\n".join([HEADER, *(text for _, text in sorted(named.items()))])


def definitions(models: tuple[type[wire.Wire], ...], mode: Mode) -> dict[str, Schema]:
    """Return the JSON Schema of each model, and of all that it refers to, by name."""
    _, schema = models_json_schema([(model, mode) for model in models], ref_template=REF + "{model}")
    return dict(schema["$defs"])


def declaration(name: str, schema: Schema, *, complete: bool) -> str:
    """Return the declaration of one schema. ``complete``: every field is there."""
    head = comment(schema.get("description", ""))
    if "enum" in schema:
        return f"{head}export type {name} = {expression(schema)};\n"
    required = schema["properties"] if complete else schema.get("required", ())
    fields = (field(key, value, optional=key not in required) for key, value in schema.get("properties", {}).items())
    return f"{head}export interface {name} {{\n{''.join(fields)}}}\n"


def field(name: str, schema: Schema, *, optional: bool) -> str:
    """Return one line of an interface, below its comment."""
    head = comment(schema.get("description", ""), indent="  ")
    # A discriminator is always sent, although it has a default.
    mark = "?" if optional and "const" not in schema else ""
    return f"{head}  {name}{mark}: {expression(schema)};\n"


def expression(schema: Schema) -> str:
    """Return a schema as a type expression."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(map(expression, schema[key])))
    if schema.get("type") == "array":
        return f"readonly {bracketed(expression(schema['items']))}[]"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties", True)
        return f"Record<string, {expression(values) if isinstance(values, dict) else 'unknown'}>"
    return SCALARS.get(schema.get("type", ""), "unknown")


def bracketed(text: str) -> str:
    """Return the text in brackets if it is a union."""
    return f"({text})" if "|" in text else text


def comment(text: str, indent: str = "") -> str:
    """Return a documentation comment, or nothing."""
    text = " ".join(text.replace("``", "`").split())
    if not text:
        return ""
    if len(indent) + len(text) + 7 <= WIDTH:
        return f"{indent}/** {text} */\n"
    lines = textwrap.wrap(text, WIDTH - len(indent) - 3)
    return "".join([f"{indent}/**\n", *(f"{indent} * {line}\n" for line in lines), f"{indent} */\n"])


def main(arguments: list[str]) -> int:
    """Write the module or compare it; return the exit status."""
    text = typescript()
    if arguments != ["--check"]:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("src/types.ts is not what server/wire says: run `make types`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
