"""The runner's folder for sockets is gone after the run, however that ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.runner.scratch import scratch

HOLD = """
import jupyter_mltrain.runner.scratch as module
module._SHORT = 1000
with module.scratch() as folder:
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("jupyter_mltrain.runner.scratch._SHORT", 1000)
    return tmp_path


def killed(base: Path) -> Path:
    """Return the folder of a run that was killed a while ago."""
    environment = {**os.environ, "TMPDIR": str(base)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        with scratch():
            assert folder.is_dir(), "a folder in use stays"
        run.send_signal(signal.SIGKILL)
    os.utime(folder / "lock", (0, 0))
    return folder


def test_a_run_removes_its_folder(base: Path) -> None:
    with scratch() as folder:
        assert folder.parent == base
        (folder / "socket").touch()
    assert not folder.exists()


def test_the_folder_of_a_killed_run_goes_with_the_next_one(base: Path) -> None:
    folder = killed(base)
    assert folder.is_dir()
    with scratch() as other:
        assert other.is_dir()
        assert not folder.exists()


def test_the_folder_of_a_run_that_works_for_long_stays(base: Path) -> None:
    with scratch() as first:
        os.utime(first / "lock", (0, 0))
        with scratch():
            assert first.is_dir()


def test_a_deep_temporary_folder_will_not_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("deep" * 20)))
    with scratch() as folder:
        assert folder.parent == Path("/tmp")
