"""All that can be asked about jobs, on jobs that have ended."""

from pathlib import Path

import nbformat
import pytest
import yaml

from tests.server._api import Api


@pytest.fixture
def home(history: Path) -> Path:
    return history


async def test_the_list_tells_state_progress_metrics_and_the_reason_of_a_failure(api: Api) -> None:
    page = await api.json("jobs")
    bad, good = page["jobs"]
    assert (page["total"], page["counts"], page["next"]) == (2, {"Failed": 1, "Succeeded": 1}, None)
    assert bad["why"] == "Worker 0 failed: cell 3: ZeroDivisionError: division by zero"
    assert bad["progress"]["total"] == 3
    assert bad["roles"] == {"Worker": {"total": 1, "active": 0, "succeeded": 0, "failed": 1}}
    assert (good["phase"], good["why"], good["notebook"]) == ("Succeeded", "", "work/good.ipynb")
    assert good["metrics"] == {"loss": pytest.approx(1 / 3), "gap": 0.5}
    assert (good["progress"]["done"], good["progress"]["fraction"]) == (good["progress"]["total"], 1)


async def test_the_list_comes_in_pages(api: Api) -> None:
    first = await api.json("jobs", params={"limit": 1})
    assert ([job["id"] for job in first["jobs"]], first["next"], first["total"]) == (["bad"], "bad", 2)
    second = await api.json("jobs", params={"limit": 1, "before": first["next"]})
    assert ([job["id"] for job in second["jobs"]], second["next"]) == (["good"], None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"phase": "Failed"}, ["bad"]),
        ({"phase": ["Failed", "Succeeded"]}, ["bad", "good"]),
        ({"phase": "Running"}, []),
        ({"kind": "TFJob"}, ["bad", "good"]),
        ({"kind": "Job"}, []),
        ({"notebook": "work/good.ipynb"}, ["good"]),
        ({"text": "GOOD"}, ["good"]),
        ({"text": "%"}, []),
        ({"backend": "local"}, ["bad", "good"]),
        ({"1732180000": ""}, ["bad", "good"]),  # what keeps browsers from answering out of their cache
    ],
)
async def test_the_list_can_be_filtered(api: Api, query: dict[str, object], found: list[str]) -> None:
    page = await api.json("jobs", params=query)
    assert [job["id"] for job in page["jobs"]] == found
    assert page["total"] == len(found)
    assert page["counts"] == {"Failed": 1, "Succeeded": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"phase": "Happy"}, "phase.0"),
        ({"limit": ""}, "limit"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused_by_field(api: Api, query: dict[str, object], field: str) -> None:
    assert (await api.json("jobs", params=query, status=400))["details"]["field"] == field


async def test_a_page_behind_a_job_that_is_gone_is_not_found(api: Api) -> None:
    assert (await api.json("jobs", params={"before": "nobody"}, status=404))["code"] == "not-found"


async def test_a_backend_that_there_is_not(api: Api) -> None:
    error = await api.json("jobs", params={"backend": "moon"}, status=400)
    assert error["details"]["known"] == ["local"]


async def test_one_job(api: Api) -> None:
    job = await api.json("jobs/bad")
    assert [condition["type"] for condition in job["conditions"]] == ["Created", "Running", "Failed"]
    (worker,) = job["replicas"]
    assert (worker["role"], worker["index"], worker["phase"], worker["exitCode"]) == ("Worker", 0, "Failed", 1)
    assert worker["leader"] is True
    assert job["manifest"]["kind"] == "TFJob"
    assert job["status"]["replicaStatuses"] == {"Worker": {"failed": 1}}
    assert "TFJobFailed" in [event["reason"] for event in job["events"]]
    assert job["outputs"].startswith("file://")


async def test_events_manifest_and_provenance(api: Api) -> None:
    events = (await api.json("jobs/good/events"))["events"]
    assert "TFJobSucceeded" in [event["reason"] for event in events]
    manifest = await api.json("jobs/good/manifest")
    assert yaml.safe_load(manifest["yaml"]) == manifest["manifest"]
    provenance = await api.json("jobs/good/provenance")
    assert provenance["program"].startswith("sha256:")
    assert (provenance["notebook"], provenance["seeds"]) == ("work/good.ipynb", {"random_seed": 7})


async def test_metrics(api: Api) -> None:
    metrics = (await api.json("jobs/good/metrics"))["metrics"]
    assert [(point["step"], point["values"]["loss"]) for point in metrics] == [
        (0, 1),
        (1, 0.5),
        (2, pytest.approx(1 / 3)),
    ]
    assert all(point["time"] > 1e9 and point["replica"].endswith("worker-0") for point in metrics)
    assert (await api.json("jobs/bad/metrics"))["metrics"] == []


async def test_the_executed_notebook_is_valid_and_shows_the_error(api: Api) -> None:
    notebook = nbformat.from_dict(await api.json("jobs/bad/notebook"))
    nbformat.validate(notebook)
    assert notebook.cells[-1].outputs[-1].ename == "ZeroDivisionError"


async def test_a_log_page_by_page(api: Api) -> None:
    lines: list[str] = []
    page = await api.json("jobs/good/logs", params={"limit": 2})
    while page["lines"]:
        assert len(page["lines"]) <= 2
        lines += page["lines"]
        page = await api.json("jobs/good/logs", params={"limit": 2, "after": page["cursor"]})
    assert lines == (await api.json("jobs/good/logs"))["lines"]
    assert [line for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(5)]
    assert not any(line.startswith("##mltrain") for line in lines)


async def test_the_newest_lines_of_a_log(api: Api) -> None:
    everything = (await api.json("jobs/good/logs"))["lines"]
    page = await api.json("jobs/good/logs", params={"tail": 3, "replica": "worker-0"})
    assert page["lines"] == everything[-3:]
    assert page["truncated"] is True
    after = await api.json("jobs/good/logs", params={"after": page["cursor"]})
    assert (after["lines"], after["more"]) == ([], False)


async def test_the_whole_log_as_a_download(api: Api) -> None:
    answer = await api.fetch("jobs/good/logs/worker-0")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "good-good-worker-0.log" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body.decode().splitlines() == (await api.json("jobs/good/logs"))["lines"]


async def test_a_log_from_the_middle_by_number(api: Api) -> None:
    everything = (await api.json("jobs/good/logs"))["lines"]
    page = await api.json("jobs/good/logs", params={"line": 3, "limit": 2})
    assert (page["lines"], page["first"], page["total"]) == (everything[3:5], 3, len(everything))
    assert page["more"]
    beyond = await api.json("jobs/good/logs", params={"line": 10_000})
    assert (beyond["lines"], beyond["first"], beyond["more"]) == ([], len(everything), False)
    after = await api.json("jobs/good/logs", params={"after": page["cursor"]})
    assert (after["lines"], after["first"]) == (everything[5:], None)
    assert (await api.json("jobs/good/logs", params={"line": -1}, status=400))["details"]["field"] == "line"


@pytest.mark.parametrize("path", ["logs", "logs/worker-9"])
async def test_a_replica_that_there_is_not(api: Api, path: str) -> None:
    error = await api.json(f"jobs/good/{path}", params={"replica": "worker-9"}, status=404)
    assert "worker-0" in error["hint"]


async def test_a_cursor_that_is_none(api: Api) -> None:
    assert (await api.json("jobs/good/logs", params={"after": "x"}, status=400))["details"]["field"] == "after"


@pytest.mark.parametrize(
    "path", ["", "/manifest", "/events", "/metrics", "/notebook", "/provenance", "/logs", "/logs/worker-0"]
)
async def test_a_job_that_there_is_not(api: Api, path: str) -> None:
    assert (await api.json(f"jobs/goo{path}", status=404))["details"] == {"job": "goo"}
