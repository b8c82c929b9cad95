"""The verdict of the API server and of the operator's webhooks on a manifest, without a cluster.

What is checked is what a dry run with strict field validation checks: fields and types by the schemas of the very
custom resources, then names, labels and lists, then the operator's own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ManifestError
from . import batch, kubeflow
from .request import json_value
from .structs import json_word
from .verdict import Refused, Verdict, bad_request

__all__ = ["Verdict", "check_manifest", "validate"]

_BY_FIELD = {"tfReplicaSpecs": "TFJob", "pytorchReplicaSpecs": "PyTorchJob", "template": "Job"}
_KINDS = {kind.lower(): kind for kind in _BY_FIELD.values()}


def validate(manifest: Mapping[str, Any]) -> Verdict:
    """Return what the API server would answer to a create of a TFJob, PyTorchJob or Job. Never raises."""
    try:
        return _validate(json_value(dict(manifest) if isinstance(manifest, Mapping) else manifest))
    except Refused as refused:
        return refused.verdict
    except RecursionError:
        return bad_request("json: exceeded max depth").verdict


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Let an acceptable manifest pass.

    Raises
    ------
    ManifestError
        The API server would refuse it: with its message and, as far as possible, what to do about it. ``details`` has
        ``status`` (the HTTP code of the verdict) and ``field``.
    """
    verdict = validate(manifest)
    if verdict.accepted:
        return
    raise ManifestError(verdict.message, hint=_hint(manifest, verdict), status=verdict.code, field=verdict.field)


def _hint(manifest: Any, verdict: Verdict) -> str:
    from .hints import hint

    if not isinstance(manifest, Mapping) or verdict.code == 404 or verdict.field == "kind":
        return "A manifest has kind: TFJob, PyTorchJob (apiVersion: kubeflow.org/v1) or Job (apiVersion: batch/v1)."
    try:
        value = json_value(dict(manifest))
    except (Refused, RecursionError):
        return "A manifest holds plain values only: text, numbers, true, false, null, lists and mappings."
    return hint(value, _endpoint(value), verdict)


def _validate(manifest: Any) -> Verdict:
    if not isinstance(manifest, dict):
        text = f"json: cannot unmarshal {json_word(manifest)} into Go value of type struct"
        raise bad_request(f"the object provided is unrecognized: couldn't get version/kind; json parse error: {text}")
    kind = _endpoint(manifest)
    return batch.validate(manifest) if kind == "Job" else kubeflow.validate(manifest, kind)


def _endpoint(manifest: dict[str, Any]) -> str:
    """Return the kind whose address a client would post the manifest to. Raises ``Refused``."""
    kind, spec = manifest.get("kind"), manifest.get("spec")
    if isinstance(kind, str) and kind:
        if kind.lower() in _KINDS:
            return _KINDS[kind.lower()]
        message = f'no matches for kind "{kind}" in version "{manifest.get("apiVersion")}"'
        raise Refused(Verdict(404, "NotFound", message, "kind"))
    named = [job for field, job in _BY_FIELD.items() if isinstance(spec, dict) and field in spec]
    return named[0] if named else "TFJob"
