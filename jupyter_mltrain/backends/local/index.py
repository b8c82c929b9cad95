"""What jobs are found by: columns that follow from a job and its pods, so that no list has to read all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ...model.job import JobStatus, Phase, ReplicaState, notebook_of
from ..base import JobFilter
from .records import Job, Pod

_SEPARATOR: Final = "\x1f"  # between words, so that a text is found within one of them only
_FAILURE_CHARACTERS: Final = 500

WANTED: Final = """
deleted = 0
AND (:phases = '[]' OR phase IN (SELECT value FROM json_each(:phases)))
AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds)))
AND (
  :notebook = ''
  OR substr('/' || notebook, -length(:notebook)) = :notebook
  OR substr('/' || notebook, -length(:notebook) - 6) = :notebook || '.ipynb'
)
AND (:text = '' OR instr(words, :text) > 0)
"""
"""A condition in SQL; `arguments` gives what it asks for."""


def arguments(wanted: JobFilter) -> dict[str, Any]:
    """Return what a filter makes of `WANTED`."""
    return {
        "phases": json.dumps([str(phase) for phase in wanted.states]),
        "kinds": json.dumps(list(wanted.kinds)),
        "notebook": f"/{wanted.notebook.removeprefix('/')}" if wanted.notebook else "",
        "text": wanted.text.casefold().replace(_SEPARATOR, "\0"),
    }


def bring_along(job: Job, pods: Sequence[Pod]) -> None:
    """Set what a job is found by."""
    job.phase = _phase(job, pods)
    job.notebook = notebook_of(job.manifest)
    said = failure(job, pods)[:_FAILURE_CHARACTERS] if job.phase == Phase.FAILED else ""
    words = (job.id, job.name, job.namespace, job.notebook, said)
    job.words = _SEPARATOR.join(words).casefold()


def _phase(job: Job, pods: Sequence[Pod]) -> str:
    replicas = tuple(ReplicaState(pod.name, pod.role, pod.idx, pod.phase) for pod in pods)
    position = 1 if job.state == "queued" else None
    return JobStatus(job.ref, job.manifest, job.status, replicas, queue_position=position).phase.value


def failure(job: Job, pods: Sequence[Pod]) -> str:
    """Say why a job failed, ``""`` if it did not."""
    failed = [c for c in job.status.get("conditions") or [] if c["type"] == "Failed" and c["status"] == "True"]
    if not failed:
        return ""
    said = [str(failed[0].get("message", "")).rstrip(".") + "."]
    said += [_how_it_ended(pod) for pod in pods if pod.phase == "Failed" and not pod.deleting][:1]
    return " ".join(said)


def _how_it_ended(pod: Pod) -> str:
    code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
    detail = f": {pod.message}" if pod.message else ""
    return f"{pod.name} ended{code} ({pod.reason}{detail})."
