"""What a user asks for: framework, roles, resources, run policy, data. Checked here, field by field."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import InvalidInput
from .quantity import parse_cpu, parse_memory


class Framework(StrEnum):
    """Which kind of job the notebook becomes."""

    TENSORFLOW = "tensorflow"  # TFJob
    PYTORCH = "pytorch"  # PyTorchJob
    NONE = "none"  # batch/v1 Job


RoleName = Literal["Chief", "Master", "PS", "Worker", "Evaluator"]
RestartPolicy = Literal["Always", "OnFailure", "Never", "ExitCode"]
CleanPodPolicy = Literal["All", "Running", "None"]

ROLES: dict[Framework, tuple[str, ...]] = {
    Framework.TENSORFLOW: ("Chief", "Master", "PS", "Worker", "Evaluator"),
    Framework.PYTORCH: ("Master", "Worker"),
    Framework.NONE: ("Worker",),
}
"""The roles that each framework's job may have."""

_DNS_1035 = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Gpu(_Model):
    """Accelerators for each replica of a role."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    product: str | None = None
    """Value of the node label, e.g. ``NVIDIA-H200``; ``None`` takes any."""
    resource: str = "nvidia.com/gpu"
    """Name of the extended resource in ``resources.limits``."""
    product_label: str = "nvidia.com/gpu.product"
    """Node label that holds the product."""


class Resources(_Model):
    """What each replica of a role gets."""

    cpu: str | None = None
    """Kubernetes quantity, e.g. ``"2"`` or ``"500m"``."""
    memory: str | None = None
    """Kubernetes quantity, e.g. ``"4Gi"``: the limit, and the request."""
    gpu: Gpu | None = None

    @field_validator("cpu")
    @classmethod
    def _cpu(cls, value: str | None) -> str | None:
        if value is not None:
            parse_cpu(value)
        return value

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        if value is not None:
            parse_memory(value)
        return value


class Role(_Model):
    """One group of equal replicas."""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    restart_policy: RestartPolicy | None = None
    """``None`` takes this project's default: ``Never`` (TFJob, Job) or ``OnFailure`` (PyTorchJob)."""
    resources: Resources = Resources()


class Scheduling(_Model):
    """Gang scheduling (``runPolicy.schedulingPolicy``)."""

    min_available: Annotated[int, Field(ge=1)] | None = None
    queue: str | None = None
    priority_class: str | None = None
    schedule_timeout_seconds: Annotated[int, Field(ge=0)] | None = None


class RunPolicy(_Model):
    """Limits and clean-up of a job (``spec.runPolicy``)."""

    clean_pod_policy: CleanPodPolicy = "Running"
    """The operator's own default is ``None``, which leaves parameter servers running for ever."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = None
    active_deadline_seconds: Annotated[int, Field(ge=1)] | None = None
    backoff_limit: Annotated[int, Field(ge=0)] | None = None
    suspend: bool = False
    scheduling: Scheduling | None = None


class ElasticPolicy(_Model):
    """Elastic PyTorch (``spec.elasticPolicy``)."""

    min_replicas: Annotated[int, Field(ge=1)] | None = None
    max_replicas: Annotated[int, Field(ge=1)] | None = None
    rdzv_backend: Literal["c10d", "etcd", "etcd-v2"] = "c10d"
    max_restarts: Annotated[int, Field(ge=0)] | None = None


class SecretRef(_Model):
    """One key of a secret. The value is never read by this project when it makes a manifest."""

    secret: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]


class Volume(_Model):
    """A volume and where it is mounted in every replica."""

    name: Annotated[str, Field(pattern=_DNS_1035, max_length=63)]
    mount_path: Annotated[str, Field(pattern=r"^/")]
    claim: str | None = None
    """Name of a PersistentVolumeClaim."""
    host_path: str | None = None
    empty_dir: bool = False
    secret: str | None = None
    config_map: str | None = None
    read_only: bool = False
    access_mode: Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] | None = None
    """Access mode of the claim, where it is known: only used by checks."""

    @model_validator(mode="after")
    def _one_source(self) -> Volume:
        sources = [self.claim, self.host_path, self.empty_dir or None, self.secret, self.config_map]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                f"volume {self.name!r} needs exactly one of claim, host_path, empty_dir, secret, config_map"
            )
        return self


class TrainingSpec(_Model):
    """Everything that makes a manifest, but for the program and the parameter values."""

    framework: Framework = Framework.NONE
    name: Annotated[str, Field(pattern=_DNS_1035, max_length=63)] | None = None
    """``metadata.name``, a DNS-1035 label; ``None``: made from the notebook's name and the job id."""
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    image: str | None = None
    """Container image; ``None`` takes this project's default for the framework."""
    roles: dict[RoleName, Role] = {"Worker": Role()}
    strategy: Literal["none", "mirrored", "multi_worker_mirrored", "parameter_server", "central_storage"] | None = None
    """TensorFlow distribution strategy that the notebook uses; only used by checks, and told to the replicas."""
    success_policy: Literal["", "AllWorkers"] = ""
    elastic: ElasticPolicy | None = None
    nproc_per_node: str | None = None
    run_policy: RunPolicy = RunPolicy()
    env: dict[Annotated[str, Field(pattern=_ENV_NAME)], str] = {}
    secrets: dict[Annotated[str, Field(pattern=_ENV_NAME)], SecretRef] = {}
    """Environment variables whose values come from secrets, by reference."""
    volumes: tuple[Volume, ...] = ()
    channels: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], str] = {}
    """Named inputs: a path or URI for each."""
    output_uri: str | None = None
    """Folder or URI that gets the executed notebook and what the run saves; ``None``: the backend's own place."""
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str | None = None
    node_selector: dict[str, str] = {}

    @model_validator(mode="after")
    def _roles_fit(self) -> TrainingSpec:
        allowed = ROLES[self.framework]
        for role in self.roles:
            if role not in allowed:
                raise ValueError(f"role {role!r} does not exist for {self.framework.value}; use {', '.join(allowed)}")
        if not self.roles:
            raise ValueError("at least one role is needed")
        for single in ("Chief", "Master"):
            if single in self.roles and self.roles[single].replicas != 1:
                raise ValueError(f"role {single!r} has exactly one replica")
        if "Chief" in self.roles and "Master" in self.roles:
            raise ValueError("a job has a Chief or a Master, not both")
        if self.elastic is not None and self.framework is not Framework.PYTORCH:
            raise ValueError("an elastic policy belongs to pytorch")
        if self.success_policy and self.framework is not Framework.TENSORFLOW:
            raise ValueError("a success policy belongs to tensorflow")
        return self


def parse_spec(data: dict[str, Any]) -> TrainingSpec:
    """Check a JSON object and return the spec; ``InvalidInput.details["errors"]`` names each wrong field."""
    try:
        return TrainingSpec.model_validate(data)
    except ValidationError as error:
        raise spec_error(error) from None


def spec_error(error: ValidationError) -> InvalidInput:
    """Turn pydantic's error into ours: each entry has the field as a dotted path and what is wrong with it."""
    errors = [
        {"field": ".".join(map(str, e["loc"])) or "spec", "message": e["msg"].removeprefix("Value error, ")}
        for e in error.errors(include_url=False, include_context=False)
    ]
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidInput(
        f"The training spec is not valid: {first['field']}: {first['message']}{more}",
        hint="Correct the fields named.",
        field=first["field"],
        errors=errors,
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``TrainingSpec`` (draft 2020-12)."""
    return TrainingSpec.model_json_schema()
