"""This project's own package, as much of it as a replica runs."""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

from ..errors import ImageError
from .layer import Entry
from .venv import Venv, in_layer

PACKAGE: Final = "jupyter_mltrain"
REQUIREMENTS: Final = (
    "ipykernel>=6.29",
    "jupyter-client>=8.6",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "packaging>=24",
    "papermill>=2.6",
)
"""What the runner needs of others, as requirements of every environment."""
_SHIPPED: Final = ("__init__.py", "errors.py", "py.typed", "run.py", "artifacts", "model", "notebook", "runner")


@lru_cache(maxsize=8)
def own_package(venv: Venv) -> tuple[Entry, ...]:
    """Return the runner and what it imports, with the metadata that its version is known by: read once in a process.

    Raises
    ------
    ImageError
        This installation cannot be read.
    """
    root = Path(__file__).parents[1]  # installed or in a checkout, this file lies in the package
    target = f"{in_layer(venv.site_packages)}/{PACKAGE}"
    try:
        files = [(path, path.read_bytes()) for name in _SHIPPED for path in _sources(root / name)]
    except OSError as error:
        raise ImageError(
            f"{error.filename!r} cannot be read: {error.strerror}.", hint=f"Reinstall {PACKAGE}."
        ) from None
    return (
        *_metadata(venv),
        *(Entry(f"{target}/{path.relative_to(root).as_posix()}", content) for path, content in files),
    )


def _sources(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _metadata(venv: Venv) -> list[Entry]:
    version = metadata.version(PACKAGE)
    folder = f"{in_layer(venv.site_packages)}/{PACKAGE}-{version}.dist-info"
    content = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {version}\n"
    return [Entry(f"{folder}/METADATA", content.encode()), Entry(f"{folder}/INSTALLER", f"{PACKAGE}\n".encode())]
