from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.notebook import environment
from jupyter_mltrain.notebook.environment import Interpreter, inspect, kernel_interpreter


@pytest.fixture(scope="module")
def own() -> environment.Environment:
    return inspect(Interpreter(sys.executable))


def test_this_interpreter(own: environment.Environment) -> None:
    assert own.version == ".".join(map(str, sys.version_info[:3]))
    assert own.stdlib >= sys.stdlib_module_names
    assert {one.name: one.version for one in own.distributions} == {
        one.metadata["Name"]: one.version for one in metadata.distributions()
    }
    assert ".py" in own.suffixes
    assert own.has("json")
    assert own.has("yaml")
    assert not own.has("no_such_module")


def test_modules_and_their_distributions(own: environment.Environment) -> None:
    for module, distribution in metadata.packages_distributions().items():
        if module.isidentifier() and module not in sys.stdlib_module_names and len(set(distribution)) == 1:
            assert [one.name for one in own.providing(module)] == [distribution[0]], module
    assert [one.name for one in own.providing("yaml.nodes")] == ["PyYAML"]
    assert own.providing("no_such_module") == []


def test_an_editable_install_is_found(own: environment.Environment) -> None:
    found = own.providing("jupyter_mltrain.run")
    assert [one.key for one in found] == ["jupyter-mltrain"]
    if found[0].url:
        assert found[0].editable


def test_another_environment_without_packages(bare_python: str) -> None:
    other = inspect(Interpreter(bare_python))
    assert other.distributions == ()
    assert not other.has("numpy")
    assert other.has("json")


def test_namespaces_are_told_apart(bare_python: str, make_distribution: Callable[..., None]) -> None:
    make_distribution("space-core", "1.0", {"space/core/__init__.py": "", "space/core/part.py": ""})
    make_distribution("space-extra", "2.0", {"space/extra.py": "", "space_extra_tests/__init__.py": ""})
    make_distribution("lonely-part", "3.0", {"lonely/part/__init__.py": ""})
    found = inspect(Interpreter(bare_python))

    def names(module: str) -> list[str]:
        return [one.name for one in found.providing(module)]

    assert names("space.core") == ["space-core"]
    assert names("space.core.part.thing") == ["space-core"]
    assert names("space.extra") == ["space-extra"]
    assert sorted(names("space")) == ["space-core", "space-extra"]
    assert names("space.missing") == []
    assert names("lonely.part") == ["lonely-part"]
    assert names("lonely.other") == []


def test_a_module_of_no_distribution_is_loose(bare_python: str, tmp_path: Path) -> None:
    (tmp_path / "wanderer.py").write_text("")
    found = inspect(Interpreter(bare_python, {"PYTHONPATH": str(tmp_path)}))
    assert "wanderer" in found.loose
    assert found.providing("wanderer") == []


def test_vcs_and_archive_origins(bare_python: str, make_distribution: Callable[..., None]) -> None:
    origin = {"url": "https://example.org/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    make_distribution("from-git", "1.0", {"from_git.py": ""}, **{"direct_url.json": json.dumps(origin)})
    archive = {"url": "https://example.org/a-1.0.tar.gz", "archive_info": {}}
    make_distribution("from-archive", "1.0", {"from_archive.py": ""}, **{"direct_url.json": json.dumps(archive)})
    found = inspect(Interpreter(bare_python)).by_name
    assert found["from-git"].url == "git+https://example.org/r.git@abc"
    assert found["from-archive"].url == "https://example.org/a-1.0.tar.gz"


def test_an_install_after_the_answer_was_kept_is_seen(
    bare_python: str, make_distribution: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not inspect(Interpreter(bare_python)).has("late_comer")
    make_distribution("late-comer", "1.0", {"late_comer.py": ""})
    assert inspect(Interpreter(bare_python)).has("late_comer")
    # From here on only the kept answer can be right: the interpreter is asked no more.
    monkeypatch.setattr(environment, "_ask", lambda *_: pytest.fail("asked again"))
    assert inspect(Interpreter(bare_python)).has("late_comer")
    environment._cached.clear()
    assert inspect(Interpreter(bare_python)).has("late_comer")


def test_a_damaged_cache_is_no_trouble(bare_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTRAIN_HOME", str(tmp_path))
    environment._cached.clear()
    first = inspect(Interpreter(bare_python))
    kept = list((tmp_path / "cache").rglob("*.json"))
    assert len(kept) == 1
    for content in ("", "[]", "{}", '{"paths": 1}'):
        kept[0].write_text(content)
        environment._cached.clear()
        assert inspect(Interpreter(bare_python)) == first
    monkeypatch.setenv("MLTRAIN_HOME", "/dev/null")
    environment._cached.clear()
    assert inspect(Interpreter(bare_python)) == first


@pytest.mark.parametrize(
    ("script", "words"),
    [(None, "No such file"), ("#!/bin/sh\necho oh no >&2; exit 3\n", "oh no"), ("#!/bin/sh\necho hello\n", "no JSON")],
)
def test_what_is_no_python_is_refused(tmp_path: Path, script: str | None, words: str) -> None:
    path = tmp_path / "python"
    if script:
        path.write_text(script)
        path.chmod(0o755)
    with pytest.raises(InvalidInput, match=words) as caught:
        inspect(Interpreter(str(path)))
    assert str(path) in caught.value.message


def install_kernel(folder: Path, name: str, spec: object) -> None:
    (folder / "kernels" / name).mkdir(parents=True)
    (folder / "kernels" / name / "kernel.json").write_text(spec if isinstance(spec, str) else json.dumps(spec))


def test_the_kernels_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    install_kernel(tmp_path, "other", {"argv": ["/opt/env/bin/python3.12", "-m", "x"], "env": {"A": "b"}})
    install_kernel(tmp_path, "native", {"argv": ["python", "-m", "ipykernel_launcher"]})
    install_kernel(tmp_path, "script", {"argv": ["/opt/launch.sh"]})
    install_kernel(tmp_path, "broken", "{")
    install_kernel(tmp_path, "empty", {})
    assert kernel_interpreter("other") == Interpreter("/opt/env/bin/python3.12", {"A": "b"})
    assert kernel_interpreter("OTHER") == kernel_interpreter("other")
    assert kernel_interpreter("native") == Interpreter(sys.executable)
    assert kernel_interpreter("python3") == Interpreter(sys.executable)
    assert [kernel_interpreter(name) for name in ("script", "broken", "empty", "missing")] == [None] * 4
