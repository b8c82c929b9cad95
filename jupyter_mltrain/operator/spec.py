"""A TFJob or PyTorchJob as the operator sees it: defaults filled in, in memory only.

Source: ``pkg/apis/kubeflow.org/v1/{defaulting_utils,tensorflow_defaults,pytorch_defaults}.go``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.labels import JOB_NAME, OPERATOR_NAME

_OPERATOR = "kubeflow.org/training-operator"


@dataclass(frozen=True, slots=True)
class Conventions:
    """What differs between the kinds by name only."""

    kind: str
    replica_specs: str
    """Field of the spec that holds the roles."""
    roles: tuple[str, ...]
    """The known roles, in the order in which their rules are applied."""
    container: str
    """Name of the container that matters."""
    port_name: str
    port: int
    restart_policy: str
    """Default restart policy."""
    operator_name: str


@dataclass(frozen=True, slots=True)
class Replica:
    """One role of the job."""

    replicas: int
    restart_policy: str
    """``Always``, ``OnFailure``, ``Never`` or ``ExitCode``."""
    template: dict[str, Any]
    """Pod template, with the default port."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The job with defaults: role names in CamelCase, one replica, the kind's restart policy and port."""

    conventions: Conventions
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    roles: dict[str, Replica]
    """In the operator's order: the known roles, then others by name."""

    @property
    def kind(self) -> str:
        """``TFJob`` or ``PyTorchJob``."""
        return self.conventions.kind

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        """``metadata.namespace``, by default ``default``."""
        return str(self.metadata.get("namespace") or "default")

    @property
    def run_policy(self) -> Mapping[str, Any]:
        """``spec.runPolicy``, empty where left out."""
        return self.spec.get("runPolicy") or {}

    @property
    def clean_pod_policy(self) -> str:
        """``All``, ``Running`` or, by default, ``None``."""
        policy = self.run_policy.get("cleanPodPolicy")
        return "None" if policy is None else str(policy)

    @property
    def suspended(self) -> bool:
        """Whether the user wants no pods now."""
        return bool(self.run_policy.get("suspend"))

    @property
    def managed_elsewhere(self) -> bool:
        """Whether another controller, such as Kueue's, looks after the job: the operator then does nothing at all."""
        return self.run_policy.get("managedBy") not in (None, _OPERATOR)

    @property
    def total_replicas(self) -> int:
        """Replicas of all roles together."""
        return sum(role.replicas for role in self.roles.values())

    @property
    def labels(self) -> dict[str, str]:
        """Labels that all pods and services of the job share."""
        return {OPERATOR_NAME: self.conventions.operator_name, JOB_NAME: self.name}

    def port_of(self, role: str) -> int:
        """Port by which the replicas of a role are reached."""
        container = main_container(self.roles[role].template, self.conventions.container)
        return next(int(p["containerPort"]) for p in container["ports"] if p.get("name") == self.conventions.port_name)


def read(manifest: Mapping[str, Any], conventions: Conventions) -> JobSpec:
    """Return the job with the operator's defaults. The manifest is left as it is."""
    spec = manifest["spec"]
    roles = {
        role: _with_defaults(replica, conventions)
        for role, replica in _camel_cased(spec[conventions.replica_specs], conventions.roles).items()
    }
    order = sorted(roles, key=lambda role: (_rank(role, conventions.roles), role))
    return JobSpec(conventions, manifest["metadata"], spec, {role: roles[role] for role in order})


def main_container(template: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the named container of a pod template, the first one where none is so named."""
    containers: list[dict[str, Any]] = template["spec"]["containers"]
    return next((c for c in containers if c["name"] == name), containers[0])


def _rank(role: str, known: Sequence[str]) -> int:
    return known.index(role) if role in known else len(known)


def _camel_cased(replica_specs: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    proper = {role.lower(): role for role in known}
    # A second spelling of a role ("worker" beside "Worker") overrides the proper one.
    ordered = sorted(replica_specs.items(), key=lambda item: item[0] not in known)
    return {proper.get(role.lower(), role): replica for role, replica in ordered if replica is not None}


def _with_defaults(replica: Mapping[str, Any], conventions: Conventions) -> Replica:
    template = copy.deepcopy(dict(replica["template"]))
    container = main_container(template, conventions.container)
    ports = container["ports"] = list(container.get("ports") or [])
    if not any(port.get("name") == conventions.port_name for port in ports):
        ports.append({"name": conventions.port_name, "containerPort": conventions.port})
    replicas = replica.get("replicas")
    return Replica(
        replicas=1 if replicas is None else replicas,
        restart_policy=replica.get("restartPolicy") or conventions.restart_policy,
        template=template,
    )
