"""``mltrain export --script`` of notebooks that call IPython's shell or the event loop, and its findings."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Mltrain, NotebookWriter

pytestmark = pytest.mark.slow


def run(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-S", "-I", script], capture_output=True, text=True, timeout=60)


def test_a_script_that_stops_for_want_of_ipython_was_announced(
    mltrain: Mltrain, notebook: NotebookWriter, tmp_path: Path
) -> None:
    path = notebook('ip = get_ipython()\nip.run_cell("x = 41")', "x + 1")
    done = mltrain.json("export", path, "--script", "-o", tmp_path / "gi.py", code=2)
    (finding,) = done["findings"]
    assert (finding["severity"], finding["where"]) == ("error", {"cell": 0, "line": 2})
    assert "'ip.run_cell'" in finding["message"]
    ran = run(tmp_path / "gi.py")
    assert ran.returncode == 1
    assert "NotInScript: get_ipython().run_cell needs IPython" in ran.stderr


def test_the_event_loop_is_as_busy_as_in_the_notebook(
    mltrain: Mltrain, notebook: NotebookWriter, tmp_path: Path
) -> None:
    path = notebook(
        "import asyncio\nasync def f():\n    return 1",
        "print(asyncio.get_event_loop().is_running())",
        "asyncio.run(f())",
    )
    done = mltrain.json("export", path, "--script", "-o", tmp_path / "loop.py")
    assert [each for each in done["findings"] if each["severity"] == "error"] == []
    ran = run(tmp_path / "loop.py")
    assert (ran.returncode, ran.stdout) == (1, "True\n")
    assert "RuntimeError: asyncio.run() cannot be called from a running event loop" in ran.stderr
