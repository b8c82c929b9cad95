"""What all topics share: a source that runs while somebody follows, versions, and messages made once for many."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final

from ...errors import MltrainError
from .. import wire
from ..encoding import to_json
from ..views import error_view

_log = logging.getLogger(__name__)

_INTERNAL: Final = MltrainError(
    "This cannot be followed any more: something went wrong that nobody foresaw",
    hint="Reload the page. The server's log has the details.",
)


class Topic(ABC):
    """Something that can be followed.

    A subclass keeps the state in `run` and calls `changed` when there is a new version of it.

    Attributes
    ----------
    interval:
        Subscribers are woken at most once in so many seconds: the first change goes out at once.
    version:
        Number of the newest state; None while there is none to be shown.
    last:
        The last message of a topic that came to its end.
    """

    interval: ClassVar[float] = 0.025

    def __init__(self, name: str) -> None:
        self.name = name
        self.version: int | None = None
        self.last: bytes | None = None
        self._subscriptions: set[Subscription] = set()
        self._woken = -self.interval
        self._waking: asyncio.TimerHandle | None = None
        self._made: dict[tuple[int | None, int | None], bytes | None] = {}
        self._task: asyncio.Task[None] | None = None

    # For subclasses

    @abstractmethod
    async def run(self) -> None:
        """Keep the state up to date. An ``MltrainError`` or the return ends the topic."""

    @abstractmethod
    def snapshot(self, limit: int | None) -> wire.Wire | bytes:
        """Return the whole state, or as much of it as a subscriber asked for."""

    @abstractmethod
    def delta(self, since: int) -> wire.Wire | bytes | None:
        """Return what is new since a version; None if that is too long ago to say."""

    def changed(self, version: int) -> None:
        """Tell that the state has a new version."""
        self.version = version
        self._made.clear()
        self._wake_soon()

    def end(self, message: wire.Wire) -> None:
        """Tell subscribers for the last time."""
        self.last = to_json(message)
        self._wake_soon()

    # For the hub and connections

    @property
    def followed(self) -> bool:
        """Whether anybody follows."""
        return bool(self._subscriptions)

    def start(self, on_end: Callable[[Topic], None]) -> None:
        """Begin to keep the state; ``on_end`` is told when the topic has come to its end by itself."""
        self._task = asyncio.create_task(self._guarded(on_end), name=f"mltrain {self.name}")

    async def stop(self) -> None:
        """Let go of everything."""
        if self._waking is not None:
            self._waking.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _guarded(self, on_end: Callable[[Topic], None]) -> None:
        try:
            await self.run()
        except MltrainError as error:
            self.end(wire.ErrorMessage(error=error_view(error)))
        except Exception:  # noqa: BLE001 - whoever follows is told, and the log has it
            _log.exception("Topic %s failed", self.name)
            self.end(wire.ErrorMessage(error=error_view(_INTERNAL)))
        on_end(self)

    def subscribe(self, wake: Callable[[], None], limit: int | None) -> Subscription:
        """Follow: ``wake`` is called when there may be something to send."""
        subscription = Subscription(self, wake, limit)
        self._subscriptions.add(subscription)
        wake()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Follow no more."""
        self._subscriptions.discard(subscription)

    def message(self, since: int | None, limit: int | None) -> bytes | None:
        """Return what brings a subscriber from a version to the newest; all who are in step get the same bytes."""
        key = (since, limit if since is None else None)
        if key not in self._made:
            self._made[key] = self._make(since, limit)
        return self._made[key]

    def _make(self, since: int | None, limit: int | None) -> bytes | None:
        found = None if since is None else self.delta(since)
        found = self.snapshot(limit) if found is None else found
        return found if isinstance(found, bytes) else to_json(found)

    def _wake_soon(self) -> None:
        if self._waking is None:
            loop = asyncio.get_running_loop()
            self._waking = loop.call_at(max(self._woken + self.interval, loop.time()), self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._woken = asyncio.get_running_loop().time()
        for subscription in self._subscriptions:
            subscription.wake()


class Subscription:
    """How far one subscriber is."""

    def __init__(self, topic: Topic, wake: Callable[[], None], limit: int | None) -> None:
        self.topic = topic
        self.wake = wake
        self._limit = limit
        self._position: int | None = None
        self.ended = False

    def next(self) -> bytes | None:
        """Return the next message, None if there is nothing new. The last one sets ``ended``."""
        topic = self.topic
        if topic.last is not None:
            self.ended = True
            return topic.last
        if topic.version is None or topic.version == self._position:
            return None
        message = topic.message(self._position, self._limit)
        self._position = topic.version
        return message

    def close(self) -> None:
        """Follow no more."""
        self.topic.unsubscribe(self)
