"""Topics of jobs with several replicas: the metrics of all of them, and the reason of one that is not the leader."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from jupyter_mltrain.model.job import JobRef
from jupyter_mltrain.server.stream.hub import Hub
from jupyter_mltrain.service import Request, Service
from tests.server._api import Api
from tests.server._streaming import client, fresh
from tests.support import write_notebook

Loop = asyncio.AbstractEventLoop

SETUP = "import pathlib, time\nfrom jupyter_mltrain import run"
REPORTS = "for i in range(3):\n    run.report(step=i, loss=(1 + run.rank) / (i + 1))"
WAITS = "while not pathlib.Path({flag!r}).exists():\n    time.sleep(0.02)"


def followed(loop: Loop | None = None) -> list[str]:
    """Return the names of what follows logs."""
    names = [task.get_name() for task in asyncio.all_tasks(loop)]
    return sorted(name for name in names if name.startswith(("mltrain leader", "mltrain reports")))


async def submit(service: Service, folder: Path, *sources: str, replicas: int = 3, **worker: Any) -> JobRef:
    path = await asyncio.to_thread(write_notebook, folder / "train.ipynb", *sources)
    spec = {"framework": "tensorflow", "roles": {"Worker": {"replicas": replicas, **worker}}}
    return await service.submit(await service.plan(Request(path, spec=spec)))


def losses(points: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return step and loss of the points by the number of their replica."""
    found = defaultdict(list)
    for point in points:
        found[point["replica"].rpartition("-")[2]].append((point["step"], point["values"]["loss"]))
    return dict(found)


def expected(replicas: int, *steps: int) -> dict[str, list[tuple[int, float]]]:
    return {str(rank): [(step, (1 + rank) / (step + 1)) for step in steps] for rank in range(replicas)}


async def test_metrics_of_all_replicas_while_they_run(hub: Hub, service: Service, tmp_path: Path, api: Api) -> None:
    flag = tmp_path / "go on"
    more = REPORTS.replace("range(3)", "range(3, 6)")
    ref = await submit(service, tmp_path, SETUP, REPORTS, WAITS.format(flag=str(flag)), more)
    topic = f"metrics/{ref.id}"
    async with client(hub, "jobs", topic) as page:
        await page.mirror.until(lambda s: losses(s.get(topic, [])) == expected(3, 0, 1, 2))
        rows = (await api.json(f"jobs/{ref.id}/metrics"))["metrics"]
        assert losses(rows) == expected(3, 0, 1, 2)
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        async with client(hub, topic) as late:
            await late.mirror.until(lambda s: s.get(topic))
            flag.touch()
            for each in (page, late):
                await each.mirror.until(lambda s: losses(s[topic]) == expected(3, *range(6)))
            assert page.mirror.state[topic] == late.mirror.state[topic] == await fresh(hub, topic)
    assert "metricsChanged" in {data["type"] for data in page.mirror.of_topic(topic)}
    other = Hub([service], linger=0)
    again = await fresh(other, topic)
    await other.close()
    assert losses(again) == expected(3, *range(6))
    assert [row["time"] for row in again] == sorted(row["time"] for row in again)


async def test_logs_of_other_replicas_are_followed_for_metrics_only(hub: Hub, service: Service, tmp_path: Path) -> None:
    flag = tmp_path / "go on"
    ref = await submit(service, tmp_path, SETUP, REPORTS, WAITS.format(flag=str(flag)))
    topic, leader = f"metrics/{ref.id}", f"mltrain leader of {ref.id}"
    async with client(hub, "jobs", f"job/{ref.id}") as page:
        await page.mirror.until(lambda s: s.get("jobs", {}).get("jobs", {}).get(ref.id, {}).get("metrics"))
        assert followed() == [leader]
        page.subscribe(topic)
        await page.mirror.until(lambda s: losses(s.get(topic, [])) == expected(3, 0, 1, 2))
        names = [replica.name for replica in (await service.status(ref)).replicas]
        assert followed() == [leader, f"mltrain reports of {names[1]}", f"mltrain reports of {names[2]}"]
        page.unsubscribe(topic)
        while followed() != [leader]:
            await asyncio.sleep(0)


async def test_one_replica_has_one_follower(hub: Hub, service: Service, tmp_path: Path) -> None:
    flag = tmp_path / "go on"
    ref = await submit(service, tmp_path, SETUP, REPORTS, WAITS.format(flag=str(flag)), replicas=1)
    topic = f"metrics/{ref.id}"
    async with client(hub, topic) as page:
        await page.mirror.until(lambda s: losses(s.get(topic, [])) == expected(1, 0, 1, 2))
        assert followed() == [f"mltrain leader of {ref.id}"]


async def test_a_replica_that_is_restarted_is_followed_on(hub: Hub, service: Service, tmp_path: Path) -> None:
    mark, flag, done = (tmp_path / name for name in ("mark", "go on", "done"))
    fails = f"if run.rank == 1 and not pathlib.Path({str(mark)!r}).exists():"
    fails += f"\n    pathlib.Path({str(mark)!r}).touch(); raise SystemExit(130)"
    last = f"if run.rank == 1: pathlib.Path({str(done)!r}).touch()\n{WAITS.format(flag=str(done))}"
    sources = [SETUP, REPORTS, WAITS.format(flag=str(flag)), fails, f"run.report(step=9, loss=0)\n{last}"]
    ref = await submit(service, tmp_path, *sources, replicas=2, restart_policy="ExitCode")
    topic = f"metrics/{ref.id}"
    async with client(hub, topic) as page:
        await page.mirror.until(lambda s: losses(s.get(topic, [])) == expected(2, 0, 1, 2))
        flag.touch()
        whole = {rank: [*points, (9, 0.0)] for rank, points in expected(2, 0, 1, 2).items()}
        await page.mirror.until(lambda s: losses(s[topic]) == whole)
        assert mark.exists()
        assert page.mirror.state[topic] == await fresh(hub, topic)


async def test_why_another_replica_than_the_leader_failed_is_told_live(
    hub: Hub, service: Service, tmp_path: Path, api: Api
) -> None:
    breaks = "if run.rank == 2: raise ValueError('worker two breaks')\ntime.sleep(600)"
    words = "Worker 2 failed: cell 2: ValueError: worker two breaks"
    async with client(hub, "jobs") as panel:
        await panel.mirror.until(lambda s: "jobs" in s)
        ref = await submit(service, tmp_path, SETUP, breaks)
        panel.subscribe(f"job/{ref.id}")
        await panel.mirror.until(lambda s: s["jobs"]["jobs"].get(ref.id, {}).get("why") == words)
        await panel.mirror.until(lambda s: s[f"job/{ref.id}"]["summary"]["why"] == words)
    assert (await fresh(hub, "jobs"))["jobs"][ref.id]["why"] == words
    assert (await api.json(f"jobs/{ref.id}"))["summary"]["why"] == words
