"""Outputs that belong elsewhere are put there at the end, whatever the end is, and what fails there changes nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.artifacts import Artifact, FolderStore
from jupyter_mltrain.errors import StorageError
from jupyter_mltrain.notebook.program import Program, ProgramCell, save
from jupyter_mltrain.runner.main import Runner
from jupyter_mltrain.runner.records import Rebuilder
from jupyter_mltrain.runner.settings import Settings

pytestmark = pytest.mark.slow


class BrokenStore(FolderStore):
    def put(self, source: Path, key: str) -> str:
        raise StorageError("the bucket is full")


class StuckStore(FolderStore):
    """Never comes back; the run is told to stop meanwhile."""

    let_go = threading.Event()

    def put(self, source: Path, key: str) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        self.let_go.wait()
        return self.uri(key)

    def list(self, prefix: str = "") -> list[Artifact]:
        return []


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    StuckStore.let_go.clear()
    yield
    StuckStore.let_go.set()


def run(folder: Path, source: str, store: FolderStore, grace: float = 30) -> int:
    """Run a cell in this process, its outputs going to a store."""
    program = Program(name="demo", kernel="python3", cells=(ProgramCell("a", "code", source),))
    save(program, {}, folder / "programs")
    env = {"MLTRAIN_PROGRAM": program.digest, "MLTRAIN_PROGRAM_PATH": str(folder / "programs")}
    settings = replace(Settings.from_env(env), store=store, output=folder / "scratch", grace=grace)
    settings.output.mkdir()

    async def main() -> int:
        return await Runner(settings, folder, folder).run()

    return asyncio.run(main())


WRITE = "from jupyter_mltrain import run; (run.output_dir / 'model').write_text('weights')"


@pytest.mark.parametrize(("after", "code"), [("", 0), ("\n1 / 0", 1), ("\nimport os; os._exit(9)", 9)])
def test_outputs_are_put_at_every_end(tmp_path: Path, after: str, code: int) -> None:
    store = FolderStore(tmp_path / "bucket")
    assert run(tmp_path, WRITE + after, store) == code
    assert [artifact.key for artifact in store.list()] == ["demo.ipynb", "model"]


def notes(capfd: pytest.CaptureFixture[str]) -> list[str]:
    reader = Rebuilder()
    reader.feed(capfd.readouterr().out)
    assert reader.progress.exit_code == 0
    return reader.progress.notes


@pytest.mark.parametrize(
    ("store", "words"), [(BrokenStore, "the bucket is full"), (StuckStore, "before the run had to stop")]
)
def test_a_store_that_fails_is_told_and_keeps_the_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], store: Callable[[Path], Any], words: str
) -> None:
    assert run(tmp_path, WRITE, store(tmp_path / "bucket"), grace=1) == 0
    (note,) = notes(capfd)
    assert words in note
