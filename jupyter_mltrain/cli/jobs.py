"""``mltrain list``, ``show``, ``logs``, ``events``: reading jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..model.job import JobStatus, Phase, parse_timestamp
from .context import backend_option, job_argument, with_service
from .output import age, columns, json_option, print_json, print_json_line

if TYPE_CHECKING:
    from ..service import JobPage, Output, Service

_KINDS = click.Choice(["TFJob", "PyTorchJob", "Job"], case_sensitive=False)
_STATES = click.Choice([phase.value for phase in Phase], case_sensitive=False)


def row(job: JobStatus, now: datetime) -> list[str]:
    """Return a job's row: id, name, kind, state, replicas, age."""
    state = job.phase.value if job.queue_position is None else f"Queued ({job.queue_position})"
    created = age((now - parse_timestamp(job.created_at)).total_seconds()) if job.created_at else ""
    return [job.ref.id, job.ref.name, job.ref.kind, state, counts(job), created]


def counts(job: JobStatus) -> str:
    """Return the replica statuses in one phrase: ``Worker: active 1, succeeded 1``."""
    return "; ".join(
        f"{role}: " + (", ".join(f"{word} {n}" for word, n in numbers.items() if word != "selector") or "none yet")
        for role, numbers in role_counts(job).items()
    )


def role_counts(job: JobStatus) -> dict[str, dict[str, int]]:
    """Return the operator's counts by role; a batch/v1 Job has one set of its own."""
    if job.ref.kind != "Job":
        return job.replica_statuses
    found = {word: job.status[word] for word in ("active", "succeeded", "failed") if job.status.get(word)}
    return {"Worker": found} if job.status else {}


@click.command("list")
@click.option("--state", "states", multiple=True, type=_STATES, help="Only jobs in this state. Repeatable.")
@click.option("--kind", "kinds", multiple=True, type=_KINDS, help="Only jobs of this kind. Repeatable.")
@click.option("--notebook", default="", metavar="NAME", help="Only runs of this notebook: its path, name or stem.")
@click.option(
    "--search", "text", default="", metavar="TEXT", help="Only jobs with this text in id, name, notebook or failure."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most this many.")
@click.option("--before", metavar="ID", help="Only jobs older than this one: the last of the page before.")
@json_option
@backend_option
def list_command(
    states: tuple[str, ...],
    kinds: tuple[str, ...],
    notebook: str,
    text: str,
    limit: int,
    before: str | None,
    as_json: bool,
    backend: str,
) -> None:
    """List jobs, newest first, page by page."""
    from ..service import JobFilter

    wanted = JobFilter([Phase(state) for state in states], kinds, notebook, text)

    async def read(service: Service) -> JobPage:
        newer = None if before is None else (await service.find(before)).id
        return await service.jobs(wanted, limit=limit, before=newer)

    page = with_service(backend, read)
    if as_json:
        print_json([job.to_dict() for job in page.jobs])
    elif page.jobs:
        now = datetime.now(UTC)
        click.echo(columns(["ID", "NAME", "KIND", "STATE", "REPLICAS", "AGE"], [row(job, now) for job in page.jobs]))
    elif before is not None or not wanted.all:
        click.echo("No such jobs.", err=True)
    else:
        click.echo("No jobs. Run one: mltrain submit NOTEBOOK", err=True)
    if page.next is not None:
        click.echo(f"There are more: add --before {page.next}, or a greater --limit.", err=True)


@click.command("show")
@job_argument
@json_option
@backend_option
def show_command(job: str, as_json: bool, backend: str) -> None:
    """Show one job: conditions, replicas, outputs."""

    async def read(service: Service) -> tuple[JobStatus, str, list[Output]]:
        found = await service.status(await service.find(job))
        error = await service.failure(found.ref) if found.phase is Phase.FAILED else ""
        return found, error, await service.outputs(found.ref)

    found, error, outputs = with_service(backend, read)
    if as_json:
        print_json({**found.to_dict(), "error": error})
    else:
        click.echo(describe(found, error, outputs))


def describe(job: JobStatus, error: str, outputs: Sequence[Output]) -> str:
    """Return everything about a job as text, with what ended its notebook and what it left behind."""
    facts = [
        f"{job.ref.kind} {job.ref.namespace}/{job.ref.name}",
        f"  id       {job.ref.id}",
        f"  state    {job.phase.value}" + (f", number {job.queue_position} in the queue" if job.queue_position else ""),
        f"  created  {job.created_at}",
    ]
    facts += [f"  error    {error}"] * bool(error)
    facts += [f"  why      {job.message}"] * bool(job.message)
    facts += [f"  {output.word:<8} {output.path}" for output in outputs]
    conditions = [[c.type, c.status, c.last_transition_time, c.reason, c.message] for c in job.conditions]
    replicas = [
        [r.name, r.phase, str(r.restarts), "" if r.exit_code is None else str(r.exit_code), r.reason, r.message]
        for r in job.replicas
    ]
    parts = ["\n".join(facts)]
    if conditions:
        parts.append(columns(["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"], conditions))
    if job.status:
        parts.append(counts(job))
    if replicas:
        parts.append(columns(["REPLICA", "PHASE", "RESTARTS", "EXIT", "REASON", "MESSAGE"], replicas))
    return "\n\n".join(part for part in parts if part)


@click.command("logs")
@job_argument
@click.option("--replica", metavar="NAME", help="Pod name, or ROLE-INDEX such as worker-0; default: the leader.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the replica is done.")
@click.option("--raw", is_flag=True, help="Print the log as it is, with the runner's records.")
@click.option("--tail", type=click.IntRange(0), help="Only the last N lines.")
@json_option
@backend_option
def logs_command(
    job: str, replica: str | None, follow: bool, raw: bool, tail: int | None, as_json: bool, backend: str
) -> None:
    """Print or follow the log of a job's replica."""

    async def stream(service: Service) -> None:
        ref = await service.find(job)
        async for line in service.log_lines(ref, replica, follow=follow, raw=raw, tail=tail):
            print_json_line({"line": line}) if as_json else click.echo(line)

    with_service(backend, stream)


@click.command("events")
@job_argument
@json_option
@backend_option
def events_command(job: str, as_json: bool, backend: str) -> None:
    """List the events of a job."""
    from dataclasses import asdict

    from ..model.job import Event

    async def read(service: Service) -> list[Event]:
        return await service.events(await service.find(job))

    events = with_service(backend, read)
    if as_json:
        print_json([asdict(event) for event in events])
        return
    rows = [[e.time, e.type, e.reason, e.object, f"{e.message}" + f" (x{e.count})" * (e.count > 1)] for e in events]
    click.echo(columns(["TIME", "TYPE", "REASON", "OBJECT", "MESSAGE"], rows))
