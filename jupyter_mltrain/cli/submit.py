"""``mltrain submit`` and ``apply``: starting jobs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..model.job import JobRef, JobStatus
from .context import backend_option, with_service
from .options import parameter_values, role_options, spec_from_options, training_options
from .output import json_option, print_findings, print_json

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
        return await _after(service, ref, wait=wait, follow=follow, as_json=as_json)

    return with_service(backend, work)


@click.command("apply")
@click.option("-f", "--filename", required=True, metavar="FILE", help="YAML or JSON; - reads standard input.")
@_wait
@_follow
@json_option
@backend_option
def apply_command(filename: str, wait: bool, follow: bool, as_json: bool, backend: str) -> int:
    """Run TFJobs, PyTorchJobs or Jobs from a file, as `kubectl create` would."""

    async def work(service: Service) -> int:
        text = sys.stdin.read() if filename == "-" else None
        refs = await service.apply(text if text is not None else Path(filename))
        codes = [await _after(service, ref, wait=wait, follow=follow, as_json=as_json) for ref in refs]
        return max(codes, default=0)

    return with_service(backend, work)


def _print_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_dict())
        return
    from ..manifests import to_yaml

    print_findings(plan.findings)
    click.echo(to_yaml(plan.manifest), nl=False)


async def _after(service: Service, ref: JobRef, *, wait: bool, follow: bool, as_json: bool) -> int:
    """Say that the job was submitted and, if asked, stay until it ends; return the exit code."""
    from .watch import exit_code, follow_job

    if as_json:
        job = await (service.wait(ref) if wait or follow else service.status(ref))
        print_json(job.to_dict())
        return exit_code(job) if wait or follow else 0
    click.echo(f"{ref.kind} {ref.name} ({ref.id}) submitted")
    if follow:
        return await follow_job(service, ref)
    if wait:
        return _say_end(await service.wait(ref))
    click.echo(f"Follow it: mltrain watch {ref.id}", err=True)
    return 0


def _say_end(job: JobStatus) -> int:
    from .watch import exit_code

    click.echo(f"{job.ref.kind} {job.ref.name} {job.phase.value}" + f": {job.message}" * bool(job.message))
    return exit_code(job)
