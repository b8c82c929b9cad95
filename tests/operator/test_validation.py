"""The verdict of the API server, where the recordings do not reach, and the words for users."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.errors import ManifestError
from jupyter_mltrain.operator.validation import check_manifest, validate
from jupyter_mltrain.operator.validation.schema import load, unknown_fields
from jupyter_mltrain.operator.validation.verdict import go_format, quote


def tfjob(**changes: Any) -> dict[str, Any]:
    container = {"name": "tensorflow", "image": "x:1", **changes.pop("container", {})}
    pod = {"containers": [container], **changes.pop("pod", {})}
    worker = {"replicas": 1, "template": {"spec": pod, **changes.pop("template", {})}, **changes.pop("worker", {})}
    manifest = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": {"name": "train", **changes.pop("metadata", {})},
        "spec": {"tfReplicaSpecs": {"Worker": worker, **changes.pop("roles", {})}, **changes.pop("spec", {})},
    }
    return {**manifest, **changes}


def batch_job(
    container: dict[str, Any] | None = None, pod: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    containers = [{"name": "main", "image": "x:1", **(container or {})}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **(pod or {})}}
    head = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train"}}
    return {**head, "spec": {"template": template, **spec}}


WORKER = "spec.tfReplicaSpecs.Worker"
CONTAINER = f"{WORKER}.template.spec.containers[0]"


@pytest.mark.parametrize("manifest", [tfjob(), batch_job()])
def test_a_plain_job_is_accepted(manifest: dict[str, Any]) -> None:
    assert validate(manifest).code == 201
    check_manifest(manifest)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"spec": {"foo": 1}}, 400, "spec.foo"),
        ({"foo": None}, 400, "foo"),
        ({"metadata": {"Name": "x"}}, 400, "metadata.Name"),
        ({"template": {"metadata": {"creationTimestamp": None}}}, 400, f"{WORKER}.template.metadata.creationTimestamp"),
        ({"status": {"foo": 1}}, 400, "status.foo"),
        ({"status": "not even an object"}, 201, ""),  # a create drops the status before it is checked
        ({"container": {"env": {"A": "b"}}}, 400, f"{CONTAINER}.env.A"),
        ({"metadata": {"name": 1}}, 400, "metadata"),
        ({"metadata": {"labels": {"a": None}}}, 201, ""),
        ({"metadata": {"name": None, "generateName": "train-"}}, 201, ""),
        ({"metadata": {"name": None, "generateName": "Train-"}}, 422, "metadata.generateName"),
        ({"metadata": {"name": None}}, 422, "metadata.name"),
        ({"metadata": {"namespace": "A"}}, 422, "metadata.namespace"),
        ({"metadata": {"ownerReferences": [{}]}}, 422, "metadata.ownerReferences.apiVersion"),
        ({"metadata": {"name": "a.b"}}, 403, "metadata.name"),
        ({"metadata": {"name": "1a"}}, 403, "metadata.name"),
        ({"spec": {"runPolicy": None}}, 201, ""),
        ({"spec": {"runPolicy": {"backoffLimit": 3.0}}}, 201, ""),
        ({"spec": {"runPolicy": {"backoffLimit": True}}}, 422, "spec.runPolicy.backoffLimit"),
        ({"spec": {"runPolicy": {"activeDeadlineSeconds": 2**63}}}, 422, "spec.runPolicy.activeDeadlineSeconds"),
        ({"spec": {"runPolicy": {"cleanPodPolicy": "Sometimes"}}}, 201, ""),
        ({"container": {"args": [None]}}, 422, f"{CONTAINER}.args[0]"),
        ({"container": {"args": [1]}}, 422, f"{CONTAINER}.args[0]"),
        (
            {"container": {"ports": [{"containerPort": 80}] * 2}},
            422,
            "spec.tfReplicaSpecs[Worker].template.spec.containers[0].ports[1]",
        ),
        ({"container": {"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]}}, 201, ""),
        ({"container": {"resources": {"limits": {"cpu": "1\n"}}}}, 422, f"{CONTAINER}.resources.limits.cpu"),
        ({"container": {"resources": {"limits": {"cpu": "1e1.5"}}}}, 400, ""),  # only the webhook cannot read it
        ({"container": {"livenessProbe": {"httpGet": {"port": 2**31}}}}, 400, ""),
        ({"roles": {"Chief": {}}}, 403, "spec.tfReplicaSpecs[Chief].template.spec.containers"),
        ({"roles": {"Chief": None}}, 201, ""),
        ({"apiVersion": "kubeflow.org/v1beta1"}, 400, "spec"),
        ({"apiVersion": "kubeflow.org/v1/x"}, 400, "apiVersion"),
        ({"apiVersion": None}, 400, "apiVersion"),
        ({"kind": None}, 400, "kind"),
        ({"kind": "tfjob"}, 422, "kind"),
        ({"kind": "MPIJob"}, 404, "kind"),
        ({"spec": None}, 403, "spec.tfReplicaSpecs"),
        ({"spec": []}, 422, "spec"),
    ],
)
def test_verdicts_on_a_tfjob(changes: dict[str, Any], code: int, field: str) -> None:
    manifest = tfjob(**{key: value for key, value in changes.items() if value is not None and key != "spec"})
    for key, value in changes.items():
        if key == "spec" and isinstance(value, dict):
            manifest["spec"].update(value)
        elif not isinstance(value, dict):
            manifest[key] = value
    verdict = validate(manifest)
    assert (verdict.code, verdict.field) == (code, field)


@pytest.mark.parametrize(
    ("manifest", "code", "text"),
    [
        (
            batch_job(pod={"restartPolicy": "Always"}),
            422,
            'restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (batch_job(pod={"restartPolicy": 1}), 400, "PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy"),
        (batch_job(pod={"containers": []}), 422, "spec.template.spec.containers: Required value"),
        (batch_job(container={"image": ""}), 422, "containers[0].image: Required value"),
        (batch_job(container={"name": "A"}), 422, "a lowercase RFC 1123 label"),
        (batch_job(container={"foo": 1}), 400, 'unknown field "spec.template.spec.containers[0].foo"'),
        (
            batch_job(container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
            422,
            'volumeMounts[0].name: Not found: "v"',
        ),
        (batch_job(container={"resources": {"requests": {"nvidia.com/gpu": 1}}}), 422, "Limit must be set"),
        (batch_job(container={"resources": {"limits": {"gpu": 1}}}), 422, "must be a standard resource type"),
        (batch_job(container={"livenessProbe": {}}), 422, "must specify a handler type"),
        (
            batch_job(backoffLimit=1.0),
            400,
            "cannot unmarshal number 1.0 into Go struct field JobSpec.spec.backoffLimit of type int32",
        ),
        (batch_job(completions=-1), 422, "spec.completions: Invalid value: -1: must be greater than or equal to 0"),
        (batch_job(backoffLimitPerIndex=1), 422, "requires indexed completion mode"),
        (batch_job(completionMode="Indexed", parallelism=2), 422, "spec.completions: Required value"),
        (batch_job(cleanPodPolicy="None"), 400, 'unknown field "spec.cleanPodPolicy"'),
        ({**batch_job(), "metadata": {"name": "n" * 64}}, 422, "spec.template.labels"),
        ({**batch_job(), "apiVersion": "v1"}, 400, 'no kind "Job" is registered for version "v1"'),
    ],
)
def test_verdicts_on_a_batch_job(manifest: dict[str, Any], code: int, text: str) -> None:
    verdict = validate(manifest)
    assert verdict.code == code
    assert text in verdict.message


BOOK_SINGLE_WORKER = """
apiVersion: kubeflow.org/v1
kind: TFJob
metadata: {name: train}
spec:
  tfReplicaSpecs:
    Worker:
      replicas: 1
    restartPolicy: Never
    template:
      spec:
        containers: [{name: tensorflow, image: x}]
"""


@pytest.mark.parametrize(
    ("manifest", "hint"),
    [
        (tfjob(spec={"cleanPodPolicy": "None"}), "cleanPodPolicy belongs at spec.runPolicy.cleanPodPolicy."),
        (
            tfjob(spec={"activeDeadlineSeconds": 9}),
            "activeDeadlineSeconds belongs at spec.runPolicy.activeDeadlineSeconds.",
        ),
        (tfjob(spec={"backoffLimit": 9}), "backoffLimit belongs at spec.runPolicy.backoffLimit."),
        (
            tfjob(spec={"ttlSecondsAfterFinished": 9}),
            "ttlSecondsAfterFinished belongs at spec.runPolicy.ttlSecondsAfterFinished.",
        ),
        (tfjob(spec={"restartPolicy": "Never"}), "restartPolicy belongs at spec.tfReplicaSpecs.<role>.restartPolicy."),
        (tfjob(worker={"containers": []}), f"containers belongs at {WORKER}.template.spec.containers."),
        (tfjob(spec={"runpolicy": {}}), "Did you mean runPolicy?"),
        (tfjob(spec={"elasticPolicy": {}}), "elasticPolicy is a field of kind PyTorchJob, not of TFJob."),
        (tfjob(spec={"anything": {}}), "Remove spec.anything: there is no such field."),
        (
            tfjob(container={"env": {"A": "b"}}),
            "env is a list: write each variable as '- name: NAME' with 'value: \"text\"' below it.",
        ),
        (
            tfjob(container={"env": [{"name": "A", "value": 1}]}),
            "Values of env are text: put the number or true/false in quotes.",
        ),
        (
            tfjob(container={"name": "main"}),
            "The operator looks for the container that trains by its name: call it tensorflow.",
        ),
        (
            tfjob(metadata={"name": "My_Job"}),
            "Use at most 63 lower-case letters, digits and '-', beginning with a letter and not ending with '-'.",
        ),
        (
            tfjob(metadata={"labels": {"a": 1}}),
            "Values of labels and annotations are text: put the number or true/false in quotes.",
        ),
        (tfjob(apiVersion="v1"), "Write apiVersion: kubeflow.org/v1."),
        (
            tfjob(container={"resources": {"limits": {"memory": "4 GB"}}}),
            "Amounts are written as 2, 500m (half a CPU) or 4Gi.",
        ),
        (
            batch_job(pod={"restartPolicy": "Always"}),
            "Write restartPolicy: Never (a failed pod is replaced) or OnFailure (it is restarted in place).",
        ),
        (
            tfjob(pod={"containers": [{"name": "tensorflow", "image": "x"}, {"args": ["--num_gpus=1"]}]}),
            "A container begins with '- name: ...'; what belongs to it has no dash of its own.",
        ),
        (
            tfjob(pod={"containers": [{"name": "tensorflow", "image": "x"}, "--num_gpus=1"]}),
            "Items of containers are containers: arguments go into the list args of the container before.",
        ),
        (
            yaml.safe_load(BOOK_SINGLE_WORKER),
            "template belongs into a role, as spec.tfReplicaSpecs.Worker.template, not beside it: indent it further.",
        ),
        (
            {"kind": "Deployment"},
            "A manifest has kind: TFJob, PyTorchJob (apiVersion: kubeflow.org/v1) or Job (apiVersion: batch/v1).",
        ),
    ],
)
def test_a_refusal_says_what_to_do(manifest: dict[str, Any], hint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        check_manifest(manifest)
    assert caught.value.hint == hint
    assert caught.value.message == validate(manifest).message


def test_yaml_that_is_no_json_is_taken_as_the_server_would_get_it() -> None:
    manifest = tfjob(metadata={"annotations": {"day": datetime(2026, 1, 2)}}, pod={"nodeSelector": {1: "x"}})
    assert validate(manifest).code == 201
    manifest["metadata"]["annotations"] = {"what": object()}
    assert validate(manifest).code == 400


def test_numbers_too_big_for_json_are_refused() -> None:
    assert validate(tfjob(spec={"runPolicy": {"backoffLimit": float("inf")}})).code == 400


def test_half_a_character_is_no_text() -> None:
    verdict = validate(tfjob(metadata={"annotations": {"a\ud800": "b\udc00"}}))
    assert verdict.code == 422
    assert verdict.message.startswith(
        'TFJob.kubeflow.org "train" is invalid: metadata.annotations: Invalid value: "a\ufffd"'
    )


def test_a_manifest_without_bottom_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert validate(tfjob(spec={"runPolicy": endless})).code == 400


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (2.5, "2.5"),
        (3.0, "3"),
        (999999.0, "999999"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (2.0**63, "9.223372036854776e+18"),
        (-1e-5, "-1e-05"),
        ([1, "a"], "[1 a]"),
        ({"b": 1, "a": []}, "map[a:[] b:1]"),
    ],
)
def test_values_are_written_as_go_does(value: object, text: str) -> None:
    assert go_format(value) == text


def test_strings_are_quoted_as_go_does() -> None:
    assert quote('Ü"\\\n\x01\u2028') == '"Ü\\"\\\\\\n\\x01\\u2028"'


def test_schemas_are_only_read_when_used() -> None:
    code = (
        "import sys, jupyter_mltrain.operator.validation as v; from jupyter_mltrain.operator.validation import schema;"
        "assert schema.load.cache_info().currsize == 0;"
        "assert not {'pydantic', 'jsonschema', 'yaml'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, item in items for place in places(item, (*path, key))]


MANIFESTS = [
    tfjob(metadata={"labels": {"a": "b"}}, container={"env": [{"name": "A", "value": "b"}]}),
    tfjob(container={"resources": {"limits": {"cpu": 1}}}, pod={"volumes": [{"name": "v", "emptyDir": {}}]}),
    batch_job(container={"ports": [{"containerPort": 80}], "livenessProbe": {"httpGet": {"port": 80}}}),
    batch_job(completions=2, completionMode="Indexed", podFailurePolicy={"rules": [{"action": "Ignore"}]}),
]


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    manifest = copy.deepcopy(draw(st.sampled_from(MANIFESTS)))
    for _ in range(draw(st.integers(1, 3))):
        found = [place for place in places(manifest) if place]
        if not found:
            break
        *parents, last = draw(st.sampled_from(found))
        target: Any = manifest
        for step in parents:
            target = target[step]
        if isinstance(target, dict) and draw(st.booleans()):
            target[draw(st.text(max_size=8))] = draw(JSON)
        else:
            target[last] = draw(JSON)
    return manifest


@pytest.mark.parametrize(
    "manifest",
    [
        batch_job(completionMode="Indexed", completions=-1),
        *(
            batch_job(container={"resources": {"limits": {"nvidia.com/gpu": amount}}})
            for amount in ("1e400", " 1", "1 ", "123456789012345678901234567890", "1e-400", "0." + "1" * 60)
        ),
    ],
)
def test_numbers_out_of_the_ordinary_get_a_verdict(manifest: dict[str, Any]) -> None:
    assert validate(manifest).code in (201, 422)


@settings(max_examples=400, deadline=None)
@given(manifest=JSON | spoilt())
def test_every_manifest_gets_a_verdict(manifest: Any) -> None:
    before = repr(manifest)
    verdict = validate(manifest)
    assert repr(manifest) == before
    assert verdict.code in (201, 400, 403, 404, 422)
    assert (verdict.code == 201) == (verdict.message == "")
    if verdict.code == 201:
        check_manifest(manifest)
    else:
        with pytest.raises(ManifestError) as caught:
            check_manifest(manifest)
        assert caught.value.message == verdict.message


@settings(max_examples=100)
@given(
    name=st.text(min_size=1, max_size=6).filter(lambda text: text not in ("tfReplicaSpecs", "runPolicy")), value=JSON
)
def test_a_field_that_nobody_knows_is_named(name: str, value: Any) -> None:
    found = unknown_fields({"spec": {name: value}}, load("TFJob"))
    assert found == [f"spec.{name}"]
