"""Jobs over HTTP: from a notebook to its end, and all that can be asked about it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.server._api import Api

Finished = Callable[[str], Awaitable[Any]]


async def test_a_job_from_submission_to_its_end(api: Api, finished: Finished) -> None:
    path = api.write("work/train it.ipynb", "print('hello', n)", "n", parameters="n: int = 1  # how many")
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
