"""Make ``jupyter_mltrain/operator/validation/schemas``: what the API server accepts, taken from its own sources.

    go mod download -json github.com/kubeflow/training-operator@v1.9.4 k8s.io/kubernetes@v1.36.3
    python tools/make_schemas.py TRAINING_OPERATOR_DIR KUBERNETES_DIR

The folders are the ``Dir`` that Go prints. Descriptions and all else that no rule reads are left out; what remains of
the CRDs is a Kubernetes structural schema, what remains of the OpenAPI document a JSON Schema with ``$defs``.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[1] / "jupyter_mltrain" / "operator" / "validation" / "schemas"
CRDS = {"TFJob": "kubeflow.org_tfjobs.yaml", "PyTorchJob": "kubeflow.org_pytorchjobs.yaml"}
JOB = "io.k8s.api.batch.v1.Job"
KEPT = {
    "$ref",
    "additionalProperties",
    "default",
    "format",
    "items",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
}


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that rules read."""
    for only in schema.get("allOf", ()):
        schema = {**schema, **only}
    kept = {key: value for key, value in schema.items() if key in KEPT}
    if kept.get("x-kubernetes-list-type") == "atomic":
        del kept["x-kubernetes-list-type"]
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = compact(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: compact(child) for name, child in kept["properties"].items()}
    return kept


def custom_resource(path: Path) -> dict[str, Any]:
    """Return kind, schema and scale subresource of the one version that a CRD has."""
    (version,) = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["spec"]["versions"]
    scale = version["subresources"].get("scale", {})
    return {**compact(version["schema"]["openAPIV3Schema"]), "specReplicasPath": scale.get("specReplicasPath")}


def built_in(path: Path) -> dict[str, Any]:
    """Return the schema of batch/v1 Job with all that it refers to, each under the name of its Go type."""
    schemas = json.loads(path.read_bytes())["components"]["schemas"]
    definitions: dict[str, Any] = {}
    waiting = [JOB]
    while waiting:
        name = waiting.pop()
        if (short := name.rpartition(".")[2]) in definitions:
            continue
        definitions[short] = compact(schemas[name])
        waiting += _shorten_refs(definitions[short])
    return {"$ref": "#/$defs/Job", "$defs": dict(sorted(definitions.items()))}


def _shorten_refs(schema: dict[str, Any]) -> list[str]:
    found = []
    if "$ref" in schema:
        schema.pop("default", None)
        found.append(schema["$ref"].rpartition("/")[2])
        schema["$ref"] = "#/$defs/" + found[0].rpartition(".")[2]
    children = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for child in filter(None, children):
        found += _shorten_refs(child)
    return found


def main(operator: Path, kubernetes: Path) -> None:
    """Write the schemas, to the byte the same for the same input."""
    schemas = {kind: custom_resource(operator / "manifests/base/crds" / file) for kind, file in CRDS.items()}
    schemas["Job"] = built_in(kubernetes / "api/openapi-spec/v3/apis__batch__v1_openapi.json")
    for kind, schema in schemas.items():
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        (TARGET / f"{kind.lower()}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
