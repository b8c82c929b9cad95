"""The command line on one finished notebook job: everything that reads, as a user would."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import Mltrain, write_notebook

pytestmark = pytest.mark.slow

PARAMETERS = "n: int = 3  # how many\nword: str = 'tick'"
CELLS = (
    "from jupyter_mltrain import run\nfor step in range(n):\n    run.report(step=step, loss=1 / (step + 1))",
    "print(word, n)\n(run.output_dir / 'models' / 'm' / '1').mkdir(parents=True)\n"
    "(run.output_dir / 'models' / 'm' / '1' / 'model.pt').write_bytes(b'weights')",
    "n * 2",
)


@pytest.fixture(scope="module")
def job(shared_mltrain: Mltrain) -> dict[str, Any]:
    notebook = write_notebook(shared_mltrain.cwd / "my study é 1.ipynb", *CELLS, parameters=PARAMETERS)
    done = shared_mltrain.json("submit", notebook, "-p", "n", "5", "--framework", "tensorflow", "--wait")
    assert isinstance(done, dict)
    return done


def test_submit_wait_json_prints_one_object_with_id_and_status(job: dict[str, Any]) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", job["id"])
    status = job["status"]
    assert [(c["type"], c["status"]) for c in status["conditions"]] == [
        ("Created", "True"),
        ("Running", "False"),
        ("Succeeded", "True"),
    ]
    assert status["replicaStatuses"] == {"Worker": {"succeeded": 1}}
    assert status["startTime"] <= status["completionTime"]
    assert job["kind"] == "TFJob"
    assert job["manifest"]["apiVersion"] == "kubeflow.org/v1"


def test_list_shows_the_job(shared_mltrain: Mltrain, job: dict[str, Any]) -> None:
    text = shared_mltrain.run("list").stdout
    header, row = text.splitlines()
    assert header.split() == ["ID", "NAME", "KIND", "STATE", "REPLICAS", "AGE"]
    assert job["id"] in row
    assert "Succeeded" in row
    assert "Worker: succeeded 1" in row
    assert [entry["id"] for entry in shared_mltrain.json("list")] == [job["id"]]
    assert shared_mltrain.json("list", "--state", "running") == []


def test_show_by_id_prefix_and_name(shared_mltrain: Mltrain, job: dict[str, Any]) -> None:
    texts = {shared_mltrain.run("show", key).stdout for key in (job["id"], job["id"][:5], job["name"])}
    assert len(texts) == 1
    assert "successfully completed" in texts.pop()


def test_logs_are_text_and_raw_has_records(shared_mltrain: Mltrain, job: dict[str, Any]) -> None:
    text = shared_mltrain.run("logs", job["id"]).stdout
    assert "tick 5" in text.splitlines()
    assert "##mltrain" not in text
    raw = shared_mltrain.run("logs", job["id"], "--raw", "--replica", "worker-0").stdout
    assert raw.startswith("##mltrain 0 ")
    assert len(shared_mltrain.run("logs", job["id"], "--tail", "2").stdout.splitlines()) == 2
    entries = [json.loads(line) for line in shared_mltrain.run("logs", job["id"], "--json").stdout.splitlines()]
    assert [entry["line"] for entry in entries] == text.splitlines()


def test_events_are_the_operators(shared_mltrain: Mltrain, job: dict[str, Any]) -> None:
    reasons = {event["reason"] for event in shared_mltrain.json("events", job["id"])}
    assert {"SuccessfulCreatePod", "SuccessfulCreateService", "TFJobSucceeded", "ExitedWithCode"} <= reasons


def test_outputs_are_the_executed_notebook_and_the_model(shared_mltrain: Mltrain, job: dict[str, Any]) -> None:
    text = shared_mltrain.run("watch", job["id"]).stdout
    paths = dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith(("notebook", "model")))
    executed = json.loads(Path(paths["notebook"]).read_text())
    assert Path(paths["notebook"]).name == "my study é 1.ipynb"
    assert ["".join(output["data"]["text/plain"]) for output in executed["cells"][-1]["outputs"]] == ["10"]
    assert Path(paths["model"]).read_bytes() == b"weights"
    assert "metrics    step 4  loss 0.2" in text


def test_devices(shared_mltrain: Mltrain) -> None:
    found = shared_mltrain.json("devices")
    assert found["cpus"] >= 1
    assert found["memory"] > 2**28
    assert found["slots"] == 2
    assert "slots 2/2 free" in shared_mltrain.run("devices").stdout


def test_samples(shared_mltrain: Mltrain, tmp_path: Path) -> None:
    names = [sample["name"] for sample in shared_mltrain.json("samples")]
    assert names == ["recommender", "income", "penguins", "distributed_tensorflow", "distributed_pytorch"]
    copied = Path(shared_mltrain.run("samples", "penguins", "--to", tmp_path / "new").stdout.strip())
    assert json.loads(copied.read_text())["nbformat"] == 4
    again = shared_mltrain.run("samples", "penguins", "--to", tmp_path / "new", code=3)
    assert "exists" in again.stderr
    assert "recommender" in shared_mltrain.run("samples", "nothing", code=3).stderr


@pytest.mark.parametrize(
    "verb", ["show", "logs", "events", "cancel", "suspend", "resume", "resubmit", "delete", "watch"]
)
def test_an_unknown_job_is_one_clear_error(shared_mltrain: Mltrain, verb: str) -> None:
    done = shared_mltrain.run(verb, "nobody", code=3)
    assert done.stderr.splitlines() == ["Error: There is no job 'nobody'", "  `mltrain list` shows the jobs."]
    error = json.loads(shared_mltrain.run(verb, "nobody", "--json", code=3).stderr)["error"]
    assert error["code"] == "not-found"
