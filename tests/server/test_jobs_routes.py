"""What changes jobs: submit, cancel, suspend, resume, resubmit, delete."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.server._api import Api

Finished = Callable[[str], Awaitable[Any]]

WAITS = "import time\ntime.sleep(600)"


async def test_a_job_from_submission_to_its_end(api: Api, finished: Finished) -> None:
    path = api.write("work/50% für alle.ipynb", "print('hello', n)", "n", parameters="n: int = 1  # how many")
    answer = await api.fetch("jobs", "POST", {"notebook": path, "parameters": {"n": 7}})
    row = json.loads(answer.body)
    assert answer.code == 201
    assert answer.headers["Location"].endswith(f"/jupyter-mltrain/jobs/{row['id']}")
    assert row["notebook"] == path
    assert row["kind"] == "Job"
    await finished(row["id"])
    job = await api.json(f"jobs/{row['id']}")
    summary = job["summary"]
    assert (summary["phase"], summary["finished"], summary["why"]) == ("Succeeded", True, "")
    assert summary["progress"]["fraction"] == 1
    assert summary["progress"]["done"] == summary["progress"]["total"]
    assert summary["actions"] == ["resubmit", "delete"]
    assert summary["finishedAt"] >= summary["startedAt"] >= summary["createdAt"] > ""
    assert job["parameters"] == {"n": 7}
    assert [replica["leader"] for replica in job["replicas"]] == [True]


async def test_a_job_can_be_run_again_with_other_values(api: Api, finished: Finished) -> None:
    path = api.write("train.ipynb", "print('n is', n)", parameters="n: int = 1")
    first = await api.submit(path, parameters={"n": 2})
    await finished(first["id"])
    again = {"parameters": {"n": 3}, "name": "once-more"}
    second = await api.json(f"jobs/{first['id']}/resubmit", "POST", again, status=201)
    assert (second["name"], second["notebook"]) == ("once-more", path)
    assert (await finished(second["id"])).phase.value == "Succeeded"
    assert "n is 3" in (await api.json(f"jobs/{second['id']}/logs"))["lines"]
    error = await api.json(f"jobs/{first['id']}/resubmit", "POST", {"parameters": {"n": "x"}}, status=400)
    assert (error["code"], error["details"]["field"]) == ("parameter", "n")


async def test_values_keep_the_order_in_which_they_were_given(api: Api, finished: Finished) -> None:
    path = api.write("train.ipynb", "print(a)", parameters="z = 1\na: dict = {}\nm = 2")
    given = {"m": 5, "a": {"b": 1, "a": {"z": 1, "y": 2}}, "z": 7}
    plan = await api.json("plans", "POST", {"notebook": path, "parameters": given})
    first = await api.submit(path, parameters=given)
    await finished(first["id"])
    second = await api.json(f"jobs/{first['id']}/resubmit", "POST", {"parameters": {"z": 8}}, status=201)
    await finished(second["id"])
    for values, wanted in (
        (plan["parameters"], given),
        ((await api.json(f"jobs/{first['id']}"))["parameters"], given),
        ((await api.json(f"jobs/{second['id']}"))["parameters"], {**given, "z": 8}),
    ):
        assert json.dumps(values) == json.dumps(wanted)
    assert str(given["a"]) in (await api.json(f"jobs/{second['id']}/logs"))["lines"]


async def test_values_as_people_write_them_are_read_by_the_parameters_type(api: Api, finished: Finished) -> None:
    big = 2**63 + 1  # more than a browser's numbers hold
    path = api.write("train.ipynb", "print(repr(n), repr(s))", parameters="n: int = 1\ns: str = 'x'")
    first = await api.submit(path)
    await finished(first["id"])
    again = f"jobs/{first['id']}/resubmit"
    second = await api.json(again, "POST", {"texts": {"n": str(big), "s": "7"}}, status=201)
    assert (await finished(second["id"])).phase.value == "Succeeded"
    assert f"{big} '7'" in (await api.json(f"jobs/{second['id']}/logs"))["lines"]
    for view in ("", "/provenance"):
        assert (await api.json(f"jobs/{second['id']}{view}"))["texts"] == {"n": str(big), "s": "7"}
    error = await api.json(again, "POST", {"texts": {"n": "many"}}, status=400)
    assert (error["code"], error["details"]["field"]) == ("parameter", "n")


async def test_a_job_can_be_run_again_with_more_memory(api: Api, finished: Finished) -> None:
    first = await api.submit(api.write("train.ipynb", "1"))
    await finished(first["id"])
    second = await api.json(f"jobs/{first['id']}/resubmit", "POST", {"resources": {"memory": "3Gi"}}, status=201)
    manifest = (await api.json(f"jobs/{second['id']}/manifest"))["manifest"]
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "3Gi"
    wrong = {"resources": {"memory": "much"}}
    error = await api.json(f"jobs/{first['id']}/resubmit", "POST", wrong, status=400)
    assert "memory" in error["details"]["field"]


async def test_a_running_job_is_suspended_resumed_and_cancelled(api: Api, finished: Finished) -> None:
    job = await api.submit(api.write("train.ipynb", WAITS))
    assert {"cancel", "suspend", "delete"} <= set(job["actions"])
    url = f"jobs/{job['id']}"
    assert (await api.json(f"{url}/suspend", "POST"))["actions"] == ["cancel", "resume", "resubmit", "delete"]
    await api.json(f"{url}/resume", "POST")
    assert (await api.json(f"{url}/cancel", "POST"))["phase"] == "Cancelled"
    await finished(job["id"])
    ended = (await api.json(url))["summary"]
    assert (ended["actions"], ended["finished"]) == (["resubmit", "delete"], True)
    assert ended["finishedAt"] > ""
    error = await api.json(f"{url}/resume", "POST", status=409)
    assert "cancelled" in error["message"]


async def test_jobs_beyond_the_slots_wait_and_say_why(api: Api) -> None:
    path = api.write("train.ipynb", WAITS)
    jobs = [await api.submit(path, spec={"framework": "none"}) for _ in range(4)]
    page = await api.json("jobs", params={"phase": "Queued"})
    assert [job["id"] for job in page["jobs"]] == [jobs[3]["id"], jobs[2]["id"]]
    assert [job["queuePosition"] for job in page["jobs"]] == [2, 1]
    assert page["jobs"][0]["why"] == "Waits for a slot: 2 of 2 in use."


async def test_a_deleted_job_is_gone(api: Api) -> None:
    job = await api.submit(api.write("train.ipynb", WAITS))
    await api.json(f"jobs/{job['id']}", "DELETE", status=204)
    await api.json(f"jobs/{job['id']}", status=404)
    await api.json(f"jobs/{job['id']}", "DELETE", status=404)
    assert (await api.json("jobs"))["total"] == 0


@pytest.mark.parametrize("action", ["cancel", "suspend", "resume"])
async def test_a_job_that_there_is_not_cannot_be_changed(api: Api, action: str) -> None:
    await api.json(f"jobs/nobody/{action}", "POST", status=404)
    await api.json("jobs/nobody/resubmit", "POST", {}, status=404)


# One token, one job


async def test_two_clicks_make_one_job(api: Api) -> None:
    path = api.write("train.ipynb", WAITS)
    first, second = await asyncio.gather(*(api.submit(path, token="a-token-of-the-tab") for _ in range(2)))
    assert first["id"] == second["id"]
    assert (await api.json("jobs"))["total"] == 1


async def test_a_token_means_the_same_job_after_a_restart(api: Api, jp_serverapp: Any) -> None:
    path = api.write("train.ipynb", WAITS)
    first = await api.submit(path, token="a-token-of-the-tab", spec={"framework": "none", "name": "named"})
    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]
    await managers.close()
    managers.__dict__.pop("jobs", None)  # nothing is remembered
    second = await api.submit(path, token="a-token-of-the-tab", spec={"framework": "none", "name": "named"})
    assert first["id"] == second["id"]


async def test_a_token_works_for_resubmission_too(api: Api) -> None:
    job = await api.submit(api.write("train.ipynb", WAITS))
    body = {"token": "another-token"}
    jobs = await asyncio.gather(*(api.json(f"jobs/{job['id']}/resubmit", "POST", body, status=201) for _ in range(3)))
    assert len({job["id"] for job in jobs}) == 1
    assert jobs[0]["id"] != job["id"]


@pytest.mark.parametrize("token", ["short", "a b c d e f", "x" * 65, "../../etc/passwd"])
async def test_odd_tokens_are_refused(api: Api, token: str) -> None:
    path = api.write("train.ipynb", WAITS)
    error = await api.json("jobs", "POST", {"notebook": path, "token": token}, status=400)
    assert error["details"]["field"] == "token"


# What is refused


async def test_a_notebook_with_errors_is_submitted_only_by_force(api: Api) -> None:
    path = api.write("train.ipynb", WAITS)
    body = {"notebook": path, "spec": {"framework": "none", "channels": {"train": "/nowhere/at/all"}}}
    error = await api.json("jobs", "POST", body, status=400)
    assert "channel" in error["message"]
    assert error["details"]["findings"][0]["severity"] == "error"
    assert (await api.json("jobs"))["total"] == 0
    await api.json("jobs", "POST", {**body, "force": True}, status=201)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"notebook": 3}, "notebook"),
        ({"parameters": {"m": 1}}, "m"),
        ({"parameters": {"n": "many"}}, "n"),
        ({"spec": {"framework": "fortran"}}, "framework"),
        ({"spec": {"framework": "none", "roles": {"Worker": {"replicas": 0}}}}, "roles.Worker.replicas"),
        ({"force": "yes"}, "force"),
        ({"colour": "blue"}, "colour"),
        ({"backend": "moon"}, "backend"),
    ],
)
async def test_what_is_wrong_is_named_by_field(api: Api, change: dict[str, Any], field: str) -> None:
    path = api.write("train.ipynb", "n", parameters="n: int = 1")
    for route in ("jobs", "plans"):
        error = await api.json(route, "POST", {"notebook": path, **change}, status=400)
        assert error["details"]["field"] == field
    assert (await api.json("jobs"))["total"] == 0


async def test_a_name_that_is_taken_is_a_conflict_or_a_finding(api: Api) -> None:
    path = api.write("train.ipynb", WAITS)
    named = {"spec": {"framework": "none", "name": "mine"}}
    await api.submit(path, **named)
    error = await api.json("jobs", "POST", {"notebook": path, **named}, status=400)
    assert "mine" in error["message"]
    error = await api.json("jobs", "POST", {"notebook": path, **named, "force": True}, status=409)
    assert error["code"] == "conflict"
