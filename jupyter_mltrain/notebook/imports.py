"""What a piece of code imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .source import Code, Magic

_IMPORT_ERRORS: Final = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
# What an extension's name stands for where IPython itself ships it.
_IPYTHON_EXTENSIONS: Final = ("autoreload", "storemagic", "deduperreload")


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one module.

    Attributes
    ----------
    module:
        Dotted name as written; ``""`` for ``from . import x``.
    level:
        Number of leading dots.
    names:
        What ``from module import ...`` takes from it: attributes or submodules; ``"*"`` for everything.
    optional:
        Whether the code goes on without it: it stands in ``try ... except ImportError``.
    lineno:
        Line in the cell or module, from 1.
    """

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    optional: bool = False
    lineno: int = 1

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


def imports_of(code: Code) -> list[Import]:
    """Return what a piece of code imports, in the order of the source, without what is for type checkers only."""
    found = list(_in_statements(code.tree.body, optional=False))
    for magic in code.magics:
        found += _of_magic(magic)
    return sorted(found, key=lambda one: one.lineno)


def _in_statements(nodes: Sequence[ast.AST], *, optional: bool) -> Iterator[Import]:
    for node in nodes:
        yield from _in_node(node, optional=optional)


def _in_node(node: ast.AST, *, optional: bool) -> Iterator[Import]:
    match node:
        case ast.Import():
            yield from (Import(alias.name, optional=optional, lineno=node.lineno) for alias in node.names)
        case ast.ImportFrom():
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", node.level, names, optional, node.lineno)
        case ast.Try() | ast.TryStar():
            guarded = optional or any(_catches_import_error(handler.type) for handler in node.handlers)
            yield from _in_statements([*node.body, *node.handlers], optional=guarded)
            yield from _in_statements([*node.orelse, *node.finalbody], optional=optional)
        case ast.With() if any(_suppresses(item.context_expr) for item in node.items):
            yield from _in_statements(node.body, optional=True)
        case ast.If() if _is_type_checking(node.test):
            yield from _in_statements(node.orelse, optional=optional)
        case ast.Call():
            yield from _dynamic(node, optional=optional)
            yield from _in_statements(list(ast.iter_child_nodes(node)), optional=optional)
        case _:
            yield from _in_statements(list(ast.iter_child_nodes(node)), optional=optional)


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _catches_import_error(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_import_error(item) for item in caught.elts)
    return caught is None or _name(caught) in _IMPORT_ERRORS


def _suppresses(context: ast.expr) -> bool:
    return (
        isinstance(context, ast.Call)
        and _name(context.func) == "suppress"
        and any(_catches_import_error(argument) for argument in context.args)
    )


def _is_type_checking(test: ast.expr) -> bool:
    return _name(test) == "TYPE_CHECKING"


def _dynamic(call: ast.Call, *, optional: bool) -> Iterator[Import]:
    """Yield what ``importlib.import_module("name")`` and ``__import__("name")`` import."""
    if _name(call.func) not in ("import_module", "__import__") or not call.args:
        return
    match call.args[0]:
        case ast.Constant(value=str(module)) if module and not module.startswith("."):
            yield Import(module, optional=optional, lineno=call.lineno)


def _of_magic(magic: Magic) -> list[Import]:
    words = magic.line.split()
    match magic.name:
        case "matplotlib":
            modules = ["matplotlib"]
        case "pylab":
            modules = ["matplotlib", "numpy"]
        case "load_ext" | "reload_ext":
            modules = [word for word in words if word not in _IPYTHON_EXTENSIONS]
        case _:
            return []
    return [replace(Import(module), lineno=magic.lineno) for module in modules]
