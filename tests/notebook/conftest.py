"""Notebooks as nbformat writes them, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

Write = Callable[..., Path]


def code(source: str, *tags: str, count: int | None = None) -> Any:
    metadata = {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(source, metadata=metadata, execution_count=count)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what interpreters answer out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLTRAIN_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project folder."""
    project = tmp_path / "project"
    project.mkdir()
    return project


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a notebook of code cells (texts, or cells) into the project folder and return its path."""

    def write_notebook(*cells: Any, name: str = "train.ipynb", kernel: str = "python3", **metadata: Any) -> Path:
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        notebook = nbformat.v4.new_notebook(
            cells=[code(cell) if isinstance(cell, str) else cell for cell in cells],
            metadata={"kernelspec": spec, **metadata},
        )
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return write_notebook


@pytest.fixture
def bare_python(tmp_path: Path) -> str:
    """The interpreter of a fresh virtual environment without any package."""
    place = tmp_path / "bare environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    return str(place / ("Scripts" if os.name == "nt" else "bin") / "python")


@pytest.fixture
def make_distribution(bare_python: str) -> Callable[..., None]:
    """Install a made-up distribution into the bare environment: metadata, record and files."""
    done = subprocess.run(
        [bare_python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    site = Path(done.stdout.strip())

    def install(name: str, version: str, files: dict[str, str], **extra: str) -> None:
        metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        for file, text in {**files, **{f"{metadata.name}/{file}": text for file, text in extra.items()}}.items():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text(text)
        record = [*files, f"{metadata.name}/METADATA", *(f"{metadata.name}/{file}" for file in extra)]
        (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in record))

    return install
