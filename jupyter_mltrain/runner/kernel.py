"""A Jupyter kernel in a process of its own: its death is not the runner's."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ..errors import NotInstalled
from .executor import KernelDied, Receive, Reply
from .passthrough import Lines, Passthrough

if TYPE_CHECKING:
    from .client import Client

STARTUP_TIMEOUT: Final = 300.0
_BEGIN_TIMEOUT: Final = 1.0  # a kernel that hangs is not waited for
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_SOCKET_PATH_LIMIT: Final = 90  # of 108 bytes in sockaddr_un: room for "-ipc-5" and a bit

# No history file, as nbclient has it. And faulthandler writes the Python stack of a crash to the real stderr: what goes
# to descriptor 2 is caught by a thread that a crash leaves no time.
_IPYKERNEL_ARGUMENTS: Final = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines=__import__('faulthandler').enable(__import__('sys').stderr.fileno())",
]


class Foreign(Protocol):
    """Takes whole lines that the kernel's process wrote by itself."""

    def __call__(self, lines: bytes, *, err: bool) -> None:
        """Take lines from stderr or stdout."""


T = TypeVar("T")


class KernelExecutor:
    """An `Executor` that runs a kernel through jupyter_client and nbclient.

    The kernel is killed when this process dies in whatever way (Linux: ``PR_SET_PDEATHSIG``; elsewhere ipykernel looks
    for its parent itself). It is in a session of its own, so a signal to the runner's process group spares it, and
    everything that it starts can be ended with it.

    Parameters
    ----------
    name:
        The kernelspec; where it is not installed, this interpreter's own kernel is taken.
    folder:
        A private folder for the connection file and sockets.
    """

    def __init__(self, name: str, folder: Path, cwd: Path, env: Mapping[str, str], foreign: Foreign) -> None:
        self._name = name
        self._folder = folder
        self._cwd = cwd
        self._env = dict(env)
        self._foreign = foreign
        self._pipes: list[Lines] = []
        self._passthrough: dict[str, Passthrough] = {}
        self._client: Client | None = None
        self._pid: int | None = None
        self._answered = False

    async def start(self) -> None:
        """Launch the kernel's process: see `Executor`. Importing what talks to it goes on meanwhile."""
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import AsyncKernelManager

        self._manager = AsyncKernelManager(kernel_name=self._name)
        try:
            _ = self._manager.kernel_spec
        except (NoSuchKernel, ValueError):
            self._manager = AsyncKernelManager()
        self._manager.connection_file = str(self._folder / "kernel.json")
        if len(self._manager.connection_file) <= _SOCKET_PATH_LIMIT:
            self._manager.transport = "ipc"  # needs no ports that another process could take
        try:
            await self._launch()
        except (OSError, ValueError) as error:  # the kernelspec names a Python that is gone, or cannot be read
            raise NotInstalled(
                f"The kernel {self._name!r} cannot be started: {error}.",
                hint="Install the kernel anew where the job runs, or choose another one in the notebook.",
            ) from None

    async def _launch(self) -> None:
        out, err = os.pipe(), os.pipe()
        arguments = _IPYKERNEL_ARGUMENTS if self._manager.ipykernel else []
        try:
            await self._manager.start_kernel(
                extra_arguments=arguments,
                cwd=str(self._cwd),
                env=self._env,
                stdout=out[1],
                stderr=err[1],
                preexec_fn=_die_with_parent(),
            )
        finally:
            os.close(out[1])
            os.close(err[1])
        provisioner: Any = self._manager.provisioner
        process: subprocess.Popen[bytes] = provisioner.process
        self._pid = process.pid
        self._exited = asyncio.ensure_future(asyncio.to_thread(process.wait))
        for name, pipe in (("stdout", out[0]), ("stderr", err[0])):
            self._passthrough[name] = Passthrough(partial(self._foreign, err=name == "stderr"))
            self._pipes.append(Lines(pipe, self._passthrough[name].raw))

    async def ready(self) -> dict[str, Any]:
        """Wait until the kernel answers: see `Executor`."""
        from .client import Client

        try:
            async with asyncio.timeout(STARTUP_TIMEOUT):
                self._client = Client(self._manager, self._exited)
                language_info = await self._or_died(self._client.ready())
        except TimeoutError:
            self.kill()
            raise KernelDied(await self._exited) from None
        self._answered = True
        return language_info

    async def run(self, cell: dict[str, Any], receive: Receive) -> Reply:
        """Execute a cell: see `Executor`."""
        assert self._client is not None

        def receive_and_compare(message: str, content: dict[str, Any]) -> None:
            if message == "stream":
                self._passthrough[content["name"]].published(content["text"])
            receive(message, content)

        reply = await self._client.run(cell, receive_and_compare)
        if reply is None:
            raise KernelDied(await self._exited)
        return reply

    async def interrupt(self) -> None:
        """Interrupt the cell: see `Executor`. A kernel that still starts has nothing to finish and is killed.

        A kernel that is not yet at the cell ignores an interrupt.
        """
        if not self._answered:
            self.kill()
        elif not self._exited.done():
            assert self._client is not None
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEGIN_TIMEOUT):
                    await self._client.begun()
            await self._manager.interrupt_kernel()

    def kill(self) -> None:
        """Kill the kernel's session: see `Executor`."""
        if self._pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    async def stop(self, grace: float) -> None:
        """End the kernel: see `Executor`."""
        if self._client is not None and not self._exited.done():
            self._client.request_shutdown()
            await asyncio.wait([self._exited], timeout=grace)
        self.kill()
        await self._exited
        for pipe in self._pipes:
            pipe.close()
        for passthrough in self._passthrough.values():
            passthrough.flush()
        if self._client is not None:
            self._client.close()
        await self._manager.cleanup_resources()

    def widgets(self) -> dict[str, Any] | None:
        """Return the widgets' state: see `Executor`."""
        return self._client.widgets() if self._client is not None else None

    async def _or_died(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        await asyncio.wait([task, self._exited], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        raise KernelDied(self._exited.result())


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    import ctypes

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return prepare
