"""Notebooks run by a real kernel and as exported scripts by a bare interpreter: both print the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from jupyter_mltrain.notebook.script import Script, export_script

pytestmark = pytest.mark.slow

BARE = [sys.executable, "-S", "-I"]  # the standard library alone: no IPython, no site-packages
SHAPES = [
    (r"\x1b\[[0-9;]*m", ""),
    (r"\r\n", "\n"),
    (r"0x[0-9a-f]+", "0x0"),
    (r"^The slowest run took .*\n", ""),
    (r"\d+(\.\d+)?(e[+-]\d+)? (ns|μs|ms|s)\b", "TIME"),
]

FOLDER = Path(__file__).parent / "scripts"


def notebooks(folder: str) -> dict[str, list[str]]:
    """Return notebooks by name; their cells stand in one file, with a line of dashes between them."""
    return {path.stem: path.read_text()[:-1].split("\n-----\n") for path in sorted((FOLDER / folder).glob("*.txt"))}


PLAIN = notebooks("plain")  # the first must stay the first: it asks for results by number, and one kernel runs all
LIBRARIES = notebooks("libraries")


NEXT = """%reset -f
__spec__ = None
import os
os.chdir({folder!r})
for name in list(os.environ):
    if name.startswith("MLT_"):
        del os.environ[name]
del os, name"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each notebook prints and shows: one kernel runs them all, each in an empty folder and namespace."""
    cells: list[Any] = []
    places: dict[str, slice] = {}
    for name, sources in (PLAIN | LIBRARIES).items():
        if cells:
            folder = str(tmp_path_factory.mktemp("notebook"))
            cells.append(nbformat.v4.new_code_cell(NEXT.format(folder=folder)))
        places[name] = slice(len(cells), len(cells) + len(sources))
        cells += [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    start = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=start).execute()
    return {name: "".join(map(shown, notebook.cells[place])) for name, place in places.items()}


def shown(cell: Any) -> str:
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            texts.append(output.data["text/plain"] + "\n")
    return "".join(texts)


def shape(text: str) -> str:
    """Reduce text to what does not differ from one run to the next."""
    for pattern, replacement in SHAPES:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


def run_script(script: Script, folder: Path, python: Sequence[str] = BARE) -> subprocess.CompletedProcess[str]:
    path = folder / "exported script.py"
    path.write_text(script.text, encoding="utf-8")
    work = folder / "work"
    work.mkdir()
    return subprocess.run(
        [*python, str(path)], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


@pytest.mark.parametrize("name", PLAIN)
def test_a_script_prints_what_its_notebook_shows(name: str, expected: dict[str, str], tmp_path: Path) -> None:
    script = export_script(PLAIN[name], name=name)
    ran = run_script(script, tmp_path)
    assert shape(ran.stdout) == shape(expected[name]), ran.stderr
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_script_draws_and_tabulates_as_its_notebook(name: str, expected: dict[str, str], tmp_path: Path) -> None:
    script = export_script(LIBRARIES[name], name=name)
    ran = run_script(script, tmp_path, [sys.executable, "-I"])
    assert shape(ran.stdout) == shape(expected[name]), ran.stderr
    assert (ran.returncode, ran.stderr) == (0, "")
