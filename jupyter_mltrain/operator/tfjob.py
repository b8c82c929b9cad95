"""TFJob: TF_CONFIG, and when the job runs, succeeds or fails (``pkg/controller.v1/tensorflow``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import conditions as cond
from .kubeflow import Framework, Walk
from .pods import replica_name
from .spec import Conventions, JobSpec, main_container, read
from .sync import Aborted, Sync
from .types import Manifest

CONVENTIONS = Conventions(
    kind="TFJob",
    replica_specs="tfReplicaSpecs",
    roles=("Chief", "Evaluator", "Master", "PS", "Worker"),
    container="tensorflow",
    port_name="tfjob-port",
    port=2222,
    restart_policy="Never",
    operator_name="tfjob-controller",
)


class TFJob(Framework):
    """The rules of a TFJob."""

    conventions = CONVENTIONS

    def read(self, manifest: Mapping[str, Any]) -> JobSpec:
        """Return the job with its defaults."""
        return read(manifest, CONVENTIONS)

    def is_master(self, job: JobSpec, role: str, index: int) -> bool:
        """Whether this is the chief or master, or where there is none the first worker."""
        if _has_chief(job):
            return role in ("Chief", "Master")
        return role == "Worker" and index == 0

    def add_environment(self, job: JobSpec, pod: Manifest, role: str, index: int) -> None:
        """Append TF_CONFIG to the container ``tensorflow``, unless the job is a single replica."""
        if sum(replica.replicas for known, replica in job.roles.items() if known in CONVENTIONS.roles) == 1:
            return
        container = main_container(pod, CONVENTIONS.container)
        variable = {"name": "TF_CONFIG", "value": tf_config(job, role, index)}
        container["env"] = [*(container.get("env") or []), variable]

    def update_status(self, sync: Sync, walk: Walk) -> None:
        """Set conditions and times, role by role; here the operator's order is fixed."""
        sync.start()
        restarting = cond.find(sync.conditions, cond.RESTARTING)
        for role in (role for role in CONVENTIONS.roles if role in sync.job.roles):
            if role == "Worker" and not _has_chief(sync.job):
                _judge_workers(sync)
            elif role in ("Chief", "Master"):
                _judge_chief(sync, role)
            if sync.replica_statuses[role].get("failed"):
                _judge_failures(sync, role, restarting)


def tf_config(job: JobSpec, role: str, index: int) -> str:
    """Return the value of TF_CONFIG, byte for byte as the operator writes it.

    With dynamic workers it is sparse: a worker knows itself and the parameter servers, so that others may come and go.
    """
    cluster = {name.lower(): _addresses(job, name) for name in job.roles}
    task = {"type": role.lower(), "index": index}
    if job.spec.get("enableDynamicWorker"):
        return _compact({"cluster": _sparse(cluster, role.lower(), index), "task": task})
    return _compact({"cluster": dict(sorted(cluster.items())), "task": task, "environment": "cloud"})


def _addresses(job: JobSpec, role: str) -> list[str]:
    port, replicas = job.port_of(role), job.roles[role].replicas
    if replicas < 0:
        raise Aborted  # the operator panics
    hosts = (replica_name(job.name, role, index) for index in range(replicas))
    return [f"{host}.{job.namespace}.svc:{port}" for host in hosts]


def _sparse(cluster: Mapping[str, list[str]], role: str, index: int) -> dict[str, Any]:
    if role not in ("worker", "ps"):
        return {"worker": {}, "ps": []}
    if index >= len(cluster[role]):
        raise Aborted  # the operator panics for a replica beyond the asked number
    own = cluster[role][index]
    return {"worker": {}, "ps": [own]} if role == "ps" else {"worker": {str(index): own}, "ps": cluster.get("ps")}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _has_chief(job: JobSpec) -> bool:
    return "Chief" in job.roles or "Master" in job.roles


def _full_name(job: JobSpec) -> str:
    return f"TFJob {job.namespace}/{job.name}"


def _judge_chief(sync: Sync, role: str) -> None:
    counts = sync.replica_statuses[role]
    if counts.get("active"):
        sync.set_condition(cond.RUNNING, f"{_full_name(sync.job)} is running.")
    if counts.get("succeeded", 0) == sync.job.roles[role].replicas:
        sync.succeed(f"{_full_name(sync.job)} successfully completed.")


def _judge_workers(sync: Sync) -> None:
    counts = sync.replica_statuses["Worker"]
    all_succeeded = counts.get("succeeded", 0) == sync.job.roles["Worker"].replicas
    first_is_enough = sync.job.spec.get("successPolicy") != "AllWorkers"
    if all_succeeded or (first_is_enough and _worker_0_succeeded(sync)):
        sync.succeed(f"{_full_name(sync.job)} successfully completed.")
    elif counts.get("active"):
        sync.set_condition(cond.RUNNING, f"{_full_name(sync.job)} is running.")


def _worker_0_succeeded(sync: Sync) -> bool:
    first = [pod for pod in sync.pods_of("Worker") if pod.index == 0]
    return len(first) == 1 and first[0].phase == "Succeeded" and first[0].exit_code == 0


def _judge_failures(sync: Sync, role: str, restarting: cond.Condition | None) -> None:
    if restarting is not None:
        # Running has just removed Restarting: put it back, so that no failure is final while a restart is under way.
        sync.set_condition(cond.RESTARTING, restarting["message"], reason=restarting["reason"])
    elif not (role == "Worker" and sync.job.spec.get("enableDynamicWorker")):
        failed = sync.replica_statuses[role]["failed"]
        sync.fail(f"{_full_name(sync.job)} has failed because {failed} {role} replica(s) failed.")
