"""``mltrain cancel``, ``suspend``, ``resume``, ``resubmit``, ``delete``: changing jobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..model.job import JobRef
from .context import backend_option, job_argument, with_service
from .output import json_option, print_json

if TYPE_CHECKING:
    from ..service import Service

_DONE = {"cancel": "cancelled", "suspend": "suspended", "resume": "resumed", "delete": "deleted"}


def _apply(verb: str, names: tuple[str, ...], backend: str, as_json: bool) -> None:
    async def work(service: Service) -> list[tuple[JobRef, str]]:
        refs = [await service.find(name) for name in names]
        return [(ref, await _change(service, verb, ref)) for ref in dict.fromkeys(refs)]

    changed = with_service(backend, work)
    if as_json:
        print_json([{"id": ref.id, "name": ref.name, "done": done} for ref, done in changed])
        return
    for ref, done in changed:
        click.echo(f"{ref.kind} {ref.name} ({ref.id}) {done}")


async def _change(service: Service, verb: str, ref: JobRef) -> str:
    """Change a job and return what became of it, in a word or two: a job that has ended stays as it is."""
    before = (await service.status(ref)).phase
    await getattr(service, verb)(ref)
    if before.finished and verb != "delete":
        return f"had ended: {before.value}"
    return _DONE[verb]


@click.command("cancel")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@json_option
@backend_option
def cancel_command(jobs: tuple[str, ...], as_json: bool, backend: str) -> None:
    """Stop jobs for good: SIGTERM, grace, SIGKILL. Records, logs and outputs stay; see `mltrain resubmit`."""
    _apply("cancel", jobs, backend, as_json)


@click.command("suspend")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@json_option
@backend_option
def suspend_command(jobs: tuple[str, ...], as_json: bool, backend: str) -> None:
    """Stop jobs' replicas until they are resumed; slots and GPUs become free."""
    _apply("suspend", jobs, backend, as_json)


@click.command("resume")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@json_option
@backend_option
def resume_command(jobs: tuple[str, ...], as_json: bool, backend: str) -> None:
    """Let suspended jobs run again, from the beginning of the notebook or the run's own checkpoint."""
    _apply("resume", jobs, backend, as_json)


@click.command("delete")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@backend_option
def delete_command(jobs: tuple[str, ...], yes: bool, as_json: bool, backend: str) -> None:
    """Stop and forget jobs, with their logs and with outputs that lie in the data folder."""
    if not yes and not as_json and sys.stdin.isatty():
        click.confirm(f"Delete {', '.join(jobs)} with logs and outputs?", abort=True)
    _apply("delete", jobs, backend, as_json)


@click.command("resubmit")
@job_argument
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="Change a value.")
@click.option("--name", help="Name of the new job.")
@json_option
@backend_option
def resubmit_command(
    job: str, parameters: tuple[tuple[str, str], ...], name: str | None, as_json: bool, backend: str
) -> None:
    """Run a job's program again as a new job: the same frozen program, not the notebook as it is now."""

    async def work(service: Service) -> JobRef:
        return await service.resubmit(await service.find(job), texts=dict(parameters), name=name)

    ref = with_service(backend, work)
    if as_json:
        print_json({"id": ref.id, "name": ref.name, "kind": ref.kind, "namespace": ref.namespace})
    else:
        click.echo(f"{ref.kind} {ref.name} ({ref.id}) submitted")
