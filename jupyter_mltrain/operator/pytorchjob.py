"""PyTorchJob: environment, and when the job runs, succeeds or fails (``pkg/controller.v1/pytorch``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..model.labels import REPLICA_TYPE
from . import conditions as cond
from .kubeflow import Framework, Walk
from .pods import replica_name
from .spec import Conventions, JobSpec, read
from .sync import Aborted, Sync
from .types import Manifest

CONVENTIONS = Conventions(
    kind="PyTorchJob",
    replica_specs="pytorchReplicaSpecs",
    roles=("Master", "Worker"),
    container="pytorch",
    port_name="pytorchjob-port",
    port=23456,
    restart_policy="OnFailure",
    operator_name="pytorchjob-controller",
)

Env = list[tuple[str, str]]


class PyTorchJob(Framework):
    """The rules of a PyTorchJob."""

    conventions = CONVENTIONS

    def read(self, manifest: Mapping[str, Any]) -> JobSpec:
        """Return the job with its defaults, those of elasticity too."""
        job = read(manifest, CONVENTIONS)
        return replace(job, spec=_with_defaults(job))

    def is_master(self, job: JobSpec, role: str, index: int) -> bool:
        """Whether this is the master, or where there is none the first worker."""
        if "Master" in job.roles:
            return role == "Master"
        return role == "Worker" and index == 0

    def add_environment(self, job: JobSpec, pod: Manifest, role: str, index: int) -> None:
        """Append the variables of torch.distributed and torchrun to every container.

        The operator also gives workers an init container that waits for the master's name; that is left out here.
        """
        variables = [{"name": name, "value": value} for name, value in environment(job, role, index)]
        for container in pod["spec"]["containers"]:
            container["env"] = [*(container.get("env") or []), *variables]

    def update_status(self, sync: Sync, walk: Walk) -> None:
        """Set conditions and times; the operator takes the roles in any order."""
        sync.start()
        for role in walk(list(sync.job.roles)):
            sync.replica_statuses[role]["selector"] = _selector(sync.job, role)
            if role == "Master" and _judge_master(sync):
                # The operator returns at once: a role not yet looked at keeps no selector, its failures do not count.
                return
            if role == "Worker" and "Master" not in sync.job.roles:
                _judge_workers(sync)
            _judge_failures(sync, role)


def environment(job: JobSpec, role: str, index: int) -> Env:
    """Return the variables that the operator appends to each container of a replica, in its order."""
    env: Env = [("PYTHONUNBUFFERED", "1")]
    if "Master" in job.roles:
        env += _master_environment(job, role, index)
    if job.spec.get("nprocPerNode") is not None:
        env.append(("PET_NPROC_PER_NODE", str(job.spec["nprocPerNode"])))
    if job.spec.get("elasticPolicy") is None:
        env.append(("PET_NNODES", str(job.total_replicas)))
    else:
        env += _elastic_environment(job)
    return env


def _master_environment(job: JobSpec, role: str, index: int) -> Env:
    address, port = replica_name(job.name, "Master", 0), str(job.port_of("Master"))
    rank = str(index + 1 if role == "Worker" else index)
    return [
        ("MASTER_PORT", port),
        ("PET_MASTER_PORT", port),
        ("MASTER_ADDR", address),
        ("PET_MASTER_ADDR", address),
        ("WORLD_SIZE", str(job.total_replicas * _processes_per_node(job))),
        ("RANK", rank),
        ("PET_NODE_RANK", rank),
    ]


def _processes_per_node(job: JobSpec) -> int:
    # "auto", "cpu" and "gpu" are for torchrun to find out; the world then counts each node once.
    text = str(job.spec.get("nprocPerNode"))
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else 1


def _elastic_environment(job: JobSpec) -> Env:
    elastic = job.spec["elasticPolicy"]
    host = elastic.get("rdzvHost")
    port = elastic.get("rdzvPort")
    endpoint = (
        replica_name(job.name, "Worker", 0) if host is None else host,
        job.port_of("Worker") if port is None else port,
    )
    env: Env = [
        ("PET_RDZV_ENDPOINT", "{}:{}".format(*endpoint)),
        ("PET_RDZV_BACKEND", elastic.get("rdzvBackend") or "c10d"),
        ("PET_NNODES", "{minReplicas}:{maxReplicas}".format(**elastic)),
    ]
    for field, name in (
        ("maxRestarts", "PET_MAX_RESTARTS"),
        ("nProcPerNode", "PET_NPROC_PER_NODE"),
        ("rdzvId", "PET_RDZV_ID"),
    ):
        if elastic.get(field) is not None:
            env.append((name, str(elastic[field])))
    if elastic.get("rdzvConf") is not None:
        if not elastic["rdzvConf"]:
            raise Aborted  # the operator panics on an empty list
        env.append(("PET_RDZV_CONF", ",".join(f"{item['key']}={item['value']}" for item in elastic["rdzvConf"])))
    if elastic.get("standalone"):
        env.append(("PET_STANDALONE", ""))
    return env


def _with_defaults(job: JobSpec) -> dict[str, Any]:
    spec = dict(job.spec)
    elastic = spec.get("elasticPolicy")
    if elastic is not None:
        workers = job.roles["Worker"].replicas
        sizes = [elastic.get("minReplicas"), elastic.get("maxReplicas")]
        low, high = [next((n for n in (own, *sizes) if n is not None), workers) for own in sizes]
        elastic = spec["elasticPolicy"] = {**elastic, "minReplicas": low, "maxReplicas": high}
    if spec.get("nprocPerNode") is None and (elastic is None or elastic.get("nProcPerNode") is None):
        spec["nprocPerNode"] = "auto"
    return spec


def _selector(job: JobSpec, role: str) -> str:
    labels = {**job.labels, REPLICA_TYPE: role.lower()}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _judge_master(sync: Sync) -> bool:
    """Set Running or Succeeded by the master. Return whether the job has succeeded."""
    counts, name = sync.replica_statuses["Master"], sync.job.name
    if counts.get("active"):
        sync.set_condition(cond.RUNNING, f"PyTorchJob {name} is running.")
    if counts.get("succeeded", 0) != sync.job.roles["Master"].replicas:
        return False
    sync.succeed(f"PyTorchJob {name} is successfully completed.")
    return True


def _judge_workers(sync: Sync) -> None:
    counts, full_name = sync.replica_statuses["Worker"], f"PyTorchJob {sync.job.namespace}/{sync.job.name}"
    succeeded = counts.get("succeeded", 0)
    elastic = sync.job.spec.get("elasticPolicy") is not None
    if succeeded == sync.job.roles["Worker"].replicas or (elastic and succeeded):
        sync.succeed(f"{full_name} successfully completed.")
    elif counts.get("active"):
        sync.set_condition(cond.RUNNING, f"{full_name} is running.")


def _judge_failures(sync: Sync, role: str) -> None:
    counts, replica = sync.replica_statuses[role], sync.job.roles[role]
    failed = counts.get("failed", 0)
    if not failed or replica.replicas <= counts.get("succeeded", 0) + counts.get("active", 0):
        return
    if replica.restart_policy == "Never":
        sync.fail(f"PyTorchJob {sync.job.name} is failed because {failed} {role} replica(s) failed.")
    else:
        message = f"PyTorchJob {sync.job.name} is restarting because {failed} {role} replica(s) failed."
        sync.announce(cond.RESTARTING, message, type_="Warning")
        sync.set_condition(cond.RESTARTING, message)
