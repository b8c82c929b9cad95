"""How an exported script awaits at its top level. ``script_preamble`` copies these definitions into it, as text."""

import asyncio
import atexit
from collections.abc import Awaitable
from typing import Any


def leave_loop() -> None:
    """At the end, cancel the tasks that still run."""
    asyncio._set_running_loop(None)
    loop.close()


def enter_loop() -> asyncio.Runner:
    """Start the event loop of all cells. Their plain code may start tasks too: in a notebook the loop always runs."""
    runner = asyncio.Runner()
    asyncio._set_running_loop(runner.get_loop())
    atexit.register(leave_loop)
    return runner


loop = enter_loop()


def wait(awaitable: Awaitable[Any]) -> Any:
    """Let the event loop run until ``awaitable`` is done, and return its result: ``await`` outside of a function."""

    async def main() -> Any:
        return await awaitable

    asyncio._set_running_loop(None)
    try:
        return loop.run(main())
    finally:
        asyncio._set_running_loop(loop.get_loop())


def between_cells() -> None:
    """Let tasks run for a moment, as they do before a notebook's next cell."""
    wait(asyncio.sleep(0.01))
