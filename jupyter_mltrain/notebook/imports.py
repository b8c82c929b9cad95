"""What a piece of code imports."""

from __future__ import annotations

import ast
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
    found: list[Import] = []
    todo: list[tuple[ast.AST, bool]] = [(node, False) for node in code.tree.body]
    for node, optional in todo:  # grows as it goes: a tree may be too deep for recursion
        found += _imported(node, optional=optional)
        todo += _below(node, optional=optional)
    for magic in code.magics:
        found += _of_magic(magic)
    return sorted(found, key=lambda one: one.lineno)


def _imported(node: ast.AST, *, optional: bool) -> list[Import]:
    """Return what one node imports by itself."""
    match node:
        case ast.Import():
            return [Import(alias.name, optional=optional, lineno=node.lineno) for alias in node.names]
        case ast.ImportFrom():
            names = tuple(alias.name for alias in node.names)
            return [Import(node.module or "", node.level, names, optional, node.lineno)]
        case ast.Call(func=function, args=[ast.Constant(value=str(module)), *rest], keywords=keywords):
            # importlib.import_module("name") and __import__("name")
            if _name(function) in ("import_module", "__import__") and module.strip("."):
                package = next(iter([*rest, *(each.value for each in keywords if each.arg == "package")]), None)
                return [_called_import(module, package, optional=optional, lineno=node.lineno)]
    return []


def _called_import(module: str, package: ast.expr | None, *, optional: bool, lineno: int) -> Import:
    """Return what ``import_module(module, package)`` imports; a package that is computed is taken for one's own."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    match package:
        case ast.Constant(value=str(base)) if 0 < level <= base.count(".") + 1:
            parts = base.split(".")
            return Import(".".join([*parts[: len(parts) - level + 1], name]), optional=optional, lineno=lineno)
    return Import(name, level, optional=optional or level > 0, lineno=lineno)


def _below(node: ast.AST, *, optional: bool) -> list[tuple[ast.AST, bool]]:
    """Return the nodes to look into next, each with whether the code goes on if an import in it fails."""
    match node:
        case ast.Try() | ast.TryStar():
            guarded = optional or any(_catches_import_error(handler.type) for handler in node.handlers)
            inside = [(child, guarded) for child in (*node.body, *node.handlers)]
            return inside + [(child, optional) for child in (*node.orelse, *node.finalbody)]
        case ast.With() if any(_suppresses(item.context_expr) for item in node.items):
            return [(child, True) for child in node.body]
        case ast.If() if _name(node.test) == "TYPE_CHECKING":
            return [(child, optional) for child in node.orelse]
    return [(child, optional) for child in ast.iter_child_nodes(node)]


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
