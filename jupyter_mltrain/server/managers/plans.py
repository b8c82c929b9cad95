"""Plans: a notebook of the contents manager, frozen and checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ...service import Plan, Request, Service
from .. import wire
from ..neighbours import require_neighbour, require_shown_files, require_shown_globs
from ..paths import notebook_file
from ..views import findings_view, plan_view
from .jobs import job_id_of

if TYPE_CHECKING:
    from . import Managers


class PlansManager:
    """Makes plans, a few at a time: freezing a notebook is work for the processor."""

    def __init__(self, managers: Managers) -> None:
        self._managers = managers
        self._contents = managers.contents
        self._services = managers.services
        self._turns = asyncio.Semaphore(managers.config.max_plans)

    @asynccontextmanager
    async def open(self, submission: wire.Submission, *, job_id: str | None = None) -> AsyncIterator[Plan]:
        """Yield the plan of a submission; until the end, the files that it ships can be read.

        Raises
        ------
        MltrainError
            The notebook cannot be had, something in the submission is wrong, or hidden files would be shipped.
        """
        async with self._turns, self.request(submission) as (service, request):
            yield await self._plan(service, request, job_id)

    async def check(self, service: Service, request: Request) -> None:
        """Raise what is wrong with a request: what `open` raises, for those who make their own plan of it."""
        async with self._turns:
            await self._plan(service, request, None)

    async def _plan(self, service: Service, request: Request, job_id: str | None) -> Plan:
        plan = await service.plan(request, job_id=job_id)
        await require_shown_files(self._contents, request.noted_as, [file.path for file in plan.program.files])
        return plan

    @asynccontextmanager
    async def request(
        self, submission: wire.Submission, beside: Collection[str] = ()
    ) -> AsyncIterator[tuple[Service, Request]]:
        """Yield a submission as its service takes it; until the end, the notebook's file can be read.

        Parameters
        ----------
        beside:
            Names of files in the notebook's folder that have to be readable, too.
        """
        require_shown_globs(self._contents, submission.include)
        service = await self._services.get(submission.backend)
        for name in beside:
            await require_neighbour(self._contents, submission.notebook, name)
        wanted = (*submission.include, *beside)
        async with notebook_file(self._contents, submission.notebook, wanted) as file:
            yield (
                service,
                Request(
                    notebook=file,
                    spec=submission.spec,
                    parameters=submission.parameters,
                    parameter_texts=submission.texts,
                    requirements=submission.requirements,
                    include=submission.include,
                    base=file.parent,
                    noted_as=submission.notebook,
                ),
            )

    async def show(self, submission: wire.Submission) -> wire.Plan:
        """Return what a submission would do: with its token, the very manifest that it would make."""
        async with self.open(submission, job_id=_job_id(submission)) as plan:
            return await asyncio.to_thread(plan_view, plan)

    async def export(self, request: wire.ExportRequest) -> wire.Export:
        """Return a notebook as a script, its manifest, or the Dockerfile of its image."""
        from ...service.copies import export

        if request.what == "dockerfile":
            return await self._managers.dockerfiles.text(request)
        async with self.open(request.submission, job_id=_job_id(request.submission)) as plan:
            found = await asyncio.to_thread(export, plan, request.what, None)
        return wire.Export(text=found.text, findings=findings_view(found.findings))


def _job_id(submission: wire.Submission) -> str | None:
    return job_id_of(submission.token) if submission.token else None
