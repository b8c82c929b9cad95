"""``mltrain submit`` and ``apply``: starting jobs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidInput
from ..model.job import JobRef, Phase
from .context import backend_option, with_service
from .options import parameter_values, role_options, spec_from_options, training_options
from .output import json_option, print_document, print_findings, print_json
from .watch import exit_code, follow_job, goes_on

if TYPE_CHECKING:
    from ..service import Plan, Request, Service


def request_from_options(notebook: Path, options: dict[str, Any]) -> Request:
    """Make the service's request of a command's options."""
    from ..service import Request

    typed, texts = parameter_values(options)
    return Request(
        notebook=notebook,
        spec=spec_from_options(options),
        roles=role_options(options),
        parameters=typed,
        parameter_texts=texts,
        include=options["include"],
        root=options["root"],
        python=options["python"],
    )


_wait = click.option("--wait", is_flag=True, help="Wait for the end; the exit code tells it.")
_follow = click.option("--follow", is_flag=True, help="Show conditions, replicas, cells and metrics until the end.")
_notebook = click.argument("notebook", type=click.Path(path_type=Path))


@click.command("submit")
@_notebook
@training_options
@click.option("--dry-run", is_flag=True, help="Print the manifest and the findings; do nothing.")
@click.option("--force", is_flag=True, help="Submit in spite of findings that are errors.")
@_wait
@_follow
@json_option
@backend_option
def submit_command(
    notebook: Path, dry_run: bool, force: bool, wait: bool, follow: bool, as_json: bool, backend: str, **options: Any
) -> int:
    """Run NOTEBOOK as a training job.

    The notebook is frozen first: the job runs what it is now, whatever happens to the file later.
    """

    async def work(service: Service) -> int:
        plan = await service.plan(request_from_options(notebook, options))
        if dry_run:
            _print_plan(plan, as_json)
            return 2 if plan.refused else 0
        if not as_json:
            print_findings(plan.findings)
            for note in plan.notes:
                click.echo(note, err=True)
        ref = await service.submit(plan, force=force)
        if as_json:
            return await _print_jobs(service, [ref], wait=wait or follow)
        _say_submitted([ref], follow_hint=not (wait or follow))
        return await _stay(service, ref, follow=follow) if wait or follow else 0

    return with_service(backend, work)


@click.command("apply")
@click.option(
    "-f", "--filename", "filenames", required=True, multiple=True, metavar="FILE", help="YAML or JSON; - for stdin."
)
@_wait
@_follow
@json_option
@backend_option
def apply_command(filenames: tuple[str, ...], wait: bool, follow: bool, as_json: bool, backend: str) -> int:
    """Run TFJobs, PyTorchJobs or Jobs from files, as `kubectl create` would: all of them, or none.

    With --json one job is one object, several jobs are a list.
    """

    async def work(service: Service) -> int:
        refs = await service.apply(*(_standard_input() if name == "-" else Path(name) for name in filenames))
        if as_json:
            return await _print_jobs(service, refs, wait=wait or follow)
        _say_submitted(refs, follow_hint=not (wait or follow))
        return max([await _stay(service, ref, follow=follow) for ref in refs]) if wait or follow else 0

    return with_service(backend, work)


def _standard_input() -> str:
    if sys.stdin is None:
        raise InvalidInput("-f - reads standard input, which is closed", hint="Name a file.")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"What came on standard input is not text in UTF-8: {error}") from None


def _print_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_dict())
        return
    from ..manifests import to_yaml

    print_findings(plan.findings)
    print_document(to_yaml(plan.manifest))


async def _print_jobs(service: Service, refs: Sequence[JobRef], *, wait: bool) -> int:
    """Print one job as an object, several as a list, and return the exit code."""
    jobs = [await (service.wait(ref) if wait else service.status(ref)) for ref in refs]
    found = [job.to_dict() for job in jobs]
    print_json(found[0] if len(found) == 1 else found)
    return max(map(exit_code, jobs)) if wait else 0


def _say_submitted(refs: Sequence[JobRef], *, follow_hint: bool) -> None:
    for ref in refs:
        click.echo(f"{ref.kind} {ref.name} ({ref.id}) submitted")
        if follow_hint:
            click.echo(f"Follow it: mltrain watch {ref.id}", err=True)


async def _stay(service: Service, ref: JobRef, *, follow: bool) -> int:
    """Stay until the job ends and return its exit code."""
    if follow:
        return await follow_job(service, ref)
    with goes_on(ref):
        job = await service.wait(ref)
    error = await service.failure(ref) if job.phase is Phase.FAILED else ""
    click.echo(": ".join([f"{job.ref.kind} {job.ref.name} {job.phase.value}", *filter(None, (error, job.message))]))
    return exit_code(job)
