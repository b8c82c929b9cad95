"""What a notebook asks of IPython's shell by calls, and its script does not have: a finding for each place."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ..model.findings import Severity
from .script_parts import Notes, magic_of
from .script_runtime_ipython import CELL_MAGICS, LINE_MAGICS, Shell
from .script_scope import bound_by, is_ipython_import
from .script_source import Python

_MAGICS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "magic": ("%", LINE_MAGICS),
    "run_line_magic": ("%", LINE_MAGICS),
    "run_cell_magic": ("%%", CELL_MAGICS),
}
_LOOKING: Final = frozenset(["bool", "dir", "display", "hasattr", "id", "isinstance", "print", "repr", "str", "type"])
_EXPORTED: Final = "ast_node_interactivity"  # the one setting that an export follows


class Shells:
    """Which expressions of a notebook are IPython's shell, or may be.

    Names count in the whole notebook, as its cells share them.

    Attributes
    ----------
    functions, classes:
        Names of ``get_ipython``, and of IPython's class of shells.
    names:
        Variables and attributes, as they are written, that are given the shell somewhere.
    shared:
        Those of them that are given something else somewhere, too.
    """

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        nodes = [node for tree in trees for node in ast.walk(tree)]
        imported = [each for node in nodes if is_ipython_import(node) for each in node.names]
        self.functions = {"get_ipython", *_names_of("get_ipython", imported)}
        self.classes = _names_of("InteractiveShell", imported)
        self.names: set[str] = set()
        pairs = [pair for node in nodes for pair in _assignments(node)]
        while self._learn(pairs):
            pass
        own = {target for target, value in pairs if self.has(value) or _is_none(value)}
        self.shared = self.names & {name for node in nodes if node not in own for name in _given(node)}

    def _learn(self, pairs: Iterable[tuple[ast.expr, ast.expr]]) -> bool:
        """Take in names that are given the shell, or its function; say whether there was a new one."""
        known = len(self.names) + len(self.functions)
        for target, value in pairs:
            if isinstance(target, ast.Name | ast.Attribute):
                if self.has(value):
                    self.names.add(ast.unparse(target))
                elif isinstance(value, ast.Name) and value.id in self.functions:
                    self.functions.add(ast.unparse(target))
        return len(self.names) + len(self.functions) > known

    def has(self, value: ast.expr) -> bool:
        """Say whether an expression is the shell, or one of its values is."""
        match value:
            case ast.Call(func=ast.Name(id=name), args=[], keywords=[]):
                return name in self.functions
            case ast.Call(func=ast.Attribute(attr="get_ipython"), args=[], keywords=[]):
                return True
            case ast.NamedExpr(value=inner):
                return self.has(inner)
            case ast.BoolOp(values=values):
                return any(map(self.has, values))
            case ast.IfExp(body=one, orelse=other):
                return self.has(one) or self.has(other)
            case ast.Name() | ast.Attribute(value=ast.Name()):
                return ast.unparse(value) in self.names
        return False

    def shares(self, value: ast.expr) -> bool:
        """Say whether an expression that ``has`` a shell is a variable that is something else, too."""
        return isinstance(value, ast.Name) and value.id in self.shared


def _names_of(what: str, imported: Iterable[ast.alias]) -> set[str]:
    return {each.asname or each.name for each in imported if each.name == what}


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is assigned to what in a statement or ``:=``, one by one."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    match target, value:
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            yield from zip(targets, values, strict=True)
        case _:
            yield target, value


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _given(node: ast.AST) -> Sequence[str]:
    """Return the names to which a node gives a value."""
    return () if isinstance(getattr(node, "ctx", None), ast.Del) else bound_by(node)


def note_missing(code: Python, shells: Shells, notes: Notes) -> None:
    """Note each place of a cell's code that needs more of IPython's shell than a script has."""
    nodes = list(ast.walk(code.tree))
    calls = {node.func: node for node in nodes if isinstance(node, ast.Call)}
    turned = {call.func for call in map(_turned, nodes) if call}
    for node in nodes:
        if isinstance(node, ast.expr | ast.Return) and node not in turned:
            notes.line = code.lines[(node.end_lineno or node.lineno) - 1]
            _note(node, calls, shells, notes)


def _note(node: ast.expr | ast.Return, calls: Mapping[ast.expr, ast.Call], shells: Shells, notes: Notes) -> None:
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Load()) if name in shells.classes:
            if not hasattr(type, attribute):
                notes.stop(ast.unparse(node), "a script has no shell of IPython's")
        case ast.Attribute(value=value, attr=attribute, ctx=ast.Store()) if shells.has(value):
            _note_setting(attribute, ast.unparse(node), notes)
        case ast.Attribute(value=value, attr=attribute) if shells.has(value):
            _note_use(node, value, _missing(attribute, calls.get(node)), shells, notes)
        case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name))]) if shells.has(value):
            _note_use(node, value, _missing(name, calls.get(node)), shells, notes)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, _, _]):
            return
        case ast.Call(func=function, args=args, keywords=keywords):
            if not (isinstance(function, ast.Name) and function.id in _LOOKING):
                _note_passed([*args, *(each.value for each in keywords)], shells, notes)
        case ast.Return(value=ast.expr() as value):
            _note_passed([value], shells, notes)


def _turned(node: ast.AST) -> ast.Call | None:
    """Return the call of a statement that the export replaces as a magic."""
    match node:
        case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
            return call if magic_of(call) else None
        case ast.AnnAssign(value=ast.Call() as call):
            return call if magic_of(call) else None
    return None


def _note_use(node: ast.expr, shell: ast.expr, reason: str, shells: Shells, notes: Notes) -> None:
    text = ast.unparse(node)
    if reason and shells.shares(shell):
        message = f"the script stops at {text!r} if {ast.unparse(shell)!r} is get_ipython() there: {reason}."
        notes.note("unsupported", Severity.WARNING, message, "Give each of the two a name of its own.")
    elif reason:
        notes.stop(text, reason)


def _note_passed(values: Iterable[ast.expr], shells: Shells, notes: Notes) -> None:
    """Note a shell that goes where an export does not follow it: to a function, or out of one."""
    if any(shells.has(value) and not shells.shares(value) for value in values):
        known = ", ".join(sorted(name for name in vars(Shell) if not name.startswith("_")))
        message = f"get_ipython() is passed on, and a script's has just {known}."
        notes.note("shell-passed-on", Severity.WARNING, message, "See that nothing else is asked of it.")


def _note_setting(name: str, text: str, notes: Notes) -> None:
    if name != _EXPORTED:
        message = f"setting {text!r} has no effect in a script."
        notes.note("setting-without-effect", Severity.WARNING, message, "Do in plain Python what it was for.")


def _missing(name: str, call: ast.Call | None) -> str:
    """Say why the script's stand-in for the shell cannot do this, or return ``""`` where it can."""
    if not hasattr(Shell, name):
        return f"a script's get_ipython() has no {name!r}"
    if name not in _MAGICS:
        return ""
    sign, magics = _MAGICS[name]
    magic = _magic_name(name, call)
    if magic is None:
        known = ", ".join(sign + each for each in sorted(magics))
        return f"which magic it runs is known only then, and a script has just {known}"
    return "" if magic in magics else f"{sign}{magic} needs IPython or an extension of it"


def _magic_name(method: str, call: ast.Call | None) -> str | None:
    """Return the name of the magic that a call runs, or ``None`` where it is computed."""
    if call is None:
        return None
    first = next(iter(call.args), None) or next((each.value for each in call.keywords if _names_magic(each)), None)
    text = _beginning(first)
    if method == "magic":
        text = text.lstrip("%")
    name, space, _ = text.partition(" ")
    return name if space else None


def _names_magic(keyword: ast.keyword) -> bool:
    return keyword.arg in ("magic_name", "arg_s")


def _beginning(text: ast.expr | None) -> str:
    """Return what is known of how a text begins; a space is at the end of one that is known as a whole."""
    match text:
        case ast.Constant(value=str(whole)):
            return whole + " "
        case ast.JoinedStr(values=[ast.Constant(value=str(part)), *_]) | ast.BinOp(left=ast.Constant(value=str(part))):
            return part
    return ""
