"""The options that describe a training, shared by submit, check and export; they become one spec."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import InvalidInput
from .files import load_mapping

_POLICIES = click.Choice(["Always", "OnFailure", "Never", "ExitCode"])

_OPTIONS = [
    click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="A parameter."),
    click.option(
        "-f", "--parameters-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML or JSON."
    ),
    click.option(
        "--framework", type=click.Choice(["auto", "tensorflow", "pytorch", "none"]), default="auto", show_default=True
    ),
    click.option("--workers", type=click.IntRange(0, 1000), help="Workers [default: 1; none beside a PyTorch master]."),
    click.option("--ps", type=click.IntRange(1, 1000), help="Parameter servers (TensorFlow)."),
    click.option("--chief", is_flag=True, help="A chief of its own (TensorFlow); otherwise worker 0 is chief."),
    click.option("--evaluator", is_flag=True, help="An evaluator (TensorFlow)."),
    click.option("--master/--no-master", default=None, help="A master (PyTorch) [default: yes]."),
    click.option("--gpu", metavar="[PRODUCT:]COUNT", help="GPUs for each replica that trains, e.g. NVIDIA-H200:1."),
    click.option("--cpu", metavar="QUANTITY", help="CPU of each replica, e.g. 2 or 500m."),
    click.option("--memory", metavar="QUANTITY", help="Memory limit of each replica, e.g. 4Gi."),
    click.option("--restart-policy", type=_POLICIES, help="For every role."),
    click.option("--backoff-limit", type=click.IntRange(0), help="Give up after this many restarts."),
    click.option("--deadline", type=click.IntRange(1), metavar="SECONDS", help="Give up after this time."),
    click.option("--ttl", type=click.IntRange(0), metavar="SECONDS", help="Delete the job this long after its end."),
    click.option("--clean-pod-policy", type=click.Choice(["All", "Running", "None"]), help="[default: Running]"),
    click.option("--strategy", help="Distribution strategy the notebook uses, for the checks."),
    click.option("--success-policy", type=click.Choice(["", "AllWorkers"]), help="When a TFJob without chief is done."),
    click.option("--env", "env", multiple=True, metavar="NAME=VALUE", help="An environment variable. Repeatable."),
    click.option("--secret", "secrets", multiple=True, metavar="NAME=SECRET:KEY", help="From a secret. Repeatable."),
    click.option(
        "--volume", "volumes", multiple=True, metavar="CLAIM:PATH", help="Mount a claim, or host:/dir:PATH. Repeatable."
    ),
    click.option("--channel", "channels", multiple=True, metavar="NAME=PATH", help="A named input. Repeatable."),
    click.option("--name", help="metadata.name of the job [default: from the notebook's name]."),
    click.option("--namespace", default=None, help="[default: default]"),
    click.option("--image", help="Container image."),
    click.option("--output", metavar="DIR", help="Folder for the executed notebook and the model."),
    click.option("--include", multiple=True, metavar="GLOB", help="Ship data files beside the notebook. Repeatable."),
    click.option(
        "--root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Ship nothing from outside."
    ),
    click.option("--python", metavar="PATH", help="Interpreter whose packages count [default: the kernel's]."),
    click.option(
        "--spec", "spec_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Spec as YAML."
    ),
]


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options that describe a training to a command; it gets them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def spec_from_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as the JSON object that ``model.spec`` checks, over the spec file where one is given.

    ``framework`` is left out when it is to be found out from the imports.
    """
    spec: dict[str, Any] = load_mapping(options["spec_file"]) if options["spec_file"] else {}
    if options["framework"] != "auto":
        spec["framework"] = options["framework"]
    for field, option in (("name", "name"), ("namespace", "namespace"), ("image", "image"), ("strategy", "strategy")):
        if options[option] is not None:
            spec[field] = options[option]
    if options["success_policy"] is not None:
        spec["success_policy"] = options["success_policy"]
    if options["output"] is not None:
        spec["output_uri"] = options["output"] if "://" in options["output"] else str(Path(options["output"]).resolve())
    _merge(spec, "run_policy", _run_policy(options))
    _merge(spec, "env", dict(pair(text, "--env") for text in options["env"]))
    _merge(
        spec, "secrets", {name: _secret(ref) for name, ref in (pair(text, "--secret") for text in options["secrets"])}
    )
    _merge(spec, "channels", {n: _absolute(p) for n, p in (pair(text, "--channel") for text in options["channels"])})
    if options["volumes"]:
        spec["volumes"] = [*spec.get("volumes", []), *(_volume(text) for text in options["volumes"])]
    return spec


def role_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return what the options say about roles; the service makes roles of it once the framework is known."""
    from ..service.request import parse_gpu

    resources: dict[str, Any] = {}
    for field in ("cpu", "memory"):
        if options[field] is not None:
            resources[field] = options[field]
    return {
        "workers": options["workers"],
        "ps": options["ps"],
        "chief": options["chief"],
        "evaluator": options["evaluator"],
        "master": options["master"],
        "restart_policy": options["restart_policy"],
        "resources": resources,
        "gpu": parse_gpu(options["gpu"]) if options["gpu"] else None,
    }


def parameter_values(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return typed values from the file, and texts from the command line, which win."""
    typed = load_mapping(options["parameters_file"]) if options["parameters_file"] else {}
    return typed, dict(options["parameters"])


def _run_policy(options: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "backoff_limit": "backoff_limit",
        "active_deadline_seconds": "deadline",
        "ttl_seconds_after_finished": "ttl",
        "clean_pod_policy": "clean_pod_policy",
    }
    return {field: options[option] for field, option in fields.items() if options[option] is not None}


def _merge(spec: dict[str, Any], field: str, values: dict[str, Any]) -> None:
    if values:
        spec[field] = {**(spec.get(field) or {}), **values}


def pair(text: str, option: str) -> tuple[str, str]:
    """Return the parts of ``NAME=VALUE``. Raises ``InvalidInput``."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidInput(f"{option} {text!r} is not NAME=VALUE", hint="Put the whole of it in quotes.")
    return name, value


def _secret(text: str) -> dict[str, str]:
    secret, sign, key = text.partition(":")
    if not sign:
        raise InvalidInput(f"--secret {text!r} is not NAME=SECRET:KEY", hint="The value itself is never given here.")
    return {"secret": secret, "key": key}


def _absolute(text: str) -> str:
    return text if "://" in text else str(Path(text).resolve())


def _volume(text: str) -> dict[str, Any]:
    source, _, path = text.rpartition(":")
    if not source or not path.startswith("/"):
        raise InvalidInput(
            f"--volume {text!r} is neither CLAIM:/PATH nor host:/DIR:/PATH",
            hint="/PATH, where the replicas see it, is absolute: --volume data:/data",
        )
    if source.startswith("host:"):
        host = str(Path(source.removeprefix("host:")).resolve())
        return {"name": _volume_name(path), "host_path": host, "mount_path": path}
    return {"name": _volume_name(path), "claim": source, "mount_path": path}


def _volume_name(path: str) -> str:
    return "v-" + (re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[:50] or "root")
