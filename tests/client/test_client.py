"""The Python API on real jobs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import jupyter_mltrain
from jupyter_mltrain.errors import InvalidInput, NotFound, ParameterError
from jupyter_mltrain.model.job import Phase
from tests.support import NotebookWriter, processes_of, stop_all

pytestmark = pytest.mark.slow

REPORTS = "from jupyter_mltrain import run\nfor step in range(3):\n    run.report(step=step, loss=1 / (step + 1))"
WAITS = "print('up', flush=True)\nimport time\ntime.sleep(600)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "home"
    monkeypatch.setenv("MLTRAIN_HOME", str(folder))
    yield folder
    stop_all(folder)


def test_a_job_from_submit_to_its_notebook(notebook: NotebookWriter) -> None:
    path = notebook(REPORTS, "print('n is', n)", "n * 2", parameters="n: int = 1")
    job = jupyter_mltrain.submit(path, parameters={"n": 21}, framework="tensorflow", name="study")
    info = job.wait(check=True)

    assert info.phase is job.phase is Phase.SUCCEEDED
    assert [(c.type, c.status) for c in job.conditions] == [
        ("Created", "True"),
        ("Running", "False"),
        ("Succeeded", "True"),
    ]
    assert job.status["replicaStatuses"] == {"Worker": {"succeeded": 1}}
    assert [(replica.role, replica.index, replica.exit_code) for replica in job.replicas] == [("Worker", 0, 0)]
    assert (job.name, job.manifest["kind"]) == ("study", "TFJob")
    assert "n is 21" in list(job.logs())
    assert next(job.logs(raw=True)).startswith("##mltrain 0 ")
    assert job.notebook["cells"][-1]["outputs"][0]["data"]["text/plain"] == "42"
    executed = next(output.path for output in job.outputs if output.word == "notebook")
    assert json.loads(Path(executed).read_text())["cells"][-1]["source"] == ["n * 2"]
    assert "TFJobSucceeded" in {event.reason for event in job.events}
    assert repr(job) == f"<TFJob study ({job.id}): Succeeded>"
    assert [found.id for found in jupyter_mltrain.jobs()] == [jupyter_mltrain.job("study").id] == [job.id]


def test_following_a_job_shows_each_metric_once_and_its_end(notebook: NotebookWriter) -> None:
    job = jupyter_mltrain.submit(notebook(REPORTS), framework="none")
    while_it_runs = list(job.follow())
    afterwards = list(job.follow())
    for updates in (while_it_runs, afterwards):
        points = [(metric.step, metric.values["loss"]) for update in updates for metric in update.metrics]
        assert points == [(0, 1.0), (1, 1 / 2), (2, 1 / 3)]
        assert updates[-1].job.phase is Phase.SUCCEEDED


def test_a_failure_says_which_cell_and_why(notebook: NotebookWriter) -> None:
    job = jupyter_mltrain.submit(notebook("1", "1 / 0", "2"), framework="none")
    *_, last = job.follow()
    assert last.error == "cell 2: ZeroDivisionError: division by zero"
    assert job.wait().phase is Phase.FAILED
    with pytest.raises(jupyter_mltrain.JobFailed, match="exit code 1") as caught:
        job.wait(check=True)
    assert caught.value.details == {"id": job.id, "phase": "Failed"}
    assert [cell["source"] for cell in job.notebook["cells"] if cell["cell_type"] == "code"] == ["1", "1 / 0", "2"]


def test_waiting_has_a_limit_and_the_job_goes_on_until_it_is_cancelled(notebook: NotebookWriter, home: Path) -> None:
    job = jupyter_mltrain.submit(notebook(WAITS), framework="none")
    lines = job.logs(follow=True)
    assert "up" in iter(lines)
    with pytest.raises(TimeoutError, match=r"did not end within 0\.01 s"):
        job.wait(timeout=0.01)
    assert job.phase is Phase.RUNNING
    job.cancel()
    assert list(lines)[-1] == "--- interrupted, exit code 143: Interrupted: The run was ended by SIGTERM."
    assert job.wait().phase is Phase.CANCELLED
    _, alive = psutil.wait_procs(processes_of(home), timeout=60)
    assert alive == []


def test_suspended_resumed_resubmitted_deleted(notebook: NotebookWriter) -> None:
    path = notebook("print('n is', n)", parameters="n: int = 1")
    job = jupyter_mltrain.submit(path, spec={"run_policy": {"suspend": True}}, framework="tensorflow")
    assert job.phase is Phase.SUSPENDED
    job.resume()
    job.wait(check=True)

    path.unlink()
    again = job.resubmit(n=2)
    again.wait(check=True)
    assert "n is 2" in list(again.logs())
    with pytest.raises(ParameterError, match="'many' is not a whole number"):
        job.resubmit(n="many")

    job.delete()
    job.delete()
    with pytest.raises(NotFound, match=job.name):
        _ = job.status
    assert [found.id for found in jupyter_mltrain.jobs()] == [again.id]


def test_what_is_wrong_is_said_before_anything_runs(notebook: NotebookWriter) -> None:
    path = notebook("print(undefined_name)", "n", parameters="n: int = 1")
    with pytest.raises(ParameterError, match="no parameter 'm'"):
        jupyter_mltrain.submit(path, parameters={"m": 1})
    with pytest.raises(ParameterError, match="whole number"):
        jupyter_mltrain.submit(path, parameters={"n": 1.5})
    with pytest.raises(InvalidInput, match="GPU"):
        jupyter_mltrain.submit(path, gpu="H200:none")
    with pytest.raises(InvalidInput, match="There is no backend"):
        jupyter_mltrain.submit(path, backend="nowhere")
    with pytest.raises(NotFound, match="There is no job 'nobody'"):
        jupyter_mltrain.job("nobody")
    with pytest.raises(NotFound, match=r"missing\.ipynb"):
        jupyter_mltrain.submit("missing.ipynb")
    assert "undefined_name" in " ".join(finding.message for finding in jupyter_mltrain.check(path))
    assert jupyter_mltrain.jobs() == []


def test_inside_a_running_event_loop(notebook: NotebookWriter) -> None:
    """As in a cell of a notebook, where the kernel's loop runs."""

    async def cell() -> list[Phase]:
        job = jupyter_mltrain.submit(notebook("1"), framework="none")
        return [*(update.job.phase for update in job.follow()), job.wait(timeout=60).phase]

    assert asyncio.run(cell())[-1] is Phase.SUCCEEDED


def test_a_plan_has_no_effects(notebook: NotebookWriter) -> None:
    planned = jupyter_mltrain.plan(notebook("n", parameters="n: int = 1"), parameters={"n": 3})
    assert planned.parameters == {"n": 3}
    assert jupyter_mltrain.jobs() == []


def test_a_program_that_stops_looking_ends(notebook: NotebookWriter) -> None:
    """Streams that nobody closed do not keep the interpreter."""
    script = (
        f"import jupyter_mltrain\njob = jupyter_mltrain.submit({str(notebook(WAITS))!r})\n"
        "updates, lines = job.follow(), job.logs(follow=True)\nnext(updates), next(lines)\nprint(job.id)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    jupyter_mltrain.job(done.stdout.strip()).delete()
