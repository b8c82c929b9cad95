"""``backends``, ``devices``, ``samples``: where jobs run, and what comes with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..endpoint import BACKEND, endpoint
from .base import Handler

if TYPE_CHECKING:
    from .. import queries, wire


class BackendsHandler(Handler):
    """``backends``."""

    @endpoint("read")
    async def get(self) -> wire.Backends:
        """List the places that may be used, the default one first."""
        return await self.managers.places.backends()


class DevicesHandler(Handler):
    """``devices``."""

    @endpoint("read", errors=BACKEND)
    async def get(self, query: queries.PlaceQuery) -> wire.Inventory:
        """Say what a place has, and what is free."""
        return await self.managers.places.devices(query.backend)


class SamplesHandler(Handler):
    """``samples``."""

    @endpoint("read")
    async def get(self) -> wire.Samples:
        """List the sample notebooks, the best one first."""
        return await self.managers.samples.list()


class OpenSampleHandler(Handler):
    """``samples/{name}/open``."""

    @endpoint("write", status=201, errors=(404, 507))
    async def post(self, name: str) -> wire.SampleCopy:
        """Copy a sample to where the user's notebooks are."""
        return await self.managers.samples.copy(name)


class RunSampleHandler(Handler):
    """``samples/{name}/run``."""

    @endpoint("execute", status=201, errors=(404, 409, *BACKEND))
    async def post(self, name: str, body: wire.SampleRun) -> wire.JobSummary:
        """Run a sample as it is."""
        return self.created(await self.managers.samples.run(name, body.token))
