"""Jobs from Python: ``jupyter_mltrain.submit("train.ipynb", workers=2)`` gives a `Job`.

The calls are plain, not coroutines, and work in a notebook, where an event loop runs already: all of them go to
one loop on a thread of their own.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .errors import MltrainError
from .model.findings import Finding
from .model.job import Condition, Event, JobRef, JobStatus, Phase, ReplicaState
from .service import Metric, Output, Plan, Request, Service, Update
from .service.request import parse_gpu

T = TypeVar("T")


class JobFailed(MltrainError):
    """A job that was waited for did not succeed; ``details`` has its id and phase."""

    code = "job-failed"


class Job:
    """One job, wherever it runs. Attributes read the job as it is at that moment."""

    def __init__(self, ref: JobRef, service: Service) -> None:
        self._ref = ref
        self._service = service

    @property
    def id(self) -> str:
        """The job's id."""
        return self._ref.id

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self._ref.name

    @property
    def info(self) -> JobStatus:
        """Everything about the job."""
        return _run(self._service.status(self._ref))

    @property
    def status(self) -> dict[str, Any]:
        """The job's status in the shape of the Kubernetes object: conditions, replicaStatuses, times."""
        return self.info.status

    @property
    def phase(self) -> Phase:
        """The state in one word."""
        return self.info.phase

    @property
    def conditions(self) -> list[Condition]:
        """The conditions, in the operator's order."""
        return self.info.conditions

    @property
    def replicas(self) -> tuple[ReplicaState, ...]:
        """What each replica does."""
        return self.info.replicas

    @property
    def manifest(self) -> dict[str, Any]:
        """The TFJob, PyTorchJob or Job."""
        return self.info.manifest

    @property
    def notebook(self) -> dict[str, Any]:
        """The executed notebook as far as it has come: an nbformat 4 document."""
        return _run(self._service.notebook(self._ref))

    @property
    def events(self) -> list[Event]:
        """The job's events, oldest first."""
        return _run(self._service.events(self._ref))

    @property
    def outputs(self) -> list[Output]:
        """What the job left behind: executed notebook, models, the folder with everything."""
        return _run(self._service.outputs(self._ref))

    def wait(self, timeout: float | None = None, *, check: bool = False) -> JobStatus:
        """Return the job once it has ended.

        Parameters
        ----------
        timeout:
            Seconds after which ``TimeoutError`` is raised. The job goes on.
        check:
            Raise `JobFailed` unless it succeeded.
        """
        try:
            job = _run(asyncio.wait_for(self._service.wait(self._ref), timeout))
        except TimeoutError:
            raise TimeoutError(f"Job {self.name} did not end within {timeout} s; it goes on") from None
        if check and job.phase is not Phase.SUCCEEDED:
            why = job.message or job.phase.value
            raise JobFailed(f"Job {self.name} {job.phase.value}: {why}", id=self.id, phase=job.phase.value)
        return job

    def follow(self) -> Iterator[Update]:
        """Yield status, progress and metrics as they change, until the job ends."""
        return _iterate(self._service.follow(self._ref))

    def logs(self, replica: str | None = None, *, follow: bool = False, raw: bool = False) -> Iterator[str]:
        """Yield the lines of a replica's log (default: the leader's)."""
        return _iterate(self._service.log_lines(self._ref, replica, follow=follow, raw=raw))

    @property
    def metrics(self) -> list[Metric]:
        """All metrics that the replicas have reported so far, oldest first; each names its ``replica``."""
        return _run(self._service.metrics(self._ref))

    def cancel(self) -> None:
        """Stop the job for good; its record, log and outputs stay."""
        _run(self._service.cancel(self._ref))

    def suspend(self) -> None:
        """Stop the job until it is resumed."""
        _run(self._service.suspend(self._ref))

    def resume(self) -> None:
        """Let the suspended job run again."""
        _run(self._service.resume(self._ref))

    def delete(self) -> None:
        """Stop and forget the job."""
        _run(self._service.delete(self._ref))

    def resubmit(self, **parameters: Any) -> Job:
        """Run the same frozen program again, with some parameter values changed."""
        ref = _run(self._service.resubmit(self._ref, parameters=parameters))
        return Job(ref, self._service)

    def __repr__(self) -> str:
        """Return kind, name, id and state."""
        return f"<{self._ref.kind} {self.name} ({self.id}): {self.phase.value}>"


def submit(
    notebook: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    framework: str | None = None,
    workers: int | None = None,
    ps: int | None = None,
    chief: bool = False,
    evaluator: bool = False,
    master: bool | None = None,
    gpu: str | int | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    name: str | None = None,
    output: str | Path | None = None,
    include: Sequence[str] = (),
    root: str | Path | None = None,
    python: str | None = None,
    spec: Mapping[str, Any] | None = None,
    backend: str = "local",
    force: bool = False,
) -> Job:
    """Run a notebook as a training job and return it at once.

    Parameters
    ----------
    notebook:
        The file. It is frozen first: the job runs what it is now.
    parameters:
        Values for the cell tagged ``parameters``.
    framework:
        ``tensorflow``, ``pytorch`` or ``none``; None finds out from the imports.
    workers, ps, chief, evaluator, master:
        The roles and their replicas.
    gpu:
        ``"PRODUCT:COUNT"`` or a count, for each replica that trains.
    cpu, memory:
        Kubernetes quantities, for each replica.
    name, output:
        ``metadata.name``, and the folder that gets the executed notebook and the model.
    include, root, python:
        Data files to ship, the folder outside of which nothing is read, the interpreter whose packages count.
    spec:
        Anything else of ``TrainingSpec``.
    backend:
        Where it runs.
    force:
        Submit in spite of findings that are errors.

    Raises
    ------
    MltrainError
        What was wrong, with a hint.
    """
    resources = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    full = {**(spec or {})}
    for field, value in (("framework", framework), ("name", name)):
        if value is not None:
            full[field] = value
    if output is not None:
        full["output_uri"] = str(output) if "://" in str(output) else str(Path(output).resolve())
    request = Request(
        notebook=Path(notebook),
        spec=full,
        roles={
            "workers": workers,
            "ps": ps,
            "chief": chief,
            "evaluator": evaluator,
            "master": master,
            "resources": resources,
            "gpu": None if gpu is None else parse_gpu(str(gpu)),
        },
        parameters=parameters or {},
        include=include,
        root=None if root is None else Path(root),
        python=python,
    )
    service = _run(Service.open(backend))
    return Job(_run(_submit(service, request, force)), service)


def plan(notebook: str | Path, *, backend: str = "local", **request: Any) -> Plan:
    """Say what a submit would do, without doing it; arguments as `service.Request` takes them."""
    service = _run(Service.open(backend))
    return _run(service.plan(Request(notebook=Path(notebook), **request)))


def check(notebook: str | Path, **request: Any) -> tuple[Finding, ...]:
    """Return everything that can be known to be wrong before anything runs."""
    return plan(notebook, **request).findings


def jobs(backend: str = "local", *, limit: int | None = None) -> list[Job]:
    """Return the jobs, newest first, at most ``limit`` of them."""
    service = _run(Service.open(backend))
    return [Job(status.ref, service) for status in _run(service.jobs(limit=limit)).jobs]


def job(text: str, backend: str = "local") -> Job:
    """Return the job that an id, the beginning of an id, or a name means."""
    service = _run(Service.open(backend))
    return Job(_run(service.find(text)), service)


async def _submit(service: Service, request: Request, force: bool) -> JobRef:
    return await service.submit(await service.plan(request), force=force)


_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def _the_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="mltrain", daemon=True).start()
        return _loop


def _run(work: Coroutine[Any, Any, T]) -> T:
    future = asyncio.run_coroutine_threadsafe(work, _the_loop())
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def _iterate(source: AsyncIterator[T]) -> Iterator[T]:
    """Walk an asynchronous iterator from plain code; stopping early closes it."""
    try:
        while True:
            try:
                yield _run(_next(source))
            except StopAsyncIteration:
                return
    finally:
        # This may run wherever the generator is collected: on the loop's own thread, or as the interpreter ends, when
        # that thread is frozen. So nothing waits for the end of it.
        close = getattr(source, "aclose", None)
        if close is not None and not sys.is_finalizing():
            asyncio.run_coroutine_threadsafe(close(), _the_loop())


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)
