"""Jobs: list, submit, look, change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from itertools import chain
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ...errors import MltrainError
from ...model.job import JobRef, JobStatus
from ...service import JobFilter, LogPage, Service
from ...service.lines import NumberedPage
from ...service.logs import find_replica
from .. import wire
from ..views import event_view, job_view, metric_view, summary_view, texts_view

if TYPE_CHECKING:
    from ..queries import JobsQuery, LogQuery
    from . import Managers


def job_id_of(token: str) -> str:
    """Return the id of the job that a token stands for: so it is the same job after a restart of the server."""
    return hashlib.sha256(f"jupyter-mltrain {token}".encode()).hexdigest()[:12]


class JobsManager:
    """What can be done with jobs, over all backends."""

    def __init__(self, managers: Managers) -> None:
        self._managers = managers
        self._services = managers.services
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # Looking

    async def page(self, query: JobsQuery) -> wire.JobList:
        """Return a page of the list, newest first."""
        service = await self._services.get(query.backend)
        wanted = JobFilter(query.phase, query.kind, query.notebook, query.text)
        limit = min(query.limit, self._managers.config.max_rows)
        page = await service.jobs(wanted, limit=limit, before=query.before)
        rows = await self._rows(service, page.jobs)
        census = await service.census(wanted)
        counts = {phase.value: number for phase, number in census.phases.items()}
        return wire.JobList(jobs=tuple(rows), total=census.total, counts=counts, next=page.next)

    async def _rows(self, service: Service, jobs: tuple[JobStatus, ...]) -> list[wire.JobSummary]:
        suspend = (await service.capabilities()).suspend
        runs = await service.run_states.of_all(jobs)
        return [summary_view(job, run, suspend=suspend) for job, run in zip(jobs, runs, strict=True)]

    async def show(self, job_id: str) -> wire.Job:
        """Return everything about a job that changes while it runs."""
        service, ref = await self._services.find(job_id)
        status, events = await asyncio.gather(service.status(ref), service.events(ref))
        run = await service.run_states.of(status)
        return job_view(status, run, events, suspend=(await service.capabilities()).suspend)

    async def summary(self, service: Service, ref: JobRef) -> wire.JobSummary:
        """Return the row of a job."""
        return (await self._rows(service, (await service.status(ref),)))[0]

    async def manifest(self, job_id: str) -> wire.Manifest:
        """Return a job's manifest, as it is and as YAML."""
        from ...manifests import to_yaml

        service, ref = await self._services.find(job_id)
        manifest = await service.manifest(ref)
        return wire.Manifest(manifest=manifest, yaml=await asyncio.to_thread(to_yaml, manifest))

    async def events(self, job_id: str) -> wire.Events:
        """Return a job's events, oldest first."""
        service, ref = await self._services.find(job_id)
        return wire.Events(events=tuple(map(event_view, await service.events(ref))))

    async def metrics(self, job_id: str) -> wire.Metrics:
        """Return what a job's replicas have reported, oldest first; nothing while there is no log."""
        service, ref = await self._services.find(job_id)
        return wire.Metrics(metrics=tuple(map(metric_view, await service.metrics(ref))))

    async def notebook(self, job_id: str) -> dict[str, Any]:
        """Return the executed notebook as far as it has come."""
        service, ref = await self._services.find(job_id)
        return await service.notebook(ref)

    async def provenance(self, job_id: str) -> wire.Provenance:
        """Return where a job came from."""
        service, ref = await self._services.find(job_id)
        found = (await service.provenance(ref)).to_dict()
        found["texts"] = texts_view(found["parameters"])
        return wire.Provenance.model_validate({name: found[name] for name in wire.Provenance.model_fields})

    async def log_page(self, job_id: str, query: LogQuery) -> wire.LogPage:
        """Return lines of a replica's log: from a cursor or a number on, or the newest."""
        service, ref = await self._services.find(job_id)
        most = self._managers.config.max_lines
        if query.line is not None:
            numbers = service.log_numbers
            return _numbered(await numbers.page(ref, query.replica, line=query.line, limit=min(query.limit, most)))
        if query.tail is None:
            page = await service.log_page(ref, query.replica, after=query.after, limit=min(query.limit, most))
        else:
            async with aclosing(service.log_pages(ref, query.replica, tail=min(query.tail, most))) as pages:  # type: ignore[type-var]
                page = await anext(pages)
        return _log_page(page)

    async def log(self, job_id: str, replica: str) -> tuple[str, AsyncGenerator[str]]:
        """Return a replica's name, and its whole log in pieces."""
        service, ref = await self._services.find(job_id)
        name = find_replica(await service.status(ref), replica).name
        return name, _texts(service, ref, name)

    # Starting

    async def submit(self, submission: wire.Submission) -> wire.JobSummary:
        """Create a job, or return the one that the submission's token has made before."""
        service = await self._services.get(submission.backend)

        async def make(job_id: str | None) -> JobRef:
            async with self._managers.plans.open(submission, job_id=job_id) as plan:
                return await service.submit(plan, force=submission.force)

        return await self.summary(service, await self.once(service, submission.token, make))

    async def resubmit(self, job_id: str, changes: wire.Resubmission) -> wire.JobSummary:
        """Run a job's frozen notebook again."""
        service, ref = await self._services.find(job_id)

        async def make(new_id: str | None) -> JobRef:
            return await service.resubmit(
                ref,
                parameters=changes.parameters,
                texts=changes.texts,
                resources=changes.resources,
                name=changes.name,
                job_id=new_id,
            )

        return await self.summary(service, await self.once(service, changes.token, make))

    async def once(
        self, service: Service, token: str | None, make: Callable[[str | None], Awaitable[JobRef]]
    ) -> JobRef:
        """Return the job of a token, made if it is not there: by this request, or by another server just now."""
        if token is None:
            return await make(None)
        job_id = job_id_of(token)
        async with self._turns.setdefault(token, asyncio.Lock()):
            known = await _known(service, job_id)
            if known is not None:
                return known
            try:
                return await make(job_id)
            except MltrainError:
                known = await _known(service, job_id)
                if known is None:
                    raise
                return known

    # Changing

    async def cancel(self, job_id: str) -> wire.JobSummary:
        """Stop a job for good."""
        return await self._change(job_id, Service.cancel)

    async def suspend(self, job_id: str) -> wire.JobSummary:
        """Stop a job until it is resumed."""
        return await self._change(job_id, Service.suspend)

    async def resume(self, job_id: str) -> wire.JobSummary:
        """Let a suspended job run again."""
        return await self._change(job_id, Service.resume)

    async def _change(self, job_id: str, change: Callable[[Service, JobRef], Awaitable[None]]) -> wire.JobSummary:
        service, ref = await self._services.find(job_id)
        await change(service, ref)
        return await self.summary(service, ref)

    async def delete(self, job_id: str) -> None:
        """Stop and forget a job."""
        service, ref = await self._services.find(job_id)
        await service.delete(ref)


def _log_page(page: LogPage) -> wire.LogPage:
    return wire.LogPage(lines=page.lines, cursor=page.cursor, truncated=page.truncated, more=page.more)


def _numbered(found: NumberedPage) -> wire.LogPage:
    return _log_page(found.page).model_copy(update={"first": found.first, "total": found.total})


async def _known(service: Service, job_id: str) -> JobRef | None:
    return next((ref for ref in await service.backend.find(job_id) if ref.id == job_id), None)


async def _texts(service: Service, ref: JobRef, replica: str) -> AsyncGenerator[str]:
    rest = ""
    async for page in service.log_pages(ref, replica):
        rest = page.open
        if page.lines:
            yield "".join(chain.from_iterable((line, "\n") for line in page.lines))
    if rest:
        yield rest
