"""The type of a parameter: what its annotation or its default implies, and what values it takes."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from .source import parse_expression

Kind = Literal["bool", "int", "float", "str", "path", "list", "dict", "union", "any"]
Json = Any
"""None, bool, int, float, str, list or dict of these with str keys."""

_NAMES: Final[Mapping[str, Kind]] = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "str": "str",
    **dict.fromkeys(("Path", "PurePath", "PosixPath", "PathLike"), "path"),
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "Sequence", "Iterable", "Collection"), "list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), "dict"),
}
_WRAPPERS: Final = ("Annotated", "Final", "Required", "NotRequired")
_NOUNS: Final[Mapping[Kind, str]] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "path": "a path",
    "list": "a list",
    "dict": "a JSON object",
    "any": "a JSON value",
}
_BOOLS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1", "y", "t"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n", "f"), False),
}


class Mismatch(ValueError):
    """A value does not fit its type; the message says what was wanted and what came."""


@dataclass(frozen=True, slots=True)
class Type:
    """What a parameter takes.

    Attributes
    ----------
    kind:
        ``"path"`` is a str that names a file or folder; ``"any"`` is any JSON value.
    optional:
        Whether ``None`` is allowed.
    choices:
        The only values allowed (``Literal``), or empty for no such limit.
    items:
        The type of a list's items or of a dict's values; ``None`` for any.
    options:
        The members of a union.
    """

    kind: Kind
    optional: bool = False
    choices: tuple[Json, ...] = ()
    items: Type | None = None
    options: tuple[Type, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        """Return the type as a JSON object without what is absent."""
        return {
            "kind": self.kind,
            **({"optional": True} if self.optional else {}),
            **({"choices": list(self.choices)} if self.choices else {}),
            **({"items": self.items.to_dict()} if self.items else {}),
            **({"options": [option.to_dict() for option in self.options]} if self.options else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Type:
        """Read what ``to_dict`` wrote."""
        if data["kind"] not in get_args(Kind):
            raise ValueError(f"unknown kind {data['kind']!r}")
        return cls(
            data["kind"],
            data.get("optional", False),
            tuple(data.get("choices", ())),
            cls.from_dict(data["items"]) if "items" in data else None,
            tuple(cls.from_dict(option) for option in data.get("options", ())),
        )

    def __str__(self) -> str:
        """Return the type in words, for error messages."""
        if self.choices:
            noun = "one of " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        elif self.kind == "union":
            noun = " or ".join(str(option) for option in self.options)
        else:
            noun = _NOUNS[self.kind] + (f" of {self.items.kind}" if self.items else "")
        return f"{noun} or None" if self.optional else noun

    def check(self, value: object) -> Json:
        """Return a value from JSON, YAML or Python as the JSON value to inject.

        An int is taken for a float, and so is a number written as text: YAML 1.1 reads ``1e-3`` as text. Nothing else
        is converted. Raises ``Mismatch``.
        """
        if value is None and self.optional:
            return None
        if self.choices:
            return self._chosen(value)
        return _CHECKS[self.kind](self, value)

    def parse(self, text: str) -> Json:
        """Return the JSON value that a text from the command line means. Raises ``Mismatch``."""
        if self.optional and (text in ("None", "null") or (text == "" and self.kind not in ("str", "any"))):
            return None
        if self.choices:
            return self._chosen(next((choice for choice in self.choices if text in _spellings(choice)), text))
        return _PARSERS[self.kind](self, text)

    def _chosen(self, value: object) -> Json:
        for choice in self.choices:
            if choice == value and type(choice) is type(value):
                return choice
        raise self.mismatch(value)

    def mismatch(self, value: object) -> Mismatch:
        """Return the error that says that a value is none of this type."""
        return Mismatch(f"{_shown(value)} is not {self}")


def json_value(value: object) -> Json:
    """Return a Python value as JSON has it: tuples become lists. Raises ``Mismatch`` for what JSON has no word for."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: json_value(item) for key, item in value.items()}
    raise Mismatch(f"{_shown(value)} is not a JSON value")


def type_of_value(value: Json) -> Type:
    """Return the type that a literal default implies."""
    if value is None:
        return Type("any", optional=True)
    kinds: Mapping[type, Kind] = {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "dict"}
    return Type(kinds[type(value)])


def type_of_annotation(node: ast.expr) -> Type:
    """Return the type that an annotation means; ``any`` for what this project does not know."""
    match node:
        case ast.Constant(value=None):
            return Type("any", optional=True)
        case ast.Constant(value=str(text)):
            return _quoted(text)
        case ast.Name() | ast.Attribute():
            return Type(_NAMES.get(_last_name(node), "any"))
        case ast.BinOp(op=ast.BitOr()):
            return _union([type_of_annotation(node.left), type_of_annotation(node.right)])
        case ast.Subscript():
            arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return _subscripted(_last_name(node.value), arguments)
    return Type("any")


def _quoted(annotation: str) -> Type:
    try:
        return type_of_annotation(parse_expression(annotation))
    except SyntaxError:
        return Type("any")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _subscripted(name: str, arguments: list[ast.expr]) -> Type:
    if name == "Literal":
        return _literal(arguments)
    if name in _WRAPPERS:
        return type_of_annotation(arguments[0])
    if name in ("Union", "Optional"):
        members = [type_of_annotation(argument) for argument in arguments]
        return _union(members + ([Type("any", optional=True)] if name == "Optional" else []))
    kind = _NAMES.get(name, "any")
    if kind == "list":
        return Type("list", items=_items(arguments))
    if kind == "dict" and len(arguments) == 2:
        return Type("dict", items=_known(type_of_annotation(arguments[1])))
    return Type(kind)


def _items(arguments: list[ast.expr]) -> Type | None:
    """Return the one type of a list's or tuple's items, or ``None`` where they differ."""
    found = {
        type_of_annotation(node) for node in arguments if not (isinstance(node, ast.Constant) and node.value is ...)
    }
    return _known(found.pop()) if len(found) == 1 else None


def _known(found: Type) -> Type | None:
    return None if found.kind == "any" else found


def _literal(arguments: list[ast.expr]) -> Type:
    try:
        values = [json_value(ast.literal_eval(argument)) for argument in arguments]
    except (ValueError, TypeError):
        return Type("any")
    choices = tuple(value for value in values if value is not None)
    kinds = {type_of_value(choice).kind for choice in choices}
    kind = kinds.pop() if len(kinds) == 1 else "any"
    return Type(kind, optional=len(choices) < len(values), choices=choices)


def _union(members: list[Type]) -> Type:
    """Join types; ``None`` among them makes the rest optional."""
    nothing = Type("any", optional=True)
    optional = any(member.optional for member in members)
    options: list[Type] = []
    for member in members:
        options += [member] if member.kind != "union" else member.options
    options = [Type(o.kind, False, o.choices, o.items, o.options) for o in options if o != nothing]
    if any(option.kind == "any" and not option.choices for option in options):
        return Type("any", optional=optional)
    if len(options) == 1:
        only = options[0]
        return Type(only.kind, optional, only.choices, only.items, only.options)
    return Type("union", optional, options=tuple(options)) if options else nothing


# --- values -----------------------------------------------------------------------------------------------------------


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _spellings(choice: Json) -> tuple[str, ...]:
    return (str(choice), json.dumps(choice, ensure_ascii=False))


def _exactly(wanted: type) -> Callable[[Type, object], Json]:
    def check(of: Type, value: object) -> Json:
        if type(value) is wanted:
            return value
        raise of.mismatch(value)

    return check


def _check_float(of: Type, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        return _parse_float(of, value)
    raise of.mismatch(value)


def _check_list(of: Type, value: object) -> list[Json]:
    if not isinstance(value, (list, tuple)):
        raise of.mismatch(value)
    return [_item(of, f"item {index}", item) for index, item in enumerate(value)]


def _check_dict(of: Type, value: object) -> dict[str, Json]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise of.mismatch(value)
    return {key: _item(of, f"key {key!r}", item) for key, item in value.items()}


def _item(of: Type, place: str, item: object) -> Json:
    try:
        return of.items.check(item) if of.items else json_value(item)
    except Mismatch as error:
        raise Mismatch(f"{place}: {error}") from None


def _check_union(of: Type, value: object) -> Json:
    for option in of.options:
        try:
            return option.check(value)
        except Mismatch:
            continue
    raise of.mismatch(value)


def _check_any(_: Type, value: object) -> Json:
    return json_value(value)


def _parse_bool(of: Type, text: str) -> bool:
    try:
        return _BOOLS[text.strip().lower()]
    except KeyError:
        raise of.mismatch(text) from None


def _parse_int(of: Type, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise of.mismatch(text) from None


def _parse_float(of: Type, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise of.mismatch(text) from None


def _parse_text(_: Type, text: str) -> str:
    return text


def _parse_list(of: Type, text: str) -> list[Json]:
    """Read ``[1, 2]`` as JSON or Python writes it, or ``1,2`` as people do."""
    if text.strip().startswith(("[", "(")):
        return _check_list(of, _literal_value(of, text))
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return [(of.items or Type("any")).parse(part) for part in parts]


def _parse_dict(of: Type, text: str) -> dict[str, Json]:
    return _check_dict(of, _literal_value(of, text))


def _parse_union(of: Type, text: str) -> Json:
    """Try the members in order, but text last: it takes everything."""
    for option in sorted(of.options, key=lambda option: option.kind in ("str", "path")):
        try:
            return option.parse(text)
        except Mismatch:
            continue
    raise of.mismatch(text)


def _parse_any(of: Type, text: str) -> Json:
    try:
        return _literal_value(of, text)
    except Mismatch:
        return text


def _literal_value(of: Type, text: str) -> Json:
    """Read a text as JSON, else as a Python literal."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json_value(ast.literal_eval(parse_expression(text)))
    except (ValueError, SyntaxError, TypeError):
        raise of.mismatch(text) from None


_CHECKS: Final[Mapping[Kind, Callable[[Type, Any], Json]]] = {
    "bool": _exactly(bool),
    "int": _exactly(int),
    "float": _check_float,
    "str": _exactly(str),
    "path": _exactly(str),
    "list": _check_list,
    "dict": _check_dict,
    "union": _check_union,
    "any": _check_any,
}
_PARSERS: Final[Mapping[Kind, Callable[[Type, str], Json]]] = {
    "bool": _parse_bool,
    "int": _parse_int,
    "float": _parse_float,
    "str": _parse_text,
    "path": _parse_text,
    "list": _parse_list,
    "dict": _parse_dict,
    "union": _parse_union,
    "any": _parse_any,
}


def is_finite(value: Json) -> bool:
    """Whether strict JSON has a word for every number in a value: it has none for infinity and NaN."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(is_finite(item) for item in value)
    return all(is_finite(item) for item in value.values()) if isinstance(value, dict) else True
