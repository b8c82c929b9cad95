"""From options to roles, and relative paths among parameters."""

from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.model.spec import Framework
from jupyter_mltrain.service.planning import absolute_paths, make_plan, make_roles
from jupyter_mltrain.service.request import Request, parse_gpu
from tests.support import NotebookWriter


def counts(framework: Framework, given: dict[str, Any] | None = None, **wanted: Any) -> dict[str, int]:
    return {role: entry["replicas"] for role, entry in make_roles(framework, wanted, given or {}).items()}


@pytest.mark.parametrize(
    ("framework", "wanted", "expected"),
    [
        (Framework.NONE, {}, {"Worker": 1}),
        (Framework.NONE, {"workers": 3}, {"Worker": 3}),
        (Framework.TENSORFLOW, {}, {"Worker": 1}),
        (Framework.TENSORFLOW, {"workers": 4, "ps": 2}, {"PS": 2, "Worker": 4}),
        (Framework.TENSORFLOW, {"chief": True, "evaluator": True}, {"Chief": 1, "Evaluator": 1, "Worker": 1}),
        (Framework.TENSORFLOW, {"chief": True, "workers": 0}, {"Chief": 1}),
        (Framework.TENSORFLOW, {"master": True}, {"Master": 1}),
        (Framework.PYTORCH, {}, {"Master": 1}),
        (Framework.PYTORCH, {"workers": 3}, {"Master": 1, "Worker": 3}),
        (Framework.PYTORCH, {"master": False, "workers": 2}, {"Worker": 2}),
        (Framework.PYTORCH, {"master": False}, {"Worker": 1}),
    ],
)
def test_roles_from_counts(framework: Framework, wanted: dict[str, Any], expected: dict[str, int]) -> None:
    assert counts(framework, **wanted) == expected


@pytest.mark.parametrize(("framework", "word"), [(Framework.PYTORCH, "ps"), (Framework.NONE, "chief")])
def test_a_role_that_the_framework_lacks_is_refused(framework: Framework, word: str) -> None:
    with pytest.raises(InvalidInput, match=f"--{word}"):
        counts(framework, **{word: 1})


def test_a_spec_files_roles_stay_unless_a_count_is_given() -> None:
    given = {"PS": {"replicas": 2, "restart_policy": "Always"}, "Worker": {"replicas": 5}}
    assert counts(Framework.TENSORFLOW, given) == {"PS": 2, "Worker": 5}
    assert counts(Framework.TENSORFLOW, given, workers=1) == {"PS": 2, "Worker": 1}
    assert make_roles(Framework.TENSORFLOW, {}, given)["PS"]["restart_policy"] == "Always"


def test_gpus_go_to_roles_that_train_and_memory_to_all() -> None:
    wanted = {"workers": 2, "ps": 1, "resources": {"memory": "2Gi"}, "gpu": {"product": "NVIDIA-H200", "count": 1}}
    roles = make_roles(Framework.TENSORFLOW, wanted, {})
    assert roles["Worker"]["resources"] == {"memory": "2Gi", "gpu": {"product": "NVIDIA-H200", "count": 1}}
    assert roles["PS"]["resources"] == {"memory": "2Gi"}


@pytest.mark.parametrize(
    ("text", "product", "count"),
    [("2", None, 2), ("NVIDIA-H200", "NVIDIA-H200", 1), ("NVIDIA-A100-SXM4-80GB:8", "NVIDIA-A100-SXM4-80GB", 8)],
)
def test_gpu_texts(text: str, product: str | None, count: int) -> None:
    assert parse_gpu(text) == {"product": product, "count": count}


@pytest.mark.parametrize("text", ["", "0", "H200:0", ":2", "H200:two", "H 200", "-1"])
def test_gpu_texts_that_make_no_sense(text: str) -> None:
    with pytest.raises(InvalidInput, match="COUNT"):
        parse_gpu(text)


def test_paths_are_made_absolute_only_where_they_are_paths(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    values = {
        "data_dir": "data",
        "other": "./data",
        "word": "data",
        "missing_dir": "nothing",
        "uri": "s3://data/x",
        "absolute": "/",
        "n": 3,
    }
    changed, notes = absolute_paths(values, tmp_path)
    assert changed == {**values, "data_dir": str(tmp_path / "data"), "other": str(tmp_path / "data")}
    assert len(notes) == 2


def test_a_plan_has_no_effects_and_carries_everything(notebook: NotebookWriter, tmp_path: Path) -> None:
    path = notebook("import json\nprint(n)", parameters="n: int = 1")
    before = sorted(tmp_path.rglob("*"))
    request = Request(path, parameter_texts={"n": "4"}, spec={"framework": "none"})
    plan = make_plan(request, job_id="abcdef012345", local=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert plan.parameters == {"n": 4}
    assert plan.manifest["kind"] == "Job"
    assert plan.manifest["metadata"]["name"] == "train-abcdef01"
    assert plan.manifest["metadata"]["annotations"]["jupyter-mltrain/program"] == plan.program.digest
    assert not plan.refused
    assert plan.to_dict()["parameters"] == {"n": 4}


def test_the_same_notebook_with_other_values_is_the_same_program(notebook: NotebookWriter) -> None:
    path = notebook("print(n)", parameters="n: int = 1")
    digests = {
        make_plan(Request(path, parameters={"n": n}, spec={"framework": "none"}), local=True).program.digest
        for n in range(3)
    }
    assert len(digests) == 1
