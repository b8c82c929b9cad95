"""Read a notebook file, nbformat 3 or 4, or say exactly why that cannot be done.

An nbformat 4 file is read as the JSON that it is: importing ``nbformat`` takes longer than everything else that a
submit does. Older files go through nbformat's own upgrade.
"""

from __future__ import annotations

import difflib
import json
import re
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import NotebookError, NotFound

CellType = Literal["code", "markdown", "raw"]
CELL_TYPES: Final = ("code", "markdown", "raw")
PARAMETERS_TAG: Final = "parameters"
INJECTED_TAG: Final = "injected-parameters"

_TORN: Final = frozenset({"empty", "encoding", "json"})  # what half of a notebook is refused for
_SETTLED: Final = 0.5  # seconds after its last change, when a file is as its writer left it
_PAUSE: Final = 0.02

_PYTHON: Final = re.compile(r"i?python\s*3?", re.IGNORECASE)  # some tools write "ipython" or "Python 3"

# Kernels whose notebooks may lack a language, by the start of the kernelspec's name.
_OTHER_KERNELS: Final = {
    "ir": "R",
    "julia": "Julia",
    "bash": "Bash",
    "javascript": "JavaScript",
    "deno": "TypeScript",
    "scala": "Scala",
    "almond": "Scala",
    "rust": "Rust",
    "evcxr": "Rust",
    "sos": "SoS",
    ".net": ".NET",
    "octave": "Octave",
    "matlab": "MATLAB",
    "sagemath": "SageMath",
    "gophernotes": "Go",
    "xcpp": "C++",
    "java": "Java",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a notebook.

    Attributes
    ----------
    id:
        The cell's own id, else one derived from its position: never random.
    type:
        ``"code"``, ``"markdown"`` or ``"raw"``.
    source:
        The text as one string.
    tags:
        Sorted, without repeats.
    attachments:
        Images pasted into a markdown cell: file name -> MIME type -> data.
    execution_count:
        The number beside the cell, or ``None``.
    output_size:
        Bytes of the saved outputs as JSON.
    """

    id: str
    type: CellType
    source: str
    tags: tuple[str, ...] = ()
    attachments: Mapping[str, Any] = field(default_factory=dict)
    execution_count: int | None = None
    output_size: int = 0


@dataclass(frozen=True, slots=True)
class Notebook:
    """A Python notebook as it lies on disk.

    Attributes
    ----------
    path:
        Where it was read, absolute; a symbolic link is not resolved.
    kernel:
        The kernelspec's name; ``"python3"`` where the notebook names none.
    """

    path: Path
    cells: tuple[Cell, ...]
    kernel: str = "python3"

    @property
    def name(self) -> str:
        """The file name without its suffix."""
        return self.path.stem

    @property
    def code_cells(self) -> list[tuple[int, Cell]]:
        """The code cells, each with its index among all cells."""
        return [(index, cell) for index, cell in enumerate(self.cells) if cell.type == "code"]

    @property
    def parameters_index(self) -> int | None:
        """Index of the first cell tagged ``parameters``, or ``None``."""
        return next((index for index, cell in enumerate(self.cells) if PARAMETERS_TAG in cell.tags), None)


def read_notebook(path: str | Path) -> Notebook:
    """Read a Python notebook.

    Raises
    ------
    NotFound
        There is no such file; the hint names the nearest notebook in that folder.
    NotebookError
        It is a folder, unreadable, empty, broken JSON, not a notebook, too new, without code, or not Python.
        ``details["reason"]`` has one word for which: ``directory``, ``unreadable``, ``empty``, ``encoding``, ``json``,
        ``not-a-notebook``, ``version``, ``no-code``, ``language``.
    """
    path = Path(path).absolute()
    document = _read_document(path)
    notebook = _from_document(document, path)
    if not any(cell.source.strip() for _, cell in notebook.code_cells):
        raise _refusal(path, "no-code", "has no code", "Add a code cell, save and try again.")
    return notebook


def _read_document(path: Path) -> dict[str, Any]:
    """Read the file's JSON. Jupyter saves in place, so a file that was just touched may be half of itself for now."""
    while True:
        try:
            return _document(_read_bytes(path), path)
        except NotebookError as error:
            if error.details["reason"] not in _TORN or not _is_being_written(path):
                raise
        time.sleep(_PAUSE)


def _is_being_written(path: Path) -> bool:
    try:
        return 0 <= time.time() - path.stat().st_mtime < _SETTLED
    except OSError:
        return False


def _refusal(path: Path, reason: str, what: str, hint: str = "", **details: Any) -> NotebookError:
    return NotebookError(f"{path.name!r} {what}.", hint=hint, reason=reason, path=str(path), **details)


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _refusal(path, "directory", "is a folder, not a notebook", "Name a .ipynb file in it.")
        if not stat.S_ISREG(mode):  # reading a FIFO would wait for ever
            raise _refusal(path, "unreadable", "is not a regular file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"There is no notebook {str(path)!r}.", hint=_nearest_file(path), path=str(path)) from None
    except OSError as error:
        raise _refusal(
            path, "unreadable", f"cannot be read: {error.strerror}", "Check the file's permissions."
        ) from None


def _nearest_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".ipynb"]
    except OSError:
        return f"The folder {str(path.parent)!r} cannot be listed either."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else ""


def _document(data: bytes, path: Path) -> dict[str, Any]:
    """Parse the file's bytes into a notebook's JSON object."""
    if not data.strip():
        raise _refusal(path, "empty", "is an empty file", "Save the notebook and try again.")
    try:
        # Python writes NaN into saved outputs, for which JSON has no word.
        document = json.loads(data.decode("utf-8-sig"), parse_constant=lambda _: None)
    except UnicodeDecodeError as error:
        raise _refusal(path, "encoding", f"is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise _refusal(
            path,
            "json",
            f"is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            "A merge conflict or a broken download? Restore the file, e.g. from .ipynb_checkpoints.",
            line=error.lineno,
            column=error.colno,
        ) from None
    except RecursionError:
        raise _refusal(path, "json", "is not valid JSON: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise _refusal(path, "json", f"is not valid JSON: {error}") from None
    if not isinstance(document, dict) or type(document.get("nbformat")) is not int:
        raise _refusal(path, "not-a-notebook", "is JSON but not a notebook: it has no 'nbformat' number")
    return document


def _from_document(document: dict[str, Any], path: Path) -> Notebook:
    major = document["nbformat"]
    if major > 4:
        raise _refusal(path, "version", f"has nbformat {major}; this version reads 3 and 4")
    _require_python(document, path)
    if major < 4:
        document = _upgraded(document, path)
    try:
        cells = _cells(document["cells"])
        kernel = _mapping(_mapping(document.get("metadata")).get("kernelspec")).get("name") or "python3"
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _invalid(path, error) from None
    return Notebook(path, cells, str(kernel))


def _invalid(path: Path, error: Exception) -> NotebookError:
    what = f"is not a valid notebook: {type(error).__name__}: {error}"
    return _refusal(path, "not-a-notebook", what, "Open and save it in JupyterLab to repair it.")


def _upgraded(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return an nbformat 1-3 document as nbformat 4, without the random cell ids that the upgrade invents."""
    import nbformat

    try:
        upgraded: dict[str, Any] = nbformat.reads(json.dumps(document), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - it trusts the document and raises whatever comes of that
        raise _invalid(path, error) from None
    for cell in upgraded["cells"]:
        cell.pop("id", None)
    return upgraded


def _cells(raw: Iterable[Mapping[str, Any]]) -> tuple[Cell, ...]:
    if not isinstance(raw, list):
        raise TypeError("'cells' is not a list")
    taken: set[str] = set()
    cells = []
    for index, cell in enumerate(raw):
        cell_id = _unique_id(str(cell.get("id") or f"cell-{index}"), taken)
        taken.add(cell_id)
        cells.append(_cell(cell_id, index, cell))
    return tuple(cells)


def _unique_id(wanted: str, taken: set[str]) -> str:
    """Return ``wanted``, or it with the lowest free number behind it: copied cells may repeat an id."""
    cell_id, number = wanted, 1
    while cell_id in taken:
        number += 1
        cell_id = f"{wanted}-{number}"
    return cell_id


def _cell(cell_id: str, index: int, raw: Mapping[str, Any]) -> Cell:
    kind = raw["cell_type"]
    if kind not in CELL_TYPES:
        raise ValueError(f"cell {index} has the unknown type {kind!r}")
    count = raw.get("execution_count")
    outputs = raw.get("outputs") if kind == "code" else None
    tags = _mapping(raw.get("metadata")).get("tags")
    return Cell(
        id=cell_id,
        type=kind,
        source=_text(raw["source"]),
        tags=tuple(sorted({str(tag) for tag in tags})) if isinstance(tags, list) else (),
        attachments=_mapping(raw.get("attachments")),
        execution_count=count if isinstance(count, int) else None,
        output_size=len(json.dumps(outputs)) if outputs else 0,
    )


def _text(source: str | list[str]) -> str:
    """Join a multi-line string as nbformat stores it: one string, or a list of lines with their ends."""
    return source if isinstance(source, str) else "".join(source)


def _require_python(document: Mapping[str, Any], path: Path) -> None:
    kernel, language = _declared_kernel(document)
    if _PYTHON.fullmatch(language):
        return
    raise _refusal(
        path,
        "language",
        f"needs the kernel {kernel!r} ({language}); only Python notebooks can be trained",
        "Switch the notebook to a Python kernel, or run this one with its own tools.",
        kernel=kernel,
        language=language,
    )


def _declared_kernel(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kernel's name and language as the notebook declares them; Python where it declares nothing.

    The kernelspec comes before ``language_info``: it is what the user chose last, the other is what last ran.
    """
    metadata = _mapping(document.get("metadata"))
    spec = _mapping(metadata.get("kernelspec"))
    language = (
        spec.get("language") or _mapping(metadata.get("language_info")).get("name") or _nbformat3_language(document)
    )
    name = str(spec.get("name") or language or "python3")
    return name, str(language or _language_of_kernel(name))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _nbformat3_language(document: Mapping[str, Any]) -> str | None:
    """Return the language that an nbformat 3 notebook names in its metadata or in its first foreign cell."""
    language = _mapping(document.get("metadata")).get("language")
    if isinstance(language, str):
        return language
    sheets = document.get("worksheets")
    cells = [cell for sheet in sheets for cell in _mapping(sheet).get("cells", ())] if isinstance(sheets, list) else []
    languages = [str(_mapping(cell).get("language", "python")) for cell in cells]
    return next((name for name in languages if name.lower() != "python"), None)


def _language_of_kernel(name: str) -> str:
    lowered = name.lower()
    for start, language in _OTHER_KERNELS.items():
        if lowered == start or lowered.startswith((f"{start}-", f"{start}_")) or lowered.rstrip("0123456789") == start:
            return language
    return "python"
