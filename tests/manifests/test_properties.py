"""What holds for every spec: the schema agrees, the manifest is valid, safe, and the same after YAML."""

import json
import re
from typing import Any

import jsonschema
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain import manifests, operator
from jupyter_mltrain.model.job import Manifest
from jupyter_mltrain.model.spec import json_schema, longest_pod_name, parse_spec

DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

words = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
label_values = st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,15}[A-Za-z0-9])?)?", fullmatch=True)
label_keys = st.from_regex(r"(example\.com/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,15}[A-Za-z0-9])?", fullmatch=True)
env_names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True).filter(lambda name: "MLTRAIN" not in name)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


resources = optional(
    cpu=st.sampled_from(["1", "500m", "0.5", "2e0"]),
    memory=st.sampled_from(["1Gi", "512M", "1e9", "1073741824"]),
    gpu=st.none() | optional(count=st.integers(1, 8), product=st.just("NVIDIA-H200"), resource=st.just("amd.com/gpu")),
)


def role(*policies: str, most: int = 5) -> st.SearchStrategy[dict[str, Any]]:
    return optional(
        replicas=st.integers(1, most), restart_policy=st.none() | st.sampled_from(policies), resources=resources
    )


ALL = ("Always", "OnFailure", "Never", "ExitCode")
TENSORFLOW_ROLES = st.fixed_dictionaries(
    {"Worker": role(*ALL)}, optional={"Chief": role(*ALL, most=1), "PS": role(*ALL), "Evaluator": role(*ALL)}
)
FRAMEWORKS = st.one_of(
    st.fixed_dictionaries(
        {"framework": st.just("tensorflow")},
        optional={"roles": TENSORFLOW_ROLES, "success_policy": st.sampled_from(["", "AllWorkers"])},
    ),
    st.fixed_dictionaries(
        {"framework": st.just("pytorch")},
        optional={
            "roles": st.fixed_dictionaries({"Master": role(*ALL, most=1)}, optional={"Worker": role(*ALL)}),
            "nproc_per_node": st.sampled_from(["auto", "gpu", "4"]),
        },
    ),
    st.fixed_dictionaries(
        {
            "framework": st.just("pytorch"),
            "roles": st.fixed_dictionaries({"Worker": role(*ALL)}),
            "elastic": optional(
                min_replicas=st.integers(1, 2), max_replicas=st.integers(2, 9), max_restarts=st.integers(0, 9)
            ),
        }
    ),
    st.fixed_dictionaries(
        {"framework": st.just("none")},
        optional={"roles": st.fixed_dictionaries({"Worker": role("Never", "OnFailure")})},
    ),
)
RUN_POLICY = optional(
    clean_pod_policy=st.sampled_from(["All", "Running", "None"]),
    ttl_seconds_after_finished=st.none() | st.integers(0, 10**6),
    active_deadline_seconds=st.none() | st.integers(1, 10**6),
    backoff_limit=st.none() | st.integers(0, 100),
    suspend=st.booleans(),
    scheduling=st.none() | optional(min_available=st.integers(1, 9), queue=words, priority_class=words),
)


def volume(name: str, source: tuple[str, Any], *, read_only: bool) -> dict[str, Any]:
    return {"name": name, "mount_path": f"/mnt/{name}", source[0]: source[1], "read_only": read_only}


SOURCES = [("claim", "data"), ("host_path", "/mnt"), ("empty_dir", True), ("secret", "s"), ("config_map", "c")]
VOLUMES = st.dictionaries(words, st.tuples(st.sampled_from(SOURCES), st.booleans()), max_size=3).map(
    lambda named: [volume(name, source, read_only=read_only) for name, (source, read_only) in named.items()]
)
COMMON = optional(
    name=words,
    namespace=words,
    labels=st.dictionaries(label_keys, label_values, max_size=3),
    annotations=st.dictionaries(label_keys, texts, max_size=2),
    image=st.sampled_from(["busybox:1.36", "ghcr.io/team/image@sha256:" + "0" * 64]),
    strategy=st.none() | st.sampled_from(["none", "mirrored", "multi_worker_mirrored"]),
    run_policy=RUN_POLICY,
    env=st.dictionaries(env_names, texts, max_size=3),
    volumes=VOLUMES,
    channels=st.dictionaries(words, texts.filter(bool), max_size=2),
    output_uri=texts.filter(bool),
    image_pull_secrets=st.lists(words, max_size=2, unique=True),
    service_account=st.none() | words,
    node_selector=st.dictionaries(label_keys, label_values, max_size=2),
)
SPECS = st.builds(lambda kind, common: {**kind, **common}, FRAMEWORKS, COMMON)
PARAMETERS = st.dictionaries(words, json_values, max_size=3)


def build(
    spec: dict[str, Any], parameters: dict[str, Any], *, notebook: str = "a.ipynb", job_id: str = "7f3a91c2d4e5"
) -> Manifest:
    return manifests.build(
        parse_spec(spec),
        job_id=job_id,
        name=None,
        program="sha256:" + "12e45678" * 8,
        notebook=notebook,
        kernel="python3",
        parameters=parameters,
        image=None,
        commit=None,
        version="0.1.0",
    )


def pod_specs(manifest: Manifest) -> list[dict[str, Any]]:
    spec = manifest["spec"]
    replicas = spec.get("tfReplicaSpecs") or spec.get("pytorchReplicaSpecs") or {"Worker": spec}
    return [replica["template"]["spec"] for replica in replicas.values()]


@given(SPECS)
def test_what_is_accepted_fits_the_schema(spec: dict[str, Any]) -> None:
    parsed = parse_spec(spec)
    jsonschema.Draft202012Validator(json_schema()).validate(spec)
    dumped = parsed.model_dump(mode="json")
    jsonschema.Draft202012Validator(json_schema()).validate(dumped)
    assert parse_spec(dumped) == parsed


@given(SPECS, PARAMETERS)
def test_api_server_accepts_every_manifest(spec: dict[str, Any], parameters: dict[str, Any]) -> None:
    manifest = build(spec, parameters)
    verdict = operator.validate(manifest)
    assert verdict.accepted, verdict.message


@given(SPECS, PARAMETERS)
def test_yaml_reads_back_as_the_same_manifest(spec: dict[str, Any], parameters: dict[str, Any]) -> None:
    manifest = build(spec, parameters)
    text = manifests.to_yaml(manifest)
    assert manifests.read_manifests(text) == [manifest]
    assert yaml.safe_load(text) == manifest, "Python's rules and Go's agree on what is written"
    assert manifests.read_manifests(json.dumps(manifest)) == [manifest]


@given(SPECS)
def test_a_manifest_depends_on_its_input_alone(spec: dict[str, Any]) -> None:
    before = json.dumps(spec)
    reordered = dict(reversed(spec.items()))
    assert manifests.to_yaml(build(spec, {})) == manifests.to_yaml(build(reordered, {}))
    assert json.dumps(spec) == before


@given(SPECS, PARAMETERS, PARAMETERS)
def test_a_manifest_made_again_is_that_of_a_new_job(
    spec: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    nameless = {field: value for field, value in spec.items() if field != "name"}
    old = build(nameless, before)
    of_the_server = {"uid": "1", "resourceVersion": "2", "creationTimestamp": "2026-01-01T00:00:00Z"}
    read_back = {**old, "metadata": {**old["metadata"], **of_the_server}, "status": {"conditions": []}}
    assert manifests.parameters_of(read_back) == before
    again = manifests.manifest_again(read_back, job_id="b" * 12, parameters=after)
    assert again == build(nameless, after, job_id="b" * 12)
    assert manifests.manifest_again(read_back, job_id="b" * 12) == build(nameless, before, job_id="b" * 12)


@given(SPECS)
def test_pods_meet_the_restricted_security_standard(spec: dict[str, Any]) -> None:
    for pod in pod_specs(build(spec, {})):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


@given(st.text(max_size=100), st.from_regex(r"[0-9a-f]{4,32}", fullmatch=True), SPECS)
def test_any_notebook_gives_a_name_that_fits(stem: str, job_id: str, spec: dict[str, Any]) -> None:
    name = manifests.job_name(stem, job_id)
    assert DNS_1035.fullmatch(name)
    assert name.endswith(f"-{job_id[:8]}")
    assert len(longest_pod_name(name, parse_spec(spec))) <= 63
    assert len(f"{name}-evaluator-999") <= 63


@given(texts.filter(lambda text: not set(text) & set("/\\")))
def test_any_notebook_gives_a_valid_manifest(stem: str) -> None:
    verdict = operator.validate(build({"framework": "tensorflow"}, {}, notebook=f"{stem}.ipynb"))
    assert verdict.accepted, verdict.message
