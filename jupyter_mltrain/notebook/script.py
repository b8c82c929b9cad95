"""A notebook as a Python script: it runs under plain ``python``, without IPython, with the notebook's results.

The user's source stays as written. Magics and shell commands become calls of a few functions, which the script brings
along (only those that it uses); the last expression of a cell is shown as the notebook shows it; markdown becomes
comments; cells begin with ``# %%``, which editors know. What cannot be turned is a finding, and where the script comes
to it, it stops with an error.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..model.findings import Finding, Severity
from .read import INJECTED_TAG, PARAMETERS_TAG
from .script_cell import CellExport
from .script_missing import Shells, note_missing
from .script_parts import Notes
from .script_preamble import preamble
from .script_scope import Survey, pieces, trees
from .script_source import block, commented

EXPECTED_ERROR_TAG: Final = "raises-exception"
_RESULTS: Final = re.compile(r"_{1,3}|_\d+|Out|_oh")
_INPUTS: Final = re.compile(r"In|_ih|_i{1,3}|_i\d+")
_OWN_NAMES: Final = {
    "display": "display",
    "get_ipython": "get_ipython",
    "Out": "results",
    "_oh": "results",
    "_dh": "visited",
}


class SourceCell(Protocol):
    """A cell as ``read`` and ``program`` have it."""

    @property
    def type(self) -> str:
        """``"code"``, ``"markdown"`` or ``"raw"``."""
        ...

    @property
    def source(self) -> str:
        """The cell's text."""
        ...

    @property
    def tags(self) -> Sequence[str]:
        """The cell's tags."""
        ...


Cells = Mapping[str, Any] | Iterable[SourceCell | Mapping[str, Any] | str]
"""A notebook as nbformat has it, or its cells: as nbformat has them, as ``read_notebook`` gives them, or code alone."""


@dataclass(frozen=True, slots=True)
class Script:
    """An exported script and what the user should know about it."""

    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cell:
    type: str
    source: str
    tags: tuple[str, ...] = ()
    index: int | None = None  # in the notebook; None for the parameters that are put in


def export_script(cells: Cells, *, parameters_source: str | None = None, name: str = "notebook") -> Script:
    """Turn a notebook into a Python script that needs the standard library and what the notebook itself imports.

    Parameters
    ----------
    cells:
        The notebook or its cells.
    parameters_source:
        Source of the cell that gives the parameters their values. It stands where papermill puts it: in the place of a
        cell tagged ``injected-parameters``, else after the one tagged ``parameters``, else first.
    name:
        What the script's head calls the notebook.

    Returns
    -------
    Script
        The text always compiles. A finding of severity error marks a place where the script stops, or may stop where
        it computes what it asks of IPython.
    """
    found = _with_parameters([_cell(each, index) for index, each in enumerate(_cells(cells))], parameters_source)
    code = [cell for cell in found if cell.type == "code"]
    every = [tree for cell in code for tree in trees(cell.source)]
    survey = Survey(every)
    taken = set(re.findall(r"\w+", "\n".join(cell.source for cell in code)))
    notes = Notes(_free_name("_nb", taken))
    export = CellExport(notes, taken, survey.bound, survey.reads(_RESULTS))
    body = "\n\n".join(_blocks(found, export, Shells(every)))
    findings = sorted(notes.findings, key=lambda finding: (finding.where["cell"], finding.where["line"]))
    return Script(_assembled(body, export, survey, name), tuple(findings))


def _cells(cells: Cells) -> Iterable[SourceCell | Mapping[str, Any] | str]:
    if isinstance(cells, Mapping):
        listed: list[Mapping[str, Any]] = cells["cells"]
        return listed
    return cells


def _cell(cell: SourceCell | Mapping[str, Any] | str, index: int) -> _Cell:
    if isinstance(cell, str):
        return _Cell("code", cell, (), index)
    if isinstance(cell, Mapping):
        source, tags = cell["source"], cell.get("metadata", {}).get("tags", ())
        return _Cell(cell["cell_type"], source if isinstance(source, str) else "".join(source), tuple(tags), index)
    return _Cell(cell.type, cell.source, tuple(cell.tags), index)


def _with_parameters(cells: list[_Cell], source: str | None) -> list[_Cell]:
    if source is None:
        return cells
    injected = _Cell("code", source, (INJECTED_TAG,))
    for tag, skipped in ((INJECTED_TAG, 0), (PARAMETERS_TAG, 1)):
        for position, cell in enumerate(cells):
            if tag in cell.tags:
                return [*cells[: position + skipped], injected, *cells[position + 1 :]]
    return [injected, *cells]


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _blocks(cells: Sequence[_Cell], export: CellExport, shells: Shells) -> Iterator[str]:
    """Yield each cell's text with its marker."""
    number, draws, awaits = 0, False, False
    for cell in cells:
        if cell.type != "code":
            yield f"# %% [{cell.type}]\n{commented(cell.source)}"
            continue
        marker = "# %% [parameters]" if cell.index is None else f"# %% [cell {cell.index}]"
        if not cell.source.strip():
            yield marker
            continue
        number += 1
        code = list(pieces(cell.source))
        survey = Survey([piece.tree for piece in code])
        text = export.cell(cell.source, cell.index or 0, number)
        if survey.draws and not draws:
            text = f"{export.notes.use('use_figures')}()\n{text}"
        draws, awaits = draws or survey.draws, awaits or survey.awaits
        if draws and survey.calls:
            text += f"\n{export.notes.use('show_figures')}()"
        if awaits and survey.calls:
            text += f"\n{export.notes.use('between_cells')}()"
        if EXPECTED_ERROR_TAG in cell.tags:
            text = block(f"with {export.notes.use('expected_error')}():", text)
        _note_limits(cell, survey, export.notes)
        for piece in code:
            note_missing(piece, shells, export.notes)
        yield f"{marker}\n{text}"


def _note_limits(cell: _Cell, survey: Survey, notes: Notes) -> None:
    """Note what a cell reads that a script does not have."""
    for name in sorted(survey.loaded - survey.bound):
        notes.cell, notes.line = cell.index or 0, _line_of(name, cell.source)
        if name == "input":
            hint = "Make the answer a parameter."
            notes.note("asks-for-input", Severity.WARNING, "the script waits for an answer at input().", hint)
        elif _INPUTS.fullmatch(name):
            hint = "Keep what you need in a variable of your own."
            notes.note("input-history", Severity.WARNING, f"a script does not have {name!r}.", hint)


def _line_of(name: str, source: str) -> int:
    word = re.compile(rf"\b{re.escape(name)}\b")
    return next((number for number, line in enumerate(source.splitlines(), 1) if word.search(line)), 1)


def _assembled(body: str, export: CellExport, survey: Survey, name: str) -> str:
    """Put the script together: head, the runtime's functions that are used, cells."""
    notes = export.notes
    own = _own_names(ast.parse(body), export)
    parts = [
        "#!/usr/bin/env python3\n"
        "# Exported from a Jupyter notebook; runs under plain Python, without IPython.\n"
        f"{commented(f'Notebook: {name}')}"
    ]
    if notes.installs:
        parts.append("\n".join(["# Install first:", *(commented(f"    {each}") for each in notes.installs)]))
    if export.futures:
        parts.append(f"from __future__ import {', '.join(dict.fromkeys(export.futures))}")
    if notes.uses:
        parts.append(f"# region Stand-ins for IPython\n\n\n{preamble(notes.uses, name=notes.helper)}# endregion")
    start = [line for line, wanted in _start(survey) if wanted]
    if start or own:
        parts.append("\n".join([*start, *own]))
    return "\n\n".join([*parts, body]) + "\n"


def _start(survey: Survey) -> Iterator[tuple[str, bool]]:
    """Yield what lets plain Python begin as a notebook does, and whether this notebook can tell the difference."""
    yield '__import__("sys").path.insert(0, "")  # modules in the working folder are found', survey.imports_more
    yield '__import__("sys").stdout.reconfigure(line_buffering=True)  # prints keep their order', survey.has_children
    yield 'globals().pop("__file__", None)  # so child processes do not run this file again', not survey.has_main_guard


def _own_names(body: ast.Module, export: CellExport) -> list[str]:
    """Return definitions of what a notebook has without an import, as far as the script's cells read it."""
    loaded = Survey([body]).loaded
    lines = [f"{name} = {export.notes.use(function)}" for name, function in _OWN_NAMES.items() if name in loaded]
    if export.keeps_results:
        lines.append('_ = __ = ___ = ""')
    return lines
