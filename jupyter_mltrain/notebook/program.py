"""The Program: a notebook frozen with all that its run depends on, addressed by the hash of its content.

On disk a program is a folder in a store::

    <store>/sha256-<hex>/program.json       canonical JSON; the digest is the sha256 of these bytes
                         files/<path>       shipped modules and data; program.json has the sha256 of each
                         provenance.json    where it came from; no part of the hash

Nothing that is not listed in ``program.json`` belongs to it, so the digest covers everything that runs.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from ..errors import Conflict, InvalidInput, NotFound, StorageError
from .parameters import ParameterForm
from .pins import Requirements

FORMAT: Final = 1
PROGRAM_FILE: Final = "program.json"
PROVENANCE_FILE: Final = "provenance.json"
FILES: Final = "files"
_CHUNK: Final = 1 << 20
_ABANDONED: Final = 86_400  # seconds

Blobs = Mapping[str, bytes | Path]
"""sha256 (hex) -> the bytes, or the file that has them."""


@dataclass(frozen=True, slots=True)
class ProgramCell:
    """A cell as it will be executed: what it looked like in the user's browser is left out."""

    id: str
    type: str
    source: str
    tags: tuple[str, ...] = ()
    attachments: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as JSON."""
        return {
            "id": self.id,
            "type": self.type,
            "source": self.source,
            **({"tags": list(self.tags)} if self.tags else {}),
            **({"attachments": dict(self.attachments)} if self.attachments else {}),
        }

    def to_nbformat(self) -> dict[str, Any]:
        """Return the cell as nbformat 4.5 has it, without outputs."""
        cell: dict[str, Any] = {
            "id": self.id,
            "cell_type": self.type,
            "metadata": {"tags": list(self.tags)} if self.tags else {},
            "source": self.source,
        }
        if self.attachments:
            cell["attachments"] = dict(self.attachments)
        return cell | ({"execution_count": None, "outputs": []} if self.type == "code" else {})


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A shipped file: ``path`` is relative to the program's root, with ``/``; ``size`` is in bytes."""

    path: str
    sha256: str
    size: int
    executable: bool = False

    def __post_init__(self) -> None:
        if self.path == ".":
            raise ValueError("a file needs a name")
        _require_inside(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "size": self.size,
            **({"executable": True} if self.executable else {}),
        }


def _require_inside(path: str) -> None:
    """Raise ``ValueError`` unless a path stays inside of the program's root and is written in the one normal way."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or str(parts) != path or "\0" in path:
        raise ValueError(f"{path!r} is no path inside of a program")


@dataclass(frozen=True)
class Program:
    """What runs. Equal programs have equal digests, wherever and whenever they were frozen.

    Attributes
    ----------
    name:
        The notebook's file name without its suffix.
    directory:
        The notebook's folder relative to the root of the files; ``"."`` where it is the root. Cells run in it.
    kernel:
        The kernelspec's name.
    """

    name: str
    kernel: str
    cells: tuple[ProgramCell, ...]
    parameters: ParameterForm = field(default_factory=ParameterForm)
    requirements: Requirements = field(default_factory=Requirements)
    files: tuple[ProgramFile, ...] = ()
    directory: str = "."

    def __post_init__(self) -> None:
        _require_inside(self.directory)

    def to_dict(self) -> dict[str, Any]:
        """Return the program as the JSON object that is hashed."""
        return {
            "format": FORMAT,
            "name": self.name,
            "directory": self.directory,
            "kernel": {"name": self.kernel, "language": "python"},
            "cells": [cell.to_dict() for cell in self.cells],
            "parameters": self.parameters.to_dict(),
            "requirements": self.requirements.to_dict(),
            "files": [file.to_dict() for file in self.files],
        }

    @cached_property
    def content(self) -> bytes:
        """The bytes of ``program.json``: sorted keys, ASCII, no room for taste."""
        return (json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")

    @cached_property
    def digest(self) -> str:
        """``sha256:<64 hex digits>``."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Program:
        """Read what ``to_dict`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
        if data["format"] != FORMAT:
            raise ValueError(f"program format {data['format']!r} is not {FORMAT}: another version wrote it")
        return cls(
            name=data["name"],
            kernel=data["kernel"]["name"],
            cells=tuple(
                ProgramCell(c["id"], c["type"], c["source"], tuple(c.get("tags", ())), c.get("attachments", {}))
                for c in data["cells"]
            ),
            parameters=ParameterForm.from_dict(data["parameters"]),
            requirements=Requirements.from_dict(data["requirements"]),
            files=tuple(
                ProgramFile(f["path"], f["sha256"], f["size"], f.get("executable", False)) for f in data["files"]
            ),
            directory=data["directory"],
        )

    def to_notebook(self) -> dict[str, Any]:
        """Return an nbformat 4.5 document of the cells, without outputs: where an execution starts from."""
        return {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": self.kernel, "display_name": self.kernel, "language": "python"},
                "language_info": {"name": "python"},
            },
            "cells": [cell.to_nbformat() for cell in self.cells],
        }


def folder_name(digest: str) -> str:
    """Return the name of a program's folder. Raises ``InvalidInput`` for what is no digest."""
    algorithm, _, digits = digest.partition(":")
    if algorithm != "sha256" or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise InvalidInput(f"{digest!r} is not a program's digest, which has the form sha256:<64 hex digits>.")
    return f"sha256-{digits}"


# --- writing ----------------------------------------------------------------------------------------------------------


def save(program: Program, blobs: Blobs, store: Path, *, provenance: Mapping[str, Any] | None = None) -> Path:
    """Put a program into a store and return its folder.

    The folder appears whole or not at all, and what is there already is left as it is, so any number of processes may
    save the same program at once.

    Raises
    ------
    Conflict
        A file changed after it was frozen.
    StorageError
        The store cannot be written.
    """
    folder = store / folder_name(program.digest)
    try:
        if _is_whole(folder, program.digest):
            return folder
        store.mkdir(parents=True, exist_ok=True)
        _sweep(store)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=store))
        try:
            _write(program, blobs, draft, provenance)
            _publish(draft, folder, program.digest)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise _storage_error(f"The program could not be stored in {str(store)!r}", error) from error
    return folder


def _storage_error(what: str, error: OSError) -> StorageError:
    hint = "Free some space on the disk." if error.errno == errno.ENOSPC else ""
    return StorageError(f"{what}: {error.strerror or error}.", hint=hint)


def _is_whole(folder: Path, digest: str) -> bool:
    try:
        read(folder, digest)
    except (NotFound, StorageError):
        return False
    return True


def _sweep(store: Path) -> None:
    """Remove what processes that were killed left of their drafts a day ago or longer."""
    for left in [*store.glob(".draft-*"), *store.glob(".broken-*")]:
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _write(program: Program, blobs: Blobs, draft: Path, provenance: Mapping[str, Any] | None) -> None:
    draft.chmod(0o755)  # mkdtemp makes it private; a container's user must read it
    for file in program.files:
        _put(blobs[file.sha256], file, draft / FILES / file.path)
    (draft / PROGRAM_FILE).write_bytes(program.content)
    if provenance is not None:
        (draft / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")


def _put(blob: bytes | Path, file: ProgramFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(blob, bytes):
        target.write_bytes(blob)
    elif _copy(blob, target) != file.sha256:
        raise Conflict(f"{file.path!r} changed while the notebook was being submitted.", hint="Submit it again.")
    target.chmod(0o755 if file.executable else 0o644)


def _copy(source: Path, target: Path) -> str:
    """Copy a file's bytes and return their sha256."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _publish(draft: Path, folder: Path, digest: str) -> None:
    """Rename the draft to its final name. Another process may have done so first; a broken folder is replaced."""
    with suppress(OSError):
        draft.rename(folder)
        return
    if not _is_whole(folder, digest):
        broken = Path(tempfile.mkdtemp(prefix=".broken-", dir=folder.parent))
        with suppress(FileNotFoundError):
            folder.rename(broken / "program")
        draft.rename(folder)
        shutil.rmtree(broken, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------------------------------


def find(digest: str, search_path: Iterable[Path]) -> Path:
    """Return the folder of a program in the first store that has it.

    Raises
    ------
    NotFound
        No store has it.
    """
    name, stores = folder_name(digest), list(search_path)
    for store in stores:
        if (store / name / PROGRAM_FILE).is_file():
            return store / name
    places = ", ".join(str(store) for store in stores) or "nowhere"
    raise NotFound(f"The program {digest} is not stored here.", hint=f"Looked in: {places}.", digest=digest)


def load(digest: str, search_path: Iterable[Path]) -> Program:
    """Return a stored program after checking every byte of it.

    Raises
    ------
    NotFound
        No store has it.
    StorageError
        Its folder is damaged.
    """
    return read(find(digest, search_path), digest)


def read(folder: Path, digest: str | None = None) -> Program:
    """Read a program's folder and check every file against its hash; ``digest`` is what it must be.

    Raises
    ------
    NotFound
        It is no program's folder.
    StorageError
        It is damaged.
    """
    try:
        content = (folder / PROGRAM_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{str(folder)!r} is not a program's folder.") from None
    except OSError as error:
        raise _storage_error(f"The program in {str(folder)!r} cannot be read", error) from error
    if digest is not None and "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(folder, f"{PROGRAM_FILE} is not what {digest} was")
    try:
        program = Program.from_dict(json.loads(content))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, f"{PROGRAM_FILE}: {error}") from None
    for file in program.files:
        _verify(folder, file)
    return program


def _damaged(folder: Path, what: str) -> StorageError:
    return StorageError(f"The program in {str(folder)!r} is damaged: {what}.", hint="Submit the notebook again.")


def _verify(folder: Path, file: ProgramFile) -> None:
    try:
        with (folder / FILES / file.path).open("rb") as reader:
            found = _sha256(reader)
    except OSError as error:
        raise _damaged(folder, f"{file.path}: {error.strerror}") from None
    if found != file.sha256:
        raise _damaged(folder, f"{file.path} has changed")


def _sha256(reader: BinaryIO) -> str:
    return hashlib.file_digest(reader, "sha256").hexdigest()  # type: ignore[arg-type]


def materialise(folder: Path, destination: Path) -> Path:
    """Copy a program's files to where they are to run and return the folder that its cells run in.

    Existing files are overwritten; others in the destination stay.

    Raises
    ------
    NotFound, StorageError
        The folder is no program's, is damaged, or the destination cannot be written.
    """
    program = read(folder)
    try:
        for file in program.files:
            _put(folder / FILES / file.path, file, destination / file.path)
        directory = destination / program.directory
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage_error(f"The program's files could not be put into {str(destination)!r}", error) from error
    return directory
