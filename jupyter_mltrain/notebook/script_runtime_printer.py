"""How an exported script writes a result as text. ``script_preamble`` copies these definitions into it, as text.

The layout is that of IPython's ``text/plain``: one line where it fits into 79 columns, else one item a line, outermost
containers first; after a thousand items ``...``; sets are sorted; classes and functions are shown by their names.
"""
# ruff: noqa: D102, BLE001

import collections
import contextlib
import functools
import inspect
import os
import re
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Printer:
    """Writes a value as IPython does; ``text``, ``group``, ``pretty`` ... are what ``_repr_pretty_`` methods call."""

    WIDTH, MAX_ITEMS = 79, 1000

    def __init__(self) -> None:
        # A text; where a group begins, its number; where it ends, None; for a possible break (text, indent, group).
        self.tokens: list[Any] = []
        self.groups = [0]
        self.begun = 0
        self.indentation = 0
        self.inside: list[int] = []  # ids of the values around, to notice one that contains itself
        self.taken: set[int] = set()  # line ends, by position, that have broken a group already

    def text(self, text: str) -> None:
        self.tokens.append(text)

    def breakable(self, text: str = " ") -> None:
        self.tokens.append((text, self.indentation, self.groups[-1]))

    def break_(self) -> None:
        self.breakable("\n")

    def begin_group(self, indent: int = 0, open: str = "") -> None:
        self.text(open)
        self.begun += 1
        self.groups.append(self.begun)
        self.tokens.append(self.begun)
        self.indentation += indent

    def end_group(self, dedent: int = 0, close: str = "") -> None:
        self.indentation -= dedent
        self.groups.pop()
        self.tokens.append(None)
        self.text(close)

    @contextlib.contextmanager
    def group(self, indent: int = 0, open: str = "", close: str = "") -> Iterator[None]:
        self.begin_group(indent, open)
        yield
        self.end_group(indent, close)

    @contextlib.contextmanager
    def indent(self, indent: int) -> Iterator[None]:
        self.indentation += indent
        yield
        self.indentation -= indent

    def pretty(self, value: Any) -> None:
        cycle = id(value) in self.inside
        self.inside.append(id(value))
        with self.group():
            self.write(value, cycle)
        self.inside.pop()

    def write(self, value: Any, cycle: bool) -> None:
        for base in type(value).__mro__:
            if base in RULES:
                return RULES[base](self, value, cycle)
            if "_repr_pretty_" in vars(base):
                base.__dict__["_repr_pretty_"](value, self, cycle)
                return None
            if base is not object and "__repr__" in vars(base):
                return self.lines(repr(value))
        with self.group(1, "<", f" at {id(value):#x}>"):
            self.pretty(type(value))
        return None

    def lines(self, text: str) -> None:
        for number, line in enumerate(text.splitlines()):
            if number:
                self.break_()
            self.text(line)

    def items(self, items: Iterable[Any], write: Callable[[Any], None]) -> None:
        for number, item in enumerate(items):
            if number:
                self.text(",")
                self.breakable()
            if number == self.MAX_ITEMS:
                self.text("...")
                break
            write(item)

    def call(self, name: str, *arguments: Callable[[], None]) -> None:
        with self.group(len(name) + 1, f"{name}(", ")"):
            self.items(arguments, lambda write: write())

    def keyword(self, name: str, value: Any) -> None:
        with self.group(len(name) + 1, f"{name}="):
            self.pretty(value)

    def stays_in_line(self, start: int, column: int) -> bool:
        """Say whether the group at ``start`` fits into the line, with what follows it up to the next break."""
        depth, ended, has_breaks = 0, False, False
        for position in range(start, len(self.tokens)):
            token = self.tokens[position]
            if isinstance(token, tuple):
                text, indentation, group = token
                if ended:
                    return True
                if text == "\n" and position not in self.taken:
                    self.taken.update([position] if has_breaks else [])
                    return False
                if text == "\n" and has_breaks:
                    return True
                has_breaks = has_breaks or group == self.tokens[start]
                column = indentation if text == "\n" else column + len(text)
            elif isinstance(token, str):
                column += len(token)
            else:
                depth += -1 if token is None else 1
                ended = ended or depth == 0
            if column > self.WIDTH:
                return False
        return True

    def layout(self) -> str:
        pieces, column, broken = [], 0, set()
        for position, token in enumerate(self.tokens):
            if isinstance(token, int) and not self.stays_in_line(position, column):
                broken.add(token)
            text = token if isinstance(token, str) else ""
            if isinstance(token, tuple):
                text, indentation, group = token
                if text == "\n" or group in broken:
                    pieces.append("\n")
                    text, column = " " * indentation, 0
            pieces.append(text)
            column += len(text)
        return "".join(pieces)


def plain_text(value: Any) -> str:
    """Return what a notebook shows of a value where only text can be shown."""
    printer = Printer()
    printer.pretty(value)
    return printer.layout()


def qualified(value: Any) -> str:
    """Return the name of a class or function with its module, unless that is ``builtins``."""
    module = value.__module__
    return value.__qualname__ if module in (None, "builtins") else f"{module}.{value.__qualname__}"


def in_order(items: Iterable[Any]) -> list[Any]:
    """Sort items, by their text where they cannot be compared."""
    try:
        return sorted(items)
    except Exception:
        return sorted(items, key=str)


def write_sequence(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a list or a tuple."""
    opening, closing = "()" if isinstance(value, tuple) else "[]"
    if cycle:
        return printer.text(f"{opening}...{closing}")
    with printer.group(1, opening, closing):
        printer.items(value, printer.pretty)
        printer.text("," if opening == "(" and len(value) == 1 else "")
    return None


def write_set(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a set or a frozenset."""
    opening, closing = ("frozenset({", "})") if isinstance(value, frozenset) else ("{", "}")
    if cycle or not value:
        return printer.text(f"{opening}...{closing}" if cycle else f"{type(value).__name__}()")
    with printer.group(len(opening), opening, closing):
        printer.items(in_order(value) if len(value) < printer.MAX_ITEMS else value, printer.pretty)
    return None


def write_mapping(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a dict, ``os.environ`` or a class's ``__dict__``."""
    opening, closing = "{", "}"
    if isinstance(value, types.MappingProxyType):
        opening, closing = "mappingproxy({", "})"
    elif isinstance(value, type(os.environ)):
        opening = "environ{"

    def entry(key: Any) -> None:
        printer.pretty(key)
        printer.text(": ")
        printer.pretty(value[key])

    if cycle:
        return printer.text("{...}")
    with printer.group(len(opening), opening, closing):
        printer.items(value.keys(), entry)
    return None


def write_class(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a class by its name, unless its metaclass says otherwise."""
    plain = next(base for base in type(value).__mro__ if "__repr__" in vars(base)) is type
    printer.lines(qualified(value) if plain else repr(value))


def write_function(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a function by its name and parameters."""
    signature = ""
    with contextlib.suppress(ValueError):
        signature = str(inspect.signature(value))
    printer.text(f"<function {qualified(value)}{signature}>")


def write_exception(printer: Printer, value: Any, cycle: bool) -> None:
    """Write an exception as the call that makes it."""
    printer.call(qualified(type(value)), *(functools.partial(printer.pretty, each) for each in value.args))


def write_pattern(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a regular expression as the call that makes it."""
    names = ("IGNORECASE", "LOCALE", "MULTILINE", "DOTALL", "UNICODE", "VERBOSE", "DEBUG")
    flags = "|".join(f"re.{name}" for name in names if value.flags & getattr(re, name))
    pattern = "r" + repr(value.pattern).replace("\\\\", "\\")
    printer.call("re.compile", *(functools.partial(printer.text, each) for each in (pattern, flags) if each))


def write_namespace(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a ``SimpleNamespace`` as a call."""
    inside = [functools.partial(printer.keyword, *item) for item in vars(value).items()]
    printer.call("namespace", *([functools.partial(printer.text, "...")] if cycle else inside))


def write_collection(printer: Printer, value: Any, cycle: bool) -> None:
    """Write a class of ``collections`` as the call that makes it."""
    arguments: list[Any] = [list(value)]
    if isinstance(value, collections.defaultdict):
        arguments = [value.default_factory, dict(value)]
    elif isinstance(value, collections.Counter):
        arguments = [dict(value.most_common())] if value else []
    elif isinstance(value, collections.OrderedDict):
        arguments = [list(value.items())] if value else []
    writes = [functools.partial(printer.pretty, each) for each in arguments]
    if getattr(value, "maxlen", None) is not None:
        writes.append(functools.partial(printer.keyword, "maxlen", value.maxlen))
    printer.call(type(value).__name__, *([functools.partial(printer.text, "...")] if cycle else writes))


RULES: dict[type, Callable[[Printer, Any, bool], None]] = {
    **dict.fromkeys([list, tuple], write_sequence),
    **dict.fromkeys([set, frozenset], write_set),
    **dict.fromkeys([dict, types.MappingProxyType, type(os.environ)], write_mapping),
    **dict.fromkeys([types.FunctionType, types.BuiltinFunctionType], write_function),
    **dict.fromkeys([collections.defaultdict, collections.OrderedDict, collections.Counter], write_collection),
    **dict.fromkeys([collections.deque, collections.UserList], write_collection),
    type: write_class,
    BaseException: write_exception,
    re.Pattern: write_pattern,
    types.SimpleNamespace: write_namespace,
}
