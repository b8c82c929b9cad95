"""Mistakes that published training manifests make, each with the proof that it is not made here."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_mltrain import operator
from jupyter_mltrain.errors import ManifestError
from jupyter_mltrain.manifests import checks, read_manifests, to_yaml
from jupyter_mltrain.model.findings import Severity
from jupyter_mltrain.model.job import Manifest
from jupyter_mltrain.model.spec import parse_spec

Build = Callable[..., Manifest]

RUN_POLICY = {
    "clean_pod_policy": "All",
    "active_deadline_seconds": 60,
    "backoff_limit": 2,
    "ttl_seconds_after_finished": 5,
    "suspend": True,
}
RUN_POLICY_FIELDS = {"cleanPodPolicy", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "suspend"}
GPU = {"resources": {"gpu": {"count": 2, "product": "NVIDIA-H200"}}}
KINDS = ["tensorflow", "pytorch", "none"]


def containers(manifest: Manifest) -> Iterator[dict[str, Any]]:
    spec = manifest["spec"]
    roles = spec.get("tfReplicaSpecs") or spec.get("pytorchReplicaSpecs") or {"Worker": spec}
    for replica in roles.values():
        yield from replica["template"]["spec"]["containers"]


def codes(spec: dict[str, Any], **facts: Any) -> set[str]:
    return {finding.code for finding in checks.check(parse_spec(spec), **facts)}


def test_two_keys_on_one_line_are_refused_with_their_place() -> None:
    text = "apiVersion: kubeflow.org/v1\nkind: TFJob\nmetadata: name: single\n"
    with pytest.raises(ManifestError, match="line 3, column 15"):
        read_manifests(text)


def test_restart_policy_and_template_stand_in_the_role_not_beside_it(build: Build) -> None:
    manifest = build({"framework": "tensorflow"})
    assert manifest["spec"]["tfReplicaSpecs"].keys() == {"Worker"}
    assert manifest["spec"]["tfReplicaSpecs"]["Worker"].keys() == {"replicas", "restartPolicy", "template"}


def test_restart_policy_beside_the_role_is_refused(build: Build) -> None:
    manifest = build({"framework": "tensorflow"})
    manifest["spec"]["tfReplicaSpecs"]["restartPolicy"] = "Never"
    assert not operator.validate(manifest).accepted


@pytest.mark.parametrize("framework", KINDS)
def test_a_pod_has_one_container_and_no_argument_is_taken_for_one(build: Build, framework: str) -> None:
    manifest = build({"framework": framework}, parameters={"num_gpus": 1, "log_dir": "/train/logs"})
    [container] = containers(manifest)
    assert container["command"] == ["python", "-m", "jupyter_mltrain.runner"]
    assert "args" not in container


@pytest.mark.parametrize("framework", KINDS)
def test_gpus_are_scheduled_by_limits_and_not_by_a_flag(build: Build, framework: str) -> None:
    role = "Master" if framework == "pytorch" else "Worker"
    manifest = build({"framework": framework, "roles": {role: GPU}})
    [container] = containers(manifest)
    assert container["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
    assert "gpu" not in " ".join(container["command"])


def test_gpu_nodes_are_tainted_so_a_count_alone_never_schedules(build: Build) -> None:
    manifest = build({"roles": {"Worker": GPU}})
    pod = manifest["spec"]["template"]["spec"]
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    [term] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {
        "matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-H200"]}]
    }


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch"])
def test_run_policy_is_under_run_policy(build: Build, framework: str) -> None:
    spec = build({"framework": framework, "run_policy": RUN_POLICY})["spec"]
    assert spec["runPolicy"].keys() == RUN_POLICY_FIELDS
    assert not RUN_POLICY_FIELDS & spec.keys()


def test_run_policy_of_a_plain_job_is_at_its_own_places(build: Build) -> None:
    spec = build({"run_policy": RUN_POLICY})["spec"]
    assert "runPolicy" not in spec
    assert RUN_POLICY_FIELDS & spec.keys() == RUN_POLICY_FIELDS - {"cleanPodPolicy"}


@pytest.mark.parametrize("field", sorted(RUN_POLICY_FIELDS))
def test_run_policy_at_the_top_level_is_refused_and_not_dropped(build: Build, field: str) -> None:
    manifest = build({"framework": "tensorflow"})
    manifest["spec"][field] = 1
    verdict = operator.validate(manifest)
    assert not verdict.accepted
    assert f"spec.{field}" in verdict.message


def test_two_workers_on_one_claim_need_read_write_many_and_a_folder_each() -> None:
    claim = {"name": "train", "claim": "train", "mount_path": "/train", "access_mode": "ReadWriteOnce"}
    spec = {"framework": "tensorflow", "roles": {"Worker": {"replicas": 2}}, "volumes": [claim]}
    assert {"claim-not-shared", "shared-output"} <= codes(spec, parameters={"log_dir": "/train/logs"})


def test_workers_that_never_read_tf_config_train_twice() -> None:
    spec = {"framework": "tensorflow", "roles": {"Worker": {"replicas": 2}}}
    source = "model = keras.Sequential([])\nmodel.fit(x, y)"
    assert "trains-apart" in codes(spec, sources=[source], imports={"keras"})


def test_exit_137_under_exit_code_is_retried_for_ever() -> None:
    spec = {"framework": "tensorflow", "roles": {"Worker": {"restart_policy": "ExitCode"}}}
    findings = {finding.code: finding for finding in checks.check(parse_spec(spec))}
    assert findings["memory-without-limit"].severity is Severity.WARNING
    assert findings["memory-without-limit"].where == {"field": "roles.Worker.resources.memory"}
    assert "137" in findings["retries-without-end"].message


@pytest.mark.parametrize("image", ["tensorflow/tensorflow", "tensorflow/tensorflow:latest", "host:5000/team/image"])
def test_mutable_tags_are_warned_of(image: str) -> None:
    assert "mutable-image" in codes({"image": image})


@pytest.mark.parametrize("image", ["a/b:2.21.0", "host:5000/team/image:1", "a/b@sha256:" + "0" * 64])
def test_fixed_images_are_not(image: str) -> None:
    assert "mutable-image" not in codes({"image": image})


@pytest.mark.parametrize("framework", KINDS)
def test_nothing_runs_as_root(build: Build, framework: str) -> None:
    text = to_yaml(build({"framework": framework}))
    assert "runAsNonRoot: true" in text
    assert "allowPrivilegeEscalation: false" in text


def test_a_notebook_cannot_delete_pods_unless_it_was_given_an_account(build: Build) -> None:
    pod = build({})["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    pod = build({"service_account": "pod-deleter"})["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "pod-deleter"
    assert "automountServiceAccountToken" not in pod


def test_secrets_are_references(build: Build) -> None:
    [container] = containers(build({"secrets": {"AWS_SECRET_ACCESS_KEY": {"secret": "minio", "key": "secret-key"}}}))
    entry = next(entry for entry in container["env"] if entry["name"] == "AWS_SECRET_ACCESS_KEY")
    assert entry == {
        "name": "AWS_SECRET_ACCESS_KEY",
        "valueFrom": {"secretKeyRef": {"name": "minio", "key": "secret-key"}},
    }


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "HF_TOKEN", "OPENAI_API_KEY"])
def test_plain_secrets_in_the_environment_are_warned_of(name: str) -> None:
    assert "plain-secret" in codes({"env": {name: "hunter2"}})


def test_the_estimator_api_is_gone() -> None:
    source = "classifier = tf.estimator.DNNClassifier([])"
    assert "impossible-strategy" in codes({"framework": "tensorflow"}, sources=[source], imports={"tensorflow"})


@pytest.mark.parametrize("framework", KINDS)
def test_no_sidecar_keeps_a_finished_pod_alive(build: Build, framework: str) -> None:
    assert "sidecar.istio.io/inject: 'false'" in to_yaml(build({"framework": framework}))
