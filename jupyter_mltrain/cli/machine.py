"""``mltrain devices``, ``samples``, ``recover``: the machine and what comes with the package."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ..errors import InvalidInput
from .context import backend_option, with_service
from .output import columns, json_option, print_json


@click.command("devices")
@json_option
@backend_option
def devices_command(as_json: bool, backend: str) -> None:
    """Show processors, memory, GPUs and slots."""
    found = with_service(backend, lambda service: service.devices())
    if as_json:
        print_json(asdict(found))
        return
    memory = f"{found.memory / 2**30:.1f} GiB" if found.memory else "-"
    click.echo(f"CPU {found.cpus or '-'}   memory {memory}   slots {found.slots_free}/{found.slots} free")
    if found.devices:
        rows = [
            [d.product, f"{d.free}/{d.total}", f"{d.memory / 2**30:.0f} GiB" if d.memory else "", d.node]
            for d in found.devices
        ]
        click.echo(columns(["GPU", "FREE", "MEMORY", "NODE"], rows))
    else:
        click.echo(f"No GPU. {found.note}".rstrip())


@click.command("samples")
@click.argument("name", required=False)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Copy the sample into this folder.")
@json_option
def samples_command(name: str | None, to: Path | None, as_json: bool) -> None:
    """List the sample notebooks, or copy one: `mltrain samples recommender --to .`"""
    from ..samples import copy_sample, get_sample, list_samples

    if name is None and to is not None:
        raise click.UsageError("--to copies one sample: name it, as in `mltrain samples recommender --to .`")
    if name is not None and to is not None:
        target = copy_sample(get_sample(name), to)
        print_json({"path": str(target)}) if as_json else click.echo(f"{target}")
        return
    samples = [get_sample(name)] if name is not None else list_samples()
    if as_json:
        print_json([sample.to_dict() for sample in samples])
        return
    click.echo(
        columns(["NAME", "FRAMEWORK", "NEEDS", "TITLE"], [[s.name, s.framework, s.extra, s.title] for s in samples])
    )


@click.command("recover")
@click.option("--disk-budget", metavar="SIZE", help="Also delete the oldest finished runs beyond this, e.g. 20Gi.")
@json_option
@backend_option
def recover_command(disk_budget: str | None, as_json: bool, backend: str) -> None:
    """Look after jobs whose supervisor died; clean up. Every other command does the first part by itself."""
    budget = None if disk_budget is None else _size(disk_budget)
    result = with_service(backend, lambda service: service.recover(disk_budget=budget))
    if as_json:
        print_json(asdict(result))
        return
    click.echo(f"{len(result.recovered)} job(s) looked after, {len(result.pruned)} old run(s) deleted")


def _size(text: str) -> int:
    from ..model.quantity import parse_memory

    try:
        return parse_memory(text)
    except ValueError as error:
        raise InvalidInput(f"--disk-budget: {error}", hint="Give a size such as 20Gi.") from None
