"""What one client follows, and the one task that writes to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from ...errors import InvalidInput, MltrainError
from .. import wire
from ..encoding import to_json
from ..views import error_view
from .hub import Hub
from .topic import Subscription

HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 60.0
"""A client that does not take one message in this time is given up; it will connect again."""

_SUBSCRIPTIONS: Final = 100
_ERRORS_WAITING: Final = 20
_TOO_MANY: Final = InvalidInput(
    f"A connection follows at most {_SUBSCRIPTIONS} topics", hint="Unsubscribe from what is not shown.", field="topic"
)
_PONG: Final = to_json(wire.Pong())


class Connection:
    """Sends what a client follows, never more than one message ahead of its socket.

    Parameters
    ----------
    write:
        Sends a message; done when the socket has taken it.
    """

    def __init__(self, hub: Hub, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._hub = hub
        self._write = write
        self._seq = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._pending: dict[str, None] = {}  # topics that may have something new, the one that waits longest first
        self._errors: dict[str, bytes] = {}  # by topic, the newest
        self._pong = False
        self._news = asyncio.Event()

    # What the client sends

    def receive(self, text: str | bytes) -> None:
        """Do what the client asks; what it may not ask, or is no message, is answered with an error."""
        try:
            message = _parse(text)
        except InvalidInput as error:
            self._refuse("", error)
            return
        match message:
            case wire.Subscribe():
                self._subscribe(message)
            case wire.Unsubscribe():
                self._unsubscribe(message.topic)
            case wire.Ping():
                self._pong = True
                self._news.set()

    def _subscribe(self, message: wire.Subscribe) -> None:
        topic = message.topic
        before = self._subscriptions.pop(topic, None)
        if len(self._subscriptions) >= _SUBSCRIPTIONS:
            self._refuse(topic, _TOO_MANY)
            return
        self._errors.pop(topic, None)
        try:
            self._subscriptions[topic] = self._hub.subscribe(topic, lambda: self._wake(topic), message.limit)
        except InvalidInput as error:
            self._refuse(topic, error)
        if before is not None:
            self._hub.unsubscribe(before)

    def _unsubscribe(self, topic: str) -> None:
        self._pending.pop(topic, None)
        self._errors.pop(topic, None)
        subscription = self._subscriptions.pop(topic, None)
        if subscription is not None:
            self._hub.unsubscribe(subscription)

    def _refuse(self, topic: str, error: MltrainError) -> None:
        self._errors.pop(topic, None)
        self._errors[topic] = to_json(wire.ErrorMessage(error=error_view(error)))
        if len(self._errors) > _ERRORS_WAITING:
            del self._errors[next(iter(self._errors))]
        self._news.set()

    def _wake(self, topic: str) -> None:
        self._pending[topic] = None
        self._news.set()

    # What it gets

    async def run(self) -> None:
        """Write until the connection ends.

        Raises
        ------
        TimeoutError
            The client took nothing for too long.
        """
        loop = asyncio.get_running_loop()
        heartbeat = loop.time() + HEARTBEAT_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(heartbeat):
                    await self._news.wait()
            self._news.clear()
            if loop.time() >= heartbeat:
                heartbeat = loop.time() + HEARTBEAT_SECONDS
                self._pong = True
            await self._send_news()

    async def _send_news(self) -> None:
        if self._pong:
            self._pong = False
            await self._send("", _PONG)
        while self._errors:
            topic = next(iter(self._errors))
            await self._send(topic, self._errors.pop(topic))
        while self._pending:
            topic = next(iter(self._pending))
            del self._pending[topic]
            if topic in self._subscriptions:
                await self._send_next(topic, self._subscriptions[topic])

    async def _send_next(self, topic: str, subscription: Subscription) -> None:
        message = subscription.next()
        if subscription.ended:
            self._unsubscribe(topic)
        if message is not None:
            await self._send(topic, message)

    async def _send(self, topic: str, data: bytes) -> None:
        self._seq += 1
        name = json.dumps(topic).encode()
        async with asyncio.timeout(WRITE_SECONDS):
            await self._write(b'{"seq":%d,"topic":%b,"data":%b}' % (self._seq, name, data))

    def close(self) -> None:
        """Follow nothing any more."""
        for topic in list(self._subscriptions):
            self._unsubscribe(topic)


def _parse(text: str | bytes) -> wire.Subscribe | wire.Unsubscribe | wire.Ping:
    try:
        return wire.ClientMessage.model_validate({"message": from_json(text)}).message
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][2:])
        why = f"{where}: {first['msg']}" if where else first["msg"]
    except ValueError as error:
        why = str(error)
    hint = 'Send {"type": "subscribe", "topic": "jobs"}, or "unsubscribe", or {"type": "ping"}.'
    raise InvalidInput(f"This is no message: {why[:300]}", hint=hint)
