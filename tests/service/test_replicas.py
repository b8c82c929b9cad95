"""Jobs of several replicas: what each of them reports, and which one is to blame when the job fails."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.model.job import Phase
from jupyter_mltrain.service import Request, Service
from jupyter_mltrain.service.summary import RunStates, why
from tests.support import Mltrain, NotebookWriter, stop_all

pytestmark = pytest.mark.slow

THREE = {"framework": "tensorflow", "roles": {"Worker": {"replicas": 3}}}


def on(home: Path, work: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Service(LocalBackend(home)) as service:
            await work(service)

    try:
        asyncio.run(run())
    finally:
        stop_all(home)


def test_the_metrics_of_all_replicas_by_time(tmp_path: Path, notebook: NotebookWriter) -> None:
    source = "for i in range(4):\n    run.report(step=i, loss=(1 + run.rank) / (i + 1))"
    path = notebook("from jupyter_mltrain import run", source, "'a' * 100_000")

    async def work(service: Service) -> None:
        ref = await service.submit(await service.plan(Request(path, spec=THREE)))
        job = await service.wait(ref)
        assert job.phase is Phase.SUCCEEDED
        metrics = await service.metrics(ref)
        for rank, replica in enumerate(job.replicas):
            found = [(point.step, point.values["loss"]) for point in metrics if point.replica == replica.name]
            assert found == [(step, (1 + rank) / (step + 1)) for step in range(4)]
        assert len(metrics) == 12
        assert [point.time for point in metrics] == sorted(point.time or 0.0 for point in metrics)

    on(tmp_path / "home", work)


def test_another_replica_than_the_leader_gives_its_own_reason(tmp_path: Path, notebook: NotebookWriter) -> None:
    path = notebook(
        "from jupyter_mltrain import run\nimport time\nif run.rank == 2: raise ValueError('worker two breaks')",
        "time.sleep(600)",
    )
    words = "Worker 2 failed: cell 1: ValueError: worker two breaks"

    async def work(service: Service) -> None:
        ref = await service.submit(await service.plan(Request(path, spec=THREE)))
        job = await service.wait(ref)
        assert job.phase is Phase.FAILED
        assert why(job, await service.run_states.of(job)) == words
        assert await service.failure(ref) == words

        mltrain = Mltrain(tmp_path / "home", tmp_path)
        assert mltrain.json("show", ref.id)["error"] == words
        assert words in mltrain.run("show", ref.id).stdout
        assert f"error      {words}" in mltrain.run("watch", ref.id, code=None).stdout
        await _reads_each_log_once(service, await service.status(ref))

    on(tmp_path / "home", work)


async def _reads_each_log_once(service: Service, job: Any) -> None:
    reads: list[str] = []

    class Counting(LocalBackend):
        def logs(self, ref: Any, replica: str, **options: Any) -> Any:
            reads.append(replica)
            return super().logs(ref, replica, **options)

    states = RunStates(Counting(service.backend.home))  # type: ignore[attr-defined]
    first = await states.of(job)
    assert await states.of(job) == first
    assert sorted(reads) == sorted([job.leader.name, job.replicas[2].name])
    assert await states.of(replace(job, message="another look")) == first
    assert len(reads) == 2
