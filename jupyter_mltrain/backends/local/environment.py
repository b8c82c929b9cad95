"""What a replica finds around itself: little of the submitter's environment, and what this project adds."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...model import labels
from .records import Job, Pod
from .volumes import ENV_CONFIG_MAPS, ENV_SECRETS, Sources

if TYPE_CHECKING:
    from ...notebook.environment import Interpreter

_INHERITED: Final = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PATH", "LD_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "JUPYTER_PATH", "CUDA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    }
)
"""What describes the user and the machine. All else of the submitter's environment, secrets above all, stays behind."""


_GRACE_SECONDS: Final = 30.0  # the default of terminationGracePeriodSeconds


def context(environment: Mapping[str, str], kernel: Interpreter | None) -> dict[str, Any]:
    """Return what is kept of the submitter's surroundings for the life of the job.

    ``environment``: what replicas inherit. ``sources``: the folders with secrets that the user has named.
    ``interpreter``: the Python whose commands come first, the kernel's if it is known.
    """
    kept = {name: value for name, value in environment.items() if name in _INHERITED or name.startswith("LC_")}
    return {
        "environment": {**kept, **(kernel.env if kernel else {})},
        "sources": {name: environment[name] for name in (ENV_SECRETS, ENV_CONFIG_MAPS) if name in environment},
        "interpreter": kernel.python if kernel else sys.executable,
    }


def sources(job: Job) -> Sources:
    """Return where the job's secrets and config maps come from."""
    return Sources.named_in(job.context.get("sources") or {})


def surroundings(home: Path, job: Job, pod: Pod) -> dict[str, str]:
    """Return what a replica gets beside the container's own variables, which win over all of it."""
    interpreter = Path(job.context.get("interpreter") or sys.executable)
    inherited: dict[str, str] = dict(job.context.get("environment") or {})
    paths = [str(interpreter.parent), *inherited.get("PATH", os.defpath).split(os.pathsep)]
    return {
        **inherited,
        "PATH": os.pathsep.join(dict.fromkeys(paths)),
        "HOSTNAME": pod.name,
        labels.ENV_PROGRAM_PATH: str(home / "programs"),
        labels.ENV_OUTPUT_URI: (home / "jobs" / job.id / "outputs").as_uri(),
        labels.ENV_INDEX: str(max(pod.idx, 0)),
        labels.ENV_GRACE: f"{grace_seconds(pod):g}",
    }


def grace_seconds(pod: Pod) -> float:
    """Return the seconds between SIGTERM and SIGKILL; 0 leaves no time at all."""
    seconds = pod.manifest["spec"].get("terminationGracePeriodSeconds")
    return _GRACE_SECONDS if seconds is None else float(seconds)


def field_value(pod: Pod, path: str) -> str:
    """Return what a ``fieldRef`` stands for here; empty for what this machine does not know."""
    metadata = pod.manifest["metadata"]
    simple: dict[str, str] = {
        "metadata.name": pod.name,
        "metadata.namespace": metadata.get("namespace", "default"),
        "metadata.uid": pod.uid,
        "spec.nodeName": socket.gethostname(),
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    group, _, key = path.removeprefix("metadata.").partition("['")
    if key:
        return str((metadata.get(group) or {}).get(key.removesuffix("']"), ""))
    return simple.get(path, "")
