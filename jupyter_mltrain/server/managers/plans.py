"""Plans: a notebook of the contents manager, frozen and checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ...service import Plan, Request
from .. import wire
from ..neighbours import require_shown_files, require_shown_globs
from ..paths import notebook_file
from ..views import findings_view, plan_view
from .jobs import job_id_of

if TYPE_CHECKING:
    from . import Managers


class PlansManager:
    """Makes plans, a few at a time: freezing a notebook is work for the processor."""

    def __init__(self, managers: Managers) -> None:
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
        require_shown_globs(self._contents, submission.include)
        service = await self._services.get(submission.backend)
        async with self._turns, notebook_file(self._contents, submission.notebook, submission.include) as file:
            request = Request(
                notebook=file,
                spec=submission.spec,
                parameters=submission.parameters,
                parameter_texts=submission.texts,
                requirements=submission.requirements,
                include=submission.include,
                base=file.parent,
                noted_as=submission.notebook,
            )
            plan = await service.plan(request, job_id=job_id)
            await require_shown_files(self._contents, submission.notebook, [file.path for file in plan.program.files])
            yield plan

    async def show(self, submission: wire.Submission) -> wire.Plan:
        """Return what a submission would do: with its token, the very manifest that it would make."""
        async with self.open(submission, job_id=_job_id(submission)) as plan:
            return await asyncio.to_thread(plan_view, plan)

    async def export(self, request: wire.ExportRequest) -> wire.Export:
        """Return a notebook as a script, or its manifest."""
        from ...service.copies import export

        async with self.open(request.submission, job_id=_job_id(request.submission)) as plan:
            found = await asyncio.to_thread(export, plan, request.what, None)
        return wire.Export(text=found.text, findings=findings_view(found.findings))


def _job_id(submission: wire.Submission) -> str | None:
    return job_id_of(submission.token) if submission.token else None
