"""``plans``: what a submission would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..endpoint import BACKEND, endpoint
from .base import Handler

if TYPE_CHECKING:
    from .. import wire


class PlansHandler(Handler):
    """``plans``."""

    @endpoint("execute", errors=(404, 409, *BACKEND))
    async def post(self, body: wire.Submission) -> wire.Plan:
        """Say what a submission would do, without doing it."""
        return await self.managers.plans.show(body)


class ExportHandler(Handler):
    """``plans/export``."""

    @endpoint("execute", errors=(404, 409, *BACKEND))
    async def post(self, body: wire.ExportRequest) -> wire.Export:
        """Write a notebook as a script or as a manifest."""
        return await self.managers.plans.export(body)
