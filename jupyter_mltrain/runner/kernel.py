"""A Jupyter kernel in a process of its own: its death is not the runner's."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .executor import KernelDied, Receive, Reply

if TYPE_CHECKING:
    from .client import Client

STARTUP_TIMEOUT: Final = 300.0
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_SOCKET_PATH_LIMIT: Final = 90  # of 108 bytes in sockaddr_un: room for "-ipc-5" and a bit
_LINE_LIMIT: Final = 64 << 10

Foreign = Callable[[bytes, bool], None]
"""Takes whole lines that the kernel's process wrote by itself, and whether to stderr."""

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
        self._pipes: list[_Lines] = []
        self._client: Client | None = None

    async def start(self) -> None:
        """Launch the kernel's process; importing what talks to it goes on meanwhile."""
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import AsyncKernelManager

        self._manager = AsyncKernelManager(kernel_name=self._name)
        try:
            _ = self._manager.kernel_spec
        except NoSuchKernel:
            self._manager = AsyncKernelManager()
        self._manager.connection_file = str(self._folder / "kernel.json")
        if len(self._manager.connection_file) <= _SOCKET_PATH_LIMIT:
            self._manager.transport = "ipc"  # needs no ports that another process could take
        await self._launch()

    async def _launch(self) -> None:
        out, err = os.pipe(), os.pipe()
        arguments = ["--HistoryManager.hist_file=:memory:"] if self._manager.ipykernel else []
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
        self._process: subprocess.Popen[bytes] = provisioner.process
        self._exited = asyncio.ensure_future(asyncio.to_thread(self._process.wait))
        self._pipes = [
            _Lines(out[0], lambda lines: self._foreign(lines, False)),
            _Lines(err[0], lambda lines: self._foreign(lines, True)),
        ]

    async def ready(self) -> dict[str, Any]:
        """Wait until the kernel answers: see `Executor`."""
        from .client import Client

        try:
            async with asyncio.timeout(STARTUP_TIMEOUT):
                self._client = Client(self._manager, self._exited)
                return await self._or_died(self._client.ready())
        except TimeoutError:
            self.kill()
            raise KernelDied(await self._exited) from None

    async def run(self, cell: dict[str, Any], receive: Receive) -> Reply:
        """Execute a cell: see `Executor`."""
        assert self._client is not None
        reply = await self._client.run(cell, receive)
        if reply is None:
            raise KernelDied(await self._exited)
        return reply

    async def interrupt(self) -> None:
        """Interrupt the cell: see `Executor`."""
        if not self._exited.done():
            await self._manager.interrupt_kernel()

    def kill(self) -> None:
        """Kill the kernel's session: see `Executor`."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self, grace: float) -> None:
        """End the kernel: see `Executor`."""
        if self._client is not None and not self._exited.done():
            await self._manager.request_shutdown()
            await asyncio.wait([self._exited], timeout=grace)
        self.kill()
        await self._exited
        for pipe in self._pipes:
            pipe.close()
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


class _Lines:
    """Reads whole lines from a pipe as they come."""

    def __init__(self, fd: int, take: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._take = take
        self._rest = b""
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> bool:
        """Pass on the whole lines of what is there; return whether there was anything."""
        try:
            data = os.read(self._fd, _LINE_LIMIT)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            return False
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            lines, newline, self._rest = lines + newline + self._rest, b"\n", b""
        if newline:
            self._take(lines + newline)
        return True

    def close(self) -> None:
        """Take what is there, even if a stray process still has the other end."""
        while self._read():
            pass
        if self._rest:
            self._take(self._rest + b"\n")
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
