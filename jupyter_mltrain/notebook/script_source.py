"""Source text for script export: IPython syntax turned into calls, edits by position, indentation, literals.

All texts here have ``\\n`` as their only line end, as Python sees them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

FLAGS: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_PROMPT: Final = re.compile(r"^\s*(?:>>>|\.\.\.|In \[)", re.M)
_LAYOUT: Final = (tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.DEDENT)
_FORM_FEED: Final = re.compile(r"^[ \t\f]*\f")  # it sets the indentation back to nothing
_LIMIT: Final = 10_000  # magics in one cell: a guard against a transformer that never ends


@dataclass(frozen=True)
class Python:
    """A cell's source after IPython's transformation, parsed.

    Attributes
    ----------
    text:
        Python, ending in a newline; magics are calls of ``get_ipython()``.
    tree:
        What ``text`` parses to.
    lines:
        For each line of ``text`` the line of the original source that it came from, from 1.
    """

    text: str
    tree: ast.Module
    lines: Sequence[int]
    _starts: Sequence[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        object.__setattr__(self, "_starts", starts)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends in ``text``."""
        line, column, end_line, end_column = (
            getattr(node, each) for each in ("lineno", "col_offset", "end_lineno", "end_col_offset")
        )
        return self._position(line, column), self._position(end_line, end_column)

    def _position(self, line: int, column: int) -> int:
        """Turn a line from 1 and a column in bytes of UTF-8, as ``ast`` counts, into an index of ``text``."""
        start = self._starts[line - 1]
        row = self.text[start : self._starts[line] - 1]
        return start + (column if row.isascii() else len(row.encode()[:column].decode()))

    def source(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def margin(self, node: ast.AST) -> str | None:
        """Return what stands before a node in its line if that is only space, else ``None``."""
        start, _ = self.span(node)
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return None if before.strip() else before

    def ends_line(self, node: ast.AST) -> bool:
        """Say whether nothing follows a node in its line."""
        _, end = self.span(node)
        return not self.text[end : self.text.find("\n", end)].strip()

    def shifted(self, lines: int) -> Python:
        """Return the same code as it counts inside of a cell that it begins ``lines`` lines below."""
        return Python(self.text, self.tree, [line + lines for line in self.lines])

    @property
    def is_quiet(self) -> bool:
        """Whether the last token is a semicolon, which keeps a notebook from showing the result."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [token.string for token in tokens if token.type not in _LAYOUT][-1:] == [";"]


@lru_cache(maxsize=1024)
def parse(source: str) -> Python:
    """Parse a cell's source. Raises ``SyntaxError`` where the notebook would."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    source += "" if source.endswith("\n") else "\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are the user's to see, when it runs
        try:
            if not _PROMPT.search(source):
                return Python(source, _tree(source), range(1, source.count("\n") + 2))
        except SyntaxError:
            pass
        text, lines = _transformed(source)
        return Python(text, _tree(text), lines)


def _tree(text: str) -> ast.Module:
    try:
        text.encode()
        tree = ast.parse(text)
        for statement in tree.body:  # one by one, as IPython does
            compile(ast.Module([statement], []), "<cell>", "exec", FLAGS, dont_inherit=True)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL, a lone surrogate, absurd nesting
        raise SyntaxError(str(error)) from None
    return tree


def _transformed(source: str) -> tuple[str, list[int]]:
    """Apply IPython's input transformation one step at a time, and keep count of the lines."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager()  # type: ignore[no-untyped-call]
    lines = source.splitlines(keepends=True)
    numbers = _line_numbers(lines)
    for transform in manager.cleanup_transforms:
        before = len(lines)
        lines = transform(lines)
        numbers = numbers[before - len(lines) :]  # only leading empty lines are ever dropped
    for transform in manager.line_transforms:
        lines = transform(lines)
    for _ in range(_LIMIT):
        changed, after = manager.do_one_token_transform(lines)
        if not changed:
            break
        at = next((i for i, (old, new) in enumerate(zip(lines, after, strict=False)) if old != new), len(after))
        del numbers[at + 1 : at + 1 + len(lines) - len(after)]
        lines = after
    text = "".join(lines)
    starts = _line_numbers(lines)
    origin = dict(zip(starts, numbers, strict=False))
    result: list[int] = []
    for line in range(1, text.count("\n") + 2):
        result.append(origin.get(line, result[-1] + 1 if result else 1))
    return text, result


def _line_numbers(lines: Iterable[str]) -> list[int]:
    """Number pieces of text by the line in which each begins; IPython splits at form feeds too, Python does not."""
    numbers, number = [], 1
    for line in lines:
        numbers.append(number)
        number += line.count("\n")
    return numbers


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``new`` in the place of ``text[start:end]``."""

    start: int
    end: int
    new: str


def edited(text: str, edits: Iterable[Edit], start: int = 0, end: int | None = None) -> str:
    """Apply edits to ``text[start:end]``. They may touch but not overlap; at one place they keep their order."""
    pieces, position = [], start
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        pieces += [text[position : edit.start], edit.new]
        position = edit.end
    return "".join([*pieces, text[position:end]])


def indented(code: str, margin: str = "    ") -> str:
    """Indent Python code, except for the lines that begin inside of a string."""
    inside: set[int] = set()
    begun: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind.endswith("STRING_START"):
            begun.append(token.start[0])
        elif kind.endswith("STRING_END"):
            inside.update(range(begun.pop() + 1, token.end[0] + 1))
    return "\n".join(
        line if number in inside or not line.strip() else margin + _FORM_FEED.sub("", line)
        for number, line in enumerate(code.split("\n"), 1)
    )


def block(opening: str, body: str) -> str:
    """Return ``body`` as the block of a compound statement; one that has only comments gets a ``pass``."""
    if not ast.parse(body + "\n").body:
        body = f"{body}\npass".lstrip("\n")
    return f"{opening}\n{indented(body)}"


def commented(text: str) -> str:
    """Turn any text into comment lines."""
    lines = text.replace("\0", "\\0").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    comment = "\n".join(f"# {line}".rstrip() for line in lines)
    return comment.encode("utf-8", "backslashreplace").decode()


def literal(text: str) -> str:
    """Return a string literal for a text, in triple quotes if it has several lines."""
    if "\n" in text.strip("\n"):
        body = text.replace("\\", "\\\\")
        for quotes in ('"""', "'''"):
            candidate = f"{quotes}\\\n{body}{quotes}"
            if _is_literal(candidate, text):
                return candidate
    double = f'"{text}"'
    return double if _is_literal(double, text) else repr(text)


def _is_literal(candidate: str, text: str) -> bool:
    try:
        candidate.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return bool(ast.literal_eval(candidate) == text)
    except (SyntaxError, ValueError, Warning):
        return False


def as_argument(expression: str) -> str:
    """Put an expression in parentheses if it would not be one argument of a call."""
    try:
        call = ast.parse(f"f({expression}\n, 0)", mode="eval").body
    except SyntaxError:
        return f"({expression})"
    match call:
        case ast.Call(args=[argument, _], keywords=[]) if not isinstance(argument, ast.Starred):
            return expression
    return f"({expression})"


def without_end(code: str) -> str:
    """Drop newlines from the end of Python code, and a backslash that continues nothing."""
    lines = code.split("\n")
    while lines and lines[-1].strip() in ("", "\\"):
        lines.pop()
    text = "\n".join(lines)
    if text.endswith("\\"):
        try:
            ast.parse(text + "\n")
        except SyntaxError:
            return text[:-1]
    return text
