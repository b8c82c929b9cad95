"""One cell as part of a script: its source as written, but for what needs IPython or works in a notebook only."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..model.findings import Severity
from .script_imports import replaced_import
from .script_magics import AUTOMAGIC, translate
from .script_parts import Block, Call, Comment, Magic, Notes, Refusal, Statements, magic_of
from .script_scope import (
    awaits,
    bound_names,
    interactivity_set,
    is_asynchronous,
    shown_expressions,
    top_level,
)
from .script_source import Edit, Python, as_argument, block, commented, edited, indented, literal, parse, without_end

_JOKE: Final = "barry_as_FLUFL"  # it would forbid != in the script's own functions
_AUTOCALL: Final = ("exit", "quit")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Wrap(NamedTuple):
    """What is put around an expression."""

    before: str
    after: str


Wrapper = Callable[[str], Wrap]


@dataclass
class CellExport:
    """Turns the cells of one notebook into script text, one after the other.

    Attributes
    ----------
    notes:
        Collects findings and what the script uses.
    taken:
        Words of the notebook; the script's own names are none of these.
    bound:
        Names that the notebook gives a value anywhere.
    keeps_results:
        Whether the notebook uses ``_``, ``_5`` or ``Out[5]``.
    futures:
        Features that the notebook imports from ``__future__``.
    interactivity:
        IPython's ``ast_node_interactivity``, as the cells so far have set it.
    """

    notes: Notes
    taken: set[str]
    bound: frozenset[str] = frozenset()
    keeps_results: bool = False
    futures: list[str] = field(default_factory=list)
    interactivity: str = "last_expr"
    number: int = 0

    def cell(self, source: str, index: int, number: int) -> str:
        """Return the script's text for one code cell, without a newline at its end.

        Parameters
        ----------
        index:
            Its place in the notebook.
        number:
            The number that the notebook shows beside it when it has run, as in ``Out[number]``.
        """
        self.notes.cell, self.notes.line, self.number = index, 1, number
        source = self._with_automagic(source)
        try:
            python = parse(source)
        except SyntaxError as error:
            return self.broken(source, error)
        text = Piece(self, python, self.shown, self.interactivity).text()
        self.interactivity = interactivity_set(python.tree) or self.interactivity
        return text

    def _with_automagic(self, source: str) -> str:
        """Return a cell of one line as IPython completes it, by ``%`` or ``()``, where no variable has that name."""
        line = source.strip()
        name, rest = _first_word(line)
        if line in _AUTOCALL and line not in self.bound:
            return f"{line}()"
        if "\n" in line or name not in AUTOMAGIC or name in self.bound or rest[:1] in tuple("=,"):
            return source
        self.notes.note("automagic", Severity.INFO, f"{line!r} is taken as the magic '%{name}'.")
        return f"%{line}"

    def broken(self, source: str, error: SyntaxError) -> str:
        """Return what stands for code that does not parse: as in the notebook, it fails when its turn comes."""
        self.notes.line = error.lineno or 1
        self.notes.note("syntax", Severity.ERROR, f"this is not valid Python: {error.msg}.", "Correct the cell.")
        message = f"cell {self.notes.cell}, line {self.notes.line}: {error.msg}"
        return f"{commented(source.rstrip())}\nraise SyntaxError({literal(message)})"

    def shown(self, expression: str) -> Wrap:
        """Wrap an expression so that its value is shown, and kept if the notebook asks for it later."""
        before, after = f"{self.notes.use('show')}(", ")"
        if self.keeps_results:
            before, after = f"{before}{self.notes.use('remember')}(", f", {self.number}))"
        extra = as_argument(expression) != expression
        return Wrap(before + "(" * extra, ")" * extra + after)

    def fresh(self, stem: str) -> str:
        """Return a name that neither the notebook nor the script has."""
        number = 1
        while f"{stem}_{number}" in self.taken:
            number += 1
        self.taken.add(f"{stem}_{number}")
        return f"{stem}_{number}"


def _first_word(line: str) -> tuple[str, str]:
    length = next((i for i, each in enumerate(line) if not (each.isalnum() or each in "_.*")), len(line))
    return line[:length], line[length:].lstrip()


class Piece:
    """Some code of a cell: the cell itself, or what stands in a ``%%time`` or ``%%capture``.

    Parameters
    ----------
    wrap:
        What to put around the expressions that are shown, or ``None``.
    interactivity:
        Which expressions these are: a value of IPython's ``ast_node_interactivity``.
    """

    def __init__(
        self, export: CellExport, python: Python, wrap: Wrapper | None, interactivity: str = "last_expr"
    ) -> None:
        self.export, self.notes, self.python = export, export.notes, python
        self.wrap = wrap if wrap and not python.is_quiet else None
        self.shown = shown_expressions(python.tree, interactivity) if self.wrap else []
        self.shows_assignment = interactivity == "last_expr_or_assign"
        self.has_value = False

    def text(self) -> str:
        """Return the code for the script, without a newline at its end."""
        edits = [edit for statement in self.python.tree.body for edit in self._top(statement)]
        text = without_end(edited(self.python.text, edits))
        match self.python.tree.body[-1:]:
            case [ast.Assign(targets=[ast.Name(id=name)])] if self.wrap and self.shows_assignment:
                text += f"\n{self._wrapped(name)}"
        return text

    def _wrapped(self, expression: str) -> str:
        assert self.wrap is not None
        self.has_value = True
        before, after = self.wrap(expression)
        return f"{before}{expression}{after}"

    def _top(self, statement: ast.stmt) -> list[Edit]:
        edits = self._statement(statement, at_top=True)
        if is_asynchronous(statement):
            return [self._coroutine(statement, edits)]
        for each in awaits(statement):
            start, end = self.python.span(each)
            space = self.python.text[start + len("await") :]
            operand = end - len(space[: end - start - len("await")].lstrip(" "))
            edits = [Edit(start, operand, f"{self.notes.use('wait')}("), Edit(end, end, ")"), *edits]
        return edits

    def _coroutine(self, statement: ast.stmt, edits: list[Edit]) -> Edit:
        """Put a statement into a coroutine that runs at once: ``async with`` needs one task from begin to end."""
        start, end = self.python.span(statement)
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(statement)):
            return Edit(
                start, end, self._stop(self.python.source(statement), "it imports * inside of an 'async' block")
            )
        edits = edits + [self._without_annotation(node) for node in top_level(statement) if _is_annotated_name(node)]
        name, names = self.export.fresh("_async"), sorted(bound_names(statement))
        lines = [
            f"async def {name}():",
            *([f"    global {', '.join(names)}"] if names else []),
            indented(edited(self.python.text, edits, start, end)),
            f"\n\n{self.notes.use('wait')}({name}())",
        ]
        if self.python.margin(statement) is None:  # after a semicolon
            start = self.python.text.rindex(";", 0, start)
            lines.insert(0, "")
        return Edit(start, end, "\n".join(lines))

    def _without_annotation(self, node: ast.AST) -> Edit:
        """Drop the annotation of a variable: Python allows none where the variable is declared global."""
        assert isinstance(node, ast.AnnAssign)
        if node.value is None:
            return Edit(*self.python.span(node), "pass")
        return Edit(self.python.span(node.target)[1], self.python.span(node.annotation)[1], "")

    def _statement(self, node: ast.AST, *, at_top: bool) -> list[Edit]:
        if isinstance(node, ast.stmt):
            self.notes.line = self.python.lines[node.lineno - 1]
            replaced = self._replaced(node, at_top=at_top)
            if replaced is not None:
                return replaced
        at_top = at_top and not isinstance(node, _FUNCTIONS)
        children = (
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case)
        )
        return [edit for child in children for edit in self._statement(child, at_top=at_top)]

    def _replaced(self, statement: ast.stmt, *, at_top: bool) -> list[Edit] | None:
        """Return the edits for one statement, or ``None`` where it stays or has statements of its own."""
        python = self.python
        match statement:
            case ast.Expr(value=value) | ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                magic = magic_of(value)
                if magic:
                    return self._magic(statement, python.text[python.span(statement)[0] : python.span(value)[0]], magic)
                return self._expression(statement) if statement in self.shown else []
            case ast.ImportFrom(module="__future__"):
                self.export.futures += [each.name for each in statement.names if each.name != _JOKE]
                return [self._edit(statement, "pass", ast.unparse(statement) + ": see the top")]
            case ast.Import() | ast.ImportFrom():
                new = replaced_import(statement, self.notes)
                return [] if new is None else [self._edit(statement, new, ast.unparse(statement))]
            case ast.Global() if at_top:  # without effect there, but an error in a file that has used the name before
                return [self._edit(statement, "pass", ast.unparse(statement))]
        return None

    def _edit(self, statement: ast.stmt, new: str, comment: str) -> Edit:
        """Replace a statement by a simple one, and say in a comment what it was if nothing follows in its line."""
        start, end = self.python.span(statement)
        return Edit(start, end, f"{new}  # {comment}" if self.python.ends_line(statement) else new)

    def _expression(self, statement: ast.stmt) -> list[Edit]:
        assert self.wrap is not None
        assert isinstance(statement, ast.Expr)
        if self._returns_nothing(statement.value):
            return []
        self.has_value = True
        before, after = self.wrap(self.python.source(statement))
        start, end = self.python.span(statement)
        return [Edit(start, start, before), Edit(end, end, after)]

    def _returns_nothing(self, value: ast.expr) -> bool:
        """Say whether a call is known to return ``None``, so that showing it would only clutter the script."""
        match value:
            case ast.Call(func=ast.Name(id="print" | "display" as name)):
                return name not in self.export.bound and all(each.arg != "display_id" for each in value.keywords)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="plt" | "pyplot"), attr="show" | "close")):
                return True
        return False

    def _magic(self, statement: ast.stmt, target: str, magic: Magic) -> list[Edit]:
        """Replace a statement ``target magic``, where ``target`` is ``"x = "`` or empty."""
        start, end = self.python.span(statement)
        margin = self.python.margin(statement)
        match translate(magic, self.notes):
            case Comment() if margin == "" and not target and self.python.ends_line(statement):
                new = commented(str(magic))
            case Comment():
                new = f"{target}None" if target else "pass"
                return [self._edit(statement, new, str(magic).splitlines()[0])]
            case Call(code, returns, assigns):
                new = self._call(statement, target, code, returns=returns, assigns=assigns)
            case Statements(code) if margin == "":
                new = code
            case Block() as with_ if margin is not None:
                new = self._block(statement, target, magic, with_)
            case Refusal(reason):
                new = self._stop(str(magic), reason)
            case _:
                new = self._stop(str(magic), f"{str(magic).splitlines()[0]} cannot stand here in a script")
        if margin:
            new = indented(new, margin)[len(margin) :]
        elif margin is None and "\n" in new:
            new = new.splitlines()[-1]
        return [Edit(start, end, new)]

    def _call(self, statement: ast.stmt, target: str, code: str, *, returns: bool, assigns: str) -> str:
        shown = statement in self.shown and returns and not target
        if not assigns:
            return self._wrapped(code) if shown else target + code
        return f"{target}{assigns} = {code}" + (f"\n{self._wrapped(assigns)}" if shown else "")

    def _block(self, statement: ast.stmt, target: str, magic: Magic, with_: Block) -> str:
        line = self.notes.line
        try:
            python = parse(with_.code).shifted(line - (magic.body is None))
        except SyntaxError as error:
            error.lineno = (error.lineno or 1) + line - (magic.body is None)
            return self.export.broken(str(magic), error)
        shows = statement in self.shown and not target
        piece = self._inner(python, with_, target, shows=shows)
        text = block(with_.opening, piece.text())
        if target and not piece.has_value:
            return f"{text}\n{target}None"
        if shows and not with_.is_cell and piece.has_value:
            return f"{text}\n{self._wrapped(f'{self.notes.helper}.value')}"
        return text

    def _inner(self, python: Python, with_: Block, target: str, *, shows: bool) -> Piece:
        """Return the code in a block; the value of its last expression goes to where the magic's value goes."""
        if with_.is_cell:
            return Piece(self.export, python, self.export.shown, self.export.interactivity)
        if target or shows:
            return Piece(self.export, python, lambda _: Wrap(target or f"{self.notes.helper}.value = ", ""))
        return Piece(self.export, python, None)

    def _stop(self, source: str, reason: str) -> str:
        """Return what stops the script in the place of code that cannot be turned."""
        first = source.splitlines()[0]
        self.notes.stop(first, reason)
        return f"{commented(source)}\nraise NotImplementedError({literal(f'{first}: {reason}')})"


def _is_annotated_name(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and bool(node.simple)
