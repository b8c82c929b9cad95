"""The rows of all jobs: whoever follows by deltas has what a new client gets, whatever happened in between."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import Change
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
)


@given(st.lists(CHANGES, max_size=60), st.lists(st.integers(1, 25), min_size=1, max_size=4))
def test_deltas_add_up_to_the_list(changes: list[tuple[str, int, Any]], habits: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "_DELETIONS_KEPT", 3)
        hub = Hub([])
        topic, truth = JobsTopic("jobs", hub), {}
        patch.setattr(topic, "_wake_soon", lambda: None)
        topic.changed(hub.table.version)
        clients = Clients(topic, habits)
        for kind, number, value in changes:
            job = truth.get(number, status(number))
            if kind == "put":
                truth[number] = job = status(number, value)
                hub.table.put(job, suspend=True)
            elif kind == "run":
                hub.table.put_run(job, RunState(RunProgress(1, 2), {"loss": value}), suspend=True)
            else:
                truth.pop(number, None)
                hub.table.remove(job.ref.id)
            topic.changed(hub.table.version)
            clients.look()
        clients.look(all=True)
        new = clients.new()
        assert all(state == new for state in clients.states())
        assert {row["id"]: row["phase"] for row in new["jobs"].values()} == {
            job.ref.id: job.phase.value for job in truth.values()
        }
        assert sum(new["counts"].values()) == new["total"] == len(truth)


class ManyJobs:
    """A backend with very many jobs, which a test changes."""

    name = "local"

    def __init__(self, count: int) -> None:
        import asyncio

        self.count = count
        self.changes: asyncio.Queue[Change] = asyncio.Queue()
        self.failures = 0

    def capabilities(self) -> Any:
        from jupyter_mltrain.backends.base import Capabilities

        return Capabilities(("TFJob",))

    async def watch(self, *, after: str | None = None) -> AsyncIterator[Change]:
        if self.failures:
            self.failures -= 1
            from jupyter_mltrain.errors import BackendUnavailable

            raise BackendUnavailable("The cluster does not answer")
        for number in range(self.count):
            yield Change("snapshot", "", status(number))
        yield Change("synced", "")
        while True:
            yield await self.changes.get()


async def test_ten_thousand_jobs(jp_asyncio_loop: Any) -> None:
    backend = ManyJobs(10_000)
    hub = Hub([Service(backend)], linger=0)  # type: ignore[arg-type]
    async with client(hub, "jobs") as page:
        state = await page.mirror.until(lambda s: s.get("jobs"))
        assert (len(state["jobs"]), state["total"], state["counts"]) == (200, 10_000, {"Created": 10_000})
        newest = next(iter(state["jobs"].values()))
        assert newest["createdAt"] == max(row["createdAt"] for row in state["jobs"].values())
        for number in range(10_000):
            backend.changes.put_nowait(Change("changed", "", status(number, "Running")))
        await page.mirror.until(lambda s: s["jobs"]["counts"] == {"Running": 10_000})
        rows = [json.dumps(data).count('"Running"') for data in page.mirror.of_topic("jobs", "jobsChanged")]
        assert len(rows) < 1000  # many in one message
    await hub.close()


async def test_a_watch_that_fails_is_begun_again(monkeypatch: pytest.MonkeyPatch, jp_asyncio_loop: Any) -> None:
    from jupyter_mltrain.server.stream import watch

    monkeypatch.setattr(watch, "_RETRY_SECONDS", (0.0,))
    backend = ManyJobs(3)
    backend.failures = 2
    hub = Hub([Service(backend)], linger=0)  # type: ignore[arg-type]
    async with client(hub, "jobs") as page:
        await page.mirror.until(lambda s: s.get("jobs", {}).get("total") == 3)
    await hub.close()
