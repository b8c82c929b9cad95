"""``jobs``: list, submit, look, change."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ..endpoint import BACKEND, TEXT, endpoint
from .base import Handler

if TYPE_CHECKING:
    from .. import queries, wire


class JobsHandler(Handler):
    """``jobs``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, query: queries.JobsQuery) -> wire.JobList:
        """List jobs, newest first."""
        return await self.managers.jobs.page(query)

    @endpoint("execute", status=201, errors=(404, 409, *BACKEND))
    async def post(self, body: wire.Submission) -> wire.JobSummary:
        """Submit a notebook as a training job."""
        return self.created(await self.managers.jobs.submit(body))


class JobHandler(Handler):
    """``jobs/{id}``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> wire.Job:
        """Show a job."""
        return await self.managers.jobs.show(id)

    @endpoint("write", status=204, errors=(404, *BACKEND))
    async def delete(self, id: str) -> None:
        """Stop and forget a job."""
        await self.managers.jobs.delete(id)


class CancelHandler(Handler):
    """``jobs/{id}/cancel``."""

    @endpoint("write", errors=(404, *BACKEND))
    async def post(self, id: str) -> wire.JobSummary:
        """Stop a job for good; its log and outputs stay."""
        return await self.managers.jobs.cancel(id)


class SuspendHandler(Handler):
    """``jobs/{id}/suspend``."""

    @endpoint("write", errors=(404, *BACKEND))
    async def post(self, id: str) -> wire.JobSummary:
        """Stop a job until it is resumed."""
        return await self.managers.jobs.suspend(id)


class ResumeHandler(Handler):
    """``jobs/{id}/resume``."""

    @endpoint("write", errors=(404, 409, *BACKEND))
    async def post(self, id: str) -> wire.JobSummary:
        """Let a suspended job run again."""
        return await self.managers.jobs.resume(id)


class ResubmitHandler(Handler):
    """``jobs/{id}/resubmit``."""

    @endpoint("execute", status=201, errors=(404, 409, *BACKEND))
    async def post(self, id: str, body: wire.Resubmission) -> wire.JobSummary:
        """Run a job's frozen notebook again, with some values changed."""
        return self.created(await self.managers.jobs.resubmit(id, body))


class ManifestHandler(Handler):
    """``jobs/{id}/manifest``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> wire.Manifest:
        """Show a job's manifest."""
        return await self.managers.jobs.manifest(id)


class EventsHandler(Handler):
    """``jobs/{id}/events``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> wire.Events:
        """List a job's events, oldest first."""
        return await self.managers.jobs.events(id)


class MetricsHandler(Handler):
    """``jobs/{id}/metrics``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> wire.Metrics:
        """List what a job's leader has reported, oldest first."""
        return await self.managers.jobs.metrics(id)


class NotebookHandler(Handler):
    """``jobs/{id}/notebook``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> dict[str, Any]:
        """Show the executed notebook as far as it has come, as nbformat JSON."""
        return await self.managers.jobs.notebook(id)


class ProvenanceHandler(Handler):
    """``jobs/{id}/provenance``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str) -> wire.Provenance:
        """Tell where a job came from."""
        return await self.managers.jobs.provenance(id)


class LogsHandler(Handler):
    """``jobs/{id}/logs``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, id: str, query: queries.LogQuery) -> wire.LogPage:
        """Read a page of a replica's log."""
        return await self.managers.jobs.log_page(id, query)


class LogHandler(Handler):
    """``jobs/{id}/logs/{replica}``."""

    @endpoint("read", errors=(404, *BACKEND), media=TEXT)
    async def get(self, id: str, replica: str) -> AsyncGenerator[str]:
        """Download a replica's log as text."""
        name, texts = await self.managers.jobs.log(id, replica)
        self.set_attachment_header(f"{name}.log")
        return texts
