"""One job as it goes: its status from the backend's watch, its notebook from the leader's log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ..backends.base import Backend
from ..errors import NotFound
from ..model.job import JobRef, JobStatus
from ..runner.records import Progress, Rebuilder, unpack_metric
from .changes import changes_of
from .logs import find_replica
from .request import Metric, RunProgress, Update


async def follow(backend: Backend, ref: JobRef) -> AsyncIterator[Update]:
    """Yield an update whenever the job's status, cells or metrics change; end when the job has ended or is deleted."""
    follower = _Follower(backend, ref)
    try:
        async for update in follower.updates():
            yield update
    finally:
        await follower.close()


class _Follower:
    """Merges two streams, the job's status and the leader's log, into one of updates."""

    def __init__(self, backend: Backend, ref: JobRef) -> None:
        self._backend = backend
        self._ref = ref
        self._rebuilder = Rebuilder()
        self._job: JobStatus | None = None
        self._metrics: list[Metric] = []
        self._news = asyncio.Event()
        self._done = False
        self._tasks: list[asyncio.Task[None]] = [asyncio.create_task(self._watch())]
        self._log: asyncio.Task[None] | None = None
        self._cursor: str | None = None

    async def updates(self) -> AsyncIterator[Update]:
        while True:
            await self._news.wait()
            self._news.clear()
            self._raise_if_failed()
            if self._done:
                break
            if self._job is not None:
                yield self._update(self._job)
        if self._job is None:
            return
        await self._read_rest(self._job)
        yield self._update(self._job)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _update(self, job: JobStatus) -> Update:
        metrics, self._metrics = tuple(self._metrics), []
        return Update(job, run_progress(self._rebuilder), metrics, run_error(self._rebuilder))

    def _raise_if_failed(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _watch(self) -> None:
        try:
            async for job in changes_of(self._backend, self._ref):
                self._take(job)
                if self._done:
                    return
            self._done = True
        finally:
            self._news.set()

    def _take(self, job: JobStatus) -> None:
        self._job = job
        self._done = job.finished
        leader = job.leader
        if self._log is None and leader is not None and leader.phase != "Pending":
            self._log = asyncio.create_task(self._read_log(leader.name, follow=True))
            self._tasks.append(self._log)
        self._news.set()

    async def _read_log(self, replica: str, *, follow: bool) -> None:
        try:
            async for chunk in self._backend.logs(self._ref, replica, after=self._cursor, follow=follow):
                if chunk.truncated:
                    self._rebuilder.lost()
                # Not on a thread: this task may be cancelled, and a piece must be taken wholly or not at all.
                for record in self._rebuilder.feed(chunk.text):
                    if record.type == "metrics":
                        values = {name: unpack_metric(value) for name, value in record.data["values"].items()}
                        self._metrics.append(Metric(values, record.data["step"], record.data["time"]))
                self._cursor = chunk.cursor
                self._news.set()
        finally:
            self._news.set()

    async def _read_rest(self, job: JobStatus) -> None:
        """Read what the log has beyond what was followed: the job may have ended before its last lines were seen."""
        if self._log is not None:
            self._log.cancel()
            await asyncio.gather(self._log, return_exceptions=True)
        if job.leader is not None:
            try:
                await self._read_log(job.leader.name, follow=False)
            except NotFound:
                return  # the pod was cleaned up with its log


def run_progress(rebuilder: Rebuilder) -> RunProgress | None:
    """Return how far the notebook has come, or None before its first cell."""
    progress = rebuilder.progress
    if progress.of == 0 or progress.cell is None:
        return None
    running = progress.cell if progress.status == "running" else None
    title = _first_line(rebuilder, progress.cell) if running is not None else progress.status
    within = _reported(progress) if running is not None else 0.0
    if 0 < within < 1:
        title += f"  {within:.0%}"
    done = progress.n - (running is not None)
    return RunProgress(done, progress.of, running, title, (done + within) / progress.of)


def _reported(progress: Progress) -> float:
    """Return the part of the running cell that the run itself says is done, from 0 to 1."""
    if progress.done is None or not progress.total:
        return 0.0
    return min(max(progress.done / progress.total, 0.0), 1.0)


def run_error(rebuilder: Rebuilder) -> str:
    """Return what ended the notebook, as ``cell 2: ZeroDivisionError: division by zero``, or ``""``."""
    progress = rebuilder.progress
    if progress.error is None:
        return ""
    words = [f"cell {progress.n}"] if progress.n and progress.error.get("cell") is not None else []
    words += [str(progress.error.get(part) or "") for part in ("name", "message")]
    return ": ".join(word for word in words if word)


def _first_line(rebuilder: Rebuilder, cell: int) -> str:
    """Return the first line of a cell that says something."""
    source = rebuilder.cell(cell)["source"] if cell < len(rebuilder.progress.cells) else ""
    text = source if isinstance(source, str) else "".join(source)
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


async def notebook(backend: Backend, ref: JobRef) -> dict[str, Any]:
    """Rebuild the executed notebook from the leader's log. Raises ``NotFound`` while there is none."""
    document = (await _rebuild(backend, ref)).notebook
    if not document.get("cells"):
        raise NotFound(f"Job {ref.name} has no executed notebook yet, or does not run one")
    return document


async def progress(backend: Backend, ref: JobRef) -> RunProgress | None:
    """Return how far the leader's notebook has come; None before its first cell, or where nothing is known of it."""
    try:
        return run_progress(await _rebuild(backend, ref))
    except NotFound:
        return None


async def _rebuild(backend: Backend, ref: JobRef) -> Rebuilder:
    rebuilder = Rebuilder()
    leader = find_replica(await backend.status(ref), None)
    async for chunk in backend.logs(ref, leader.name):
        if chunk.truncated:
            rebuilder.lost()
        await asyncio.to_thread(rebuilder.feed, chunk.text)
    return rebuilder
