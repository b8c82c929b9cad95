"""The seam between a notebook's cells and what executes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Receive = Callable[[str, dict[str, Any]], None]
"""Takes type and content of an output message."""


class KernelDied(Exception):
    """The kernel's process ended: ``status`` is its exit code, or minus the signal that killed it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception that ended a cell; ``exit_code`` where it was ``SystemExit``."""

    name: str
    message: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """How a cell ended.

    Attributes
    ----------
    raised:
        The exception, or ``None``.
    leaves:
        Whether the cell asked the kernel to end, with ``exit()`` or ``quit()``.
    metadata:
        What the executor adds to the cell's metadata.
    """

    raised: Raised | None = None
    leaves: bool = False
    execution_count: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """Executes cells, one after the other, in one namespace."""

    async def start(self) -> None:
        """Begin to start the kernel, without waiting for it. Raises ``NotInstalled`` where there is none to start."""

    async def ready(self) -> dict[str, Any]:
        """Wait for the kernel and return its ``language_info``. Raises `KernelDied`."""

    async def run(self, cell: dict[str, Any], receive: Receive) -> Reply:
        """Execute an nbformat code cell; its outputs go to ``receive`` as they come. Raises `KernelDied`."""

    async def interrupt(self) -> None:
        """Raise ``KeyboardInterrupt`` in the running cell."""

    def kill(self) -> None:
        """End the kernel and its child processes at once."""

    async def stop(self, grace: float) -> None:
        """End the kernel, in good order if it takes at most ``grace`` seconds, and whatever it has started."""

    def widgets(self) -> dict[str, Any] | None:
        """Return the state of the widgets for the notebook's metadata, if there are any."""
