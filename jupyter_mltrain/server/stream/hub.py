"""Topics by name, and what they share: the watches and the feeds of jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from ...errors import InvalidInput, NotFound
from ...model.job import JobRef
from ...service import Service
from .builds import Builds
from .feed import Feed
from .images import ImagesTopic
from .jobs import JobsTopic
from .log import LogTopic
from .table import Table
from .topic import Subscription, Topic
from .topics import JobTopic, MetricsTopic, NotebookTopic
from .watch import Watch

_ID: Final = r"[A-Za-z0-9][-A-Za-z0-9_.]{0,62}"
_REPLICA: Final = r"[A-Za-z0-9][-A-Za-z0-9_.]{0,252}"
_TOPIC: Final = re.compile(
    rf"jobs|images|(?P<kind>job|notebook|metrics)/(?P<job>{_ID})|log/(?P<of>{_ID})/(?P<replica>{_REPLICA})"
)
_OF_JOB: Final[dict[str, Callable[[str, Hub, str], Topic]]] = {
    "job": JobTopic,
    "notebook": NotebookTopic,
    "metrics": MetricsTopic,
}


@dataclass(slots=True)
class _Opening:
    """A feed and how many use it."""

    feed: asyncio.Task[Feed]
    users: int = 0


class Hub:
    """One for each server.

    Parameters
    ----------
    services:
        One for each backend.
    linger:
        Seconds for which a source goes on after its last subscriber left: a page that is loaded again finds it warm.
    builds:
        The builds of images on this server.

    Attributes
    ----------
    connections:
        How many clients are connected.
    services:
        One for each backend.
    table:
        What is known of the newest jobs.
    """

    def __init__(self, services: Sequence[Service], *, linger: float = 10.0, builds: Builds | None = None) -> None:
        self.connections = 0
        self.table = Table()
        self.services = services
        self._linger = linger
        self._builds = builds or Builds()
        self._topics: dict[str, Topic] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._feeds: dict[str, Feed] = {}
        self._opening: dict[str, _Opening] = {}
        self._watches: list[Watch] = []
        self._watchers = 0
        self._chores: set[asyncio.Task[None]] = set()

    # For connections

    def subscribe(self, name: str, wake: Callable[[], None], limit: int | None = None) -> Subscription:
        """Follow a topic. Raises ``InvalidInput`` for a name that is none."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = self._make(name)
            topic.start(self._on_end)
        if name in self._leaving:
            self._leaving.pop(name).cancel()
        return topic.subscribe(wake, limit)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Follow no more; the last one lets the source go."""
        topic = subscription.topic
        subscription.close()
        if not topic.followed and self._topics.get(topic.name) is topic and topic.name not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[topic.name] = loop.call_later(self._linger, self._leave, topic)

    async def close(self) -> None:
        """Let go of everything. Jobs go on."""
        for handle in self._leaving.values():
            handle.cancel()
        self._leaving.clear()
        topics, self._topics = list(self._topics.values()), {}
        await asyncio.gather(*(topic.stop() for topic in topics))
        await asyncio.gather(*self._chores)

    def _make(self, name: str) -> Topic:
        match = _TOPIC.fullmatch(name)
        if match is None:
            hint = "Topics are jobs, images, job/ID, notebook/ID, metrics/ID and log/ID/REPLICA."
            raise InvalidInput(f"There is no topic {name[:100]!r}", hint=hint, field="topic")
        if name == "jobs":
            return JobsTopic(name, self)
        if name == "images":
            return ImagesTopic(name, self._builds)
        if match["kind"]:
            return _OF_JOB[match["kind"]](name, self, match["job"])
        return LogTopic(name, self, match["of"], match["replica"])

    def _on_end(self, topic: Topic) -> None:
        """Forget a topic that came to its end, so that whoever asks again gets a new one."""
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]

    def _leave(self, topic: Topic) -> None:
        del self._leaving[topic.name]
        if not topic.followed and self._topics.get(topic.name) is topic:
            del self._topics[topic.name]
            self._do(topic.stop())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # For topics

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Take every change into the table, from the beginning of this context on."""
        self._hold_watches()
        try:
            await self._synced()
            yield
        finally:
            await self._let_go_of_watches()

    @asynccontextmanager
    async def feed(self, job: str) -> AsyncIterator[Feed]:
        """Follow one job. Raises ``NotFound``."""
        self._hold_watches()
        try:
            opening = self._opening.get(job)
            if opening is None:
                opening = self._opening[job] = _Opening(asyncio.create_task(self._open(job)))
            opening.users += 1
            try:
                yield await asyncio.shield(opening.feed)
            finally:
                opening.users -= 1
                if not opening.users:
                    opening.feed.cancel()
                    del self._opening[job]
                    self._feeds.pop(job, None)
        finally:
            await self._let_go_of_watches()

    async def _open(self, job: str) -> Feed:
        service, ref = await self._find(job)
        feed = self._feeds[job] = Feed(service, ref)
        await self._synced()
        await feed.read()
        return feed

    async def _find(self, job: str) -> tuple[Service, JobRef]:
        for service in self.services:
            for ref in await service.backend.find(job):
                if ref.id == job:
                    return service, ref
        raise NotFound(f"There is no job {job!r}", hint="It may have been deleted: the list shows what there is.")

    async def _synced(self) -> None:
        await asyncio.gather(*(watch.synced.wait() for watch in self._watches))

    def _hold_watches(self) -> None:
        self._watchers += 1
        if self._watchers == 1:
            self._watches = [Watch(service, self.table, self._feeds) for service in self.services]

    async def _let_go_of_watches(self) -> None:
        self._watchers -= 1
        if not self._watchers:
            watches, self._watches = self._watches, []
            await asyncio.gather(*(watch.stop() for watch in watches))
