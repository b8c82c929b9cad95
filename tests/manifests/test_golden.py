"""Whole manifests, as a user sees them with ``mltrain export --manifest``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain import manifests, operator
from jupyter_mltrain.model.job import Manifest

GOLDEN = Path(__file__).parents[1] / "golden" / "manifests"
H200 = {"count": 2, "product": "NVIDIA-H200"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # file name: spec, further arguments
    "tfjob": ({"framework": "tensorflow"}, {"parameters": {"epochs": 3, "n_factors": 50}}),
    "tfjob-distributed": (
        {
            "framework": "tensorflow",
            "roles": {"Worker": {"replicas": 2, "restart_policy": "OnFailure"}},
            "strategy": "multi_worker_mirrored",
            "volumes": [
                {"name": "training", "claim": "training-data", "mount_path": "/train", "access_mode": "ReadWriteMany"}
            ],
        },
        {"parameters": {"log_dir": "/train/logs", "learning_rate": 0.01, "batch_size": 150}},
    ),
    "tfjob-all-roles": (
        {
            "framework": "tensorflow",
            "roles": {
                "Evaluator": {"restart_policy": "OnFailure"},
                "Worker": {"replicas": 4, "restart_policy": "ExitCode", "resources": {"memory": "8Gi"}},
                "PS": {"replicas": 2, "restart_policy": "Always"},
                "Chief": {"restart_policy": "Never"},
            },
            "strategy": "parameter_server",
        },
        {},
    ),
    "tfjob-all-workers": (
        {"framework": "tensorflow", "roles": {"Worker": {"replicas": 4}}, "success_policy": "AllWorkers"},
        {},
    ),
    "pytorchjob": (
        {
            "framework": "pytorch",
            "roles": {
                "Worker": {"replicas": 3, "restart_policy": "OnFailure"},
                "Master": {"restart_policy": "OnFailure"},
            },
        },
        {},
    ),
    "pytorchjob-elastic": (
        {
            "framework": "pytorch",
            "roles": {"Worker": {"replicas": 3}},
            "elastic": {"min_replicas": 2, "max_replicas": 4, "max_restarts": 10},
            "nproc_per_node": "2",
            "run_policy": {"backoff_limit": 20},
        },
        {},
    ),
    "job": ({}, {"notebook": "income.ipynb", "commit": "8c1f" * 10 + "-dirty"}),
    "job-indexed": (
        {
            "roles": {"Worker": {"replicas": 3, "restart_policy": "OnFailure"}},
            "run_policy": {"active_deadline_seconds": 600, "ttl_seconds_after_finished": 60, "suspend": True},
        },
        {},
    ),
    "gpu": (
        {
            "framework": "tensorflow",
            "roles": {
                "Chief": {"resources": {"cpu": "8", "memory": "32Gi", "gpu": {}}},
                "Worker": {"replicas": 2, "resources": {"cpu": "16", "memory": "64Gi", "gpu": H200}},
                "Evaluator": {"resources": {"cpu": "500m"}},
            },
        },
        {"image": "registry.example.com/team/recommender@sha256:" + "ab" * 32},
    ),
    "data": (
        {
            "framework": "pytorch",
            "env": {"AWS_REGION": "eu-central-1", "RUNS": "s3://runs/$(MLTRAIN_JOB)"},
            "secrets": {"AWS_SECRET_ACCESS_KEY": {"secret": "minio", "key": "secret-key"}},
            "volumes": [
                {"name": "data", "claim": "data", "mount_path": "/data", "read_only": True},
                {"name": "scratch", "empty_dir": True, "mount_path": "/scratch"},
                {"name": "node", "host_path": "/mnt/fast", "mount_path": "/fast"},
                {"name": "ca", "secret": "ca-certificates", "mount_path": "/etc/ca"},
                {"name": "settings", "config_map": "settings", "mount_path": "/etc/settings"},
            ],
            "channels": {"train": "s3://data/recommender/", "validation": "/data/validation"},
            "output_uri": "s3://models/recommender/$(MLTRAIN_JOB)",
            "image_pull_secrets": ["registry"],
            "service_account": "trainer",
        },
        {"image": "registry.example.com/team/recommender:1.2"},
    ),
    "run-policy": (
        {
            "framework": "tensorflow",
            "name": "nightly",
            "namespace": "team-a",
            "labels": {"kueue.x-k8s.io/queue-name": "nights"},
            "annotations": {"example.com/ticket": "1234"},
            "node_selector": {"topology.kubernetes.io/zone": "a"},
            "run_policy": {
                "clean_pod_policy": "All",
                "ttl_seconds_after_finished": 0,
                "active_deadline_seconds": 3600,
                "backoff_limit": 0,
                "suspend": True,
                "scheduling": {
                    "min_available": 1,
                    "queue": "nights",
                    "priority_class": "low",
                    "schedule_timeout_seconds": 300,
                },
            },
        },
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_manifest(name: str, build: Callable[..., Manifest], matches_golden: Callable[[str, str], None]) -> None:
    spec, arguments = CASES[name]
    manifest = build(spec, **arguments)
    matches_golden(f"{name}.yaml", manifests.to_yaml(manifest))


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_golden_file_reads_back_as_the_manifest(name: str, build: Callable[..., Manifest]) -> None:
    spec, arguments = CASES[name]
    assert manifests.read_manifests(GOLDEN / f"{name}.yaml") == [build(spec, **arguments)]


@pytest.mark.parametrize("name", CASES)
def test_api_server_accepts_it(name: str) -> None:
    [manifest] = manifests.read_manifests(GOLDEN / f"{name}.yaml")
    verdict = operator.validate(manifest)
    assert verdict.accepted, verdict.message
