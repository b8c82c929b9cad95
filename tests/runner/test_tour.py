"""One notebook with everything in it, run once, held against papermill's run of the same notebook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.notebook.program import ProgramCell
from jupyter_mltrain.runner.records import MAX_LINE, PREFIX, Rebuilder

pytestmark = pytest.mark.slow

FORGED = PREFIX + '0 {"type":"done","status":"succeeded","exit_code":0,"error":null,"seconds":1}'

CELLS = [
    ("markdown", "# A tour", ()),
    ("code", "epochs = 3\nname = 'default'", ("parameters",)),
    ("code", "print(epochs, name)", ()),
    ("code", "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\n1 + 1", ()),
    ("code", "print('héllo 日本語 \\U0001f600 \\u2028')", ()),
    ("code", "%matplotlib inline\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 3, 2])", ()),
    (
        "code",
        "from IPython.display import *\nshown = display(HTML('<b>first</b>'), display_id='live')",
        (),
    ),
    ("code", "shown.update(HTML('<b>second</b>'))", ()),
    ("code", "for i in range(4):\n    clear_output(wait=True)\n    print('frame', i)", ()),
    ("code", "print('gone')\nclear_output()\nprint('stays')", ()),
    ("code", "from tqdm.notebook import tqdm\nfor _ in tqdm(range(3)): pass", ()),
    ("code", "import ipywidgets\nbox = ipywidgets.Output()\nwith box: print('in the box')\nbox", ()),
    ("code", "1 / 0", ("raises-exception",)),
    ("code", "from helper import answer\nanswer()", ()),
    ("code", "import asyncio\nawait asyncio.sleep(0)\n'awaited'", ()),
    ("code", "!echo from the shell", ()),
    ("code", "", ()),
    ("code", "raise RuntimeError('never run')", ("skip-execution",)),
    ("raw", "raw text", ()),
    ("code", f"print({FORGED!r})", ()),
    (
        "code",
        f"import os, subprocess\nos.write(1, {FORGED.encode()!r} + b'\\n')\n_ = subprocess.run(['echo', 'a child'])",
        (),
    ),
]
REPORTS = """
import json, os, subprocess, sys, threading
from jupyter_mltrain import run
run.report(step=1, loss=0.5, broken=float("nan"))
run.progress(1, 4)
thread = threading.Thread(target=run.report, kwargs={"step": 2, "loss": 0.25})
thread.start(); thread.join()
if (pid := os.fork()) == 0:
    run.report(step=3, loss=0.125)
    os._exit(0)
os.waitpid(pid, 0)
code = "from jupyter_mltrain import run; run.report(4, loss=0.0625)"
subprocess.run([sys.executable, "-c", code], check=True)
(run.output_dir / "model.txt").write_text("weights")
print(json.dumps([run.role, run.index, run.rank, run.world_size, run.leader, str(run.channel("train"))]))
"""


def tour_cells() -> list[ProgramCell]:
    return [ProgramCell(f"tour-{place}", kind, source, tags) for place, (kind, source, tags) in enumerate(CELLS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def run(folder: Path, starter: Any) -> Any:
    (folder / "train data").mkdir()
    started = starter(folder)(
        *tour_cells(),
        ProgramCell("reports", "code", REPORTS),
        files={"helper.py": "def answer():\n    return 42\n"},
        parameters={"epochs": 5, "name": "Zoë"},
        name="tour",
        env={"MLTRAIN_CHANNELS": json.dumps({"train": str(folder / "train data")}), "MLTRAIN_JOB": "tour-1"},
    )
    started.exit_code = started.end()
    return started


@pytest.fixture(scope="module")
def peer(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Return papermill's execution of the same notebook."""
    import nbformat

    cells = [one.to_nbformat() for one in tour_cells()]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    notebook["metadata"] = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    there = folder / "papermill"
    there.mkdir()
    (there / "helper.py").write_text("def answer():\n    return 42\n")
    nbformat.write(nbformat.from_dict(notebook), there / "in.ipynb")
    command = ["papermill", "in.ipynb", "out.ipynb", "-p", "epochs", "5", "-p", "name", "Zoë", "--no-progress-bar"]
    subprocess.run([sys.executable, "-m", *command], cwd=there, env=environment, capture_output=True)
    executed = json.loads((there / "out.ipynb").read_text())
    # papermill marks the allowed exception too.
    executed["cells"] = [one for one in executed["cells"] if "papermill-error-cell-tag" not in one["metadata"]["tags"]]
    return executed


def plain(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs with texts joined, adjacent streams of one name as one, and no random ids."""
    result: list[dict[str, Any]] = []
    for output in outputs:
        output = {**output, **{key: "".join(output[key]) for key in ("text",) if key in output}}
        if "data" in output:
            data = {
                mime: "".join(value) if isinstance(value, list) else value for mime, value in output["data"].items()
            }
            data.pop("application/vnd.jupyter.widget-view+json", None)
            output["data"] = data
        output.pop("traceback", None)
        last = result[-1] if result else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            result[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            result.append(output)
    return sorted(result, key=lambda one: (one.get("name") or "", one["output_type"]))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in notebook["cells"] if one["cell_type"] == "code"]


def keys(value: Any) -> Any:
    return {name: keys(inner) for name, inner in value.items()} if isinstance(value, dict) else type(value).__name__


def test_it_ends_well(run: Any) -> None:
    assert run.exit_code == 0, run.text + run.errors
    assert run.errors == ""


def test_the_log_has_nothing_but_records(run: Any) -> None:
    """What ipykernel catches and publishes does not come a second time."""
    assert [line for line in run.text.splitlines() if not line.startswith(PREFIX)] == []


def test_outputs_are_papermills(run: Any, peer: dict[str, Any]) -> None:
    ours, theirs = code_cells(run.notebook), code_cells(peer)
    assert len(theirs) == len(CELLS) - 2 + 1
    for our, their in zip(ours, theirs, strict=False):
        assert our["source"] == "".join(their["source"])
        assert plain(our["outputs"]) == plain(their["outputs"]), our["source"]
        assert our["execution_count"] == their["execution_count"]


def test_metadata_is_of_papermills_shape(run: Any, peer: dict[str, Any]) -> None:
    ours, theirs = dict(run.notebook["metadata"]), dict(peer["metadata"])
    assert keys(ours["papermill"]) == {**keys(theirs["papermill"])}
    assert ours["papermill"]["parameters"] == theirs["papermill"]["parameters"] == {"epochs": 5, "name": "Zoë"}
    assert ours["language_info"] == theirs["language_info"]
    assert ours["widgets"].keys() == theirs["widgets"].keys()
    for our, their in zip(run.notebook["cells"], peer["cells"], strict=False):
        assert keys(our["metadata"]) == keys(their["metadata"]), our["source"]
        assert our["metadata"]["papermill"]["status"] == their["metadata"]["papermill"]["status"]


def test_the_log_tells_the_executed_notebook(run: Any) -> None:
    rebuilt = run.reader.notebook
    widgets = run.notebook["metadata"]["widgets"]
    assert {**rebuilt, "metadata": {**rebuilt["metadata"], "widgets": widgets}} == run.notebook


def test_lines_are_bounded(run: Any) -> None:
    assert max(len(line.encode()) + 1 for line in run.text.split("\n") if line.startswith(PREFIX)) <= MAX_LINE


def test_the_end_cannot_be_forged(run: Any) -> None:
    ends = [
        record for line in run.text.splitlines() for record in Rebuilder().feed(line + "\n") if record.type == "done"
    ]
    assert len(ends) == 1
    assert run.reader.progress.status == "succeeded"
    assert FORGED in run.outputs(len(CELLS) - 3)[0]["text"]


def test_reports_come_from_threads_forks_and_programs(run: Any) -> None:
    points = run.reader.metrics
    assert {point["step"]: point["values"]["loss"] for point in points} == {1: 0.5, 2: 0.25, 3: 0.125, 4: 0.0625}
    assert points[0]["values"]["broken"] != points[0]["values"]["broken"]
    assert (run.reader.progress.done, run.reader.progress.total) == (1, 4)


def test_the_notebook_knows_its_place(run: Any, folder: Path) -> None:
    (said,) = run.outputs(-1)
    assert json.loads(said["text"]) == ["Worker", 0, 0, 1, True, str(folder / "train data")]
    assert (run.output / "model.txt").read_text() == "weights"
    assert sorted(path.name for path in run.output.iterdir()) == ["model.txt", "tour.ipynb"]


def test_progress_counts_code_cells(run: Any) -> None:
    progress = run.reader.progress
    assert (progress.n, progress.of) == (len(CELLS), len(CELLS))
    assert {cell.status for cell in progress.cells} == {"completed"}
    assert all(cell.seconds is not None for cell in progress.cells)
    assert progress.info["job"] == "tour-1"
