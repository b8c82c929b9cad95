"""PyTorch: a PyTorchJob, ``kubeflow.org/v1``."""

from __future__ import annotations

from typing import Any

from ..model.job import Manifest
from ..model.spec import ElasticPolicy, TrainingSpec
from .kubeflow import API_VERSION, replica_specs, run_policy
from .pod import present
from .run import Run, metadata


def build(spec: TrainingSpec, run: Run) -> Manifest:
    """Return the PyTorchJob that runs a program."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PyTorchJob",
        "metadata": metadata(spec, run),
        "spec": present(
            {
                "runPolicy": run_policy(spec),
                "elasticPolicy": _elastic_policy(spec.elastic),
                "nprocPerNode": spec.nproc_per_node,
                "pytorchReplicaSpecs": replica_specs(spec, run, container="pytorch"),
            }
        ),
    }


def _elastic_policy(elastic: ElasticPolicy | None) -> dict[str, Any] | None:
    if elastic is None:
        return None
    return present(
        {
            "minReplicas": elastic.min_replicas,
            "maxReplicas": elastic.max_replicas,
            "rdzvBackend": elastic.rdzv_backend,
            "maxRestarts": elastic.max_restarts,
        }
    )
