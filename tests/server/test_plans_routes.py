"""Plans and exports: what would be, with nothing done."""

from pathlib import Path

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
