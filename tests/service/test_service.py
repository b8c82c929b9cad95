"""What a server calls, on real jobs: everything without the command line, and with an event loop that stays free."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.errors import Conflict, InvalidInput, MltrainError, NotFound
from jupyter_mltrain.model.job import JobRef, JobStatus, Phase
from jupyter_mltrain.service import JobFilter, Metric, Request, Service, Update
from tests.support import NotebookWriter, stop_all

pytestmark = pytest.mark.slow

CELLS = (
    "from jupyter_mltrain import run\nrun.report(step=1, loss=float('nan'))\nrun.report(step=2, loss=0.5)",
    "print('n is', n)",
)
FORM = "n: int = 1\nseed: int = 7\ndata_dir: str = ''"


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Service]:
    service = await Service.open(LocalBackend(home))
    try:
        yield service
    finally:
        await service.close()
        stop_all(home)


def on(home: Path, work: Callable[[Service], Awaitable[None]]) -> None:
    async def _run() -> None:
        async with opened(home) as service:
            await work(service)

    asyncio.run(_run())


def test_a_job_from_plan_to_deletion(tmp_path: Path, notebook: NotebookWriter) -> None:
    (tmp_path / "data").mkdir()
    path = notebook(*CELLS, parameters=FORM, name="my study.ipynb")
    request = Request(path, spec={"framework": "tensorflow"}, parameters={"data_dir": "data"}, base=tmp_path)

    async def work(service: Service) -> None:
        plan = await service.plan(request, job_id="token-1")
        assert plan.to_dict()["spec"]["framework"] == "tensorflow"
        assert plan.parameters == {"data_dir": str(tmp_path / "data")}
        ref = await service.submit(plan)
        assert await service.submit(await service.plan(request, job_id="token-1"), force=True) == ref
        assert (await service.wait(ref)).phase is Phase.SUCCEEDED

        assert (await service.manifest(ref))["kind"] == "TFJob"
        progress = await service.progress(ref)
        assert progress is not None
        assert (progress.done, progress.total, progress.running, progress.fraction) == (4, 4, None, 1.0)
        metrics = await service.metrics(ref)
        assert [metric.to_dict() for metric in metrics] == [{"step": 1, "loss": None}, {"step": 2, "loss": 0.5}]
        assert all(metric.time is not None for metric in metrics)
        page = await service.log_page(ref, "worker-0", limit=2)
        rest = await service.log_page(ref, "worker-0", after=page.cursor)
        assert "n is 1" in (*page.lines, *rest.lines)
        assert (await service.notebook(ref))["nbformat"] == 4
        assert "TFJobSucceeded" in {event.reason for event in await service.events(ref)}
        found = await service.provenance(ref)
        assert (found.program, found.notebook, found.seeds) == (plan.program.digest, str(path), {"seed": 7})
        assert json.loads(json.dumps(found.to_dict()))["parameters"] == dict(plan.parameters)
        assert [job.ref for job in (await service.jobs(JobFilter(notebook="my study"), limit=1)).jobs] == [ref]

        await service.delete(ref)
        with pytest.raises(NotFound) as caught:
            await service.find("token-1")
        assert caught.value.http_status == 404
        assert caught.value.to_dict().keys() == {"code", "message", "hint", "details"}

    on(tmp_path / "home", work)


def test_the_same_program_with_other_values_and_more_replicas(tmp_path: Path, notebook: NotebookWriter) -> None:
    path = notebook("print('n is', n)", parameters="n: int = 1")

    async def work(service: Service) -> None:
        request = Request(path, spec={"framework": "tensorflow"})
        ref = await service.submit(await service.plan(request))
        again = await service.resubmit(
            ref,
            parameters={"n": 5},
            replicas={"Worker": 2},
            resources={"memory": "2Gi"},
            job_id="token-2",
        )
        assert again.id == "token-2"
        assert (await service.wait(again)).phase is Phase.SUCCEEDED
        lines = [line async for line in service.log_lines(again, "worker-1")]
        assert "n is 5" in lines
        old, new = await service.manifest(ref), await service.manifest(again)
        for name in ("program", "notebook", "kernel"):
            key = f"jupyter-mltrain/{name}"
            assert new["metadata"]["annotations"][key] == old["metadata"]["annotations"][key]
        worker = new["spec"]["tfReplicaSpecs"]["Worker"]
        assert worker["replicas"] == 2
        assert worker["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "2Gi"
        with pytest.raises(InvalidInput, match=r"roles\.Master"):
            await service.resubmit(ref, replicas={"Master": 2, "Evaluator": 1, "Worker": 0})

    on(tmp_path / "home", work)


def test_what_was_not_made_from_a_notebook_is_changed_in_its_manifest(tmp_path: Path) -> None:
    container = {"name": "main", "image": "x:1", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "plain"}, "spec": {"template": template}}

    async def work(service: Service) -> None:
        [ref] = await service.apply(json.dumps(manifest))
        with pytest.raises(InvalidInput, match="was not made from a notebook") as caught:
            await service.resubmit(ref, replicas={"Worker": 2})
        assert "apply" in caught.value.hint
        assert (await service.provenance(ref)).program == ""
        assert await service.progress(JobRef("local", ref.id, "Job", "default", "plain")) is None

    on(tmp_path / "home", work)


async def until(service: Service, phase: Phase) -> JobStatus:
    """Return the only job once it is in a phase with no replica on its way out."""
    async with aclosing(service.watch()) as changes:
        async for change in changes:
            job = change.job
            if job is None or job.phase is not phase:
                continue
            if phase is Phase.RUNNING or not any(replica.phase in ("Pending", "Running") for replica in job.replicas):
                return job
    raise AssertionError


def test_suspend_resume_cancel(tmp_path: Path, notebook: NotebookWriter) -> None:
    path = notebook("import time\ntime.sleep(600)")

    async def work(service: Service) -> None:
        ref = await service.submit(await service.plan(Request(path, spec={"framework": "tensorflow"})))
        await until(service, Phase.RUNNING)
        await service.suspend(ref)
        stopped = await until(service, Phase.SUSPENDED)
        assert not any(replica.phase == "Running" for replica in stopped.replicas)
        await service.resume(ref)
        await until(service, Phase.RUNNING)
        await service.cancel(ref)
        assert (await service.wait(ref)).phase is Phase.CANCELLED
        with pytest.raises(Conflict, match="cancelled"):
            await service.resume(ref)

    on(tmp_path / "home", work)


def test_the_place_and_what_it_offers(tmp_path: Path) -> None:
    async def work(service: Service) -> None:
        assert (await service.devices()).slots == 2
        assert "TFJob" in (await service.capabilities()).kinds
        assert "roles" in (await service.schema())["properties"]
        assert "recommender" in {sample.name for sample in await service.samples()}
        assert (await service.copy_sample("penguins", tmp_path / "new")).is_file()
        with pytest.raises(MltrainError):
            await service.copy_sample("penguins", tmp_path / "new")

    on(tmp_path / "home", work)


def test_an_update_is_json_whatever_the_loss(tmp_path: Path, notebook: NotebookWriter) -> None:
    async def work(service: Service) -> None:
        ref = await service.submit(await service.plan(Request(notebook("1"), spec={"framework": "none"})))
        update = Update(await service.wait(ref), metrics=(Metric({"loss": float("inf")}, 1),))
        assert json.loads(json.dumps(update.to_dict(), allow_nan=False))["metrics"] == [{"step": 1, "loss": None}]

    on(tmp_path / "home", work)
