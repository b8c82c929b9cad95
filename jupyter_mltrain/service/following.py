"""One job as it goes: its status from the backend's watch, its notebook from the leader's log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ..backends.base import Backend
from ..errors import NotFound
from ..model.job import JobRef, JobStatus, Phase, ReplicaState
from ..runner.records import Rebuilder, unpack_metric
from .request import Metric, RunProgress, Update
from .transcript import Transcript


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
            async for change in self._backend.watch():
                if change.job is not None and change.job.ref.id == self._ref.id:
                    self._take(change.job)
                elif change.type == "deleted" and change.ref is not None and change.ref.id == self._ref.id:
                    self._done = True
                elif change.type == "synced" and self._job is None:
                    raise NotFound(f"Job {self._ref.name} ({self._ref.id}) is gone")
                if self._done:
                    return
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
                for record in self._rebuilder.feed(chunk.text):
                    if record.type == "metrics":
                        values = {name: unpack_metric(value) for name, value in record.data["values"].items()}
                        self._metrics.append(Metric(values, record.data["step"]))
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
    title = _first_line(rebuilder.notebook, progress.cell) if running is not None else progress.status
    if running is not None and progress.done is not None and progress.total and progress.done < progress.total:
        title += f"  {progress.done / progress.total:.0%}"
    return RunProgress(progress.n - (running is not None), progress.of, running, title)


def run_error(rebuilder: Rebuilder) -> str:
    """Return what ended the notebook, as ``cell 2: ZeroDivisionError: division by zero``, or ``""``."""
    progress = rebuilder.progress
    if progress.error is None:
        return ""
    words = [f"cell {progress.n}"] if progress.error.get("cell") is not None else []
    words += [str(progress.error.get(part) or "") for part in ("name", "message")]
    return ": ".join(word for word in words if word)


def _first_line(notebook: dict[str, Any], cell: int) -> str:
    """Return the first line of a cell that says something."""
    source = notebook["cells"][cell]["source"] if cell < len(notebook["cells"]) else ""
    text = source if isinstance(source, str) else "".join(source)
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


async def notebook(backend: Backend, ref: JobRef) -> dict[str, Any]:
    """Rebuild the executed notebook from the leader's log. Raises ``NotFound`` while there is none."""
    document = (await _rebuild(backend, ref)).notebook
    if not document.get("cells"):
        raise NotFound(f"Job {ref.name} has no executed notebook yet, or does not run one")
    return document


async def failure(backend: Backend, ref: JobRef) -> str:
    """Return what ended the leader's notebook, in words; ``""`` where nothing is known of it."""
    try:
        return run_error(await _rebuild(backend, ref))
    except NotFound:
        return ""  # no replica yet, or it was cleaned up with its log


async def metrics(backend: Backend, ref: JobRef) -> list[Metric]:
    """Return what the leader's log has of metrics, oldest first."""
    return [Metric(point["values"], point["step"]) for point in (await _rebuild(backend, ref)).metrics]


async def _rebuild(backend: Backend, ref: JobRef) -> Rebuilder:
    rebuilder = Rebuilder()
    leader = _replica(await backend.status(ref), None)
    async for chunk in backend.logs(ref, leader.name):
        if chunk.truncated:
            rebuilder.lost()
        rebuilder.feed(chunk.text)
    return rebuilder


async def log_lines(
    backend: Backend, ref: JobRef, replica: str | None, *, follow: bool, raw: bool, tail: int | None
) -> AsyncIterator[str]:
    """Yield a replica's log line by line, the runner's records turned into what people read."""
    job = await _with_replicas(backend, ref) if follow else await backend.status(ref)
    found = _replica(job, replica)
    transcript = None if raw else Transcript()
    if tail is None:
        async for line in _lines(backend, ref, found.name, transcript, after=None, follow=follow):
            yield line
        return
    from collections import deque

    kept: deque[str] = deque(maxlen=tail)
    cursor: str | None = None
    async for chunk in backend.logs(ref, found.name):
        kept.extend(_render(chunk.text, transcript))
        cursor = chunk.cursor
    for line in kept:
        yield line
    if follow:
        async for line in _lines(backend, ref, found.name, transcript, after=cursor, follow=True):
            yield line


async def _lines(
    backend: Backend, ref: JobRef, replica: str, transcript: Transcript | None, *, after: str | None, follow: bool
) -> AsyncIterator[str]:
    async for chunk in backend.logs(ref, replica, after=after, follow=follow):
        if chunk.truncated:
            yield "[the log's beginning was rotated away]"
        for line in _render(chunk.text, transcript):
            yield line
    for line in transcript.close() if transcript is not None else ():
        yield line


def _render(text: str, transcript: Transcript | None) -> list[str]:
    return text.removesuffix("\n").split("\n") if transcript is None else transcript.feed(text)


async def _with_replicas(backend: Backend, ref: JobRef) -> JobStatus:
    """Return the job as soon as it has replicas or has ended."""
    async for change in backend.watch():
        if change.job is not None and change.job.ref.id == ref.id and (change.job.replicas or change.job.finished):
            return change.job
        if change.type == "deleted" and change.ref is not None and change.ref.id == ref.id:
            break
    raise NotFound(f"Job {ref.name} ({ref.id}) is gone")


def _replica(job: JobStatus, name: str | None) -> ReplicaState:
    """Return the replica that a pod name, or ``worker-0``, means; the leader for None."""
    if name is None:
        if job.leader is None:
            hint = "It is queued." if job.phase is Phase.QUEUED else "`mltrain events` tells what happened."
            raise NotFound(f"Job {job.ref.name} has no replica yet", hint=hint)
        return job.leader
    for position, replica in enumerate(job.replicas):
        # The pods of a batch/v1 Job have no role, and an index only where it is an indexed one.
        role = replica.role.lower() or "worker"
        if name.lower() in (replica.name, f"{role}-{replica.index if replica.index >= 0 else position}"):
            return replica
    names = ", ".join(replica.name for replica in job.replicas) or "none yet"
    raise NotFound(f"Job {job.ref.name} has no replica {name!r}", hint=f"Its replicas: {names}.")
