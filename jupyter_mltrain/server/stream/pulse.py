"""How one task tells others that something changed."""

from __future__ import annotations

import asyncio


class Pulse:
    """Counts changes; several beats that nobody waited for are one.

    Parameters
    ----------
    also:
        A pulse that beats with this one.
    """

    def __init__(self, also: Pulse | None = None) -> None:
        self.count = 0
        self._also = also
        self._next = asyncio.Event()
        self._failure: Exception | None = None

    def beat(self) -> None:
        """Wake all who wait."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()
        if self._also is not None:
            self._also.beat()

    def fail(self, error: Exception) -> None:
        """Raise this in all who wait, now and later: no beat will come any more."""
        self._failure = error
        self._next.set()
        if self._also is not None:
            self._also.fail(error)

    async def after(self, seen: int) -> int:
        """Wait until there were more beats than ``seen``; return how many there were."""
        while self.count <= seen and self._failure is None:
            await self._next.wait()
        if self._failure is not None:
            raise self._failure
        return self.count
