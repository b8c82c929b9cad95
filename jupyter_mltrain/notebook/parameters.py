"""The cell tagged ``parameters`` as a typed form, and the check of values against it."""

from __future__ import annotations

import ast
import difflib
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import ParameterError
from .source import parse, parse_expression
from .values import Json, Mismatch, Type, is_finite, json_value, type_of_annotation, type_of_value

_TYPE_COMMENT: Final = re.compile(
    r"type:\s*(?!ignore\b)(?P<type>[^\s#\[]+(?:\[[^#]*?\](?=\s|\||$))?(?:\s*\|\s*[\w.]+)*)\s*(?P<help>.*)", re.S
)
# Calls whose result has the type of their name, for defaults such as Path("data").
_CONSTRUCTORS: Final = ("bool", "int", "float", "str", "list", "dict", "tuple", "Path", "PurePath")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of the form.

    Attributes
    ----------
    default:
        The default as a JSON value; ``None`` too where there is none, see ``expression`` and ``required``.
    expression:
        The default's source where it is no literal: it is computed when the notebook runs.
    required:
        Whether it has no default at all (``name: int``).
    help:
        The comment behind it.
    annotation:
        The annotation's source, or ``""``.
    """

    name: str
    type: Type
    default: Json = None
    expression: str | None = None
    required: bool = False
    help: str = ""
    annotation: str = ""

    def to_dict(self) -> dict[str, Json]:
        """Return the field as a JSON object; ``default``, ``expression`` or neither is there."""
        if self.required:
            value: dict[str, Json] = {"required": True}
        else:
            value = {"default": self.default} if self.expression is None else {"expression": self.expression}
        return {
            "name": self.name,
            "type": self.type.to_dict(),
            **value,
            **({"help": self.help} if self.help else {}),
            **({"annotation": self.annotation} if self.annotation else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Parameter:
        """Read what ``to_dict`` wrote."""
        return cls(
            data["name"],
            Type.from_dict(data["type"]),
            data.get("default"),
            data.get("expression"),
            data.get("required", False),
            data.get("help", ""),
            data.get("annotation", ""),
        )


@dataclass(frozen=True, slots=True)
class ParameterForm:
    """The notebook's parameters in the order of their cell."""

    parameters: tuple[Parameter, ...] = ()

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        """Return the parameter of that name. Raises ``ParameterError`` that names the nearest."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise self._unknown(name)

    @property
    def defaults(self) -> dict[str, Json]:
        """The defaults that are known before the notebook runs."""
        return {one.name: one.default for one in self if not one.required and one.expression is None}

    def to_dict(self) -> list[dict[str, Json]]:
        """Return the form as JSON: what a user interface needs to show it."""
        return [parameter.to_dict() for parameter in self.parameters]

    @classmethod
    def from_dict(cls, data: Iterable[Mapping[str, Json]]) -> ParameterForm:
        """Read what ``to_dict`` wrote."""
        return cls(tuple(Parameter.from_dict(item) for item in data))

    def parse(self, texts: Mapping[str, str]) -> dict[str, Json]:
        """Return typed values for texts from a command line.

        Raises
        ------
        ParameterError
            An unknown name, or a text that does not fit the type; ``details["field"]`` has the name.
        """
        return {name: self._value(name, text, is_text=True) for name, text in texts.items()}

    def check(self, values: Mapping[str, object], texts: Mapping[str, str] | None = None) -> dict[str, Json]:
        """Return values from JSON, YAML or Python as the JSON values to inject.

        Parameters
        ----------
        texts:
            From people; they win over ``values``.

        Raises
        ------
        ParameterError
            An unknown name, a value that does not fit the type, or none for a parameter without default. It is about
            the first one; ``details["errors"]`` names each that is wrong.
        """
        given = {**values, **(texts or {})}
        checked: dict[str, Json] = {}
        wrong: list[ParameterError] = []
        for name, value in given.items():
            try:
                checked[name] = self._value(name, value, is_text=name in (texts or {}))
            except ParameterError as error:
                wrong.append(error)
        wrong += [_missing(parameter.name) for parameter in self if parameter.required and parameter.name not in given]
        if wrong:
            raise _all_of(wrong)
        return checked

    def _value(self, name: str, given: object, *, is_text: bool) -> Json:
        parameter = self[name]
        return _fitted(parameter, parameter.type.parse if is_text else parameter.type.check, given)

    def _unknown(self, name: str) -> ParameterError:
        names = [parameter.name for parameter in self]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        if not names:
            hint = "The notebook has none: tag the cell that holds them 'parameters'."
        else:
            hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(names)}."
        nearest = near[0] if near else None
        return ParameterError(
            f"The notebook has no parameter {name!r}.", hint=hint, field=name, nearest=nearest, known=names
        )


def _missing(name: str) -> ParameterError:
    return ParameterError(
        f"The parameter {name!r} has no default and no value was given.",
        hint=f"Give one, e.g. -p {name} VALUE.",
        field=name,
    )


def _all_of(errors: list[ParameterError]) -> ParameterError:
    """Return the first error, which then tells of all of them."""
    first = errors[0]
    first.details["errors"] = [
        {"field": error.details["field"], "message": error.message, "hint": error.hint} for error in errors
    ]
    return first


def _fitted(parameter: Parameter, convert: Any, value: object) -> Json:
    try:
        return convert(value)
    except Mismatch as error:
        raise ParameterError(
            f"The parameter {parameter.name!r} does not take this value: {error}.",
            hint=_type_hint(parameter, value),
            field=parameter.name,
            type=parameter.type.to_dict(),
        ) from None


_EXAMPLES: Final = {"bool": "true", "int": "3", "float": "0.01", "list": "[1, 2]", "dict": '{"a": 1}'}


def _type_hint(parameter: Parameter, value: object) -> str:
    """Return what to do about a value of the wrong type: often the default says too little about the type."""
    if not parameter.annotation and parameter.type.kind == "int" and _is_number(value):
        return f"Its default is a whole number; write `{parameter.name}: float = ...` in the notebook to allow others."
    if not parameter.annotation and value is None:
        return f"Annotate it in the notebook to allow None: `{parameter.name}: {parameter.type.kind} | None = ...`."
    if parameter.type.kind in ("str", "path") and not isinstance(value, str):
        return "Put it in quotes."
    if parameter.type.choices:
        return f"Use {' or '.join(json.dumps(choice, ensure_ascii=False) for choice in parameter.type.choices)}."
    example = _EXAMPLES.get(parameter.type.kind)
    return f"Write it like {example}." if example else ""


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def parse_parameters(source: str) -> ParameterForm:
    """Return the form that the source of a ``parameters`` cell makes.

    Each assignment to a plain name is a parameter; the last one counts where a name is assigned twice. Other statements
    are code that belongs to the cell and no parameter. A cell that does not parse has no parameters.
    """
    comments = _comments(source)
    code = parse(source)
    text = "" if code.magics else source  # with magics, what was parsed is not what stands there
    found: dict[str, Parameter] = {}
    for statement in code.tree.body:
        comment = comments.get(statement.end_lineno or statement.lineno) or comments.get(statement.lineno, "")
        for name, annotation, value in _assignments(statement):
            found[name] = _parameter(name, annotation, value, comment, text)
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=operator, value=value) if name in found:
                computed = _written(ast.BinOp(ast.Name(name), operator, value), "")
                found[name] = replace(found[name], default=None, expression=computed)
    return ParameterForm(tuple(found.values()))


def _comments(source: str) -> dict[int, str]:
    """Return the comment that ends each line, without ``#``."""
    comments = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass  # a magic further down: what came before it counts
    return comments


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Yield (name, annotation, value) for each plain name that a statement assigns."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            yield name, annotation, value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _targets(target, value)


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, None, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, None, value
        case ast.Tuple(elts=names) | ast.List(elts=names), ast.Tuple(elts=values) | ast.List(elts=values):
            if len(names) == len(values):
                for one, its_value in zip(names, values, strict=True):
                    yield from _targets(one, its_value)


def _parameter(name: str, annotation: ast.expr | None, value: ast.expr | None, comment: str, text: str) -> Parameter:
    written = _written(annotation, text) if annotation else ""
    typed = _TYPE_COMMENT.fullmatch(comment)
    if typed and annotation is None:
        annotation, written, comment = _type_comment(typed["type"]), typed["type"], typed["help"]
    declared = type_of_annotation(annotation) if annotation and written.rpartition(".")[2] != "Final" else None
    if value is None:
        return Parameter(name, declared or Type("any"), required=True, help=comment, annotation=written)
    try:
        default = _literal(value)
    except Mismatch:
        implied = declared or _type_of_expression(value)
        return Parameter(name, implied, expression=_written(value, text), help=comment, annotation=written)
    if declared and default is None:  # x: int = None means that None is allowed
        declared = Type(declared.kind, True, declared.choices, declared.items, declared.options)
    return Parameter(name, declared or type_of_value(default), default, help=comment, annotation=written)


def _written(node: ast.expr, text: str) -> str:
    """Return an expression as it is written; ``ast.unparse`` alone differs between versions of Python."""
    try:
        return (text and ast.get_source_segment(text, node)) or ast.unparse(node)
    except RecursionError:  # a sum of hundreds of terms
        return "..."


def _type_comment(text: str) -> ast.expr | None:
    try:
        return parse_expression(text)
    except SyntaxError:
        return None


def _literal(node: ast.expr) -> Json:
    """Return a literal as a JSON value. Raises ``Mismatch`` for an expression, and for what JSON cannot hold."""
    try:
        value = json_value(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError):
        raise Mismatch("not a literal") from None
    if not is_finite(value):
        raise Mismatch("not finite")
    return value


def _type_of_expression(node: ast.expr) -> Type:
    match node:
        case ast.JoinedStr():
            return Type("str")
        case ast.Call(func=ast.Name() | ast.Attribute() as function):
            name = function.id if isinstance(function, ast.Name) else function.attr
            return type_of_annotation(ast.Name(name)) if name in _CONSTRUCTORS else Type("any")
    return Type("any")
