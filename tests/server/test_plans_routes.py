"""Plans and exports: what would be, with nothing done."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server._api import Api


async def test_a_plan_shows_everything_and_does_nothing(api: Api, home: Path) -> None:
    (api.root / "helper.py").parent.mkdir(parents=True, exist_ok=True)
    (api.root / "helper.py").write_text("TWO = 2\n")
    path = api.write("train.ipynb", "import helper, yaml\nprint(helper.TWO * n)", parameters="n: int = 1  # how many")
    plan = await api.json("plans", "POST", {"notebook": path, "parameters": {"n": 4}})
    assert plan["name"].startswith("train-")
    assert plan["parameters"] == {"n": 4}
    (field,) = plan["form"]
    assert (field["name"], field["default"], field["help"]) == ("n", 1, "how many")
    assert plan["files"] == ["helper.py"]
    assert any(line.lower().startswith("pyyaml==") for line in plan["requirements"])
    assert (plan["framework"], plan["spec"]["roles"]["Worker"]["replicas"]) == ("none", 1)
    assert yaml.safe_load(plan["yaml"]) == plan["manifest"]
    assert not plan["refused"]
    assert (await api.json("jobs"))["total"] == 0
    assert not (home / "programs").exists()


async def test_a_plan_tells_what_is_wrong_instead_of_failing(api: Api) -> None:
    path = api.write("train.ipynb", "print(1)")
    spec = {"framework": "none", "channels": {"train": "/nowhere/at/all"}}
    plan = await api.json("plans", "POST", {"notebook": path, "spec": spec})
    assert plan["refused"]
    (finding,) = [found for found in plan["findings"] if found["severity"] == "error"]
    assert finding["where"] == {"field": "channels.train"}
    assert finding["hint"]


async def test_relative_paths_start_from_the_notebooks_folder(api: Api) -> None:
    path = api.write("work/train.ipynb", "print(data_dir)", parameters="data_dir: str = ''")
    (api.root / "work" / "data").mkdir()
    plan = await api.json("plans", "POST", {"notebook": path, "parameters": {"data_dir": "data"}})
    assert plan["parameters"] == {"data_dir": str(api.root / "work" / "data")}


async def test_data_files_beside_the_notebook_are_shipped(api: Api) -> None:
    path = api.write("work/train.ipynb", "print(1)")
    (api.root / "work" / "a.csv").write_text("1,2\n")
    plan = await api.json("plans", "POST", {"notebook": path, "include": ["*.csv"]})
    assert plan["files"] == ["a.csv"]


@pytest.mark.parametrize(
    ("include", "words"),
    [
        (["a" * 256], "a name of 256 bytes"),
        (["a/" * 3000], "too long"),
        ([f"{number}.csv" for number in range(10_000)], "too many"),
    ],
)
async def test_globs_that_no_file_can_have_are_refused(api: Api, include: list[str], words: str) -> None:
    path = api.write("train.ipynb", "print(1)")
    for route in ("plans", "jobs"):
        error = await api.json(route, "POST", {"notebook": path, "include": include}, status=400)
        assert words in error["message"]
        assert error["details"]["field"] == "include"


async def test_a_glob_that_says_any_folder_often_says_it_once(api: Api) -> None:
    path = api.write("train.ipynb", "print(1)")
    deep = api.root.joinpath(*"abcdefghijkl")
    deep.mkdir(parents=True)
    (deep / "x.csv").write_text("1\n")
    submissions = [{"notebook": path, "include": ["**/" * 12 + name]} for name in ("zzz", "x.csv", "zz*", "x.*")]
    plans = await asyncio.gather(*(api.json("plans", "POST", submission) for submission in submissions))
    assert [plan["files"] for plan in plans] == [[], ["a/b/c/d/e/f/g/h/i/j/k/l/x.csv"]] * 2


@pytest.fixture
def with_hidden(api: Api) -> str:
    """A notebook beside which some is hidden."""
    path = api.write("work/train.ipynb", "print(1)")
    for name in ("a.csv", ".dot.csv", ".priv/notes.txt"):
        (api.root / "work" / name).parent.mkdir(exist_ok=True)
        (api.root / "work" / name).write_text("1,2\n")
    return path


@pytest.mark.parametrize("include", ["*", "**", "**/*", "."])
async def test_hidden_files_stay_behind(api: Api, with_hidden: str, include: str) -> None:
    plan = await api.json("plans", "POST", {"notebook": with_hidden, "include": [include]})
    assert plan["files"] == ["a.csv"]


@pytest.mark.parametrize("include", [".dot.csv", ".priv/*", ".*", "**/.priv", ".nowhere"])
async def test_hidden_files_are_refused_by_name(api: Api, with_hidden: str, include: str) -> None:
    for route in ("plans", "jobs"):
        error = await api.json(route, "POST", {"notebook": with_hidden, "include": ["a.csv", include]}, status=403)
        assert (error["code"], error["details"]["field"]) == ("forbidden", "include")
        assert include in error["message"]


async def test_hidden_files_are_shipped_by_name_where_they_are_allowed(
    api: Api, with_hidden: str, jp_serverapp: Any
) -> None:
    jp_serverapp.contents_manager.allow_hidden = True
    plan = await api.json("plans", "POST", {"notebook": with_hidden, "include": ["*", ".priv/*"]})
    assert plan["files"] == [".priv/notes.txt", "a.csv"]


async def test_modules_in_a_hidden_folder_are_refused(api: Api, with_hidden: str) -> None:
    (api.root / "work" / ".priv" / "inner.py").write_text("")
    path = api.write("work/other.ipynb", "import sys\nsys.path.append('.priv')\nimport inner")
    error = await api.json("plans", "POST", {"notebook": path}, status=403)
    assert ".priv/inner.py" in error["message"]


async def test_exports(api: Api) -> None:
    path = api.write("train.ipynb", "print('n is', n)", parameters="n: int = 1")
    submission = {"notebook": path, "parameters": {"n": 4}, "spec": {"framework": "tensorflow"}}
    script = await api.json("plans/export", "POST", {"submission": submission, "what": "script"})
    compile(script["text"], "train.py", "exec")
    assert "n = 4" in script["text"]
    manifest = await api.json("plans/export", "POST", {"submission": submission, "what": "manifest"})
    assert yaml.safe_load(manifest["text"])["kind"] == "TFJob"
    error = await api.json("plans/export", "POST", {"submission": submission, "what": "poem"}, status=400)
    assert error["details"]["field"] == "what"


async def test_the_plan_of_a_token_is_the_job_that_it_makes(api: Api) -> None:
    path = api.write("train.ipynb", "print(n)", parameters="n: int = 1")
    submission = {"notebook": path, "parameters": {"n": 4}, "token": "a-token-of-the-test"}
    plan = await api.json("plans", "POST", submission)
    exported = await api.json("plans/export", "POST", {"submission": submission, "what": "manifest"})
    job = await api.json("jobs", "POST", submission, status=201)
    assert (job["id"], job["name"]) == (plan["id"], plan["name"])
    assert exported["text"] == plan["yaml"]
    made = (await api.json(f"jobs/{job['id']}/manifest"))["manifest"]
    assert made["metadata"]["labels"] == plan["manifest"]["metadata"]["labels"]
    assert made["metadata"]["annotations"].items() >= plan["manifest"]["metadata"]["annotations"].items()
    await api.json(f"jobs/{job['id']}", "DELETE", status=204)


async def test_all_wrong_parameters_are_named_and_the_form_comes_with_them(api: Api) -> None:
    path = api.write("train.ipynb", "print(n)", parameters="n: int\nrate: float = 0.5\nmood: str = 'good'")
    error = await api.json("plans", "POST", {"notebook": path, "parameters": {"rate": "fast"}}, status=400)
    assert [wrong["field"] for wrong in error["details"]["errors"]] == ["rate", "n"]
    assert error["message"] == error["details"]["errors"][0]["message"]
    assert [field["name"] for field in error["details"]["form"]] == ["n", "rate", "mood"]


async def test_requirements_are_added_pinned_and_left_out(api: Api) -> None:
    path = api.write("train.ipynb", "import yaml, numpy")
    plan = await api.json("plans", "POST", {"notebook": path})
    assert [line.partition("==")[0] for line in plan["requirements"]] == ["numpy", "pyyaml"]
    changes = {"NumPy": None, "pyyaml": ">=6,<7", "Light_GBM": "[dask]==4.1"}
    plan = await api.json("plans", "POST", {"notebook": path, "requirements": changes})
    assert plan["requirements"] == ["light-gbm[dask]==4.1", "pyyaml>=6,<7"]
    error = await api.json("plans", "POST", {"notebook": path, "requirements": {"numpy": "latest!"}}, status=400)
    assert error["details"]["field"] == "requirements.numpy"


async def test_values_as_people_write_them(api: Api) -> None:
    path = api.write("train.ipynb", "print(n)", parameters="n: int = 1\nlayers: list[int] = [8]\nrate: float = 0.5")
    texts = {"n": "12345678901234567890", "layers": "16, 8", "rate": "1e-3"}
    plan = await api.json("plans", "POST", {"notebook": path, "parameters": {"n": 2}, "texts": texts})
    assert plan["parameters"] == {"n": 12345678901234567890, "layers": [16, 8], "rate": 0.001}
    texts = {"n": "many", "layers": "a, b"}
    error = await api.json("plans", "POST", {"notebook": path, "texts": texts}, status=400)
    assert [wrong["field"] for wrong in error["details"]["errors"]] == ["n", "layers"]


async def test_checks_know_the_defaults_of_parameters(api: Api) -> None:
    source = "import tensorflow as tf\nstrategy = tf.distribute.MultiWorkerMirroredStrategy()"
    path = api.write("train.ipynb", source, parameters="batch_size: int = 150\nhalf = batch_size // 2")
    spec = {"framework": "tensorflow", "roles": {"Worker": {"replicas": 4}}}
    plan = await api.json("plans", "POST", {"notebook": path, "spec": spec})
    (finding,) = [found for found in plan["findings"] if found["code"] == "uneven-batch"]
    assert finding["fix"] == {"parameters.batch_size": 152}
