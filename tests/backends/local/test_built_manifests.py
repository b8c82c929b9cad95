"""Manifests as this project builds them, run here: what the runner will find around it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain import manifests
from jupyter_mltrain.model.job import pod_templates
from jupyter_mltrain.model.spec import parse_spec


def surroundings_of(machine: Any, spec: dict[str, Any], parameters: dict[str, Any]) -> dict[str, str]:
    """The environment of the first replica of a job that is built of a spec."""
    manifest = manifests.build(
        parse_spec(spec),
        job_id="7f3a91c2d4e5",
        name="built",
        program="sha256:" + "0" * 64,
        notebook="train.ipynb",
        kernel="python3",
        parameters=parameters,
        image=None,
        commit=None,
        version="0.1.0",
    )
    show = "import json, os; json.dump(dict(os.environ), open(os.environ['SHOWN'], 'w'))"
    for template in pod_templates(manifest):
        template["spec"]["containers"][0]["command"] = ["python", "-c", show]
    machine.ended(machine.submit(manifest))
    found: dict[str, str] = json.loads(Path(spec["env"]["SHOWN"]).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch", "none"])
def test_values_and_home_arrive(machine: Any, tmp_path: Path, framework: str) -> None:
    values = {"text": "$(HOME) $$ 'ä'", "rate": 0.1}
    spec = {"framework": framework, "env": {"SHOWN": str(tmp_path / "shown")}, "channels": {"train": "/data/$$"}}
    found = surroundings_of(machine, spec, values)
    assert json.loads(found["MLTRAIN_PARAMETERS"]) == values
    assert json.loads(found["MLTRAIN_CHANNELS"]) == {"train": "/data/$$"}
    assert found["HOME"] == os.environ["HOME"], "kernels, caches and packages of the user are there"
    assert found["MLTRAIN_LEADER"] == "1"
