"""TensorFlow: a TFJob, ``kubeflow.org/v1``."""

from __future__ import annotations

from ..model.job import Manifest
from ..model.spec import TrainingSpec
from .kubeflow import API_VERSION, replica_specs, run_policy
from .pod import present
from .run import Run, metadata


def build(spec: TrainingSpec, run: Run) -> Manifest:
    """Return the TFJob that runs a program."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TFJob",
        "metadata": metadata(spec, run),
        "spec": present(
            {
                "runPolicy": run_policy(spec),
                "successPolicy": spec.success_policy,
                "tfReplicaSpecs": replica_specs(spec, run, container="tensorflow"),
            }
        ),
    }
