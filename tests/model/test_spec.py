"""The spec takes what makes a valid job, and says which field is wrong."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.model.spec import Framework, Gpu, Role, TrainingSpec, json_schema, parse_spec

CLAIM = {"name": "data", "mount_path": "/data", "claim": "data"}

Wrong = tuple[str, dict[str, Any], str]
"""Field, spec, part of the message."""

WRONG_ALONE: list[Wrong] = [
    ("framework", {"framework": "jax"}, "'tensorflow', 'pytorch' or 'none'"),
    ("gpus", {"gpus": 1}, "not permitted"),
    ("name", {"name": "My Job"}, "lower-case letters"),
    ("name", {"name": "9lives"}, "beginning with a letter"),
    ("name", {"name": "a" * 64}, "63"),
    ("namespace", {"namespace": "Team"}, "lower-case letters"),
    ("labels.a b", {"labels": {"a b": "c"}}, "letters, digits"),
    ("labels.team", {"labels": {"team": "a/b"}}, "letters, digits"),
    ("image", {"image": "my image"}, "pattern"),
    ("roles.Boss", {"roles": {"Boss": {}}}, "'Worker'"),
    ("roles.Worker.replicas", {"roles": {"Worker": {"replicas": 0}}}, "greater than or equal to 1"),
    ("roles.Worker.replicas", {"roles": {"Worker": {"replicas": "3"}}}, "valid integer"),
    ("roles.Worker.restart_policy", {"roles": {"Worker": {"restart_policy": "Sometimes"}}}, "'ExitCode'"),
    ("roles.Worker.resources.cpu", {"roles": {"Worker": {"resources": {"cpu": "two"}}}}, "quantity"),
    ("roles.Worker.resources.memory", {"roles": {"Worker": {"resources": {"memory": "4GB"}}}}, "quantity"),
    ("roles.Worker.resources.gpu.count", {"roles": {"Worker": {"resources": {"gpu": {"count": 0}}}}}, "or equal to 1"),
    ("run_policy.suspend", {"run_policy": {"suspend": "yes"}}, "valid boolean"),
    ("run_policy.active_deadline_seconds", {"run_policy": {"active_deadline_seconds": 0}}, "or equal to 1"),
    ("run_policy.activeDeadlineSeconds", {"run_policy": {"activeDeadlineSeconds": 5}}, "not permitted"),
    ("nproc_per_node", {"framework": "pytorch", "nproc_per_node": "many"}, "pattern"),
    ("env.1A", {"env": {"1A": "x"}}, "not beginning with a digit"),
    ("secrets.A.key", {"secrets": {"A": {"secret": "s"}}}, "required"),
    ("secrets.A.value", {"secrets": {"A": {"secret": "s", "key": "k", "value": "hunter2"}}}, "not permitted"),
    ("volumes.0.mount_path", {"volumes": [{**CLAIM, "mount_path": "data"}]}, "pattern"),
    ("channels.train", {"channels": {"train": ""}}, "at least 1 character"),
]
"""A value that is wrong whatever the others are: the JSON Schema says so, too."""

WRONG_TOGETHER: list[Wrong] = [
    ("name", {"name": "a" * 56, "framework": "tensorflow"}, "its pod"),
    ("name", {"name": "a" * 61, "roles": {"Worker": {"replicas": 11}}}, "shorten it by 1"),
    ("labels", {"labels": {"jupyter-mltrain/job-id": "x"}}, "set by this project"),
    ("labels", {"labels": {"training.kubeflow.org/job-name": "x"}}, "or by the operator"),
    ("roles", {"roles": {}}, "at least one role"),
    ("roles.PS", {"framework": "pytorch", "roles": {"Master": {}, "PS": {}}}, "use Master, Worker"),
    ("roles.Master.replicas", {"framework": "pytorch", "roles": {"Master": {"replicas": 2}}}, "exactly one"),
    ("roles.Chief.replicas", {"framework": "tensorflow", "roles": {"Chief": {"replicas": 2}}}, "exactly one"),
    ("roles.Master", {"framework": "tensorflow", "roles": {"Chief": {}, "Master": {}}}, "not both"),
    ("roles.Worker.restart_policy", {"roles": {"Worker": {"restart_policy": "ExitCode"}}}, "Never or OnFailure"),
    ("roles.Worker.resources.cpu", {"roles": {"Worker": {"resources": {"cpu": "0"}}}}, "more than 0"),
    ("roles.Worker.resources.memory", {"roles": {"Worker": {"resources": {"memory": "512m"}}}}, "512Mi"),
    ("elastic", {"elastic": {}}, "belongs to pytorch"),
    ("elastic.min_replicas", {"framework": "pytorch", "elastic": {"min_replicas": 3, "max_replicas": 2}}, "is more"),
    ("roles", {"framework": "pytorch", "elastic": {}}, "needs the role Worker"),
    ("nproc_per_node", {"nproc_per_node": "2"}, "belongs to pytorch"),
    ("success_policy", {"success_policy": "AllWorkers"}, "belongs to tensorflow"),
    ("env", {"env": {"MLTRAIN_JOB": "x"}}, "this project's own"),
    ("secrets", {"env": {"A": "x"}, "secrets": {"A": {"secret": "s", "key": "k"}}}, "there 2 times"),
    ("volumes.0", {"volumes": [{"name": "data", "mount_path": "/data"}]}, "exactly one of claim"),
    ("volumes.0", {"volumes": [{**CLAIM, "empty_dir": True}]}, "exactly one of claim"),
    ("volumes.0.name", {"volumes": [{**CLAIM, "name": "mltrain-home"}]}, "this project's own"),
    ("image_pull_secrets", {"image_pull_secrets": ["a", "a"]}, "there 2 times"),
    ("volumes", {"volumes": [CLAIM, {**CLAIM, "mount_path": "/other"}]}, "'data' is there 2 times"),
    ("volumes", {"volumes": [CLAIM, {**CLAIM, "name": "b", "mount_path": "/data/"}]}, "'/data' is there 2 times"),
]
"""Fields that do not go together, and texts whose meaning is wrong."""


@pytest.mark.parametrize(("field", "data", "words"), WRONG_ALONE + WRONG_TOGETHER)
def test_error_points_at_the_field(field: str, data: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_spec(data)
    error = caught.value
    assert error.details["field"] == field
    assert words in error.details["errors"][0]["message"]
    assert error.message.startswith(f"The training spec is not valid: {field}: ")
    assert "\n" not in error.message


def test_every_wrong_field_is_named() -> None:
    data = {"name": "My Job", "roles": {"Worker": {"replicas": 0, "resources": {"memory": "lots"}}}}
    with pytest.raises(InvalidInput) as caught:
        parse_spec(data)
    fields = [error["field"] for error in caught.value.details["errors"]]
    assert fields == ["name", "roles.Worker.replicas", "roles.Worker.resources.memory"]
    assert "(and 2 more)" in caught.value.message
    assert json.dumps(caught.value.to_dict())


@pytest.mark.parametrize("data", [{"name": object()}, {"image": b"x"}])
def test_what_is_not_json_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="not a JSON object"):
        parse_spec(data)


def test_a_spec_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_spec([1])  # type: ignore[arg-type]
    assert caught.value.details["field"] == "spec"


def test_defaults() -> None:
    assert parse_spec({}) == TrainingSpec()
    assert TrainingSpec().roles == {"Worker": Role()}
    assert parse_spec({"framework": "pytorch"}).roles == {"Master": Role()}
    assert TrainingSpec(framework=Framework.PYTORCH).roles == {"Master": Role()}


@pytest.mark.parametrize(
    ("framework", "policy"), [("tensorflow", "Never"), ("pytorch", "OnFailure"), ("none", "Never")]
)
def test_default_restart_policy(framework: str, policy: str) -> None:
    spec = parse_spec({"framework": framework, "roles": {"Worker": {}}})
    assert spec.restart_policy("Worker") == policy


def test_a_name_that_just_fits() -> None:
    assert parse_spec({"name": "a" * 54, "framework": "tensorflow"}).name == "a" * 54
    assert parse_spec({"name": "a" * 61, "roles": {"Worker": {"replicas": 10}}}).name == "a" * 61


def test_gpu_is_changed_by_one_value() -> None:
    spec = parse_spec({"roles": {"Worker": {"resources": {"gpu": {"product": "NVIDIA-H200"}}}}})
    assert spec.roles["Worker"].resources.gpu == Gpu(count=1, product="NVIDIA-H200")


def test_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_schema_describes_every_field() -> None:
    bare = [path for path, field in fields_of(json_schema()) if not field.get("description")]
    assert bare == []


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for title, part in {"TrainingSpec": schema, **schema["$defs"]}.items():
        for name, field in part.get("properties", {}).items():
            yield f"{title}.{name}", field


@pytest.mark.parametrize("data", [data for _, data, _ in WRONG_ALONE])
def test_schema_refuses_a_wrong_value(data: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(data)
