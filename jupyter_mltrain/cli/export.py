"""``mltrain export``: a notebook as script, manifest, Dockerfile or program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .context import backend_option, with_service
from .options import training_options
from .output import json_option, print_document, print_findings, print_json

if TYPE_CHECKING:
    from ..service import Export, Service


@click.command("export")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--script", "what", flag_value="script", default=True, help="A .py for plain python [default].")
@click.option("--manifest", "what", flag_value="manifest", help="The TFJob, PyTorchJob or Job as YAML.")
@click.option("--dockerfile", "what", flag_value="dockerfile", help="A Dockerfile of the notebook's image.")
@click.option("--program", "what", flag_value="program", help="The frozen program, as a folder.")
@click.option(
    "-o", "--to", "target", type=click.Path(path_type=Path), help="Target file; folder for a program or a Dockerfile."
)
@training_options
@json_option
@backend_option
def export_command(notebook: Path, what: str, target: Path | None, as_json: bool, backend: str, **options: Any) -> int:
    """Write NOTEBOOK as script, manifest, Dockerfile or program, on standard output where no target is named."""
    from .submit import request_from_options

    async def work(service: Service) -> Export:
        return await service.export(request_from_options(notebook, options), what, target)

    export = with_service(backend, work)
    if as_json:
        print_json(export.to_dict())
    else:
        print_findings(export.findings)
        print_document(export.text) if export.path is None else click.echo(export.path)
    return 2 if export.incomplete else 0
