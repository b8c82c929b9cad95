"""Freeze a notebook: read it, find what its run depends on, and say what is odd about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..errors import InvalidInput
from ..model.findings import Finding, Severity
from . import hygiene
from .apt import system_packages
from .environment import Environment, Interpreter, inspect, kernel_interpreter
from .files import MAX_SIZE, Root, included, seal
from .installs import installs_of
from .modules import local_modules
from .parameters import ParameterForm, parse_parameters
from .program import Blobs, Program, ProgramCell
from .provenance import Provenance, provenance_of
from .read import Notebook, read_notebook
from .requirements import resolve
from .source import parse
from .values import Json

_ORDER: Final = list(Severity)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen notebook.

    Attributes
    ----------
    blobs:
        Where the bytes of the program's files are, for ``program.save``.
    findings:
        Errors first.
    imports:
        Top-level modules that the notebook and its modules import from elsewhere.
    """

    program: Program
    blobs: Blobs
    provenance: Provenance
    findings: tuple[Finding, ...]
    imports: frozenset[str]


def freeze(
    path: str | Path,
    *,
    root: str | Path | None = None,
    include: Iterable[str] = (),
    python: str | Path | None = None,
    max_size: int = MAX_SIZE,
) -> Frozen:
    """Freeze a notebook with its modules, data files, requirements and parameter form. Nothing is written.

    Parameters
    ----------
    root:
        Folder that everything shipped lies in; by default the notebook's own.
    include:
        Globs of data files, relative to the root.
    python:
        Interpreter of the environment that the notebook runs in; by default its kernel's.
    max_size:
        Limit for all shipped files together, in bytes.

    Raises
    ------
    NotFound, NotebookError
        See ``read_notebook``.
    InvalidInput
        The notebook is not below the root, a file leads out of it, the files are too large, or ``python`` is no Python.
    """
    notebook = read_notebook(path)
    base = _root(root, notebook)
    cells = {index: parse(cell.source) for index, cell in notebook.code_cells}
    with ThreadPoolExecutor(1) as pool:
        # An interpreter that was not asked before takes as long to answer as the search for secrets does.
        asked = pool.submit(_environment, notebook, python)
        secrets = hygiene.secrets_of(notebook)
        environment, findings = asked.result()
    form = _form(notebook)
    shipped = local_modules(base, notebook.path.parent, cells, environment)
    installs, unclear = installs_of(cells, base, notebook.path.parent)
    requirements, unresolved = resolve(shipped.external, installs, environment)
    system, wrong = system_packages(dict(notebook.code_cells), cells)
    data, left_out = included(base, include, skip=notebook.path, modules=shipped.files)
    files, blobs = seal(base, shipped.files, data, max_size=max_size)
    program = Program(
        name=notebook.name,
        kernel=notebook.kernel,
        cells=tuple(ProgramCell(c.id, c.type, c.source, c.tags, c.attachments) for c in notebook.cells),
        parameters=form,
        requirements=replace(requirements, system=tuple(sorted(map(str, system)))),
        files=files,
        directory=base.relative(notebook.path.parent),
    )
    findings += [*shipped.findings, *unclear, *unresolved, *wrong, *left_out]
    findings += hygiene.check(
        notebook, cells, form, shipped.codes, shipped.files, python=environment.version, secrets=secrets
    )
    return Frozen(
        program,
        blobs,
        provenance_of(notebook.path, [base.path / file.path for file in files]),
        tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))),
        frozenset(used.what.top for used in shipped.external),
    )


def ask_interpreter(path: str | Path, python: str | Path | None = None) -> None:
    """Ask the interpreter of a notebook's environment what it has, so that `freeze` knows. Raises as that does."""
    _environment(read_notebook(path), python)


def _root(root: str | Path | None, notebook: Notebook) -> Root:
    folder = Path(root).absolute() if root is not None else notebook.path.parent
    if not folder.is_dir():
        raise InvalidInput(f"The root {str(folder)!r} is not a folder.", field="root")
    if not notebook.path.is_relative_to(folder):
        raise InvalidInput(
            f"{notebook.path.name!r} does not lie below the root {str(folder)!r}.",
            hint="The root has to hold the notebook and all that is shipped with it.",
            field="root",
        )
    return Root(folder)


def _form(notebook: Notebook) -> ParameterForm:
    index = notebook.parameters_index
    return ParameterForm() if index is None else parse_parameters(notebook.cells[index].source)


def _environment(notebook: Notebook, python: str | Path | None) -> tuple[Environment, list[Finding]]:
    """Return the environment to resolve against: of ``python``, of the kernel, else with a finding of this process."""
    if python is not None:
        return inspect(Interpreter(str(python))), []
    interpreter = kernel_interpreter(notebook.kernel)
    if interpreter is not None:
        try:
            return inspect(interpreter), []
        except InvalidInput as error:
            return _own_environment(error.message)
    return _own_environment(f"No Python kernel named {notebook.kernel!r} is installed here.")


def _own_environment(why: str) -> tuple[Environment, list[Finding]]:
    message = f"{why} The imports were resolved against {sys.executable!r} instead."
    hint = "Name the interpreter of the notebook's environment, or install the kernel."
    finding = Finding("kernel-unknown", Severity.WARNING, message, hint, {"field": "python"})
    return inspect(Interpreter(sys.executable)), [finding]


def check_values(
    form: ParameterForm, values: Mapping[str, object] | None = None, *, texts: Mapping[str, str] | None = None
) -> dict[str, Json]:
    """Return parameter values, ready to be injected, in the order in which they were given, as papermill keeps it.

    Parameters
    ----------
    values:
        From JSON, YAML or Python, with their types.
    texts:
        From a command line; they win over ``values``, in whose place they come.

    Raises
    ------
    ParameterError
        An unknown name, a value that does not fit, or none for a parameter without default.
    """
    return form.check(values or {}, texts)
