"""The rows of all jobs: whoever follows by deltas has what a new client gets, whatever happened in between."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import EVERY_JOB, Capabilities, Census, Change, JobFilter
from jupyter_mltrain.errors import BackendUnavailable
from jupyter_mltrain.model.job import JobRef, JobStatus
from jupyter_mltrain.server.stream import table as table_module
from jupyter_mltrain.server.stream.hub import Hub
from jupyter_mltrain.server.stream.jobs import JobsTopic
from jupyter_mltrain.service import Service
from jupyter_mltrain.service.request import RunProgress
from jupyter_mltrain.service.summary import RunState
from tests.server._streaming import Mirror, client

PHASES = ["Created", "Running", "Succeeded", "Failed"]


def status(number: int, phase: str = "Created") -> JobStatus:
    conditions = [{"type": phase, "status": "True"}]
    created = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
    ref = JobRef("local", f"{number:012x}", "TFJob", "default", f"job-{number}")
    manifest = {"kind": "TFJob", "spec": {"tfReplicaSpecs": {"Worker": {"replicas": 2}}}}
    return JobStatus(ref, manifest, {"conditions": conditions}, created_at=created)


def newest_first(truth: dict[int, JobStatus]) -> list[JobStatus]:
    return [truth[number] for number in sorted(truth, reverse=True)]


class Clients:
    """Some that look at the topic after every so many changes, and what a new one gets."""

    def __init__(self, topic: JobsTopic, habits: list[int]) -> None:
        self._topic = topic
        self._subscriptions = [(habit, topic.subscribe(lambda: None, 5000), Mirror()) for habit in habits]
        self._number = 0

    def look(self, *, all: bool = False) -> None:
        self._number += 1
        for habit, subscription, mirror in self._subscriptions:
            if all or self._number % habit == 0:
                data = subscription.next()
                if data is not None:
                    mirror.take_data(data)

    def states(self) -> list[dict[str, Any]]:
        return [mirror.state["topic"] for _, _, mirror in self._subscriptions]

    def new(self) -> dict[str, Any]:
        mirror = Mirror()
        data = self._topic.subscribe(lambda: None, 5000).next()
        assert data is not None
        mirror.take_data(data)
        state: dict[str, Any] = mirror.state["topic"]
        return state


CHANGES = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9), st.sampled_from(PHASES)),
    st.tuples(st.just("run"), st.integers(0, 9), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("remove"), st.integers(0, 9), st.none()),
    st.tuples(st.just("load"), st.integers(0, 9), st.none()),
)


@given(st.lists(CHANGES, max_size=60), st.lists(st.integers(1, 25), min_size=1, max_size=4))
def test_deltas_add_up_to_the_list(changes: list[tuple[str, int, Any]], habits: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "_DELETIONS_KEPT", 3)
        patch.setattr(table_module, "ROWS", 4)
        patch.setattr(table_module, "_NEWEST_KEPT", 6)
        hub = Hub([])
        topic, truth = JobsTopic("jobs", hub), {}
        patch.setattr(topic, "_wake_soon", lambda: None)
        load(hub.table, truth)
        topic.changed(hub.table.version)
        clients = Clients(topic, habits)
        for kind, number, value in changes:
            change(hub.table, truth, kind, number, value)
            topic.changed(hub.table.version)
            clients.look()
        clients.look(all=True)
        _is_true(clients.new(), truth, complete=True)
        for state in clients.states():
            _is_true(state, truth, complete=False)


def change(table: table_module.Table, truth: dict[int, JobStatus], kind: str, number: int, value: Any) -> None:
    job = truth.get(number, status(number))
    if kind == "put":
        truth[number] = status(number, value)
        table.put(truth[number], suspend=True)
    elif kind == "run":
        table.put_run(job, RunState(RunProgress(1, 2), {"loss": value}), suspend=True)
    elif kind == "remove":
        truth.pop(number, None)
        table.remove(job.ref.id)
    if kind == "load" or table.needs("local"):
        load(table, truth)
    table.phases["local"] = Counter(job.phase for job in truth.values())


def load(table: table_module.Table, truth: dict[int, JobStatus]) -> None:
    jobs = newest_first(truth)
    page = jobs[: table_module.ROWS]
    table.load("local", page, complete=len(page) == len(jobs), since=table.version, suspend=True)


def _is_true(state: dict[str, Any], truth: dict[int, JobStatus], *, complete: bool) -> None:
    """Hold what a client shows against what there is; a new one has the newest and nothing else."""
    jobs = {job.ref.id: job.phase.value for job in newest_first(truth)}
    shown = {job: row["phase"] for job, row in state["jobs"].items()}
    assert shown.items() <= jobs.items()
    assert list(jobs)[:2] == [job for job in jobs if job in shown][:2]
    assert state["total"] == len(jobs)
    assert state["counts"] == Counter(jobs.values())
    if complete:
        assert list(shown) == list(jobs)[: len(shown)]
        assert state["next"] == (list(shown)[-1] if len(shown) < len(jobs) else None)


def test_what_changes_while_a_page_is_read_is_newer_than_the_page() -> None:
    table = table_module.Table()
    since, page = table.version, [status(3), status(2), status(1)]
    table.put(status(3, "Running"), suspend=True)
    table.remove(status(2).ref.id)
    table.put(status(4), suspend=True)
    table.load("local", page, complete=True, since=since, suspend=True)
    shown = [json.loads(row.json) for row in table.newest(10)]
    assert [(row["name"], row["phase"]) for row in shown] == [
        ("job-4", "Created"),
        ("job-3", "Running"),
        ("job-1", "Created"),
    ]


def test_the_jobs_of_all_backends_are_shown_by_age() -> None:
    table = table_module.Table()
    for backend, numbers in (("local", [5, 3, 1]), ("kubernetes", [4, 2])):
        jobs = [replace(status(n), ref=replace(status(n).ref, backend=backend)) for n in numbers]
        table.load(backend, jobs, complete=True, since=table.version, suspend=True)
    assert [json.loads(row.json)["name"] for row in table.newest(4)] == ["job-5", "job-4", "job-3", "job-2"]


class ManyJobs:
    """A backend with very many jobs, which a test changes; it notes what was read."""

    name = "local"

    def __init__(self, count: int) -> None:
        self.jobs_now = {number: status(number) for number in range(count)}
        self.changes: asyncio.Queue[Change | None] = asyncio.Queue()
        self.failures = 0
        self.read = 0
        self.answers = asyncio.Event()
        self.answers.set()

    def change(self, number: int, phase: str) -> None:
        self.jobs_now[number] = status(number, phase)
        self.changes.put_nowait(Change("changed", "", self.jobs_now[number]))

    def delete(self, number: int) -> None:
        ref = self.jobs_now.pop(number).ref
        self.changes.put_nowait(Change("deleted", "", ref=ref))

    def capabilities(self) -> Capabilities:
        return Capabilities(("TFJob",))

    async def jobs(self, wanted: JobFilter, *, limit: int, before: str | None = None) -> list[JobStatus]:
        found = [job for job in newest_first(self.jobs_now) if not wanted.states or job.phase in wanted.states]
        self.read += len(found[:limit])
        await self.answers.wait()
        return found[:limit]

    async def census(self, wanted: JobFilter = EVERY_JOB) -> Census:
        phases = Counter(job.phase for job in self.jobs_now.values())
        return Census(len(self.jobs_now), phases, "now")

    async def watch(self, *, after: str | None = None) -> AsyncIterator[Change]:
        assert after == "now"
        if self.failures:
            self.failures -= 1
            raise BackendUnavailable("The cluster does not answer")
        yield Change("synced", "")
        while (change := await self.changes.get()) is not None:
            yield change
        raise BackendUnavailable("The cluster does not answer any more")


def hub_of(backend: ManyJobs) -> Hub:
    return Hub([Service(backend)], linger=0)  # type: ignore[arg-type]


async def test_of_ten_thousand_jobs_a_page_is_read(jp_asyncio_loop: Any) -> None:
    backend = ManyJobs(10_000)
    hub = hub_of(backend)
    async with client(hub, "jobs") as page:
        state = await page.mirror.until(lambda s: s.get("jobs"))
        assert (len(state["jobs"]), state["total"], state["counts"]) == (200, 10_000, {"Created": 10_000})
        assert next(iter(state["jobs"])) == status(9_999).ref.id
        assert state["next"] == status(9_800).ref.id
        assert backend.read < 1000
        for number in range(10_000):
            backend.change(number, "Running")
        await page.mirror.until(lambda s: s["jobs"]["counts"] == {"Running": 10_000} and len(s["jobs"]["jobs"]) > 9_000)
        rows = [json.dumps(data).count('"Running"') for data in page.mirror.of_topic("jobs", "jobsChanged")]
        assert len(rows) < 1000  # many in one message
    await hub.close()


async def test_when_the_newest_are_deleted_older_ones_follow(jp_asyncio_loop: Any) -> None:
    backend = ManyJobs(1_000)
    hub = hub_of(backend)
    async with client(hub, "jobs") as page:
        await page.mirror.until(lambda s: s.get("jobs"))
        for number in range(850, 1_000):
            backend.delete(number)
        state = await page.mirror.until(
            lambda s: s["jobs"]["total"] == 850 and len(s["jobs"]["jobs"]) == 200 and s["jobs"]
        )
        assert next(iter(state["jobs"])) == status(849).ref.id
    await hub.close()


async def test_a_watch_that_fails_is_begun_again(monkeypatch: pytest.MonkeyPatch, jp_asyncio_loop: Any) -> None:
    from jupyter_mltrain.server.stream import watch

    monkeypatch.setattr(watch, "_RETRY_SECONDS", (0.0,))
    backend = ManyJobs(3)
    backend.failures = 2
    hub = hub_of(backend)
    async with client(hub, "jobs") as page:
        await page.mirror.until(lambda s: s.get("jobs", {}).get("total") == 3)
        backend.jobs_now[3] = status(3)  # while nobody watches
        backend.changes.put_nowait(None)
        await page.mirror.until(lambda s: s["jobs"]["total"] == 4 and len(s["jobs"]["jobs"]) == 4)
    await hub.close()


async def test_the_first_ping_is_answered_while_the_list_is_still_read(jp_asyncio_loop: Any) -> None:
    backend = ManyJobs(3)
    backend.answers.clear()
    hub = hub_of(backend)
    async with client(hub, "jobs") as page:
        page.send(type="ping")
        await page.mirror.until(lambda s: s.get("") == {"pong": True})
        assert "jobs" not in page.mirror.state
        backend.answers.set()
        await page.mirror.until(lambda s: s.get("jobs", {}).get("total") == 3)
    await hub.close()


async def test_what_changes_while_nobody_looks_is_there_for_the_next_one(jp_asyncio_loop: Any) -> None:
    backend = ManyJobs(3)
    hub = hub_of(backend)
    for phase in ("Running", "Succeeded", "Failed"):
        async with client(hub, "jobs") as page:
            await page.mirror.until(lambda s: s.get("jobs", {}).get("total") == len(backend.jobs_now))
            assert page.mirror.state["jobs"]["counts"] == Counter(job.phase for job in backend.jobs_now.values())
            assert len(page.mirror.state["jobs"]["jobs"]) == len(backend.jobs_now)
        while hub._topics or hub._chores:
            await asyncio.sleep(0)
        for number in (0, 7):
            backend.jobs_now[number] = status(number, phase)
    await hub.close()
