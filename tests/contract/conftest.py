"""Places to run the contract's cases at: a backend and a way to tell its replicas when and how to end.

A backend joins by a class like ``LocalSite`` in ``SITES``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.backends.base import Backend, Change
from jupyter_mltrain.model.job import JobRef, JobStatus, Manifest

PATIENCE = 60  # seconds before a test that waits for something gives up


class Site:
    """A backend, driven from plain test functions."""

    backend: Backend
    waiting: list[str]
    """Command of a container that waits for :meth:`cue` and ends with the code that it gives."""

    def cue(self, pod: str, code: int) -> None:
        """Let a replica end with an exit code, now or as soon as it asks."""
        raise NotImplementedError

    def submit(self, manifest: Manifest, job_id: str | None = None) -> JobRef:
        return asyncio.run(self.backend.submit(manifest, job_id=job_id or uuid.uuid4().hex[:8]))

    def status(self, ref: JobRef) -> JobStatus:
        return asyncio.run(self.backend.status(ref))

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        async def awaited() -> Any:
            return await method(*arguments)

        return asyncio.run(asyncio.wait_for(awaited(), PATIENCE))

    def until(self, ref: JobRef, ready: Callable[[JobStatus], Any]) -> JobStatus:
        """Follow a job until something holds."""
        last: list[Change] = []

        async def follow() -> JobStatus:
            async with aclosing(self.backend.watch()) as changes:
                async for change in changes:
                    if change.job is not None and change.job.ref == ref:
                        last.append(change)
                        if ready(change.job):
                            return change.job
            raise AssertionError("the watch ended")

        try:
            return asyncio.run(asyncio.wait_for(follow(), PATIENCE))
        except TimeoutError:
            raise AssertionError(f"never came; last seen: {last[-1:]}") from None

    def gone(self, ref: JobRef) -> None:
        """Follow all jobs until one of them is deleted."""

        async def follow() -> None:
            async with aclosing(self.backend.watch()) as changes:
                known = False
                async for change in changes:
                    known = known or (change.job is not None and change.job.ref == ref)
                    if (change.type == "synced" and not known) or (change.type == "deleted" and change.ref == ref):
                        return

        asyncio.run(asyncio.wait_for(follow(), PATIENCE))

    def close(self) -> None:
        raise NotImplementedError


class LocalSite(Site):
    """Processes on this machine; each replica waits on a FIFO of its pod's name."""

    def __init__(self, folder: Path) -> None:
        from jupyter_mltrain.backends.local import LocalBackend
        from jupyter_mltrain.backends.local.store import put_setting

        self.home = folder / "home"
        self.cues = folder / "cues"
        self.cues.mkdir()
        self.backend = LocalBackend(self.home, slots=8)
        with self.backend.store.write() as connection:
            put_setting(connection, "backoff", {"restart": 0.01, "recreation": 0.01})
        script = f'cue="{self.cues}/$HOSTNAME"; mkfifo "$cue" 2> /dev/null; read code < "$cue"; exit $code'
        self.waiting = ["sh", "-c", script]
        self._open: list[int] = []

    def cue(self, pod: str, code: int) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.cues / pod)
        self._open.append(os.open(self.cues / pod, os.O_RDWR))
        os.write(self._open[-1], f"{code}\n".encode())

    def close(self) -> None:
        while left := self._processes():
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            for process in left:
                _wait(process.pid)
        for descriptor in self._open:
            os.close(descriptor)
        asyncio.run(self.backend.close())

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            ours = any(str(self.home) in word or str(self.cues) in word for word in words)
            if ours and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


def _wait(pid: int) -> None:
    """Wait until a process has ended, taken in by its parent or not."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        select.select([descriptor], [], [], PATIENCE)
        os.close(descriptor)


SITES = {"local": LocalSite}


@pytest.fixture(params=list(SITES))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = SITES[request.param](tmp_path)
    yield made
    made.close()
