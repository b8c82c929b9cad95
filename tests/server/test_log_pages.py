"""Logs of jobs that run no notebook, as they come through the server: lines without an end, lines that are long."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.runner.records import Record, encode
from tests.server._api import Api
from tests.server._streaming import client, fresh

Finished = Callable[[str], Awaitable[Any]]
Apply = Callable[..., Awaitable[str]]


@pytest.fixture
def managers(jp_serverapp: Any) -> Any:
    return jp_serverapp.web_app.settings["jupyter_mltrain"]


@pytest.fixture
def apply(managers: Any) -> Apply:
    """Start a Job that runs a command, and return its id."""

    async def run(*command: str) -> str:
        container = {"name": "main", "image": "x:1", "command": command}
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}, "backoffLimit": 0}
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "command"}, "spec": spec}
        [ref] = await (await managers.services.get("")).apply(json.dumps(manifest))
        found: str = ref.id
        return found

    return run


async def leader_of(managers: Any, job: str) -> str:
    """Return the name of a job's only replica once there is one."""
    service, ref = await managers.services.find(job)
    async for update in service.follow(ref):
        if update.job.leader is not None:
            name: str = update.job.leader.name
            return name
    raise AssertionError("no replica")


@pytest.mark.parametrize("query", [{}, {"tail": 5}, {"line": 0}, {"limit": 2}])
async def test_the_last_line_needs_no_end(api: Api, apply: Apply, finished: Finished, query: dict[str, int]) -> None:
    job = await apply("printf", "start\\nKilled: out of memory")
    await finished(job)
    page = await api.json(f"jobs/{job}/logs", params=query)
    assert (page["lines"], page["more"]) == (["start", "Killed: out of memory"], False)
    assert page["total"] == (2 if "line" in query else None)
    after = await api.json(f"jobs/{job}/logs", params={"after": page["cursor"]})
    assert (after["lines"], after["more"]) == ([], False)


async def test_the_last_line_needs_no_end_in_pages_of_one_line(api: Api, apply: Apply, finished: Finished) -> None:
    job = await apply("printf", "a\\nb")
    await finished(job)
    first = await api.json(f"jobs/{job}/logs", params={"limit": 1})
    second = await api.json(f"jobs/{job}/logs", params={"limit": 1, "after": first["cursor"]})
    assert [(page["lines"], page["more"]) for page in (first, second)] == [(["a"], True), (["b"], False)]
    newest = await api.json(f"jobs/{job}/logs", params={"tail": 1})
    assert (newest["lines"], newest["truncated"]) == (["b"], True)
    numbered = await api.json(f"jobs/{job}/logs", params={"line": 1})
    assert (numbered["lines"], numbered["first"], numbered["total"]) == (["b"], 1, 2)


async def test_a_log_may_be_one_line_without_an_end(api: Api, apply: Apply, finished: Finished) -> None:
    job = await apply("printf", "only")
    await finished(job)
    for query in ({}, {"tail": 1}, {"line": 0}):
        assert (await api.json(f"jobs/{job}/logs", params=query))["lines"] == ["only"]
    assert (await api.fetch(f"jobs/{job}/logs/worker-0")).body.rstrip() == b"only"


async def test_the_last_line_comes_live_without_an_end(api: Api, apply: Apply, managers: Any, tmp_path: Path) -> None:
    flag = tmp_path / "go on"
    job = await apply("sh", "-c", f"echo start; while [ ! -e '{flag}' ]; do sleep 0.02; done; printf 'Killed: 3'")
    topic = f"log/{job}/{await leader_of(managers, job)}"
    hub = await managers.hub()
    async with client(hub, topic) as page:
        await page.mirror.until(lambda state: state.get(topic, {}).get("lines"))
        flag.touch()
        seen = await page.mirror.until(lambda state: state[topic]["ended"] and state[topic])
    assert seen["lines"] == ["start", "Killed: 3"]
    assert seen == await fresh(hub, topic)
    assert (await api.json(f"jobs/{job}/logs", params={"after": seen["cursor"]}))["lines"] == []


TWO_WORKERS = """
import json, os, pathlib, sys, time
if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 0:
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.02)
else:
    print(sys.argv[2], end="")
"""


async def test_the_last_line_of_a_replica_comes_while_others_go_on(api: Api, managers: Any, tmp_path: Path) -> None:
    flag = tmp_path / "go on"
    output = {"output_type": "stream", "name": "stdout", "text": "one\n50%"}
    records = [
        ("run", {"notebook": {}, "cells": 1, "info": {}}),
        ("cell", {"cell": 0, "document": {"cell_type": "code", "id": "a", "metadata": {}, "source": "x"}}),
        ("start", {"cell": 0, "n": 1, "of": 1, "metadata": {}}),
        ("output", {"cell": 0, "index": 0, "output": output}),
    ]
    log = "".join(f"{line}\n" for seq, record in enumerate(records) for line in encode(Record(*record, seq)))
    container = {"name": "tensorflow", "image": "x:1", "command": ["python3", "-c", TWO_WORKERS, str(flag), log]}
    worker = {"replicas": 2, "restartPolicy": "Never", "template": {"spec": {"containers": [container]}}}
    manifest = {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": "two"}}
    spec = {"tfReplicaSpecs": {"Worker": worker}, "successPolicy": "AllWorkers"}
    [ref] = await (await managers.services.get("")).apply(json.dumps({**manifest, "spec": spec}))
    await leader_of(managers, ref.id)
    topic = f"log/{ref.id}/two-worker-1"
    async with client(await managers.hub(), topic) as page:
        seen = await page.mirror.until(lambda s: s.get(topic, {}).get("lines", [])[-1:] == ["50%"] and s[topic])
        assert (seen["lines"], seen["ended"]) == (["--- cell 1/1", "one", "50%"], False)
        found = await api.json(f"jobs/{ref.id}/logs", params={"replica": "worker-1"})
        assert found["lines"] == seen["lines"]
        flag.touch()
        end = await page.mirror.until(lambda s: s[topic]["ended"] and s[topic])
    assert end["lines"] == seen["lines"]


async def by_numbers(api: Api, job: str, **params: int) -> list[str]:
    """Return the beginnings of a log's lines, read as far as its pages say that there are more."""
    found: list[str] = []
    while True:
        page = await api.json(f"jobs/{job}/logs", params={"line": len(found), **params})
        assert page["first"] == len(found)
        assert page["lines"]
        found += [line[:9] for line in page["lines"]]
        if not page["more"]:
            assert page["total"] == len(found)
            return found


async def test_any_part_of_a_log_of_long_lines_is_reached_by_number(api: Api, apply: Apply, finished: Finished) -> None:
    job = await apply("python3", "-c", "for n in range(2500): print(f'{n:9}', 'x' * 10_000)")
    await finished(job)
    expected = [f"{n:9}" for n in range(2500)]
    for line in (500, 900, 1500, 1999):
        page = await api.json(f"jobs/{job}/logs", params={"line": line, "limit": 2})
        assert [text[:9] for text in page["lines"]] == expected[line : line + 2]
    assert await by_numbers(api, job) == expected


async def test_what_follows_a_very_long_line_is_reached_by_number(api: Api, apply: Apply, finished: Finished) -> None:
    # The backend cuts it into lines of a megabyte.
    job = await apply("python3", "-c", "print('first'); print('x' * 12_000_000); print('y\\n' * 20, end='')")
    await finished(job)
    found = await by_numbers(api, job, limit=15)
    assert list(dict.fromkeys(found)) == ["first", "x" * 9, "y"]
    assert found[-21:] == ["x" * 9, *["y"] * 20]
