"""Config and manifest of a built image."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.annotations import Origin, describe
from jupyter_mltrain.image.config import Runtime, image, platform_of
from jupyter_mltrain.image.reference import Reference

GOLDEN = Path(__file__).parents[1] / "golden" / "image"
PROGRAM = "sha256:" + "3f9a0c1e" * 8
RUNTIME = Runtime(PROGRAM)
PATH = "/usr/local/bin:/usr/bin:/bin"


def layer(name: str, media_type: str = oci.LAYER_ZSTD, **history: Any) -> oci.Layer:
    descriptor = oci.Descriptor(media_type, oci.digest_of(f"packed {name}".encode()), len(name))
    return oci.Layer(descriptor, oci.digest_of(name.encode()), history=history)


BASE_LAYERS = (layer("debian", "application/vnd.docker.image.rootfs.diff.tar.gzip"), layer("python", oci.LAYER_GZIP))
LAYERS = (
    layer("numpy", created_by="jupyter_mltrain: numpy 1.26.4"),
    layer("environment", created_by="jupyter_mltrain: environment"),
    layer("program"),
)


def base(**changes: Any) -> dict[str, Any]:
    return {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in BASE_LAYERS]},
    } | changes


# What docker writes for a service: everything in it that is of the service alone must not be inherited.
SERVICE = base(
    **{
        "os.version": "12",
        "created": "2026-01-02T03:04:05Z",
        "author": "somebody <somebody@example.com>",
        "container": "0123",
        "container_config": {"Hostname": "builder"},
        "docker_version": "24.0.7",
        "config": {
            "Hostname": "builder",
            "User": "root",
            "Env": [f"PATH={PATH}", "LANG=C.UTF-8", "PYTHONHOME=/usr", "HOME=/root", "GREETING=a=b", "EMPTY="],
            "Entrypoint": ["/usr/bin/serve"],
            "Cmd": ["--port", "8888"],
            "ExposedPorts": {"8888/tcp": {}},
            "Volumes": {"/home/mltrain": {}},
            "WorkingDir": "/srv",
            "Labels": {
                "com.nvidia.volumes.needed": "nvidia_driver",
                "maintainer": "somebody <somebody@example.com>",
                "org.opencontainers.image.version": "12.4",
                "org.label-schema.name": "service",
            },
            "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD", "curl", "localhost:8888"]},
            "Shell": ["/bin/bash", "-c"],
            "OnBuild": ["COPY . /srv"],
        },
        "history": [
            {"created": "2025-12-01T00:00:00Z", "created_by": "ADD rootfs.tar /"},
            {"created": "2026-01-02T00:00:00Z", "created_by": "ENV LANG=C.UTF-8", "empty_layer": True},
            {"created": "2026-01-02T03:04:05Z", "created_by": "RUN apt-get install python3"},
        ],
    }
)
SAID = describe(
    Origin(
        program=PROGRAM,
        name="recommender",
        notebook="notebooks/recommender.ipynb",
        lock="sha256:" + "10c4" * 16,
        base=Reference.parse("quay.io/team/service:1"),
        base_digest="sha256:" + "ba5e" * 16,
        version="0.1.0",
        commit="0123456789abcdef0123456789abcdef01234567",
    )
) | {"org.opencontainers.image.source": "https://example.com/team/notebooks"}


@pytest.mark.parametrize("name", ["config", "manifest"])
def test_golden(name: str) -> None:
    built = image(SERVICE, BASE_LAYERS, LAYERS, RUNTIME, annotations=SAID)
    text = json.dumps(json.loads(getattr(built, name)), indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def test_what_an_image_is_found_by() -> None:
    built = image(base(), BASE_LAYERS, LAYERS, RUNTIME, annotations={})
    assert built.digest == oci.digest_of(built.manifest) == built.descriptor.digest
    assert built.platform == built.descriptor.platform == oci.Platform("arm64", "v8")
    config = json.loads(built.manifest)["config"]
    assert (config["digest"], config["size"]) == (oci.digest_of(built.config), len(built.config))


def test_a_base_without_settings() -> None:
    config = json.loads(image(base(config=None), BASE_LAYERS, LAYERS, RUNTIME, annotations={}).config)
    assert config["config"]["Env"][0] == (
        "PATH=/opt/mltrain/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    assert config["config"]["Labels"] == {}


def test_variables_of_the_user_count_more_than_the_bases_and_less_than_the_runners() -> None:
    runtime = Runtime(PROGRAM, variables={"GREETING": "hello", "TZ": "UTC", "MLTRAIN_PROGRAM": "other"})
    config = json.loads(image(SERVICE, BASE_LAYERS, LAYERS, runtime, annotations={}).config)
    environment = dict(text.split("=", 1) for text in config["config"]["Env"])
    assert (environment["GREETING"], environment["TZ"], environment["MLTRAIN_PROGRAM"]) == ("hello", "UTC", PROGRAM)


def test_a_base_that_is_an_image_of_this_builder() -> None:
    first = image(SERVICE, BASE_LAYERS, LAYERS, RUNTIME, annotations=SAID)
    later = Runtime("sha256:" + "1" * 64)
    said = {key: value for key, value in SAID.items() if "program" not in key}
    second = json.loads(
        image(json.loads(first.config), first.layers, [layer("another")], later, annotations=said).config
    )
    environment = dict(text.split("=", 1) for text in second["config"]["Env"])
    assert environment["MLTRAIN_PROGRAM"] == later.program
    assert environment["PATH"] == f"/opt/mltrain/venv/bin:{PATH}"
    assert "jupyter-mltrain/program" not in second["config"]["Labels"]


@pytest.mark.parametrize(
    "history",
    [None, [], [{"created_by": "all at once"}], [{"created_by": "1"}, {"created_by": "2"}, {"created_by": "3"}]],
    ids=["null", "none", "too few", "too many"],
)
def test_history_of_the_base_that_does_not_fit_its_layers(history: Any) -> None:
    config = json.loads(image(base(history=history), BASE_LAYERS, LAYERS, RUNTIME, annotations={}).config)
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == len(BASE_LAYERS) + len(LAYERS)


def test_a_config_of_another_image_is_refused() -> None:
    with pytest.raises(ImageError) as caught:
        image(base(), BASE_LAYERS[:1], LAYERS, RUNTIME, annotations={})
    assert "different layers" in caught.value.message


def test_layers_that_may_not_be_copied_are_refused() -> None:
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    with pytest.raises(ImageError) as caught:
        image(base(), (layer("debian", foreign), BASE_LAYERS[1]), LAYERS, RUNTIME, annotations={})
    assert foreign in caught.value.message


def test_platforms() -> None:
    assert platform_of({"architecture": "amd64"}) == oci.Platform("amd64")
    assert platform_of(base()) == oci.Platform("arm64", "v8")


NAMES = st.text(st.characters(exclude_characters="=", codec="utf-8"), min_size=1, max_size=8) | st.sampled_from(
    ["PATH", "HOME", "MLTRAIN_PROGRAM", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"]
)
TEXTS = st.text(max_size=12)
OURS = {"VIRTUAL_ENV", "HOME", "USER", "LOGNAME", "MLTRAIN_PROGRAM", "MLTRAIN_PROGRAM_PATH"}


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=12))
def test_any_environment(variables: list[tuple[str, str]]) -> None:
    inherited = {"Env": [f"{name}={value}" for name, value in variables]}
    config = json.loads(image(base(config=inherited), BASE_LAYERS, LAYERS, RUNTIME, annotations={}).config)
    pairs = [text.split("=", 1) for text in config["config"]["Env"]]
    merged, before = dict(pairs), dict(variables)
    assert len(merged) == len(pairs)
    assert merged["PATH"].split(":")[0] == "/opt/mltrain/venv/bin"
    assert merged["PATH"].split(":").count("/opt/mltrain/venv/bin") == 1
    assert {name: merged[name] for name in OURS} == {
        name: value for name, value in RUNTIME.environment("").items() if name != "PATH"
    }
    kept = {name: value for name, value in before.items() if name not in OURS | {"PATH", "PYTHONHOME", "PYTHONPATH"}}
    assert {name: value for name, value in merged.items() if name not in OURS | {"PATH"}} == kept
    assert [name for name in merged if name in kept] == [name for name in before if name in kept]


@given(st.dictionaries(TEXTS, TEXTS, max_size=5), st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_any_labels(inherited: dict[str, str], said: dict[str, str]) -> None:
    made = image(base(config={"Labels": inherited}), BASE_LAYERS, LAYERS, RUNTIME, annotations=said)
    assert json.loads(made.config)["config"]["Labels"] == {**inherited, **said}
    assert json.loads(made.manifest).get("annotations", {}) == said


@given(st.lists(st.sampled_from([True, False]), max_size=8))
def test_history_tells_of_each_layer(empty: list[bool]) -> None:
    below = [layer(f"layer {number}") for number, hollow in enumerate(empty) if not hollow]
    history = [{"created_by": "x"} | ({"empty_layer": True} if hollow else {}) for hollow in empty]
    document = base(history=history, rootfs={"type": "layers", "diff_ids": [each.diff_id for each in below]})
    config = json.loads(image(document, below, LAYERS, RUNTIME, annotations={}).config)
    assert config["history"][: len(history)] == history
    told = sum(not entry.get("empty_layer") for entry in config["history"])
    assert told == len(config["rootfs"]["diff_ids"]) == len(below) + len(LAYERS)
