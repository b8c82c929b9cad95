"""``mltrain cancel``, ``suspend``, ``resume``, ``resubmit``, ``delete``: changing jobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errors import InvalidInput
from ..model.job import JobRef
from .context import backend_option, job_argument, with_service
from .output import json_option, print_json

if TYPE_CHECKING:
    from ..service import Service

_DONE = {"cancel": "cancelled", "suspend": "suspended", "resume": "resumed", "delete": "deleted"}


def _apply(verb: str, names: tuple[str, ...], backend: str, as_json: bool, *, ask: bool = False) -> None:
    """Change jobs: all of them, or none where one of the names means no job."""

    async def work(service: Service) -> list[tuple[JobRef, str]]:
        refs = list(dict.fromkeys([await service.find(name) for name in names]))
        if ask:
            shown = ", ".join(f"{ref.name} ({ref.id})" for ref in refs)
            click.confirm(f"Delete {shown} with logs and outputs?", abort=True)
        return [(ref, await _change(service, verb, ref)) for ref in refs]

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
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Nothing is asked where there is no terminal.")
@json_option
@backend_option
def delete_command(jobs: tuple[str, ...], yes: bool, as_json: bool, backend: str) -> None:
    """Stop and forget jobs, with their logs and with outputs that lie in the data folder."""
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    _apply("delete", jobs, backend, as_json, ask=on_terminal and not yes and not as_json)


@click.command("resubmit")
@job_argument
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="Change a value.")
@click.option("--replicas", "replicas", nargs=2, multiple=True, metavar="ROLE N", help="Scale a role. Repeatable.")
@click.option("--cpu", metavar="QUANTITY", help="CPU of each replica, e.g. 2 or 500m.")
@click.option("--memory", metavar="QUANTITY", help="Memory limit of each replica, e.g. 4Gi.")
@click.option("--name", help="Name of the new job.")
@json_option
@backend_option
def resubmit_command(
    job: str,
    parameters: tuple[tuple[str, str], ...],
    replicas: tuple[tuple[str, str], ...],
    cpu: str | None,
    memory: str | None,
    name: str | None,
    as_json: bool,
    backend: str,
) -> None:
    """Run a job's program again as a new job: the same frozen program, not the notebook as it is now."""
    resources = {word: value for word, value in (("cpu", cpu), ("memory", memory)) if value is not None}

    async def work(service: Service) -> JobRef:
        ref = await service.find(job)
        counts = {role: _count(role, number) for role, number in replicas}
        return await service.resubmit(ref, texts=dict(parameters), replicas=counts, resources=resources, name=name)

    ref = with_service(backend, work)
    if as_json:
        print_json({"id": ref.id, "name": ref.name, "kind": ref.kind, "namespace": ref.namespace})
    else:
        click.echo(f"{ref.kind} {ref.name} ({ref.id}) submitted")


def _count(role: str, text: str) -> int:
    if not text.isdecimal():
        raise InvalidInput(f"--replicas {role} {text}: {text!r} is not a whole number", hint="For example Worker 4.")
    return int(text)
