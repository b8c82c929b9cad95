"""What a user asks for: framework, roles, resources, run policy, data. Checked here, field by field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import DictSchema

from ..errors import InvalidInput
from .fields import IN_WORDS, LABEL_VALUE, Cpu, DnsLabel, EnvName, LabelKey, LabelValue, Memory, Namespace, ObjectName
from .labels import OPERATOR_NAME, PREFIX


class Framework(StrEnum):
    """Which kind of job the notebook becomes."""

    TENSORFLOW = "tensorflow"  # TFJob
    PYTORCH = "pytorch"  # PyTorchJob
    NONE = "none"  # batch/v1 Job


RoleName = Literal["Chief", "Master", "PS", "Worker", "Evaluator"]
RestartPolicy = Literal["Always", "OnFailure", "Never", "ExitCode"]
CleanPodPolicy = Literal["All", "Running", "None"]
Strategy = Literal["none", "mirrored", "multi_worker_mirrored", "parameter_server", "central_storage"]

ROLES: dict[Framework, tuple[RoleName, ...]] = {
    Framework.TENSORFLOW: ("Chief", "Master", "PS", "Worker", "Evaluator"),
    Framework.PYTORCH: ("Master", "Worker"),
    Framework.NONE: ("Worker",),
}
"""The roles that each framework's job may have, in the order in which manifests list them."""

RESTART_POLICIES: dict[Framework, tuple[RestartPolicy, ...]] = {
    Framework.TENSORFLOW: ("Never", "OnFailure", "Always", "ExitCode"),
    Framework.PYTORCH: ("OnFailure", "Never", "Always", "ExitCode"),
    Framework.NONE: ("Never", "OnFailure"),
}
"""The restart policies that each framework's job may have; the first is the default."""

_MAX_DNS_LABEL = 63


def _wrong(field: str, message: str) -> PydanticCustomError:
    """Return an error that ``spec_error`` reports at a field other than the one being validated."""
    return PydanticCustomError("spec", "{message}", {"message": message, "field": field})


def _refuse_twice(field: str, values: Iterable[str], what: str) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise _wrong(field, f"{what} {value!r} is there {count} times")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Gpu(_Model):
    """Accelerators for each replica of a role."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    """How many each replica gets."""
    product: Annotated[str, Field(pattern=LABEL_VALUE, min_length=1)] | None = None
    """Value of the node label, e.g. ``NVIDIA-H200``; ``None`` takes any."""
    resource: Annotated[str, Field(pattern=r"^[a-z0-9][-a-z0-9.]*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")] = (
        "nvidia.com/gpu"
    )
    """Name of the extended resource in ``resources.limits``, and of the taint that is tolerated."""
    product_label: LabelKey = "nvidia.com/gpu.product"
    """Node label that holds the product."""


class Resources(_Model):
    """What each replica of a role gets."""

    cpu: Cpu | None = None
    """Kubernetes quantity, e.g. ``"2"`` or ``"500m"``: the limit, and the request."""
    memory: Memory | None = None
    """Kubernetes quantity, e.g. ``"4Gi"``: the limit, and the request."""
    gpu: Gpu | None = None
    """Accelerators; ``None``: no accelerator."""


class Role(_Model):
    """One group of equal replicas."""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many; exactly 1 for Chief and Master."""
    restart_policy: RestartPolicy | None = None
    """``None`` takes this project's default: ``Never`` (TFJob, Job) or ``OnFailure`` (PyTorchJob)."""
    resources: Resources = Resources()
    """What each replica gets."""


class Scheduling(_Model):
    """Gang scheduling (``runPolicy.schedulingPolicy``)."""

    min_available: Annotated[int, Field(ge=1)] | None = None
    """How many replicas must be placed together; ``None``: all."""
    queue: str | None = None
    """Queue of the gang scheduler."""
    priority_class: ObjectName | None = None
    """Name of a PriorityClass."""
    schedule_timeout_seconds: Annotated[int, Field(ge=0)] | None = None
    """Give up placing the gang after this time, in seconds."""


class RunPolicy(_Model):
    """Limits and clean-up of a job (``spec.runPolicy``)."""

    clean_pod_policy: CleanPodPolicy = "Running"
    """Which pods go when the job ends. The operator's own default ``None`` leaves parameter servers running."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = None
    """The job deletes itself this many seconds after its end; ``None``: it stays."""
    active_deadline_seconds: Annotated[int, Field(ge=1)] | None = None
    """The job fails when it has been active for this many seconds; ``None``: no limit."""
    backoff_limit: Annotated[int, Field(ge=0)] | None = None
    """The job fails at this many restarts, those of all replicas added up; ``None``: three for each replica that
    restarts, none where no replica does."""
    suspend: bool = False
    """The job is created but not started."""
    scheduling: Scheduling | None = None
    """Gang scheduling, where the cluster has a scheduler for it."""


class ElasticPolicy(_Model):
    """Elastic PyTorch (``spec.elasticPolicy``)."""

    min_replicas: Annotated[int, Field(ge=1)] | None = None
    """Fewest workers that training goes on with."""
    max_replicas: Annotated[int, Field(ge=1)] | None = None
    """Most workers that may join."""
    rdzv_backend: Literal["c10d", "etcd", "etcd-v2"] = "c10d"
    """Where the workers find each other."""
    max_restarts: Annotated[int, Field(ge=0)] | None = None
    """How often torchrun restarts the group of workers."""

    @model_validator(mode="after")
    def _ordered(self) -> ElasticPolicy:
        if self.min_replicas and self.max_replicas and self.min_replicas > self.max_replicas:
            raise _wrong("min_replicas", f"{self.min_replicas} is more than max_replicas {self.max_replicas}")
        return self


class SecretRef(_Model):
    """One key of a secret. The value is never read by this project when it makes a manifest."""

    secret: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
    """Key in it."""


class Volume(_Model):
    """A volume and where it is mounted in every replica."""

    name: DnsLabel
    """Name of the volume, a DNS-1035 label; names that begin with ``mltrain-`` are taken."""
    mount_path: Annotated[str, Field(pattern=r"^/[^:]+$")]
    """Absolute path in the container."""
    claim: ObjectName | None = None
    """Name of a PersistentVolumeClaim."""
    host_path: Annotated[str, Field(pattern=r"^/")] | None = None
    """Absolute path on the node."""
    empty_dir: bool = False
    """An empty folder that goes with the pod."""
    secret: ObjectName | None = None
    """Name of a Secret whose keys become files."""
    config_map: ObjectName | None = None
    """Name of a ConfigMap whose keys become files."""
    read_only: bool = False
    """Whether replicas may only read it."""
    access_mode: Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] | None = None
    """Access mode of the claim, where it is known: only used by checks."""

    @field_validator("name")
    @classmethod
    def _not_ours(cls, name: str) -> str:
        if name.startswith("mltrain-"):
            raise ValueError(f"{name!r}: names that begin with mltrain- are this project's own")
        return name

    @field_validator("host_path")
    @classmethod
    def _no_backsteps(cls, path: str | None) -> str | None:
        if path is not None and ".." in path.split("/"):
            raise ValueError(f"{path!r}: a host path may not hold '..'")
        return path

    @model_validator(mode="after")
    def _one_source(self) -> Volume:
        sources = [self.claim, self.host_path, self.empty_dir or None, self.secret, self.config_map]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                f"volume {self.name!r} needs exactly one of claim, host_path, empty_dir, secret, config_map"
            )
        return self


def _default_roles(framework: Framework | None) -> dict[RoleName, Role]:
    return {"Master": Role()} if framework is Framework.PYTORCH else {"Worker": Role()}


class TrainingSpec(_Model):
    """Everything that makes a manifest, but for the program and the parameter values."""

    framework: Framework = Framework.NONE
    """``tensorflow`` makes a TFJob, ``pytorch`` a PyTorchJob, ``none`` a batch/v1 Job."""
    name: DnsLabel | None = None
    """``metadata.name``, a DNS-1035 label; ``None``: made from the notebook's name and the job id."""
    namespace: Namespace = "default"
    """Namespace of the job."""
    labels: dict[LabelKey, LabelValue] = {}
    """More labels for the job and its pods, e.g. ``kueue.x-k8s.io/queue-name``."""
    annotations: dict[LabelKey, str] = {}
    """More annotations for the job."""
    image: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    """Container image; ``None`` takes the one that is built of the program."""
    roles: dict[RoleName, Role] = Field(default_factory=lambda data: _default_roles(data.get("framework")))
    """Replicas by role; left out: one Worker, or one Master for PyTorch."""
    strategy: Strategy | None = None
    """TensorFlow distribution strategy that the notebook uses: for the checks, and told to the replicas."""
    success_policy: Literal["", "AllWorkers"] = ""
    """When a TFJob without chief is done: with worker 0 or with all workers."""
    elastic: ElasticPolicy | None = None
    """Elastic PyTorch, for notebooks that start torchrun themselves."""
    nproc_per_node: Annotated[str, Field(pattern=r"^(auto|cpu|gpu|[1-9][0-9]*)$")] | None = None
    """Processes that torchrun starts in each replica: a number, ``auto``, ``cpu`` or ``gpu``."""
    run_policy: RunPolicy = RunPolicy()
    """Limits and clean-up."""
    env: dict[EnvName, Annotated[str, Field(pattern=r"^[^\x00]*$")]] = {}
    """Environment variables. ``$(NAME)`` in a value is replaced as Kubernetes does; ``$$`` stands for ``$``."""
    secrets: dict[EnvName, SecretRef] = {}
    """Environment variables whose values come from secrets, by reference."""
    volumes: tuple[Volume, ...] = ()
    """Volumes that every replica mounts."""
    channels: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Annotated[str, Field(min_length=1)]] = {}
    """Named inputs: a path or URI for each."""
    output_uri: Annotated[str, Field(min_length=1)] | None = None
    """Folder or URI that gets the executed notebook and what the run saves; ``None``: the backend's own place."""
    image_pull_secrets: tuple[ObjectName, ...] = ()
    """Names of Secrets for the registry."""
    service_account: ObjectName | None = None
    """ServiceAccount of the pods; ``None``: the namespace's default, with no API token in the pods."""
    node_selector: dict[LabelKey, LabelValue] = {}
    """Labels that a node must have."""

    @field_validator("labels", "annotations")
    @classmethod
    def _labels_not_ours(cls, labels: dict[str, str]) -> dict[str, str]:
        for key in labels:
            if key.startswith((PREFIX, OPERATOR_NAME.partition("/")[0] + "/")):
                raise ValueError(f"{key!r} is set by this project or by the operator")
        return labels

    @field_validator("env", "secrets")
    @classmethod
    def _env_not_ours(cls, env: dict[str, Any]) -> dict[str, Any]:
        for name in env:
            if name.startswith("MLTRAIN_"):
                raise ValueError(f"{name!r}: names that begin with MLTRAIN_ are this project's own")
        return env

    @model_validator(mode="after")
    def _nothing_twice(self) -> TrainingSpec:
        _refuse_twice("volumes", (volume.name for volume in self.volumes), "the volume name")
        _refuse_twice("volumes", (volume.mount_path.rstrip("/") for volume in self.volumes), "the mount path")
        _refuse_twice("image_pull_secrets", self.image_pull_secrets, "the secret")
        _refuse_twice("secrets", [*self.env, *self.secrets], "the environment variable")
        return self

    @model_validator(mode="after")
    def _roles_fit(self) -> TrainingSpec:
        if not self.roles:
            raise _wrong("roles", "at least one role is needed")
        for name, role in self.roles.items():
            if name not in ROLES[self.framework]:
                use = ", ".join(ROLES[self.framework])
                raise _wrong(f"roles.{name}", f"there is no such role for {self.framework.value}; use {use}")
            if name in ("Chief", "Master") and role.replicas != 1:
                raise _wrong(f"roles.{name}.replicas", f"a {name} has exactly one replica")
            if role.restart_policy not in (None, *RESTART_POLICIES[self.framework]):
                use = " or ".join(RESTART_POLICIES[self.framework])
                raise _wrong(f"roles.{name}.restart_policy", f"a batch/v1 Job can only have {use}")
        if "Chief" in self.roles and "Master" in self.roles:
            raise _wrong("roles.Master", "a job has a Chief or a Master, not both")
        return self

    @model_validator(mode="after")
    def _policies_fit(self) -> TrainingSpec:
        for field in ("elastic", "nproc_per_node"):
            if getattr(self, field) is not None and self.framework is not Framework.PYTORCH:
                raise _wrong(field, "this belongs to pytorch")
        if self.elastic is not None and "Worker" not in self.roles:
            raise _wrong("roles", "an elastic policy needs the role Worker")
        if self.success_policy and self.framework is not Framework.TENSORFLOW:
            raise _wrong("success_policy", "this belongs to tensorflow")
        return self

    @model_validator(mode="after")
    def _pod_names_fit(self) -> TrainingSpec:
        if self.name is not None:
            longest = longest_pod_name(self.name, self)
            if len(longest) > _MAX_DNS_LABEL:
                over = len(longest) - _MAX_DNS_LABEL
                raise _wrong("name", f"its pod {longest!r} would be longer than 63 characters; shorten it by {over}")
        return self

    def restart_policy(self, role: RoleName) -> RestartPolicy:
        """Return the restart policy of a role, the default where none was chosen."""
        return self.roles[role].restart_policy or RESTART_POLICIES[self.framework][0]

    @property
    def replicas(self) -> int:
        """Number of replicas of all roles."""
        return sum(role.replicas for role in self.roles.values())


def longest_pod_name(job: str, spec: TrainingSpec) -> str:
    """Return the longest of the names ``{job}-{role}-{index}`` that a job's pods, or a Job's hosts, will have."""
    if spec.framework is Framework.NONE:
        return f"{job}-{spec.replicas - 1}"
    return max((f"{job}-{name.lower()}-{role.replicas - 1}" for name, role in spec.roles.items()), key=len)


def parse_spec(data: dict[str, Any]) -> TrainingSpec:
    """Check a JSON object and return the spec.

    Types are JSON's, taken strictly: ``"3"`` is no number and ``"yes"`` no truth value.

    Raises
    ------
    InvalidInput
        ``details["errors"]`` names each wrong field.
    """
    try:
        return TrainingSpec.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise spec_error(error) from None
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The training spec is not a JSON object: {error}", field="spec") from None


def spec_error(error: ValidationError) -> InvalidInput:
    """Turn pydantic's error into ours: each entry has the field as a dotted path and what is wrong with it."""
    errors = [
        {"field": _dotted(e["loc"], e.get("ctx", {})), "message": _in_words(e["msg"], e.get("ctx", {}))}
        for e in error.errors(include_url=False)
    ]
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidInput(
        f"The training spec is not valid: {first['field']}: {first['message']}{more}",
        hint="Correct the fields named.",
        field=first["field"],
        errors=errors,
    )


def _dotted(loc: tuple[int | str, ...], context: dict[str, Any]) -> str:
    within = [context["field"]] if "field" in context else []
    return ".".join(str(part) for part in [*loc, *within] if part != "[key]") or "spec"


def _in_words(message: str, context: dict[str, Any]) -> str:
    return IN_WORDS.get(context.get("pattern", ""), message.removeprefix("Value error, "))


class _ClosedSchema(GenerateJsonSchema):
    """Where the names of an object follow a pattern, no others are allowed; pydantic's own schema lets them pass."""

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        """Return the schema of a ``dict``."""
        json_schema = super().dict_schema(schema)
        return {**json_schema, "additionalProperties": False} if "patternProperties" in json_schema else json_schema


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``TrainingSpec`` (draft 2020-12): all that can be said field by field."""
    schema = TrainingSpec.model_json_schema(schema_generator=_ClosedSchema)
    return {"$schema": _ClosedSchema.schema_dialect, **schema}
