"""``mltrain watch``, and what ``submit --follow`` shows: a live view on a terminal, plain lines in a pipe."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..errors import NotFound
from ..model.job import JobRef, JobStatus, Phase
from .context import backend_option, with_service
from .jobs import counts
from .output import json_option, print_json_line

if TYPE_CHECKING:
    from ..service import Service, Update

_EXIT_CODES = {Phase.SUCCEEDED: 0, Phase.FAILED: 1, Phase.CANCELLED: 4}


def exit_code(job: JobStatus) -> int:
    """Return the exit code that tells a job's end; 5 if its end was not seen (it was deleted)."""
    return _EXIT_CODES.get(job.phase, 5)


@click.command("watch")
@click.argument("job", metavar="[JOB]", required=False)
@json_option
@backend_option
def watch_command(job: str | None, as_json: bool, backend: str) -> int:
    """Follow one job until its end, or all jobs until Ctrl-C."""

    async def work(service: Service) -> int:
        if job is None:
            await _watch_all(service, as_json)
            return 0
        ref = await service.find(job)
        return await (_follow_json if as_json else follow_job)(service, ref)

    return with_service(backend, work)


@contextmanager
def goes_on(ref: JobRef) -> Iterator[None]:
    """Say to who stops looking that the job does not stop."""
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo(f"\nThe job goes on. Look again: mltrain watch {ref.id}; stop it: mltrain cancel {ref.id}", err=True)
        raise


def job_view() -> _Plain | _Live:
    """Return what shows one job as it goes: a panel on a terminal, lines in a pipe."""
    return _Live() if _on_terminal() else _Plain()


async def follow_job(service: Service, ref: JobRef) -> int:
    """Follow one job until it ends or is deleted; return its exit code."""
    last: Update | None = None
    with goes_on(ref), job_view() as view:
        async for last in service.follow(ref):
            view.show(last)
    if last is None:
        return 5
    await _print_end(service, last)
    return exit_code(last.job)


async def _print_end(service: Service, update: Update) -> None:
    job = update.job
    click.echo(f"\nstate      {job.phase.value}")
    if error := await service.failure(job.ref) if job.phase is Phase.FAILED else update.error:
        click.echo(f"error      {error}")
    if job.message and job.phase is not Phase.SUCCEEDED:
        click.echo(f"why        {job.message}")
    click.echo(f"replicas   {counts(job)}")
    try:
        for artifact in await service.outputs(job.ref):
            click.echo(f"{artifact.word:<10} {artifact.path}")
    except NotFound:
        click.echo("deleted    The job was deleted, with its log and outputs in the data folder.")


class _Plain:
    """One line for each thing that happened."""

    def __init__(self) -> None:
        self._conditions: dict[str, tuple[str, str]] = {}
        self._counts = ""
        self._cell: int | None = None
        self._waiting = ""

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *_: object) -> None:
        """Everything was printed as it came."""

    def show(self, update: Update) -> None:
        self._show_job(update.job)
        if update.progress is not None and update.progress.running is not None and update.progress.number != self._cell:
            self._cell = update.progress.number
            click.echo(f"cell       {update.progress.number}/{update.progress.total}  {update.progress.title}")
        for metric in update.metrics:
            click.echo(f"metrics    {metric}")

    def _show_job(self, job: JobStatus) -> None:
        if job.queue_position is not None and job.message != self._waiting:
            self._waiting = job.message
            click.echo(f"Queued     number {job.queue_position}. {job.message}".rstrip())
        for condition in job.conditions:
            seen = (condition.status, condition.reason)
            if self._conditions.get(condition.type) != seen:
                self._conditions[condition.type] = seen
                word = condition.type if condition.status == "True" else f"{condition.type}={condition.status}"
                click.echo(f"{word:<10} {condition.message}")
        if counts(job) != self._counts:
            self._counts = counts(job)
            click.echo(f"replicas   {self._counts}")


class _Live:
    """A panel that is drawn over itself: state, replicas, the running cell, metrics."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(highlight=False), refresh_per_second=8, transient=False)
        self._metrics: list[str] = []

    def __enter__(self) -> _Live:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, update: Update) -> None:
        from .panel import job_panel

        self._metrics = [*self._metrics, *(str(metric) for metric in update.metrics)][-3:]
        self._live.update(job_panel(update.job, update.progress, self._metrics))


async def _follow_json(service: Service, ref: JobRef) -> int:
    """Print one JSON object a line for each change of one job, until it ends."""
    last: JobStatus | None = None
    async for update in service.follow(ref):
        last = update.job
        print_json_line(update.to_dict())
    return 5 if last is None else exit_code(last)


async def _watch_all(service: Service, as_json: bool) -> None:
    """Print a line for each change of any job; on a terminal, a live table."""
    if not as_json and _on_terminal():
        await _watch_all_live(service)
        return
    async for change in service.watch():
        if change.job is None:
            continue
        job = change.job
        if as_json:
            print_json_line({"type": change.type, "job": job.to_dict()})
        else:
            click.echo(f"{job.ref.id}  {job.ref.name}  {job.ref.kind}  {job.phase.value}  {counts(job)}".rstrip())


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


async def _watch_all_live(service: Service) -> None:
    from rich.console import Console
    from rich.live import Live

    from .panel import jobs_table

    jobs: dict[str, JobStatus] = {}
    with Live(console=Console(highlight=False), refresh_per_second=4, screen=False) as live:
        async for change in service.watch():
            if change.type == "deleted" and change.ref is not None:
                jobs.pop(change.ref.id, None)
            elif change.job is not None:
                jobs[change.job.ref.id] = change.job
            newest = sorted(jobs.values(), key=lambda job: job.created_at, reverse=True)
            live.update(jobs_table(newest[: max(live.console.height - 4, 5)], live.console.width))
