"""What goes out of the house: scripts, manifests, program folders, and what a job left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import StorageError
from ..model.job import JobStatus
from .request import Export, Output, Plan

_MODEL_FILES = ("saved_model.pb", "model.joblib", "model.pt", "model.keras")


def export(plan: Plan, what: str, target: Path | None) -> Export:
    """Write a plan's notebook as a script, its manifest, or its program folder.

    Parameters
    ----------
    what:
        ``script``, ``manifest`` or ``program``.
    target:
        File for a script or a manifest, ``None``: only return the text. Folder that gets the program's folder;
        ``None``: the current one.
    """
    if what == "program":
        return _export_program(plan, target or Path())
    if what == "manifest":
        from ..manifests import to_yaml

        return _written(Export(to_yaml(plan.manifest), plan.findings), target)
    from ..notebook import inject
    from ..notebook.script import export_script

    source = inject.injected_source(plan.parameters) if plan.parameters else None
    script = export_script(plan.program.to_notebook(), parameters_source=source, name=plan.program.name)
    return _written(Export(script.text, tuple(script.findings)), target)


def _export_program(plan: Plan, folder: Path) -> Export:
    from ..notebook import program

    path = program.save(plan.program, plan.blobs, folder, provenance=plan.provenance)
    return Export(plan.program.digest, plan.findings, path)


def _written(export: Export, target: Path | None) -> Export:
    if target is None:
        return export
    put(target, export.text.encode())
    return Export(export.text, export.findings, target)


def put(target: Path, content: bytes) -> None:
    """Write a file, whole or not at all. Raises ``StorageError``."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"{target} was not written: {error.strerror}", hint="Choose another file.") from None


def outputs(job: JobStatus) -> list[Output]:
    """Return the executed notebook, each model version, and how much else lies in the job's output folder."""
    folder = local_folder(job.outputs)
    if folder is None or not folder.is_dir():
        return []
    found = [Output("notebook", str(path)) for path in sorted(folder.glob("*.ipynb"))]
    found += [Output("model", str(path)) for path in _models(folder)]
    return [*found, Output("outputs", str(folder))]


def _models(folder: Path) -> Iterator[Path]:
    """Yield what looks like a model: a SavedModel's folder, or a file called ``model.*``."""
    for path in sorted(folder.rglob("*")):
        if path.name == "saved_model.pb":
            yield path.parent
        elif path.name in _MODEL_FILES:
            yield path


def local_folder(uri: str) -> Path | None:
    """Return the folder on this machine that a path or ``file:`` URI names, or None for any other."""
    if not uri:
        return None
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(uri)
