"""Rules that a user would notice, one by one; the many others are held against recordings in tests/contract."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_mltrain.errors import ManifestError
from jupyter_mltrain.operator import (
    CreatePod,
    CreateService,
    Decision,
    DeleteJob,
    DeletePod,
    DeleteService,
    Pod,
    reconcile,
)

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ROLES = {"TFJob": ("tfReplicaSpecs", "tensorflow"), "PyTorchJob": ("pytorchReplicaSpecs", "pytorch")}


def job(kind: str = "TFJob", run_policy: dict[str, Any] | None = None, **roles: dict[str, Any]) -> dict[str, Any]:
    field, container = ROLES[kind]
    template = {"spec": {"containers": [{"name": container, "image": "x"}]}}
    specs = {role: {"template": template, **replica} for role, replica in roles.items()}
    return {"kind": kind, "metadata": {"name": "j"}, "spec": {field: specs, "runPolicy": run_policy or {}}}


def settle(manifest: dict[str, Any], pods: list[Pod], status: dict[str, Any] | None = None) -> Decision:
    """Reconcile until the status is still, with the pods as they are; return the last decision but one."""
    decision = reconcile(manifest, pods, NOW, status or {})
    while decision.status != status:
        status = decision.status
        decision = reconcile(manifest, pods, NOW, status)
    return decision


def worker(index: int, phase: str = "Running", **state: Any) -> Pod:
    return Pod(f"j-worker-{index}", "Worker", index, phase=phase, scheduled=True, **state)


def created(decision: Decision) -> dict[str, dict[str, Any]]:
    return {action.name: action.manifest for action in decision.actions if isinstance(action, CreatePod)}


def conditions(decision: Decision) -> list[str]:
    return [c["type"] + ("" if c["status"] == "True" else "=F") for c in decision.status["conditions"]]


def environment(manifest: dict[str, Any], pod: str, container: int = 0) -> dict[str, str]:
    made = created(reconcile(manifest, [], NOW, {}))[pod]["spec"]["containers"][container]
    return {variable["name"]: variable["value"] for variable in made.get("env", [])}


# --- what is made


def test_a_pod_and_a_service_are_made_whole() -> None:
    manifest = job(Worker={"replicas": 1, "restartPolicy": "ExitCode"}, PS={"replicas": 1})
    template = manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]
    template["metadata"] = {"labels": {"team": "a"}, "annotations": {"note": "b"}, "name": "ignored"}
    manifest["metadata"] |= {"namespace": "lab", "uid": "u1"}
    owner = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "name": "j",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {
        "training.kubeflow.org/operator-name": "tfjob-controller",
        "training.kubeflow.org/job-name": "j",
        "training.kubeflow.org/replica-type": "worker",
        "training.kubeflow.org/replica-index": "0",
    }
    config = (
        '{"cluster":{"ps":["j-ps-0.lab.svc:2222"],"worker":["j-worker-0.lab.svc:2222"]},'
        '"task":{"type":"worker","index":0},"environment":"cloud"}'
    )
    decision = reconcile(manifest, [], NOW, {}, services=())
    made = {(type(action).__name__, action.name): action.manifest for action in decision.actions}  # type: ignore[union-attr]
    assert made["CreatePod", "j-worker-0"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "j-worker-0",
            "namespace": "lab",
            "ownerReferences": [owner],
            "labels": {"team": "a", **labels, "training.kubeflow.org/job-role": "master"},
            "annotations": {"note": "b"},
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "tensorflow",
                    "image": "x",
                    "ports": [{"name": "tfjob-port", "containerPort": 2222}],
                    "env": [{"name": "TF_CONFIG", "value": config}],
                }
            ],
        },
    }
    assert made["CreateService", "j-worker-0"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "j-worker-0", "namespace": "lab", "ownerReferences": [owner], "labels": labels},
        "spec": {"clusterIP": "None", "selector": labels, "ports": [{"name": "tfjob-port", "port": 2222}]},
    }
    assert [(e.reason, e.message) for e in decision.events if "worker" in e.message] == [
        ("SuccessfulCreatePod", "Created pod: j-worker-0"),
        ("SuccessfulCreateService", "Created service: j-worker-0"),
    ]


def test_a_single_replica_has_no_tf_config() -> None:
    assert environment(job(Worker={}), "j-worker-0") == {}


def test_tf_config_counts_the_evaluator_and_takes_ports_and_names_as_they_are_meant() -> None:
    manifest = job(chief={}, Evaluator={}, worker={"replicas": 2})
    # The port of a role is its container's, where that has one of the right name.
    specs = manifest["spec"]["tfReplicaSpecs"]
    container = {"name": "tensorflow", "image": "x", "ports": [{"name": "tfjob-port", "containerPort": 7}]}
    specs["chief"] = {"template": {"spec": {"containers": [container]}}}
    assert json.loads(environment(manifest, "j-worker-1")["TF_CONFIG"]) == {
        "cluster": {
            "chief": ["j-chief-0.default.svc:7"],
            "evaluator": ["j-evaluator-0.default.svc:2222"],
            "worker": ["j-worker-0.default.svc:2222", "j-worker-1.default.svc:2222"],
        },
        "task": {"type": "worker", "index": 1},
        "environment": "cloud",
    }


def test_dynamic_workers_get_a_sparse_tf_config() -> None:
    manifest = job(Worker={"replicas": 2}, PS={}, Chief={})
    manifest["spec"]["enableDynamicWorker"] = True
    configs = {pod: environment(manifest, pod)["TF_CONFIG"] for pod in ("j-worker-1", "j-ps-0", "j-chief-0")}
    assert configs == {
        "j-worker-1": '{"cluster":{"worker":{"1":"j-worker-1.default.svc:2222"},"ps":["j-ps-0.default.svc:2222"]},'
        '"task":{"type":"worker","index":1}}',
        "j-ps-0": '{"cluster":{"worker":{},"ps":["j-ps-0.default.svc:2222"]},"task":{"type":"ps","index":0}}',
        "j-chief-0": '{"cluster":{"worker":{},"ps":[]},"task":{"type":"chief","index":0}}',
    }


def test_pytorch_environment_of_a_worker_beside_a_master() -> None:
    manifest = job("PyTorchJob", Master={}, Worker={"replicas": 3})
    manifest["spec"]["nprocPerNode"] = "2"
    assert list(environment(manifest, "j-worker-1").items()) == [
        ("PYTHONUNBUFFERED", "1"),
        ("MASTER_PORT", "23456"),
        ("PET_MASTER_PORT", "23456"),
        ("MASTER_ADDR", "j-master-0"),
        ("PET_MASTER_ADDR", "j-master-0"),
        ("WORLD_SIZE", "8"),
        ("RANK", "2"),
        ("PET_NODE_RANK", "2"),
        ("PET_NPROC_PER_NODE", "2"),
        ("PET_NNODES", "4"),
    ]


def test_elastic_environment() -> None:
    manifest = job("PyTorchJob", Worker={"replicas": 2})
    manifest["spec"]["elasticPolicy"] = {
        "maxReplicas": 4,
        "maxRestarts": 0,
        "rdzvId": "i",
        "rdzvConf": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "standalone": True,
    }
    assert list(environment(manifest, "j-worker-0").items()) == [
        ("PYTHONUNBUFFERED", "1"),
        ("PET_NPROC_PER_NODE", "auto"),
        ("PET_RDZV_ENDPOINT", "j-worker-0:23456"),
        ("PET_RDZV_BACKEND", "c10d"),
        ("PET_NNODES", "4:4"),
        ("PET_MAX_RESTARTS", "0"),
        ("PET_RDZV_ID", "i"),
        ("PET_RDZV_CONF", "a=1,b=2"),
        ("PET_STANDALONE", ""),
    ]


def test_the_operators_variables_follow_the_users_own_and_go_to_every_container() -> None:
    manifest = job("PyTorchJob", Worker={})
    containers = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    containers[0]["env"] = [{"name": "PYTHONUNBUFFERED", "value": "0"}]
    containers.append({"name": "side", "image": "y"})
    pod = created(reconcile(manifest, [], NOW, {}))["j-worker-0"]
    main, side = pod["spec"]["containers"]
    assert [v["value"] for v in main["env"] if v["name"] == "PYTHONUNBUFFERED"] == ["0", "1"]
    assert [v["name"] for v in side["env"]] == ["PYTHONUNBUFFERED", "PET_NPROC_PER_NODE", "PET_NNODES"]


@pytest.mark.parametrize(("kind", "policy"), [("TFJob", "Never"), ("PyTorchJob", "OnFailure")])
def test_default_restart_policy(kind: str, policy: str) -> None:
    made = created(reconcile(job(kind, Worker={}), [], NOW, {}))
    assert made["j-worker-0"]["spec"]["restartPolicy"] == policy


def test_a_restart_policy_in_the_template_is_overwritten_with_a_warning() -> None:
    manifest = job(Worker={})
    manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["restartPolicy"] = "Always"
    decision = reconcile(manifest, [], NOW, {})
    assert created(decision)["j-worker-0"]["spec"]["restartPolicy"] == "Never"
    assert "SetPodTemplateRestartPolicy" in [event.reason for event in decision.events]


def test_services_are_left_alone_where_nobody_keeps_them() -> None:
    finished = settle(job(run_policy={"cleanPodPolicy": "All"}, Worker={}), [worker(0, "Succeeded", exit_code=0)])
    assert finished.actions == (DeletePod("j-worker-0"),)
    assert not any(isinstance(a, CreateService) for a in reconcile(job(Worker={}), [], NOW, {}).actions)


def test_services_go_with_their_pods() -> None:
    manifest = job(run_policy={"suspend": True}, Worker={"replicas": 2})
    decision = reconcile(manifest, [worker(0)], NOW, {}, services={"j-worker-0", "j-worker-1"})
    # The service of a pod that is gone stays, as with the operator: it removes them pod by pod.
    assert decision.actions == (DeletePod("j-worker-0"), DeleteService("j-worker-0"))


def test_scaling_down_removes_pods_and_scaling_up_adds_them() -> None:
    status = settle(job(Worker={"replicas": 2}), [worker(0), worker(1)]).status
    down = reconcile(job(Worker={"replicas": 1}), [worker(0), worker(1)], NOW, status)
    assert down.actions == (DeletePod("j-worker-1"),)
    up = reconcile(job(Worker={"replicas": 3}), [worker(0), worker(1)], NOW, status)
    assert list(created(up)) == ["j-worker-2"]


# --- what cannot be made


def test_a_job_with_a_long_name_gets_pods_but_no_service_and_so_no_status() -> None:
    manifest = job(Worker={"replicas": 2})
    manifest["metadata"]["name"] = "j" * 60
    decision = reconcile(manifest, [], NOW, {}, services=())
    assert decision.status == {}
    assert len(created(decision)) == 2
    assert decision.events[-1].reason == "FailedCreateService"
    assert "must be no more than 63 characters" in decision.events[-1].message


def test_a_restart_policy_that_does_not_exist_is_found_out_when_the_pod_is_made() -> None:
    decision = reconcile(job(Worker={"restartPolicy": "Sometimes"}), [], NOW, {})
    assert (decision.status, decision.actions) == ({}, ())
    assert decision.events[-1].message == (
        'Error creating: Pod "j-worker-0" is invalid: spec.restartPolicy: Unsupported value: "Sometimes": '
        'supported values: "Always", "OnFailure", "Never"'
    )


def test_a_job_that_another_controller_manages_is_left_alone() -> None:
    manifest = job(run_policy={"managedBy": "kueue.x-k8s.io/multikueue"}, Worker={})
    assert reconcile(manifest, [], NOW, {}) == Decision({})


def test_kinds_without_rules_are_refused() -> None:
    with pytest.raises(ManifestError, match="MPIJob"):
        reconcile({"kind": "MPIJob"}, [], NOW, {})


# --- how jobs end


def test_out_of_memory_under_exit_code_starts_over_and_a_programs_error_does_not() -> None:
    manifest = job(Worker={"replicas": 2, "restartPolicy": "ExitCode"})
    killed = reconcile(manifest, [worker(0), worker(1, "Failed", exit_code=137)], NOW, {})
    assert killed.actions == (DeletePod("j-worker-1"),)
    assert conditions(killed) == ["Created", "Restarting"]
    broken = reconcile(manifest, [worker(0), worker(1, "Failed", exit_code=1)], NOW, {})
    assert broken.actions == ()
    assert broken.status["conditions"][-1]["message"] == 'job "j" is failing because "Worker" replica(s) failed.'


def test_an_evicted_pod_is_made_again_under_exit_code() -> None:
    evicted = worker(0, "Failed", exit_code=None)
    assert reconcile(job(Worker={"restartPolicy": "ExitCode"}), [evicted], NOW, {}).actions == (
        DeletePod("j-worker-0"),
    )


@pytest.mark.parametrize(
    ("policy", "deleted"), [("None", []), ("Running", ["j-worker-1"]), ("All", ["j-worker-0", "j-worker-1"])]
)
def test_clean_pod_policy(policy: str, deleted: list[str]) -> None:
    manifest = job(run_policy={"cleanPodPolicy": policy}, Worker={"replicas": 2})
    finished = settle(manifest, [worker(0, "Succeeded", exit_code=0), worker(1)])
    assert conditions(finished) == ["Created", "Succeeded"]
    assert [action.name for action in finished.actions if isinstance(action, DeletePod)] == deleted
    assert finished.status["replicaStatuses"] == {"Worker": {"succeeded": 2}}


def test_deadline() -> None:
    manifest = job(run_policy={"activeDeadlineSeconds": 5}, Worker={})
    decision = settle(manifest, [worker(0)])
    assert decision.requeue_after == 5
    early = reconcile(manifest, [worker(0)], NOW + timedelta(seconds=4), decision.status)
    assert (conditions(early), early.requeue_after) == (["Created", "Running"], 1)
    late = reconcile(manifest, [worker(0)], NOW + timedelta(seconds=5), decision.status)
    assert conditions(late) == ["Created", "Running=F", "Failed"]
    assert late.status["completionTime"] == "2024-01-01T00:00:05Z"
    assert late.requeue_after is None


def test_resume_sets_the_clock_of_the_deadline_anew() -> None:
    limits = {"activeDeadlineSeconds": 5}
    status = settle(job(run_policy=limits, Worker={}), [worker(0)]).status
    suspended = settle(job(run_policy={**limits, "suspend": True}, Worker={}), [], status)
    assert (conditions(suspended), suspended.requeue_after) == (["Created", "Running=F", "Suspended"], None)
    resumed = reconcile(job(run_policy=limits, Worker={}), [], NOW + timedelta(hours=1), suspended.status)
    assert conditions(resumed) == ["Created", "Running=F", "Suspended=F"]
    assert (resumed.status["startTime"], resumed.requeue_after) == ("2024-01-01T01:00:00Z", 5)


def test_time_to_live() -> None:
    manifest = job(run_policy={"ttlSecondsAfterFinished": 9}, Worker={})
    pods = [worker(0, "Succeeded", exit_code=0)]
    finished = settle(manifest, pods)
    assert (finished.actions, finished.requeue_after) == ((), 9)
    over = reconcile(manifest, pods, NOW + timedelta(seconds=9.1), finished.status)
    assert over.actions == (DeleteJob(),)


def test_a_permanent_exit_code_leaves_a_pytorch_job_no_completion_time_and_so_no_time_to_live() -> None:
    manifest = job("PyTorchJob", {"ttlSecondsAfterFinished": 0}, Worker={"restartPolicy": "ExitCode"})
    pods = [worker(0, "Failed", exit_code=1)]
    finished = settle(manifest, pods)
    assert "completionTime" not in finished.status
    assert reconcile(manifest, pods, NOW + timedelta(days=1), finished.status).actions == ()
    assert finished.requeue_after is None


def test_restarts_in_place_count_against_the_backoff_limit() -> None:
    manifest = job(run_policy={"backoffLimit": 3}, Worker={"replicas": 2, "restartPolicy": "OnFailure"})
    pods = [worker(0, restart_count=2), worker(1)]
    status = settle(manifest, pods).status
    assert [c["type"] for c in status["conditions"]] == ["Created", "Running"]
    exceeded = reconcile(manifest, [pods[0], replace(pods[1], restart_count=1)], NOW, status)
    assert exceeded.status["conditions"][-1]["message"] == (
        "Job j has failed because it has reached the specified backoff limit"
    )


# --- the module


def test_the_rules_load_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); from jupyter_mltrain.operator import reconcile, types;"
        "from jupyter_mltrain.operator import kubeflow, tfjob, pytorchjob;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["jupyter_mltrain"]
