"""Programs to run, and the runner's process to watch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from jupyter_mltrain.model import labels
from jupyter_mltrain.notebook.program import Program, ProgramCell, ProgramFile, save
from jupyter_mltrain.runner.records import Rebuilder


def cell(source: str, *tags: str, type: str = "code") -> ProgramCell:
    return ProgramCell(f"id{abs(hash((source, tags))) % 10**8}", type, source, tags)


@dataclass
class Run:
    """The runner's process."""

    process: subprocess.Popen[bytes]
    output: Path
    name: str
    text: str = ""
    errors: str = ""
    reader: Rebuilder = field(default_factory=Rebuilder)

    def lines(self) -> Iterator[str]:
        """Yield the log's lines as they come."""
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode()
            self.text += line
            self.reader.feed(line)
            yield line

    def until(self, words: str) -> None:
        """Read the log up to a line with these words."""
        assert any(words in line for line in self.lines()), f"{words!r} is not in the log:\n{self.text}"

    def end(self) -> int:
        """Read the rest of the log and return the exit code."""
        with self.process:
            for _ in self.lines():
                pass
            assert self.process.stderr is not None
            self.errors = self.process.stderr.read().decode()
        return self.process.returncode

    @property
    def notebook(self) -> dict[str, Any]:
        """The executed notebook on disk, texts joined."""
        return read_notebook(self.output / f"{self.name}.ipynb")

    def outputs(self, code_cell: int) -> list[dict[str, Any]]:
        """The outputs of a code cell, papermill's error marks not counted."""
        return [one for one in self.notebook["cells"] if one["cell_type"] == "code"][code_cell]["outputs"]


def read_notebook(path: Path) -> dict[str, Any]:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return json.loads(json.dumps(notebook))


class Start(Protocol):
    """Starts the runner on cells."""

    def __call__(
        self,
        *cells: str | ProgramCell,
        env: Mapping[str, str] = {},
        files: Mapping[str, str] = {},
        parameters: Mapping[str, Any] = {},
        name: str = "demo",
        **options: Any,
    ) -> Run: ...


def plain_environment() -> dict[str, str]:
    """Return this process's environment as a user's is: within pytest, ipykernel does not catch what children print."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("MLTRAIN_", "PYTEST_"))}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    return plain_environment()


def start_in(folder: Path) -> Start:
    def start(
        *cells: str | ProgramCell,
        env: Mapping[str, str] = {},
        files: Mapping[str, str] = {},
        parameters: Mapping[str, Any] = {},
        name: str = "demo",
        **options: Any,
    ) -> Run:
        import hashlib

        blobs = {hashlib.sha256(text.encode()).hexdigest(): text.encode() for text in files.values()}
        shipped = tuple(
            ProgramFile(path, hashlib.sha256(text.encode()).hexdigest(), len(text.encode()))
            for path, text in files.items()
        )
        body = tuple(cell(one) if isinstance(one, str) else one for one in cells)
        program = Program(name=name, kernel="python3", cells=body, files=shipped)
        save(program, blobs, folder / "programs")
        work, output = folder / "work", folder / "outputs"
        work.mkdir(exist_ok=True)
        environment = {
            **plain_environment(),
            labels.ENV_PROGRAM: program.digest,
            labels.ENV_PROGRAM_PATH: str(folder / "programs"),
            labels.ENV_OUTPUT_URI: output.as_uri(),
            labels.ENV_PARAMETERS: json.dumps(parameters),
            **env,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_mltrain.runner"],
            cwd=work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        return Run(process, output, name)

    return start


@pytest.fixture(scope="session")
def starter() -> Callable[[Path], Start]:
    """Make a `Start` for a folder, for runs that several tests look at."""
    return start_in


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Run] = []
    begin = start_in(tmp_path)

    def remember(*cells: str | ProgramCell, **options: Any) -> Run:
        runs.append(begin(*cells, **options))
        return runs[-1]

    yield remember
    for run in runs:
        run.process.kill()
        with run.process:
            pass
