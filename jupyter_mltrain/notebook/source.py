"""A cell's IPython source as Python: parsed, with its magics and shell commands listed.

Plain Python needs only ``ast``. What that cannot parse goes through IPython's own input transformer, so that magics are
understood exactly as the kernel will understand them; it is imported for such cells only.
"""

from __future__ import annotations

import ast
import copy
import re
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SHELL: Final = "!"
"""The name under which ``!cmd``, ``!!cmd``, ``%sx``, ``%system``, ``%%bash`` and ``%%sh`` are listed."""

_SHELL_MAGICS: Final = ("sx", "system", "bash", "sh")
# Magics that run Python code: the code is looked into as if it stood there itself.
_CODE_MAGICS: Final = ("time", "timeit", "prun", "capture")
_OPTIONS: Final = re.compile(r"(?:-[nrpslTDqtco]\s*\S+\s+|--?[\w-]+\s+)*")
# IPython takes these for magics without a "%" (its automagic); only such whose use is no valid Python.
_AUTOMAGIC: Final = re.compile(
    r"^(\s*)(pip|conda|mamba|micromamba|uv|cd|ls|cat|cp|mv|rm|mkdir|env)(\s+[^=\s(,.)].*)$", re.M
)


@dataclass(frozen=True, slots=True)
class Magic:
    """One magic or shell command.

    Attributes
    ----------
    name:
        ``"pip"`` for ``%pip``, ``SHELL`` for shell commands.
    line:
        What follows on its line; for a shell cell, its whole body.
    body:
        The rest of a cell magic's cell.
    lineno:
        Line in the cell, from 1.
    whole_cell:
        Whether it is a cell magic (``%%``).
    """

    name: str
    line: str
    body: str = ""
    lineno: int = 1
    whole_cell: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of source as understood.

    Attributes
    ----------
    tree:
        The statements; those inside ``%%time`` and the like stand in the place of the magic. Empty if unparsable.
    magics:
        Magics and shell commands in order.
    error:
        Why it does not parse, or ``None``.
    """

    tree: ast.Module
    magics: Sequence[Magic] = ()
    error: SyntaxError | None = None


@lru_cache(maxsize=4096)
def parse(source: str) -> Code:
    """Parse a cell's source. Never raises: what does not parse comes back as an empty tree with the error."""
    try:
        tree = _python(source)
    except SyntaxError:
        pass
    else:
        return _with_magics(tree) if "get_ipython" in source else Code(tree)
    error: SyntaxError | None = None
    for candidate in (source, _AUTOMAGIC.sub(r"\1%\2\3", source)):
        try:
            return _with_magics(_python(_transform(candidate)))
        except SyntaxError as found:
            error = error or found
    return Code(ast.Module([], []), (), error)


def parse_module(data: bytes) -> Code:
    """Parse a module's bytes, honouring its encoding line. Never raises."""
    try:
        return Code(_python(data))
    except SyntaxError as error:
        return Code(ast.Module([], []), (), error)


def parse_expression(text: str) -> ast.expr:
    """Parse one expression. Raises ``SyntaxError``."""
    body = _python(f"({text.strip()}\n)").body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise SyntaxError("not one expression")
    return body[0].value


def _python(source: str | bytes) -> ast.Module:
    """Parse Python, compiling it too: only that finds ``return`` outside of a function. Raises ``SyntaxError``.

    Cells are compiled from their tree, as IPython does it, modules from their bytes: trees may not be as deep.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are the user's to see, when it runs
        try:
            tree = ast.parse(source)
            compile(
                tree if isinstance(source, str) else source,
                "<source>",
                "exec",
                ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True,
            )
        except (ValueError, RecursionError, MemoryError) as error:  # a NUL byte, a lone surrogate, absurd nesting
            raise SyntaxError(str(error) or "too deeply nested") from None
    return tree


def _transform(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            transformed: str = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
        except (ValueError, IndexError, RecursionError) as error:  # it trusts that people typed the cell
            raise SyntaxError(str(error)) from None
    blank = source[: len(source) - len(source.lstrip())].count("\n")  # it drops these; every line keeps its number
    return "\n" * blank + transformed


def _with_magics(tree: ast.Module) -> Code:
    expander = _Expander()
    try:
        expanded = ast.fix_missing_locations(expander.visit(copy.deepcopy(tree)))
    except RecursionError:  # Python itself takes deeper trees than a visitor does
        found = (_magic(node) for node in ast.walk(tree) if isinstance(node, ast.Call))
        return Code(tree, tuple(magic for magic in found if magic))
    return Code(expanded, tuple(expander.magics), expander.error)


class _Expander(ast.NodeTransformer):
    """Lists the magics of a transformed cell and puts the Python code that some of them run in their place."""

    def __init__(self) -> None:
        self.magics: list[Magic] = []
        self.error: SyntaxError | None = None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        magic = _magic(node.value)
        if magic is None or magic.name not in _CODE_MAGICS:
            return self.generic_visit(node)
        self.magics.append(magic)
        return self._statements(magic)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        magic = _magic(node)
        if magic is None:
            return self.generic_visit(node)
        self.magics.append(magic)
        if magic.name in _CODE_MAGICS:  # x = %time f()
            return self._expression(magic) or node
        return node

    def _statements(self, magic: Magic) -> list[ast.stmt]:
        """Return the statements that a code magic runs, at the lines where they stand."""
        target, setup = _target_and_setup(magic)
        found = [*target, *self._parsed(setup, magic.lineno - 1)]
        found += self._parsed(magic.body, magic.lineno) if magic.whole_cell else []
        if magic.name == "timeit" and found:  # runs in a function: what it assigns does not stay
            return [_function(found, magic.lineno)]
        return found or [ast.Pass(lineno=magic.lineno, col_offset=0)]

    def _parsed(self, source: str, offset: int) -> list[ast.stmt]:
        code = parse(source)
        if code.error and self.error is None:
            self.error = SyntaxError(code.error.msg)
            self.error.lineno = (code.error.lineno or 1) + offset
        self.magics += [
            Magic(inner.name, inner.line, inner.body, inner.lineno + offset, inner.whole_cell) for inner in code.magics
        ]
        tree = copy.deepcopy(code.tree)  # parse() is cached: its own tree stays where it is
        return [ast.increment_lineno(node, offset) for node in tree.body]

    def _expression(self, magic: Magic) -> ast.expr | None:
        statements = self._parsed(_OPTIONS.sub("", magic.line, count=1), magic.lineno - 1)
        return statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None


def _function(body: list[ast.stmt], lineno: int) -> ast.stmt:
    function = ast.parse("def _timeit(): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = body
    function.lineno = lineno
    return function


def _target_and_setup(magic: Magic) -> tuple[list[ast.stmt], str]:
    """Split a code magic's line into the name that ``%%capture`` assigns and the code that stands on the line."""
    if magic.name != "capture":
        return [], _OPTIONS.sub("", magic.line, count=1)
    names = [word for word in magic.line.split() if word.isidentifier()]
    return [stmt for name in names[:1] for stmt in ast.parse(f"{name} = None").body], ""


def _magic(node: ast.expr) -> Magic | None:
    """Return the magic that a call of ``get_ipython()`` runs, as IPython's transformer writes it, or ``None``."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=method)):
            pass
        case _:
            return None
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    match method, texts:
        case (("system" | "getoutput" | "system_raw" | "system_piped"), [command]):
            return Magic(SHELL, command, lineno=node.lineno)
        case "run_line_magic", [name, line]:
            return Magic(SHELL if name in _SHELL_MAGICS else name, line, lineno=node.lineno)
        case "run_cell_magic", [name, line, body]:
            if name in _SHELL_MAGICS:
                return Magic(SHELL, body, lineno=node.lineno + 1, whole_cell=True)
            return Magic(name, line, body, node.lineno, whole_cell=True)
    return None


def shell_words(command: str) -> list[str]:
    """Split one shell command into words; what the shell itself would reject gives an empty list."""
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return []
