"""What a cell's code does at its top level: names it binds, what it awaits, which expressions it shows."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final, TypeGuard

from .script_magics import timed_code
from .script_parts import magic_of
from .script_source import Python, parse

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_CODE_MAGICS: Final = ("time", "timeit", "capture")
_LOOP: Final = frozenset(["asyncio", "anyio", "nest_asyncio"])  # they can tell whether a loop runs
_CHILDREN: Final = frozenset(["subprocess", "multiprocessing", "concurrent", "joblib", "system", "popen", "fork"])
_FIGURES: Final = frozenset(["matplotlib", "seaborn", "pylab"])
_DRAWING: Final = frozenset(["plot", "hist", "boxplot", "from_estimator", "from_predictions"])  # pandas, scikit-learn


def pieces(source: str, lines_above: int = 0) -> Iterator[Python]:
    """Yield a cell's code and that in ``%%time``, ``%timeit`` and ``%%capture``; none for bad code.

    ``lines_above`` is how many lines of the cell stand above ``source``.
    """
    try:
        python = parse(source).shifted(lines_above)
    except SyntaxError:
        return
    yield python
    for node in ast.walk(python.tree):
        if isinstance(node, ast.Call) and (magic := magic_of(node)) and magic.name in _CODE_MAGICS:
            line = python.lines[node.lineno - 1]
            yield from pieces(timed_code(magic), line - (magic.body is None))


def trees(source: str) -> Iterator[ast.Module]:
    """Yield the trees of a cell's ``pieces``."""
    return (piece.tree for piece in pieces(source))


def top_level(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it that run in the same scope: not the inside of functions, classes, generators."""
    yield node
    match node:
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
            inside: list[ast.AST | None] = [*node.decorator_list, *args.defaults, *args.kw_defaults]
        case ast.Lambda(args=args):
            inside = [*args.defaults, *args.kw_defaults]
        case ast.ClassDef():
            inside = [*node.decorator_list, *node.bases, *node.keywords]
        case ast.GeneratorExp():
            inside = [node.generators[0].iter]
        case _:
            inside = list(ast.iter_child_nodes(node))
    for each in inside:
        if each is not None:
            yield from top_level(each)


def is_asynchronous(node: ast.AST) -> bool:
    """Say whether a node has ``async for`` or ``async with`` at the top level, so that it must be in a coroutine."""
    return any(
        isinstance(each, ast.AsyncFor | ast.AsyncWith) or any(g.is_async for g in _generators(each))
        for each in top_level(node)
    )


def _generators(node: ast.AST) -> list[ast.comprehension]:
    return node.generators if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp) else []


def awaits(statement: ast.stmt) -> list[ast.Await]:
    """Return the ``await`` expressions at the top level."""
    return [node for node in top_level(statement) if isinstance(node, ast.Await)]


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds or deletes in its scope."""
    nodes = list(top_level(statement))
    private = {id(name) for node in nodes for each in _generators(node) for name in ast.walk(each.target)}
    return {name for node in nodes if id(node) not in private for name in bound_by(node)}


def bound_by(node: ast.AST) -> list[str]:
    """Return the names that one node binds or deletes, not those in nodes below it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)) | ast.arg(arg=name):
            return [name]
        case ast.alias(name=name, asname=other) if name != "*":
            return [other or name.split(".")[0]]
    return []


def shown_expressions(tree: ast.Module, interactivity: str) -> list[ast.Expr]:
    """Return the expressions whose values a notebook shows.

    ``interactivity`` is one of the values of IPython's ``ast_node_interactivity``.
    """
    last = tree.body[-1:]
    match interactivity:
        case "all":
            return [each for statement in tree.body for each in _interactive(statement)]
        case "last":
            return [each for statement in last for each in _interactive(statement)]
        case "none":
            return []
    return [each for each in last if isinstance(each, ast.Expr)]


def _interactive(node: ast.AST) -> Iterator[ast.Expr]:
    """Yield the expression statements in a statement, not those in functions and classes."""
    if isinstance(node, ast.Expr):
        yield node
    elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _interactive(child)


def interactivity_set(tree: ast.Module) -> str | None:
    """Return what a cell sets ``InteractiveShell.ast_node_interactivity`` to, by assignment or ``%config``."""
    found = None
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Attribute(attr="ast_node_interactivity")], value=ast.Constant(value=str(value))
            ):
                found = value
            case ast.Call():
                magic = magic_of(node)
                name, _, text = magic.line.partition("=") if magic and magic.name == "config" else ("", "", "")
                if name.strip().endswith(".ast_node_interactivity"):
                    found = text.strip().strip("'\"")
    return found


class Survey:
    """What some code does, as far as the rest of the script depends on it.

    Attributes
    ----------
    loaded, bound:
        Names that are read, and names that are given a value, in any scope; magics and imports of IPython aside.
    awaits:
        Whether it needs an event loop that outlives the cell.
    draws:
        Whether it may draw with matplotlib: by an import, ``%matplotlib``, or methods such as ``plot``.
    calls:
        Whether it calls something at its top level.
    imports_more:
        Whether it imports something that is not in the standard library.
    has_children:
        Whether it starts processes that may print on their own.
    has_main_guard:
        Whether it has ``if __name__ == "__main__":``.
    """

    def __init__(self, all_trees: Sequence[ast.Module]) -> None:
        every = [node for tree in all_trees for node in ast.walk(tree)]
        magics = {node: magic for node in every if isinstance(node, ast.Call) and (magic := magic_of(node))}
        without = {each for call in magics for each in ast.walk(call)}
        without |= {each for node in every if is_ipython_import(node) for each in ast.iter_child_nodes(node)}
        nodes = [node for node in every if node not in without]
        outside = [node for tree in all_trees for node in top_level(tree) if node not in without]
        imported, attributes = _imported(nodes), {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        asynchronous = any(isinstance(node, ast.Await) for node in outside) or any(map(is_asynchronous, all_trees))

        self.loaded = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        self.bound = frozenset(name for node in nodes for name in bound_by(node))
        self.awaits = asynchronous or bool(_LOOP & imported)
        names = {magic.name for magic in magics.values()}
        self.draws = bool(_FIGURES & (imported | names) or _DRAWING & attributes)
        self.calls = any(isinstance(node, ast.Call) for node in outside)
        self.imports_more = bool(imported - sys.stdlib_module_names - {"IPython"})
        self.has_children = bool(_CHILDREN & (imported | attributes))
        self.has_main_guard = any(_is_main_guard(node) for node in outside)

    def reads(self, names: re.Pattern[str]) -> bool:
        """Say whether a name of this form is read."""
        return any(names.fullmatch(name) for name in self.loaded)


def _imported(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the top-level modules that are imported."""
    modules = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in modules}


def is_ipython_import(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    """Say whether a node is ``from IPython import ...``, or from a module in it."""
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "IPython"


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    )
