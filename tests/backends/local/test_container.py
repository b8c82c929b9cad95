from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.local.container import Place, Resolved, expand, resolve
from jupyter_mltrain.backends.local.text import Text
from jupyter_mltrain.backends.local.volumes import Mount, Sources
from jupyter_mltrain.errors import ManifestError

POD = {"metadata": {"name": "j-worker-0", "namespace": "team"}, "spec": {"containers": []}}
VARIABLES = {"A": Text("1"), "B": Text("2")}
FIELDS = {"metadata.name": "j-worker-0", "status.podIP": "127.0.0.1"}


@pytest.fixture
def place(tmp_path):
    secrets, config_maps = tmp_path / "secrets", tmp_path / "config-maps"
    (secrets / "bucket").mkdir(parents=True)
    (secrets / "bucket" / "password").write_text("/train j-worker-0 $(NAME)\n")
    (secrets / "bucket" / "user").write_text("me")
    (config_maps / "rates").mkdir(parents=True)
    (config_maps / "rates" / "RATE").write_text("0.1")
    sources = Sources.named_in({"MLTRAIN_SECRETS": str(secrets), "MLTRAIN_CONFIG_MAPS": str(config_maps)})
    ports = {"j-worker-0": {2222: 11000}, "j-master-0": {23456: 11001}}
    mounts = (Mount("data", "/train", tmp_path / "data"),)
    return Place(ports, mounts, sources, lambda path: FIELDS.get(path, ""), {"cpu": 8, "memory": 2**34})


def run(place: Place, env=(), command=("run",), **container) -> Resolved:
    return resolve({"name": "main", "command": list(command), "env": list(env), **container}, POD, place)


def var(name: str, value: str) -> dict:
    return {"name": name, "value": value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$", "$$"),
        ("$(NOT)", "$(NOT)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$(A)$(", "1$("),
        ("a$", "a$"),
        ("$()", "$()"),
    ],
)
def test_references(text, expected):
    assert expand(text, VARIABLES).whole == expected


@given(st.text(alphabet="$()AB x"))
def test_escaping_every_dollar_brings_the_text_back(text):
    assert expand(text.replace("$", "$$"), VARIABLES).whole == text


def test_variables_see_those_before_them(place):
    env = [var("A", "1"), var("B", "$(A)$(C)"), var("C", "3"), var("A", "4")]
    assert run(place, env, command=["echo", "$(A)", "$(B)"]).argv == ("echo", "4", "1$(C)")


def test_the_master_is_found_on_its_own_port(place):
    env = [
        var("MASTER_PORT", "23456"),
        var("MASTER_ADDR", "j-master-0"),
        var("PET_RDZV_ENDPOINT", "j-worker-0:2222"),
        var("URL", "tcp://$(MASTER_ADDR):$(MASTER_PORT)"),
    ]
    found = run(
        place, env, command=["torchrun", "--master=$(MASTER_ADDR):$(MASTER_PORT)", "$(URL)", "j-master-0:23456"]
    )
    assert found.env["MASTER_ADDR"] == "127.0.0.1"
    assert found.env["MASTER_PORT"] == "11001"
    assert found.env["PET_RDZV_ENDPOINT"] == "127.0.0.1:11000"
    assert found.argv == ("torchrun", "--master=127.0.0.1:11001", "tcp://127.0.0.1:11001", "127.0.0.1:11001")


def test_paths_are_turned_once_wherever_the_manifest_names_them(place, tmp_path):
    data = str(tmp_path / "data")
    env = [var("LOGS", "/train/logs"), var("MLTRAIN_PARAMETERS", json.dumps({"data_dir": "/train"}))]
    found = run(place, env, command=["python", "/train/run.py"], args=["--log_dir=$(LOGS)"], workingDir="/train")
    assert found.argv == ("python", f"{data}/run.py", f"--log_dir={data}/logs")
    assert json.loads(found.env["MLTRAIN_PARAMETERS"]) == {"data_dir": data}
    assert found.env["MLTRAIN_VOLUME_DATA"] == data
    assert found.working_dir == data


def test_secrets_and_fields_stay_as_they_are(place):
    env = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "bucket", "key": "password"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "RATE", "valueFrom": {"configMapKeyRef": {"name": "rates", "key": "RATE"}}},
    ]
    found = run(place, env).env
    assert found["PASSWORD"] == "/train j-worker-0 $(NAME)"
    assert found["NAME"] == "j-worker-0"
    assert found["RATE"] == "0.1"


def test_secrets_and_fields_stay_as_they_are_wherever_they_are_referred_to(place, tmp_path):
    env = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "bucket", "key": "password"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        var("RUN", "$(NAME)"),
        var("LOGS", "/train/$(RUN)"),
        var("PEER", "j-master-0"),
    ]
    args = ["--run=$(NAME)", "$(PASSWORD)", "$(LOGS)", "$(PEER):23456,$(RUN):2222", "gs://$(RUN)/train"]
    found = run(place, env, command=["run", *args], envFrom=[{"secretRef": {"name": "bucket"}}])
    data = tmp_path / "data"
    assert found.argv == (
        *("run", "--run=j-worker-0", "/train j-worker-0 $(NAME)", f"{data}/j-worker-0"),
        *("127.0.0.1:11001,j-worker-0:2222", "gs://j-worker-0/train"),
    )
    assert found.env["RUN"] == "j-worker-0"
    assert found.env["LOGS"] == f"{data}/j-worker-0"
    assert found.env["password"] == "/train j-worker-0 $(NAME)"


def test_a_parameter_that_is_a_pods_name_stays_one(place):
    parameters = {"fold": "j-worker-0", "note": "j-worker-0 or j-master-0?", "master": "j-master-0:23456"}
    found = run(place, [var("MLTRAIN_PARAMETERS", json.dumps(parameters)), var("MASTER", "j-master-0")])
    assert json.loads(found.env["MLTRAIN_PARAMETERS"]) == {**parameters, "master": "127.0.0.1:11001"}
    assert found.env["MASTER"] == "127.0.0.1"


# Bits of what is rewritten where the manifest itself says it.
bits = st.lists(st.sampled_from(["j-worker-0", "j-master-0", ":2222", "/train", "file://", "x", "-", ",", " ", '"']))
texts = bits.map("".join)


@given(texts, st.lists(texts, min_size=1, max_size=4))
def test_what_comes_from_a_field_is_never_changed(value, around):
    """With the hosts and paths of its surroundings gone, what is left of a text is the value, as often as it stood."""
    ports = {"j-worker-0": {2222: 11000}, "j-master-0": {23456: 11001}}
    mounts = (Mount("data", "/train", Path("/data")),)
    place = Place(ports, mounts, Sources.named_in({}), lambda path: value, {"cpu": 8, "memory": 2**34})
    env = [{"name": "VALUE", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}, var("TEXT", "<$(VALUE)>".join(around))]
    found = run(place, env, command=["run", "$(VALUE)", "$(TEXT)"])
    literals = [resolve_text(place, text) for text in around]
    assert found.argv == ("run", value, f"<{value}>".join(literals))
    assert found.env == {"MLTRAIN_VOLUME_DATA": "/data", "VALUE": value, "TEXT": found.argv[2]}


def resolve_text(place: Place, text: str) -> str:
    """Return a text as it is here, between what no name goes on with."""
    return run(place, command=[f">{text}<"]).argv[0][1:-1]


@given(st.dictionaries(st.sampled_from("abc"), texts))
def test_a_parameter_is_never_changed_unless_it_has_an_address_or_a_mounted_path(parameters):
    ports = {"j-worker-0": {}, "j-master-0": {23456: 11001}}
    place = Place(ports, (), Sources.named_in({}), str, {"cpu": 8, "memory": 2**34})
    kept = {name: text.replace(":2222", "") for name, text in parameters.items()}
    found = run(place, [var("MLTRAIN_PARAMETERS", json.dumps(kept))])
    assert json.loads(found.env["MLTRAIN_PARAMETERS"]) == kept


def test_all_keys_of_a_secret_and_of_a_config_map(place):
    sources = [
        {"prefix": "S3_", "secretRef": {"name": "bucket"}},
        {"configMapRef": {"name": "rates"}},
        {"configMapRef": {"name": "absent", "optional": True}},
    ]
    found = run(place, [var("RATE", "$(RATE)0")], envFrom=sources).env
    assert found["S3_user"] == "me"
    assert found["RATE"] == "0.10"


def test_a_missing_secret_is_named_with_its_key(place):
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}]
    with pytest.raises(ManifestError, match="secret 'hub' with key 'token'") as raised:
        run(place, env)
    assert "hub/token" in raised.value.hint
    env[0]["valueFrom"]["secretKeyRef"]["optional"] = True
    assert "TOKEN" not in run(place, env).env


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "limits.cpu", "divisor": "0"}, "2"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
        ({"resource": "limits.memory"}, str(2**34)),
        ({"resource": "limits.memory", "divisor": "1Gi"}, "16"),
        ({"resource": "requests.memory"}, "0"),
        ({"resource": "limits.nvidia.com/gpu"}, "2"),
    ],
)
def test_resources(place, reference, expected):
    resources = {"limits": {"cpu": "1500m", "nvidia.com/gpu": 2}, "requests": {"cpu": "250m"}}
    env = [{"name": "X", "valueFrom": {"resourceFieldRef": reference}}]
    assert run(place, env, resources=resources).env["X"] == expected


def test_a_container_without_a_command(place):
    assert run(place, command=[], args=["--flag"]).argv == ()


def test_an_unknown_source_is_refused(place):
    with pytest.raises(ManifestError, match="fileKeyRef"):
        run(place, [{"name": "X", "valueFrom": {"fileKeyRef": {}}}])
