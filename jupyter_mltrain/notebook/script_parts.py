"""What script export passes around: notes on the whole script, a magic, and what it is replaced by."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from ..model.findings import Finding, Severity
from .script_source import literal


@dataclass
class Notes:
    """What an export has noticed and needs so far.

    Attributes
    ----------
    helper:
        Name of the object in the script that has the runtime's functions.
    uses:
        The runtime's functions that the script calls.
    cell, line:
        Where the export is: the cell's index in the notebook, and the line in it from 1.
    installs:
        Install commands that the script does not run.
    """

    helper: str
    uses: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    installs: list[str] = field(default_factory=list)
    cell: int = 0
    line: int = 1

    def use(self, name: str) -> str:
        """Return how the script calls a function of the runtime."""
        self.uses.add(name)
        return f"{self.helper}.{name}"

    def note(self, code: str, severity: Severity, message: str, hint: str = "") -> None:
        """Add a finding about the place where the export is."""
        where = {"cell": self.cell, "line": self.line}
        self.findings.append(Finding(code, severity, f"Cell {self.cell}, line {self.line}: {message}", hint, where))

    def stop(self, code: str, reason: str) -> None:
        """Add the finding that the script stops at some code."""
        hint = "Write this in plain Python, or run the notebook itself."
        self.note("unsupported", Severity.ERROR, f"the script stops at {code!r}: {reason}.", hint)

    def text(self, text: str) -> str:
        """Return code for a text in which IPython fills in ``{x}`` and ``$x``."""
        return f"{self.use('expand')}({literal(text)})" if re.search(r"[{}$]", text) else literal(text)


@dataclass(frozen=True, slots=True)
class Magic:
    """A call of ``get_ipython()`` with constant texts; ``body`` is ``None`` for a line.

    ``name`` is ``"!"`` for a shell command, ``"!!"`` for one whose output is the value.
    """

    name: str
    line: str
    body: str | None = None

    def __str__(self) -> str:
        """Return it as it is written in a notebook."""
        if self.name.startswith("!"):
            return self.name + self.line
        head = f"{'%' if self.body is None else '%%'}{self.name} {self.line}".rstrip()
        return head if self.body is None else f"{head}\n{self.body}".rstrip("\n")


@dataclass(frozen=True, slots=True)
class Comment:
    """Nothing to run."""


@dataclass(frozen=True, slots=True)
class Call:
    """One expression; ``returns`` says whether it has a value. ``assigns`` are variables that it sets."""

    code: str
    returns: bool = True
    assigns: str = ""


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements for the top level of the script."""

    code: str


@dataclass(frozen=True, slots=True)
class Block:
    """Code of the notebook in a ``with``; ``is_cell`` says whether it shows its result itself, as a cell does."""

    opening: str
    code: str
    is_cell: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """It cannot be turned: ``reason`` says why."""

    reason: str


Replacement = Comment | Call | Statements | Block | Refusal


def magic_of(call: ast.expr) -> Magic | None:
    """Return the magic that a call runs, as IPython's input transformer and ``nbconvert`` write it, or ``None``."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=method)):
            values = [each.value for each in call.args if isinstance(each, ast.Constant)]
            texts = [value for value in values if isinstance(value, str)]
        case _:
            return None
    if len(texts) != len(call.args) or call.keywords:
        return None
    match method, texts:
        case "system", [command]:
            return Magic("!", command)
        case "getoutput", [command]:
            return Magic("!!", command)
        case "run_line_magic", [name, line]:
            return Magic(name, line)
        case "run_cell_magic", [name, line, body]:
            return Magic(name, line, body)
        case "magic", [text]:
            name, _, line = text.lstrip("%").partition(" ")
            return Magic(name, line)
        case "show_usage", []:
            return Magic("quickref", "")
    return None
