"""Names that a notebook, run from top to bottom, uses before anything defines them. pyflakes does the work."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..model.findings import Finding, Severity
from .source import SHELL, Code

# What IPython puts into the namespace, and names of magics that work without "%".
_IPYTHON: Final = frozenset(
    (
        *("get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___"),
        *("_i", "_ii", "_iii", "_ih", "_oh", "_dh"),
        *("ls", "pwd", "who", "whos", "history", "lsmagic", "quickref"),
    )
)
_NUMBERED: Final = re.compile(r"_i?\d+")  # Out[3] is _3, In[3] is _i3
# Magics that may define any name; so may every cell magic that is not known to run something else than Python here.
_OPAQUE_LINES: Final = frozenset(["run", "pylab", "store", "load", "loadpy", "macro", "recall", "rerun", "edit", "sql"])
_HARMLESS_CELLS: Final = frozenset(
    (
        *("time", "timeit", "prun", "capture", "writefile", "file", SHELL, "script", "perl", "ruby"),
        *(
            "python",
            "python2",
            "python3",
            "pypy",
            "html",
            "HTML",
            "javascript",
            "js",
            "latex",
            "markdown",
            "svg",
            "SVG",
        ),
    )
)
_OPAQUE_CALLS: Final = frozenset(["exec", "globals", "locals", "vars", "run_line_magic", "run_cell_magic", "push"])


def undefined_names(cells: Mapping[int, Code], defined: Iterable[str]) -> list[Finding]:
    """Return a finding for the first use of each name that no earlier code defines.

    After a star import, ``%run``, ``exec`` or a cell that does not parse, any name may exist: nothing is said then.

    Parameters
    ----------
    cells:
        Index -> parsed code, in order.
    defined:
        Names that are there from the start: the parameters.
    """
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    module, lines = _joined(cells)
    checker = Checker(module, filename="notebook", builtins={*_IPYTHON, *defined})
    first: dict[str, tuple[int, int]] = {}
    for message in checker.messages:
        if isinstance(message, (UndefinedName, UndefinedLocal)):
            name = str(message.message_args[0])
            place = _place(lines, message.lineno)
            if not _NUMBERED.fullmatch(name):
                first[name] = min(first.get(name, place), place)
    findings = [_undefined(name, place, cells) for name, place in sorted(first.items(), key=lambda item: item[1])]
    return findings + _file_uses(cells)


def _joined(cells: Mapping[int, Code]) -> tuple[ast.Module, list[tuple[int, int]]]:
    """Return all cells as one module, and (first line in it, cell) of each."""
    body: list[ast.stmt] = []
    starts: list[tuple[int, int]] = []
    offset = 0
    for index, code in cells.items():
        starts.append((offset, index))
        try:
            tree: ast.Module = pickle.loads(pickle.dumps(code.tree))  # noqa: S301  (own bytes: a copy, in a third of deepcopy's time)
            body += [ast.increment_lineno(statement, offset) for statement in tree.body]
            opaque = _is_opaque(code)
        except RecursionError:  # too deep for pyflakes too
            opaque = True
        if opaque:
            body.append(_star_import(offset + 1))
        offset += 1 + max((node.end_lineno or node.lineno for node in code.tree.body), default=1)
    return ast.Module(body, []), starts


def _place(starts: list[tuple[int, int]], line: int) -> tuple[int, int]:
    """Return (cell, line in the cell) of a line of the joined module."""
    offset, index = max(start for start in starts if start[0] < line)
    return index, line - offset


def _star_import(line: int) -> ast.stmt:
    """Return what makes pyflakes say nothing about names from here on."""
    statement = ast.parse("from anything import *").body[0]
    return ast.increment_lineno(statement, line - 1)


def _is_opaque(code: Code) -> bool:
    if code.error:
        return True
    if any(m.name not in _HARMLESS_CELLS if m.whole_cell else m.name in _OPAQUE_LINES for m in code.magics):
        return True
    calls = (node.func for node in ast.walk(code.tree) if isinstance(node, ast.Call))
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    known = {magic.name for magic in code.magics}  # their calls are IPython's own way to write them
    return bool((names & _OPAQUE_CALLS) - ({"run_line_magic", "run_cell_magic"} if known else set()))


def _undefined(name: str, place: tuple[int, int], cells: Mapping[int, Code]) -> Finding:
    index, line = place
    later = next((i for i, code in cells.items() if i > index and name in _bound(code.tree)), None)
    message = f"The name {name!r} is used before anything defines it"
    message += "." if later is None else f"; cell {later + 1} does so later."
    hint = "Define or import it first." if later is None else "Move that cell up."
    return Finding("undefined-name", Severity.WARNING, message, hint, {"cell": index, "line": line})


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a tree binds anywhere."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=asname):
                bound.add(asname or name.partition(".")[0])
    return bound


def _file_uses(cells: Mapping[int, Code]) -> list[Finding]:
    """Return a finding for ``__file__``, which modules have and notebooks do not."""
    for index, code in cells.items():
        if "__file__" in _bound(code.tree):
            return []
        for node in ast.walk(code.tree):
            if isinstance(node, ast.Name) and node.id == "__file__":
                message = "A notebook has no '__file__'."
                where = {"cell": index, "line": node.lineno}
                return [Finding("undefined-name", Severity.WARNING, message, "Use Path.cwd().", where)]
    return []
