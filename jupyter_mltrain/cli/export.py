"""``mltrain export``: a notebook as script, manifest, Dockerfile or program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidInput
from .context import backend_option, with_service
from .image_options import image_options, image_request
from .options import training_options
from .output import json_option, print_document, print_findings, print_json

if TYPE_CHECKING:
    from ..service import Export, Service
    from ..service.images import ImageRequest

_IMAGE = {
    "platforms": "--platform",
    "base": "--base",
    "environment": "--environment",
    "refresh": "--refresh",
    "force": "--force",
}
"""Options that only a Dockerfile can follow."""


@click.command("export")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--script", "what", flag_value="script", default=True, help="A .py for plain python [default].")
@click.option("--manifest", "what", flag_value="manifest", help="The TFJob, PyTorchJob or Job as YAML.")
@click.option("--dockerfile", "what", flag_value="dockerfile", help="A Dockerfile of the image that build makes.")
@click.option("--program", "what", flag_value="program", help="The frozen program, as a folder.")
@click.option(
    "-o", "--to", "target", type=click.Path(path_type=Path), help="Target file; folder for a program or a Dockerfile."
)
@image_options("With --dockerfile: ")
@click.option("--force", is_flag=True, help="With --dockerfile: write it in spite of findings that are errors.")
@training_options
@json_option
@backend_option
def export_command(
    notebook: Path, what: str, target: Path | None, force: bool, as_json: bool, backend: str, **options: Any
) -> int:
    """Write NOTEBOOK as script, manifest, Dockerfile or program, on standard output where no target is named.

    With the same --environment, --base, --platform, --framework, --gpu, --python, --root and --include, the Dockerfile
    makes the environment that mltrain build makes.
    """
    from .submit import request_from_options

    image = _image(what, {**options, "force": force})

    async def work(service: Service) -> Export:
        return await service.export(request_from_options(notebook, options), what, target, image=image, force=force)

    export = with_service(backend, work)
    if as_json:
        print_json(export.to_dict())
    else:
        print_findings(export.findings)
        print_document(export.text) if export.path is None else click.echo(export.path)
    return 2 if export.incomplete and not force else 0


def _image(what: str, options: dict[str, Any]) -> ImageRequest | None:
    """Return which image a Dockerfile is to describe, None for all else."""
    if what == "dockerfile":
        if len(options["platforms"]) > 1:
            raise InvalidInput(
                "A Dockerfile is for one platform: its packages are locked for that.",
                hint="Export one for each --platform, or let mltrain build make one image for all.",
                field="platforms",
            )
        return image_request(options)
    for field, option in _IMAGE.items():
        if options[field] not in (None, False, ()):
            raise InvalidInput(
                f"{option} has no effect on a {what}.", hint=f"Add --dockerfile, or leave out {option}.", field=field
            )
    return None
