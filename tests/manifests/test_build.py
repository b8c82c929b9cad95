"""Parts of a manifest that a golden file shows once but that must hold for more than one value."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_mltrain import manifests
from jupyter_mltrain.errors import InvalidInput, ParameterError
from jupyter_mltrain.manifests.names import label_value, notebook_stem
from jupyter_mltrain.model.job import Manifest
from jupyter_mltrain.model.spec import parse_spec

Build = Callable[..., Manifest]


def pods(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Pod spec by role."""
    spec = manifest["spec"]
    roles = spec.get("tfReplicaSpecs") or spec.get("pytorchReplicaSpecs") or {"Worker": spec}
    return {role: replica["template"]["spec"] for role, replica in roles.items()}


def env(manifest: Manifest, role: str = "Worker") -> dict[str, Any]:
    """The container's variables; those with a source stand as that source."""
    return {
        entry["name"]: entry.get("value", entry.get("valueFrom"))
        for entry in pods(manifest)[role]["containers"][0]["env"]
    }


def leaders(manifest: Manifest) -> list[str]:
    return [role for role in pods(manifest) if env(manifest, role).get("MLTRAIN_LEADER") == "1"]


@pytest.mark.parametrize(
    ("framework", "roles", "expected"),
    [
        ("none", {"Worker": 1}, ["Worker"]),
        ("none", {"Worker": 2}, []),
        ("tensorflow", {"Worker": 1}, ["Worker"]),
        ("tensorflow", {"Worker": 2}, []),
        ("tensorflow", {"Worker": 1, "PS": 1, "Evaluator": 1}, ["Worker"]),
        ("tensorflow", {"Worker": 1, "Chief": 1}, ["Chief"]),
        ("tensorflow", {"Worker": 4, "Master": 1}, ["Master"]),
        ("pytorch", {"Worker": 3, "Master": 1}, ["Master"]),
        ("pytorch", {"Worker": 3}, []),
    ],
)
def test_at_most_one_replica_leads_by_its_role(
    build: Build, framework: str, roles: dict[str, int], expected: list[str]
) -> None:
    spec = {"framework": framework, "roles": {name: {"replicas": count} for name, count in roles.items()}}
    assert leaders(build(spec)) == expected


def test_replicas_of_one_role_learn_their_index(build: Build) -> None:
    manifest = build({"framework": "pytorch", "roles": {"Worker": {"replicas": 2}}})
    path = "metadata.labels['training.kubeflow.org/replica-index']"
    assert env(manifest)["MLTRAIN_INDEX"] == {"fieldRef": {"fieldPath": path}}


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        ({"framework": "tensorflow"}, None),
        ({"framework": "tensorflow", "run_policy": {"backoff_limit": 0}}, 0),
        ({"framework": "pytorch"}, 3),
        ({"framework": "pytorch", "roles": {"Master": {}, "Worker": {"replicas": 3}}}, 12),
        ({"framework": "pytorch", "roles": {"Master": {"restart_policy": "Never"}, "Worker": {"replicas": 3}}}, 9),
        ({"framework": "tensorflow", "roles": {"Worker": {"restart_policy": "ExitCode"}}}, None),
        ({"framework": "pytorch", "run_policy": {"backoff_limit": 7}}, 7),
    ],
)
def test_restarts_in_place_have_a_limit(build: Build, spec: dict[str, Any], limit: int | None) -> None:
    assert build(spec)["spec"]["runPolicy"].get("backoffLimit") == limit


@pytest.mark.parametrize(("policy", "limit"), [("Never", 0), ("OnFailure", 6)])
def test_a_plain_job_runs_a_failing_notebook_once(build: Build, policy: str, limit: int) -> None:
    spec = {"roles": {"Worker": {"replicas": 2, "restart_policy": policy}}}
    assert build(spec)["spec"]["backoffLimit"] == limit


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"text": "a 'quoted' \"text\"\nwith lines and $(HOME) and $$ and $"},
        {"naïve": "日本語", "emoji": "🎉"},
        {"lr": 1e-3, "big": 10**30, "flag": True, "none": None},
        {"list": [1, [2.5, "x"]], "object": {"b": 1, "a": {"$ref": "#"}}},
    ],
)
def test_parameter_values_arrive_as_they_were(build: Build, values: dict[str, Any]) -> None:
    text = env(build({}, parameters=values))["MLTRAIN_PARAMETERS"]
    assert json.loads(text) == values
    assert "$" not in text, "Kubernetes would replace $(NAME) and $$ in it"
    assert text.isascii()


def test_parameter_values_keep_the_order_of_their_keys(build: Build) -> None:
    values = {"b": {"z": 1, "a": {"y": [{"d": 1, "c": 2}], "x": 3}}, "a": 1}
    text = env(build({}, parameters=values))["MLTRAIN_PARAMETERS"]
    assert json.dumps(json.loads(text)) == json.dumps(values)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"])
def test_parameter_values_must_be_json(build: Build, value: object) -> None:
    with pytest.raises(ParameterError, match="cannot be written as JSON"):
        build({}, parameters={"x": value})


def test_parameter_values_must_fit_into_an_environment_variable(build: Build) -> None:
    fits = "x" * (128 * 1024 - len('MLTRAIN_PARAMETERS={"x":""}') - 1)
    text = env(build({}, parameters={"x": fits}))["MLTRAIN_PARAMETERS"]
    subprocess.run(["true"], env={"PATH": os.environ["PATH"], "MLTRAIN_PARAMETERS": text}, check=True)
    with pytest.raises(ParameterError, match="at most 131,072"):
        build({}, parameters={"x": fits + "x"})
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true"], env={"PATH": os.environ["PATH"], "MLTRAIN_PARAMETERS": text + "x"}, check=True)


def test_a_home_that_the_user_chose_stays(build: Build) -> None:
    manifest = build({"env": {"HOME": "/data/home"}})
    entries = [entry for entry in pods(manifest)["Worker"]["containers"][0]["env"] if entry["name"] == "HOME"]
    assert entries == [{"name": "HOME", "value": "/data/home"}]


def test_shared_memory_that_the_user_mounted_stays(build: Build) -> None:
    own = {"name": "shm", "mount_path": "/dev/shm", "empty_dir": True}
    pod = pods(build({"framework": "pytorch", "volumes": [own]}))["Master"]
    assert [m["name"] for m in pod["containers"][0]["volumeMounts"] if m["mountPath"] == "/dev/shm"] == ["shm"]


def test_image_given_wins_over_the_specs_and_the_placeholder_can_never_be_pulled(build: Build) -> None:
    images = [
        pods(build(spec, image=image))["Worker"]["containers"][0]["image"]
        for spec, image in [({"image": "a:1"}, "b:2"), ({"image": "a:1"}, None), ({}, None)]
    ]
    assert images == ["b:2", "a:1", manifests.UNBUILT_IMAGE]
    assert manifests.UNBUILT_IMAGE.partition("/")[0].endswith(".invalid")


def test_name_given_wins_over_the_specs_and_the_made_one(build: Build) -> None:
    names = [
        build(spec, name=name)["metadata"]["name"]
        for spec, name in [({"name": "a"}, "b"), ({"name": "a"}, None), ({}, None)]
    ]
    assert names == ["b", "a", "recommender-7f3a91c2"]


def test_name_too_long_for_its_pods_is_refused(build: Build) -> None:
    with pytest.raises(InvalidInput, match="too long") as caught:
        build({"framework": "tensorflow"}, name="a" * 55)
    assert caught.value.details["field"] == "name"
    assert caught.value.hint == "Shorten it by 1."


def test_spec_annotation_makes_the_same_manifest_again(build: Build) -> None:
    spec = {
        "framework": "pytorch",
        "roles": {"Master": {}, "Worker": {"replicas": 2, "resources": {"gpu": {"product": "NVIDIA-H200"}}}},
        "secrets": {"TOKEN": {"secret": "s", "key": "k"}},
        "run_policy": {"ttl_seconds_after_finished": 5},
    }
    manifest = build(spec)
    annotation = manifest["metadata"]["annotations"]["jupyter-mltrain/spec"]
    assert parse_spec(json.loads(annotation)) == parse_spec(spec)
    assert build(json.loads(annotation)) == manifest


@pytest.mark.parametrize(
    ("notebook", "stem", "label"),
    [
        ("recommender.ipynb", "recommender", "recommender"),
        ("/home/me/My Notebook (2).ipynb", "My Notebook (2)", "My-Notebook-2"),
        ("C:\\Users\\me\\run.v2.ipynb", "run.v2", "run.v2"),
        ("Überblick_été.ipynb", "Überblick_été", "Uberblick_ete"),
        ("データ.ipynb", "データ", ""),
        ("x" * 80 + ".ipynb", "x" * 80, "x" * 63),
    ],
)
def test_notebook_as_a_label(notebook: str, stem: str, label: str) -> None:
    assert notebook_stem(notebook) == stem
    assert label_value(stem) == label


@pytest.mark.parametrize(
    ("stem", "job_id", "name"),
    [
        ("recommender", "7f3a", "recommender-7f3a"),
        ("recommender", "7f3a91c2-d4e5-4f6a", "recommender-7f3a91c2"),
        ("My Notebook (2)", "7f3a", "my-notebook-2-7f3a"),
        ("Überblick", "7f3a", "uberblick-7f3a"),
        ("データ", "7f3a", "notebook-7f3a"),
        ("2024 sales", "7f3a", "nb-2024-sales-7f3a"),
        ("--a__b--", "7F3A", "a-b-7f3a"),
        ("x" * 200, "7f3a91c2", "x" * 40 + "-7f3a91c2"),
        ("", "7f3a", "notebook-7f3a"),
    ],
)
def test_job_name(stem: str, job_id: str, name: str) -> None:
    assert manifests.job_name(stem, job_id) == name
