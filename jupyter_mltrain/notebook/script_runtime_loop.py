"""How an exported script awaits at its top level. ``script_preamble`` copies these definitions into it, as text."""

import asyncio
import atexit
import threading
from collections.abc import Awaitable
from typing import Any


def set_running(loop: Any, running: bool) -> None:
    """Let a loop look as if it ran, as it does between a notebook's awaits; so ``asyncio.run()`` fails here too."""
    loop._thread_id = threading.get_ident() if running else None
    asyncio._set_running_loop(loop if running else None)


def leave_loop() -> None:
    """At the end, cancel the tasks that still run."""
    set_running(loop.get_loop(), False)
    loop.close()


def enter_loop() -> asyncio.Runner:
    """Start the event loop of all cells. Their plain code may start tasks too: in a notebook the loop always runs."""
    runner = asyncio.Runner()
    set_running(runner.get_loop(), True)
    atexit.register(leave_loop)
    return runner


loop = enter_loop()


def wait(awaitable: Awaitable[Any]) -> Any:
    """Let the event loop run until ``awaitable`` is done, and return its result: ``await`` outside of a function."""

    async def main() -> Any:
        return await awaitable

    set_running(loop.get_loop(), False)
    try:
        return loop.run(main())
    finally:
        set_running(loop.get_loop(), True)


def between_cells() -> None:
    """Let tasks run for a moment, as they do before a notebook's next cell."""
    wait(asyncio.sleep(0.01))
