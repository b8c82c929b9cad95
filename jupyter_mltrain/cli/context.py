"""How a command reaches the service: one event loop, one service, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..service import Service

T = TypeVar("T")

backend_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--backend", default="local", show_default=True, envvar="MLTRAIN_BACKEND", help="Where jobs run."
)
job_argument: Callable[[Callable[..., Any]], Callable[..., Any]] = click.argument("job", metavar="JOB")


def with_service(backend: str, work: Callable[[Service], Awaitable[T]]) -> T:
    """Open the service, look after what a crash left behind, do the work, close."""
    from ..service import Service

    async def _run() -> T:
        async with Service(backend) as service:
            return await work(service)

    return asyncio.run(_run())
