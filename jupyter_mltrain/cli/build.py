"""``mltrain build``: a notebook becomes a container image."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..errors import InvalidInput
from .image_options import image_options, image_request, require_value
from .output import columns, json_option, print_findings, print_json
from .transfer import in_words, transfer

if TYPE_CHECKING:
    from ..service.images import BuiltImage, ImagePlan, ImageRequest, LayerPlan, PlatformPlan
    from ..service.request import Request

_STATES = {"present": "✓ in registry", "cached": "● cached", "known": "◐ known", "new": "○ to build"}
_FROM_SETTINGS = "."
_GRACE = 3.0  # seconds for a build to end in order
_CURSOR = b"\x1b[?25h"  # is shown again: bars hide it


@click.command("build")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "--push",
    "repository",
    metavar="REPOSITORY[:TAG]",
    is_flag=False,
    flag_value=_FROM_SETTINGS,
    help="Push it there; without a value to the repository of the settings and the notebook's name.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write an OCI layout folder, or FILE.tar, an OCI archive."
)
@click.option(
    "--sbom",
    type=click.Path(path_type=Path),
    help="Write what is in it, with licences, as CycloneDX; for several platforms a file each.",
)
@image_options()
@click.option("--compression", type=click.Choice(["zstd", "gzip"]), help="Of new layers.")
@click.option("--builder", type=click.Choice(["auto", "direct", "buildah"]), help="[default: auto]")
@click.option("--framework", type=click.Choice(["auto", "tensorflow", "pytorch", "none"]), default="auto")
@click.option("--gpu", metavar="[PRODUCT:]COUNT", help="The image is for GPUs.")
@click.option("--include", multiple=True, metavar="GLOB", help="Ship data files beside the notebook. Repeatable.")
@click.option(
    "--root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Ship nothing from outside."
)
@click.option("--python", metavar="PATH", help="Interpreter whose packages count [default: the kernel's].")
@click.option("--dry-run", is_flag=True, help="Show the layers, and what would travel; build nothing.")
@click.option("--force", is_flag=True, help="Build in spite of findings that are errors.")
@json_option
def build_command(notebook: Path, dry_run: bool, force: bool, as_json: bool, **options: Any) -> int:
    """Make a container image of NOTEBOOK, with all that its run needs, and push it.

    The image is the same to the byte for the same input; only what the registry lacks is pushed.
    """
    from ..service.ahead import ask_interpreter

    ask_interpreter(notebook, options["python"])
    from ..service import imaging

    request, wanted = _request(notebook, options), _wanted(notebook, options)
    if dry_run:
        return _show(imaging.plan_image(request, wanted), as_json)
    with _stopped_in_order(), transfer(quiet=as_json) as report:
        on_plan = None if as_json else _print_plan
        built = imaging.build_image(request, wanted, report=report, force=force, on_plan=on_plan)
    print_json(built.to_dict()) if as_json else _print_built(built)
    return 0


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a build: uploads are given up, and what was started ends too.

    What waits for a server that says nothing has not long for that. The cache is such that this does no harm.
    """

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt if signum == signal.SIGINT else SystemExit(128 + signum)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    Thread(target=_leave_later, args=(reading,), daemon=True).start()
    # Written by the interpreter itself at once, whatever the main thread is in the middle of.
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(woken)
        os.close(writing)


def _leave_later(signals: int) -> None:
    """Wait for a signal, give the build its grace, and leave if it is still there."""
    for signum in iter(partial(os.read, signals, 1), b""):
        if signum[0] in (signal.SIGINT, signal.SIGTERM):
            time.sleep(_GRACE)
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _CURSOR)
            os._exit(128 + signum[0])
    os.close(signals)


def _request(notebook: Path, options: dict[str, Any]) -> Request:
    from ..service.request import Request, parse_gpu

    framework = {} if options["framework"] == "auto" else {"framework": options["framework"]}
    roles = {"resources": {}, "gpu": parse_gpu(options["gpu"])} if options["gpu"] else {}
    return Request(
        notebook=notebook,
        spec=framework,
        roles=roles,
        include=options["include"],
        root=options["root"],
        python=options["python"],
    )


def _wanted(notebook: Path, options: dict[str, Any]) -> ImageRequest:
    require_value(options, "repository", "--push")
    wanted = replace(
        image_request(options),
        repository=options["repository"] or "",
        compression=options["compression"] or "",
        output=options["output"],
        sbom=options["sbom"],
        builder=options["builder"] or "",
    )
    return replace(wanted, repository=_set_repository(notebook)) if wanted.repository == _FROM_SETTINGS else wanted


def _set_repository(notebook: Path) -> str:
    from ..service.imaging import default_repository

    found = default_repository(notebook.stem)
    if not found:
        raise InvalidInput(
            "--push has no value, and the settings for images have no repository.",
            hint="Write --push registry.example.com/team/model, or set repository in image.toml.",
        )
    return found


def _show(plan: ImagePlan, as_json: bool) -> int:
    print_json(plan.to_dict()) if as_json else _print_plan(plan, err=False)
    return 2 if plan.refused else 0


def _print_plan(plan: ImagePlan, *, err: bool = True) -> None:
    """Print what will be done, before it is done."""
    print_findings(plan.findings)
    for note in plan.notes:
        click.echo(note, err=True)
    for platform in plan.platforms:
        click.echo(f"{plan.name} for {platform.platform}, Python {platform.python}", err=err)
        click.echo(columns(["LAYER", "SIZE", "STATE", "CONTENTS"], [_row(layer) for layer in platform.layers]), err=err)
        click.echo(_sums(platform, push=bool(plan.repository)), err=err)


def _row(layer: LayerPlan) -> list[str]:
    contents = "" if layer.kind == "wheel" else ", ".join(layer.contents)
    shown = contents if len(contents) <= 60 else f"{contents[:57]}..."
    return [layer.title, "?" if layer.size is None else in_words(layer.size), _STATES[layer.state], shown]


def _sums(platform: PlatformPlan, *, push: bool) -> str:
    fetch = "an unknown size" if platform.fetch is None else in_words(platform.fetch)
    words = f"to download: {fetch}"
    if push:
        words += f", to push: {'known once it is built' if platform.push is None else in_words(platform.push)}"
    return words


def _print_built(built: BuiltImage) -> None:
    moved = [
        f"{word} {in_words(size)}"
        for word, size in (("pushed", built.pushed), ("mounted", built.mounted), ("downloaded", built.fetched))
        if size
    ]
    click.echo(f"{', '.join(moved) or 'nothing had to travel'}, {built.seconds:.1f} s", err=True)
    if built.path is not None:
        click.echo(f"written to {built.path}", err=True)
    click.echo(built.reference or built.digest)
