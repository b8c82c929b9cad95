"""``mltrain run-image``: a built image runs on this machine, by podman or docker."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import ImageError, InvalidInput, NotFound
from ..model import labels
from .container_run import ContainerRun
from .options import pair, parameter_values
from .output import json_option, print_json

if TYPE_CHECKING:
    from ..image.containers import Container, Engine, Mount
    from ..notebook.program import Program

_OUTPUTS: Final = "/outputs"
_CHANNELS: Final = "/channels"
_INTERRUPTED: Final = 130


@click.command("run-image")
@click.argument("image")
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="A parameter.")
@click.option(
    "-f", "--parameters-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML or JSON."
)
@click.option(
    "--output", default="outputs", show_default=True, metavar="DIR", help="Folder or URI for notebook and model."
)
@click.option("--channel", "channels", multiple=True, metavar="NAME=PATH", help="A named input. Repeatable.")
@click.option("--volume", "volumes", multiple=True, metavar="SRC:DST[:ro]", help="Mount a folder. Repeatable.")
@click.option("--env", "env", multiple=True, metavar="NAME[=VALUE]", help="An environment variable. Repeatable.")
@click.option("--gpus", default="", metavar="all|0,1", help="GPUs that the container sees.")
@click.option("--cpu", metavar="QUANTITY", help="At most so much CPU, e.g. 2 or 500m.")
@click.option("--memory", metavar="QUANTITY", help="At most so much memory, e.g. 4Gi.")
@click.option("--network", default="", metavar="none|host|...", help="[default: the runtime's]")
@click.option("--runtime", type=click.Choice(["podman", "docker"]), help="[default: what is installed]")
@json_option
def run_image_command(image: str, as_json: bool, **options: Any) -> int:
    """Run IMAGE here: a reference, an OCI layout folder, or an OCI archive.

    It runs as a pod of a job would, with the same parameters, inputs and outputs. An image needs no network to run;
    what its notebook does may. Ctrl-C stops it. Podman's and docker's own settings hold.
    """
    from ..image import settings
    from ..image.containers import Engine, refusal

    engine = Engine.find(options["runtime"])
    found = engine.pull(image, plain_http=settings.load().plain_http)
    program = _program(engine, found)
    container, output = _container(program, found, options)
    run = ContainerRun(engine, container, program, output, quiet=as_json)
    with engine.lent(output) if output else nullcontext():
        code = run.follow()
    if error := refusal(engine, code, run.tail):
        raise error
    print_json(run.to_dict(image, code)) if as_json else run.print_end(code)
    return _INTERRUPTED if run.interrupted else 1 if code else 0


def _program(engine: Engine, image: str) -> Program:
    """Return the program that an image runs, read out of the image. Raises ``ImageError``."""
    from ..image.oci import digest_of
    from ..notebook.program import PROGRAM_FILE, Program, folder_name

    env = engine.environment(image)
    digest = env.get(labels.ENV_PROGRAM, "")
    hint = "Build an image of a notebook: mltrain build NOTEBOOK"
    if not digest:
        raise ImageError("This image runs no notebook: it has no program.", hint=hint)
    for store in env.get(labels.ENV_PROGRAM_PATH, "").split(os.pathsep):
        try:
            content = engine.read_file(image, f"{store}/{folder_name(digest)}/{PROGRAM_FILE}")
        except NotFound:
            continue
        if digest_of(content) != digest:
            break
        try:
            return Program.from_dict(json.loads(content))
        except (KeyError, TypeError, ValueError) as error:
            raise ImageError(f"The program in this image cannot be read: {error}.", hint=hint) from None
    raise ImageError(f"This image does not have the program {digest} that it is to run.", hint=hint)


def _container(program: Program, image: str, options: dict[str, Any]) -> tuple[Container, Path | None]:
    """Return what is to run, and the folder of this machine that its outputs go to."""
    from ..image.containers import Container, Mount
    from ..manifests.environment import parameters_json
    from ..notebook import check_values

    typed, texts = parameter_values(options)
    values = check_values(program.parameters, typed, texts=texts)
    channels, mounts = _channels(options["channels"])
    mounts += [_volume(text) for text in options["volumes"]]
    output = None if "://" in options["output"] else _output(Path(options["output"]))
    if output:
        mounts.append(Mount(output, _OUTPUTS))
    name = f"mltrain-{_name_part(program.name)}-{secrets.token_hex(3)}"
    private = {
        labels.ENV_PARAMETERS: parameters_json(values),
        labels.ENV_OUTPUT_URI: _OUTPUTS if output else options["output"],
        labels.ENV_CHANNELS: json.dumps(channels),
        labels.ENV_JOB: name,
        labels.ENV_ROLE: "Worker",
        labels.ENV_LEADER: "1",
    }
    container = Container(
        name,
        image,
        private,
        options["env"],
        mounts,
        gpus=options["gpus"],
        cpus=_quantity(options["cpu"], "cpu"),
        memory=int(_quantity(options["memory"], "memory")),
        network="" if options["network"] == "default" else options["network"],
    )
    return container, output


def _name_part(name: str) -> str:
    """Return a name as the name of a container may be."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).strip("-") or "notebook"


def _output(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{str(folder)!r} cannot be a folder for outputs: {error.strerror}."
        raise InvalidInput(message, hint="Name another one: --output DIR", field="output") from None
    return folder.resolve()


def _channels(texts: Sequence[str]) -> tuple[dict[str, str], list[Mount]]:
    """Return the channels as the container sees them, and what is mounted for that."""
    from ..image.containers import Mount

    channels: dict[str, str] = {}
    mounts = []
    for name, place in (pair(text, "--channel") for text in texts):
        if "://" in place:
            channels[name] = place
            continue
        source = _existing(place, "--channel")
        channels[name] = f"{_CHANNELS}/{name}" + ("" if source.is_dir() else f"/{source.name}")
        mounts.append(Mount(source, channels[name], read_only=True))
    return channels, mounts


def _volume(text: str) -> Mount:
    from ..image.containers import Mount

    source, sign, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not sign or mode not in ("", "ro", "rw"):
        raise InvalidInput(f"--volume {text!r} is not SRC:DST or SRC:DST:ro", hint="DST is what the container sees.")
    return Mount(_existing(source, "--volume"), target, read_only=mode == "ro")


def _existing(text: str, option: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.exists():
        raise InvalidInput(f"{option}: {text!r} is not there.", hint="Name a file or a folder of this machine.")
    return path


def _quantity(text: str | None, field: str) -> float:
    from ..model.quantity import parse_cpu, parse_memory

    if text is None:
        return 0
    try:
        return parse_cpu(text) if field == "cpu" else parse_memory(text)
    except ValueError as error:
        raise InvalidInput(f"--{field}: {error}", field=field) from None
