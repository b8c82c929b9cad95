"""Parameter values come in the order in which they were given, as papermill injects them: to the byte."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import papermill
import pytest

from tests.support import Mltrain, NotebookWriter

pytestmark = pytest.mark.slow

FORM = "z = 1\na: dict = {}\nm = 2\nb: list = []"
GIVEN = {"m": 5, "a": {"b": 1, "a": {"z": 1, "y": 2}}, "z": 7, "b": [{"d": 1, "c": 2}]}


def by_papermill(notebook: Path, values: dict[str, Any], folder: Path) -> str:
    document = papermill.execute_notebook(notebook, folder / "papermill.ipynb", parameters=values, prepare_only=True)
    return injected(document.cells)


def injected(cells: Any) -> str:
    [cell] = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    return "".join(cell["source"])


def executed(mltrain: Mltrain, job: str) -> str:
    outputs = Path(unquote(urlsplit(mltrain.json("show", job)["outputs"]).path))
    return injected(json.loads((outputs / "train.ipynb").read_text())["cells"])


def options(values: dict[str, Any]) -> list[str]:
    return [word for name, value in values.items() for word in ("-p", name, json.dumps(value))]


def test_the_injected_cell_is_papermills_for_submit_and_resubmit(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print(a)", parameters=FORM)
    theirs = by_papermill(path, GIVEN, mltrain.cwd)
    job = mltrain.json("submit", path, *options(GIVEN), "--wait")["id"]
    assert executed(mltrain, job) == theirs
    again = mltrain.json("resubmit", job, "-p", "a", '{"y": 1, "x": 2}')["id"]
    mltrain.run("watch", again)
    assert executed(mltrain, again) == by_papermill(path, {**GIVEN, "a": {"y": 1, "x": 2}}, mltrain.cwd)


def test_a_file_of_values_keeps_its_order_and_so_does_a_script(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print(a)", parameters=FORM)
    (mltrain.cwd / "values.yaml").write_text("m: 5\na: {b: 1, a: {z: 1, y: 2}}\nz: 3\nb: [{d: 1, c: 2}]\n")
    theirs = by_papermill(path, GIVEN, mltrain.cwd)
    script = mltrain.run("export", path, "-f", "values.yaml", "-p", "z", "7").stdout
    assert theirs in script
