"""One watch for each backend, whatever the number of those who look."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ...backends.base import Change
from ...errors import MltrainError
from ...service import Service

if TYPE_CHECKING:
    from .feed import Feed
    from .table import Table

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 50  # changes, until others have their turn
_RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)


class Watch:
    """Takes a backend's changes into the table and into the feeds.

    Attributes
    ----------
    synced:
        No change is missed from here on, or none can be had for now.
    """

    def __init__(self, service: Service, table: Table, feeds: dict[str, Feed]) -> None:
        self.synced = asyncio.Event()
        self._service = service
        self._table = table
        self._feeds = feeds
        self._suspend = service.backend.capabilities().suspend
        self._failures = 0
        self._task = asyncio.create_task(self._run(), name=f"mltrain watch of {service.backend.name}")

    async def stop(self) -> None:
        """Watch no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._watch()
            except MltrainError as error:
                _log.warning("The jobs of %s cannot be watched: %s", self._service.backend.name, error)
            except Exception:  # noqa: BLE001 - the log has it, and jobs are watched again
                _log.exception("The watch of %s failed", self._service.backend.name)
            self.synced.set()  # other backends' jobs are shown all the same
            self._failures += 1
            await asyncio.sleep(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS)) - 1])

    async def _watch(self) -> None:
        cursor = (await self._service.census()).cursor
        self._table.begin(self._service.backend.name)
        for feed in [feed for feed in self._feeds.values() if feed.service is self._service]:
            await feed.refresh()
        self.synced.set()
        number = 0
        async for change in self._service.watch(after=cursor):
            self._take(change)
            number += 1
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _take(self, change: Change) -> None:
        if change.job is not None:
            self._take_job(change)
        elif change.type == "deleted" and change.ref is not None:
            self._forget(change.ref.id)
        elif change.type == "synced":
            self._failures = 0

    def _take_job(self, change: Change) -> None:
        assert change.job is not None
        job = change.job
        self._table.put(job, suspend=self._suspend)
        if feed := self._feeds.get(job.ref.id):
            feed.take(job)

    def _forget(self, job: str) -> None:
        self._table.remove(job)
        if feed := self._feeds.get(job):
            feed.delete()
