"""Manifests as text: what Kubernetes would read is what is read, and what is wrong is pointed at."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ManifestError, NotFound
from jupyter_mltrain.manifests import read_manifests, to_yaml

HEAD = "apiVersion: batch/v1\nkind: Job\n"
JOB = {"apiVersion": "batch/v1", "kind": "Job"}


def value_of(text: str) -> object:
    """What the bare YAML text means."""
    return read_manifests(f"{HEAD}value: {text}\n")[0]["value"]


# What sigs.k8s.io/yaml makes of each.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000),
        ("12e34", 12e34),
        ("2.0", 2),
        (".5", 0.5),
        ("1.", 1),
        ("-0.25", -0.25),
        ("0644", 0o644),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("089", 89),
        ("1e5_0", 1e50),
        ("0X1f", 31),
        ("1e400", "1e400"),
        ("_1", "_1"),
        ("18446744073709551616", 2.0**64),
        ("22:22", "22:22"),
        ("1:30:00", "1:30:00"),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("500m", "500m"),
        ("yes", True),
        ("off", False),
        ("y", True),
        ("null", None),
        ("~", None),
        ("=", "="),
        ('"1e3"', "1e3"),
        ("!!str 5", "5"),
    ],
)
def test_bare_words_mean_what_they_mean_to_kubernetes(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["1e3", "12e34567", "089", "0o17", "22:22", "1_000", "2026-01-01", "y", "N", "yes", "null", "~", "", ".5", "="],
)
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    written = to_yaml({**JOB, "value": text})
    assert f"value: '{text}'" in written
    assert read_manifests(written)[0]["value"] == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(text: str) -> None:
    manifest = {**JOB, "value": text, "list": [text], "map": {text: 1}}
    written = to_yaml(manifest)
    assert read_manifests(written) == [manifest]
    assert yaml.safe_load(written) == manifest


def test_lines_are_written_as_a_block() -> None:
    assert to_yaml({**JOB, "script": "set -e\npython train.py\n"}) == HEAD + "script: |\n  set -e\n  python train.py\n"


def test_long_text_stays_on_its_line_and_equal_parts_are_written_out() -> None:
    labels = {"a": "b " * 200}
    assert to_yaml({**JOB, "one": labels, "two": labels}).count("b " * 200) == 2


def test_several_documents_and_lists() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: batch/v1, kind: Job, a: 2}\n"
    assert read_manifests(f"---\n# nothing\n---\n{HEAD}a: 1\n---\n{listed}") == [{**JOB, "a": 1}, {**JOB, "a": 2}]


def test_anchors_and_merge_keys() -> None:
    text = f"{HEAD}base: &base {{a: 1, b: 2}}\nmore: {{<<: *base, b: 3}}\nsame: *base\n"
    [manifest] = read_manifests(text)
    assert manifest["more"] == {"a": 1, "b": 3}
    assert manifest["same"] == manifest["base"] == {"a": 1, "b": 2}


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**JOB, "text": "tab\there \U0001f600"}, indent="\t"), encoding="utf-8")
    assert read_manifests(path) == [{**JOB, "text": "tab\there \U0001f600"}]


def test_flow_mappings_are_yaml() -> None:
    assert read_manifests("{apiVersion: batch/v1, kind: Job}") == [JOB]


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("\ufeff" + HEAD, encoding="utf-8")
    assert read_manifests(path) == [JOB]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        (f"{HEAD}spec: {{}}\nspec: {{}}\n", 4, 1, "the key 'spec' stands twice"),
        (f"{HEAD}spec:\n  a: 1\n  b: 2\n  a: 3\n", 6, 3, "the key 'a' stands twice"),
        (f"{HEAD}spec:\n  replicas: 1 restartPolicy: Never\n", 4, 28, "mapping values are not allowed"),
        (f"{HEAD}spec:\n\treplicas: 1\n", 4, 1, "cannot start any token"),
        (f"{HEAD}spec: [1, 2\n", 4, 1, "expected ',' or ']'"),
        (f"{HEAD}on: true\n", 3, 1, "put it into quotes"),
        (f"{HEAD}1: true\n", 3, 1, "put it into quotes"),
        (f"{HEAD}[a]: true\n", 3, 1, "put it into quotes"),
        (f"{HEAD}a: .inf\n", 3, 4, "not a number that JSON has"),
        (f"{HEAD}a: !!binary aGk=\n", 3, 4, "no place in a manifest"),
        (f"{HEAD}a: !!python/object/apply:os.system [ls]\n", 3, 4, "no place in a manifest"),
        (f"{HEAD}a: *nobody\n", 3, 4, "undefined alias"),
        (f"{HEAD}a: &a [*a]\n", 3, 4, "an alias stands within"),
        (f"---\n{HEAD}---\na: 1\na: 2\n", 6, 1, "the key 'a' stands twice"),
        ('{"kind": "Job",\n "apiVersion" "batch/v1"}', 2, 15, "expected ',' or '}'"),
    ],
)
def test_error_points_at_line_and_column(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifests(text)
    assert words in caught.value.message
    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)
    assert f"line {line}, column {column}" in caught.value.message


def test_a_small_file_cannot_become_a_huge_object() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises(ManifestError, match="expands to more than"):
        read_manifests(f"{HEAD}l0: &l0 x\n{levels}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no object"),
        ("# nothing\n---\n", "holds no object"),
        ("job.yaml", "not a Kubernetes object but str 'job.yaml'"),
        ("- 1\n- 2\n", "not a Kubernetes object but list"),
        ("a: 1\n", "kind None cannot be run"),
        ("kind: MPIJob\napiVersion: kubeflow.org/v1\n", "kind 'MPIJob' cannot be run"),
        ("kind: [Job]\n", r"kind \['Job'\] cannot be run"),
        ("kind: TFJob\napiVersion: kubeflow.org/v1beta2\n", "it must be 'kubeflow.org/v1'"),
        ('{"kind": "Job", "apiVersion": "batch/v1", "kind": "TFJob"}', "'kind' stands twice"),
        ('{"kind": "Job", "apiVersion": "batch/v1", "a": NaN}', "NaN is not a number"),
        ("kind: List\napiVersion: v1\nitems: [{kind: Pod}]\n", "kind 'Pod' cannot be run"),
        ("\x01", "not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("{" * 5000, "nested too deeply"),
        ('{"a":' * 50_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_run_is_refused(text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        read_manifests(text)


def test_refusal_of_a_kind_says_what_can_be_run() -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifests("kind: MPIJob")
    assert "TFJob (kubeflow.org/v1), PyTorchJob (kubeflow.org/v1), Job (batch/v1)" in caught.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        read_manifests(tmp_path / "absent.yaml")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifests(tmp_path)
    binary = tmp_path / "job.yaml"
    binary.write_bytes(b"kind: \xff\xfe")
    with pytest.raises(ManifestError, match=r"not text in UTF-8: .* at byte 6"):
        read_manifests(binary)


def test_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"job\.yaml, line 2, column 1"):
        read_manifests(path)


@given(st.text(max_size=60) | st.text("{}[]:,&*!|>'\"%@`#-?~ \n\tabk1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        manifests = read_manifests(text)
    except ManifestError:
        return
    assert all(isinstance(manifest, dict) for manifest in manifests)
