"""The environment of a replica: little of the submitter's, what the manifest says, and what this project adds."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ...model import labels
from .records import Job, Pod

_INHERITED: Final = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PATH", "LD_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "JUPYTER_PATH", "CUDA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    }
)
"""What describes the user and the machine. All else of the submitter's environment, secrets above all, stays behind."""


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the submitter's environment that replicas get."""
    return {name: value for name, value in environment.items() if name in _INHERITED or name.startswith("LC_")}


def base_environment(home: Path, job: Job, pod: Pod) -> dict[str, str]:
    """Return what a replica gets beside the container's own ``env``, which wins over all of it."""
    interpreter = Path(job.context.get("interpreter") or sys.executable)
    before: dict[str, str] = dict(job.context.get("environment") or {})
    paths = [str(interpreter.parent), *before.get("PATH", os.defpath).split(os.pathsep)]
    return {
        **before,
        "PATH": os.pathsep.join(dict.fromkeys(paths)),
        "HOSTNAME": pod.name,
        labels.ENV_PROGRAM_PATH: str(home / "programs"),
        labels.ENV_OUTPUT_URI: (home / "jobs" / job.id / "outputs").as_uri(),
        labels.ENV_INDEX: str(max(pod.idx, 0)),
    }


def field_value(reference: Mapping[str, Any], pod: Pod) -> str:
    """Return what a ``fieldRef`` stands for here; empty for what this machine does not know."""
    path = str(reference["fieldPath"])
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
