"""The options that describe what a notebook's image is made of, shared by build and export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidInput

if TYPE_CHECKING:
    from ..service.images import ImageRequest

_OPTIONS: dict[tuple[str, ...], dict[str, Any]] = {
    ("--platform", "platforms"): {
        "multiple": True,
        "metavar": "OS/ARCH",
        "help": "linux/amd64, linux/arm64 [default: this one's].",
    },
    ("--base",): {"metavar": "IMAGE", "help": "Image below it [default: as set for framework and GPU]."},
    ("--environment",): {
        "type": click.Path(exists=True, dir_okay=False, path_type=Path),
        "help": "Packages from a requirements.txt, pyproject.toml, environment.yml or pylock.toml "
        "[default: the kernel's].",
    },
    ("--refresh",): {"is_flag": True, "help": "Look again which image the base's tag means."},
}


def image_options(prefix: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options to a command; ``prefix`` begins the help of each."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for names, said in reversed(_OPTIONS.items()):
            text = f"{prefix}{said['help'][0].lower()}{said['help'][1:]}" if prefix else said["help"]
            command = click.option(*names, **{**said, "help": text})(command)
        return command

    return add


def image_request(options: dict[str, Any]) -> ImageRequest:
    """Return the options as the service takes them. Raises ``InvalidInput``."""
    from ..service.images import ImageRequest

    require_value(options, "base", "--base")
    return ImageRequest(
        platforms=options["platforms"],
        base=options["base"] or "",
        environment=options["environment"],
        refresh=options["refresh"],
    )


def require_value(options: dict[str, Any], field: str, option: str) -> None:
    """Raise ``InvalidInput`` for an empty value: a variable of the shell that is not set."""
    if options[field] == "":
        raise InvalidInput(f"{option} has an empty value.", field=field)
