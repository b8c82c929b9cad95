"""What a run would trip over: seen before it starts, from the notebook alone."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..model.findings import Finding, Severity
from .files import in_words
from .parameters import ParameterForm
from .read import PARAMETERS_TAG, Notebook
from .secrets import likely_secrets
from .source import Code, parse_expression, shell_words
from .undefined import undefined_names
from .values import Mismatch

LARGE_OUTPUT: Final = 5 * 2**20
"""Bytes of saved output from which a cell is named."""

_SKIPPED: Final = "skip-execution"  # nbclient's tags
_MAY_FAIL: Final = "raises-exception"
_WAITING: Final = ("input", "raw_input", "getpass", "breakpoint", "set_trace")
_ABSOLUTE: Final = re.compile(
    r"""(file://)?(
        /(home|Users|root|mnt|media|data|datasets|opt|srv|scratch|content|kaggle|Volumes|workspace|gpfs|nfs|lustre)(/|$)
        | ~\w*(/|$)
        | [A-Za-z]:[\\/](?!/)
        | \\\\[\w.-]+\\
    )""",
    re.VERBOSE,
)


def check(
    notebook: Notebook,
    cells: Mapping[int, Code],
    form: ParameterForm,
    modules: Mapping[str, Code],
    sources: Mapping[str, bytes],
    *,
    python: str,
    secrets: Iterable[Finding],
) -> list[Finding]:
    """Return what would make a run fail or differ from what the user saw.

    Parameters
    ----------
    cells:
        Index -> parsed code of each code cell.
    form:
        The notebook's parameters.
    modules, sources:
        Shipped modules: path -> parsed code, path -> bytes.
    python:
        Version of the kernel's interpreter.
    secrets:
        What `secrets_of` found in the notebook.
    """
    return [
        *run_order(notebook),
        *unparsable_cells(notebook, cells, python),
        *undefined_names(cells, [parameter.name for parameter in form]),
        *parameter_findings(notebook, form),
        *waiting_calls(cells),
        *absolute_paths(notebook, cells, modules),
        *secrets,
        *_secrets_in(sources),
        *large_outputs(notebook),
    ]


def secrets_of(notebook: Notebook) -> list[Finding]:
    """Return a finding for each line of the notebook that looks like it holds a secret."""
    return likely_secrets(({"cell": index}, cell.source) for index, cell in enumerate(notebook.cells))


def _secrets_in(sources: Mapping[str, bytes]) -> list[Finding]:
    shipped = ((path, source) for path, source in sources.items() if path.endswith((".py", ".ipynb")))
    return likely_secrets(({"file": path}, source.decode("utf-8", "replace")) for path, source in shipped)


def run_order(notebook: Notebook) -> list[Finding]:
    """Say when the saved outputs come from cells run in another order than top to bottom."""
    last = 0
    for index, cell in notebook.code_cells:
        if cell.execution_count is None:
            continue
        if cell.execution_count < last:
            message = (
                f"The cells were run out of order: this one as number {cell.execution_count}, after number {last}."
            )
            hint = "Restart the kernel and run all cells: a job runs them from top to bottom."
            return [Finding("cells-out-of-order", Severity.WARNING, message, hint, {"cell": index})]
        last = cell.execution_count
    return []


def unparsable_cells(notebook: Notebook, cells: Mapping[int, Code], python: str) -> list[Finding]:
    """Say which cells are no valid IPython, in the syntax of the Python that runs this."""
    same = python.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    findings = []
    for index, code in cells.items():
        tags = notebook.cells[index].tags
        if code.error is None or _SKIPPED in tags:
            continue
        severity = Severity.ERROR if same and _MAY_FAIL not in tags else Severity.WARNING
        message = f"The cell does not parse: {code.error.msg}."
        where = {"cell": index, "line": code.error.lineno or 1}
        findings.append(Finding("does-not-parse", severity, message, "Correct the cell and run it.", where))
    return findings


def parameter_findings(notebook: Notebook, form: ParameterForm) -> list[Finding]:
    """Say what is odd about the ``parameters`` cell."""
    tagged = [index for index, cell in enumerate(notebook.cells) if PARAMETERS_TAG in cell.tags]
    if not tagged:
        return []
    where = {"cell": tagged[0]}
    findings = []
    if len(tagged) > 1:
        message = f"{len(tagged)} cells are tagged 'parameters'; only the first one counts."
        findings.append(Finding("parameters-twice", Severity.WARNING, message, "Join them.", {"cell": tagged[1]}))
    for parameter in form:
        if parameter.expression is not None:
            findings += _derived(parameter.name, parameter.expression, form, where)
        elif not parameter.required:
            try:
                parameter.type.check(parameter.default)
            except Mismatch as error:
                message = f"The default of {parameter.name!r} does not fit its annotation: {error}."
                findings.append(Finding("parameter-default", Severity.WARNING, message, "", where))
    return findings


def _derived(name: str, expression: str, form: ParameterForm, where: dict[str, Any]) -> list[Finding]:
    names = {node.id for node in ast.walk(parse_expression(expression)) if isinstance(node, ast.Name)}
    sources = sorted(names & {parameter.name for parameter in form} - {name})
    if not sources:
        return []
    message = (
        f"{name!r} is computed from {', '.join(map(repr, sources))} before values are put in: it keeps its default."
    )
    hint = "Compute it in a later cell."
    return [Finding("parameter-derived", Severity.INFO, message, hint, where)]


def waiting_calls(cells: Mapping[int, Code]) -> list[Finding]:
    """Say where the notebook waits for somebody to type."""
    findings = []
    for index, code in cells.items():
        inside = {
            inner
            for node in ast.walk(code.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for inner in ast.walk(node)
        }
        for node in ast.walk(code.tree):
            name = _called(node)
            if name in _WAITING:
                severity = Severity.WARNING if node in inside else Severity.ERROR
                message = f"{name}() waits for somebody to type; in a job nobody can."
                where = {"cell": index, "line": node.lineno}  # type: ignore[attr-defined]
                findings.append(Finding("waits-for-input", severity, message, "Make it a parameter.", where))
    return findings


def _called(node: ast.AST) -> str:
    """Return the name of a called builtin, or of ``getpass.getpass`` and ``pdb.set_trace``, however imported."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Attribute(attr=("getpass" | "set_trace") as name)):
            return name
    return ""


def absolute_paths(notebook: Notebook, cells: Mapping[int, Code], modules: Mapping[str, Code]) -> list[Finding]:
    """Say which paths exist on this machine only: home folders, mounts, drive letters."""
    findings = []
    pieces: list[tuple[dict[str, Any], Code]] = [({"cell": index}, code) for index, code in cells.items()]
    pieces += [({"file": path}, code) for path, code in modules.items()]
    for where, code in pieces:
        parameter = where.get("cell") is not None and where["cell"] == notebook.parameters_index
        for text, line in _strings(code):
            if _is_local_path(text):
                findings.append(_absolute(text, {**where, "line": line}, parameter=parameter))
    return findings


def _absolute(text: str, where: dict[str, Any], *, parameter: bool) -> Finding:
    start = re.match(r"(?:file://)?[\\/]{0,2}[^\\/]{0,40}[\\/]?[^\\/]{0,40}", text)
    shown = start[0] if start else ""
    return Finding(
        "absolute-path",
        Severity.INFO if parameter else Severity.WARNING,
        f"{shown + ('...' if shown != text else '')!r} is a path of this machine"
        + (", the default of a parameter." if parameter else "."),
        "Give another value where the job runs." if parameter else "Make it a parameter, or relative to the notebook.",
        where,
    )


def _is_local_path(text: str) -> bool:
    if "\n" in text or len(text) > 1024:
        return False
    if _ABSOLUTE.match(text):
        return True
    try:
        return text.count("/") > 1 and text.startswith("/") and Path(text).exists()
    except (OSError, ValueError):
        return False


def _strings(code: Code) -> Iterator[tuple[str, int]]:
    """Yield the strings that may be whole paths or their beginnings, and the words of magics, each with its line."""
    later: set[ast.AST] = set()  # the second half of a + b and of f"{a}b", and docstrings
    for node in ast.walk(code.tree):
        match node:
            case ast.BinOp(op=ast.Add(), right=right):
                later.add(right)
            case ast.JoinedStr(values=[_, *rest]):
                later.update(rest)
            case ast.Expr(value=ast.Constant() as docstring):
                later.add(docstring)
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))), args=args):
                later.update(args)
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in later:
            yield node.value, node.lineno
    for magic in code.magics:
        if not magic.whole_cell:
            yield from ((word, magic.lineno) for word in shell_words(magic.line))


def large_outputs(notebook: Notebook) -> list[Finding]:
    """Say which saved outputs are very large: the next run will write as much again."""
    return [
        Finding(
            "large-output",
            Severity.INFO,
            f"The cell's saved output is {in_words(cell.output_size)}.",
            "Saved outputs do not travel, but the run will make them again: show less.",
            {"cell": index},
        )
        for index, cell in notebook.code_cells
        if cell.output_size > LARGE_OUTPUT
    ]
