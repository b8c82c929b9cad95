from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mltrain.errors import InvalidInput, MltrainError, PackageIndexError, ResolutionError
from jupyter_mltrain.image import lock as locking
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.lock import credentials, resolve
from jupyter_mltrain.image.locked import Lock
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.pylock import read
from jupyter_mltrain.image.sdist import build
from jupyter_mltrain.image.sources import Wanted, from_file, from_kernel
from jupyter_mltrain.image.target import Target
from jupyter_mltrain.notebook.environment import Distribution
from tests.image.environments import ALPINE, AMD64, ARM64
from tests.image.package_index import Index, make_sdist, project_files, write_project


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def wanted(root: Path) -> Wanted:
    return Wanted(root)


def files(lock: Lock) -> list[str]:
    return [wheel.filename for wheel in lock.wheels]


def codes(lock: Lock) -> list[str]:
    return [finding.code for finding in lock.findings]


# --- what is locked


def test_each_platform_gets_its_own_wheels(index: Index, cache: Cache, wanted: Wanted) -> None:
    for tag in ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_1_x86_64", "manylinux_2_39_x86_64"):
        index.wheel("fast", "1.0", tag=f"cp311-cp311-{tag}", requires=["pure>=1 ; platform_machine == 'aarch64'"])
    index.wheel("pure", "1.5")
    wanted = wanted.including(["fast"])
    assert files(resolve(wanted, AMD64, cache)) == ["fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"]
    assert files(resolve(wanted, ALPINE, cache)) == ["fast-1.0-cp311-cp311-musllinux_1_1_x86_64.whl"]
    assert files(resolve(wanted, ARM64, cache)) == [
        "fast-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
        "pure-1.5-py3-none-any.whl",
    ]


@pytest.mark.parametrize("refused", [False, True])
def test_sizes_are_known_whatever_the_index_tells(index: Index, cache: Cache, wanted: Wanted, refused: bool) -> None:
    index.wheel("app", "1.0", requires=["base"])
    index.wheel("base", "1.0")
    index.refuses_head = refused
    found = {one.filename: one.size for one in resolve(wanted.including(["app"]), AMD64, cache).wheels}
    assert found == {name: len(index.files[name]) for name in found}
    assert len(found) == 2


def test_the_kernels_versions_are_taken_where_they_can_be_had(index: Index, cache: Cache, wanted: Wanted) -> None:
    index.wheel("app", "1.0", requires=["base>=1", "tool", "gone"])
    for version in ("1.1", "1.2", "2.0"):
        index.wheel("base", version)
        index.wheel("tool", version)
    index.wheel("gone", "3.0")
    kernel = {"base": "1.1", "tool": "1.2", "gone": "2.9", "unused": "1"}
    lock = resolve(replace(wanted, requirements=("app==1.0", "tool>=2"), preferred=kernel), AMD64, cache)
    assert [(one.name, one.version) for one in lock.wheels] == [
        ("app", "1.0"),
        ("base", "1.1"),
        ("gone", "3.0"),
        ("tool", "2.0"),
    ]
    assert [finding.message for finding in lock.findings] == [
        "The image gets other versions than the kernel has: gone 3.0 instead of 2.9, tool 2.0 instead of 1.2."
    ]


def test_of_a_local_version_that_no_index_has_the_public_one_is_taken(
    index: Index, cache: Cache, wanted: Wanted
) -> None:
    for version in ("2.0", "2.1"):
        index.wheel("torch", version)
        index.wheel("vision", version)
    wanted = replace(wanted, requirements=("torch==2.0+cpu", "vision"), preferred={"vision": "2.0+cu126"})
    lock = resolve(wanted, AMD64, cache)
    assert [(one.name, one.version) for one in lock.wheels] == [("torch", "2.0"), ("vision", "2.0")]
    assert lock.findings[0].message == "No index has torch==2.0+cpu: the image gets the public version."
    index.wheel("torch", "2.0+cpu")
    lock = resolve(wanted, AMD64, cache, refresh=True)
    assert [one.version for one in lock.wheels] == ["2.0+cpu", "2.0"]


def test_this_project_is_not_asked_of_an_index(index: Index, cache: Cache, wanted: Wanted) -> None:
    index.wheel("plugin", "1.0", requires=["jupyter-mltrain>=99"])
    assert files(resolve(wanted.including(["plugin"]), AMD64, cache)) == ["plugin-1.0-py3-none-any.whl"]
    assert not any("mltrain" in path for path, _ in index.requests)


def test_a_pyproject_and_the_runners_needs(index: Index, cache: Cache, root: Path) -> None:
    for name in ("dep", "gpu", "devtool", "papermill"):
        index.wheel(name, "1.0")
    (root / "pyproject.toml").write_text(
        '[project]\nname="x"\nversion="1"\nrequires-python=">=3.12"\ndependencies=["dep"]\n'
        '[project.optional-dependencies]\ngpu=["gpu"]\n[dependency-groups]\ndev=["devtool"]\n'
    )
    wanted = from_file(root / "pyproject.toml", root).including(["papermill"])
    lock = resolve(wanted, AMD64, cache)
    assert [wheel.name for wheel in lock.wheels] == ["dep", "papermill"]
    assert codes(lock) == ["python-differs"]


def test_the_settings_of_a_project_are_uvs(
    index: Index, cache: Cache, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.wheel("dep", "1.0")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    (root / "uv.toml").write_text(f'[[index]]\nurl = "{index.url}"\ndefault = true\n')
    assert files(resolve(Wanted(root, requirements=("dep",)), AMD64, cache)) == ["dep-1.0-py3-none-any.whl"]


def test_an_index_that_a_requirements_file_names(
    index: Index, cache: Cache, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.wheel("dep", "1.0")
    index.login = "me:hunter2"
    monkeypatch.setenv("INDEX_PASSWORD", "hunter2")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    (root / "requirements.txt").write_text(f"--index-url {index.url_with('me:${INDEX_PASSWORD}')}\ndep\n")
    wanted = from_file(root / "requirements.txt", root)
    lock = resolve(wanted, AMD64, cache)
    assert [wheel.url for wheel in lock.wheels] == [index.url_of("dep-1.0-py3-none-any.whl")]
    assert credentials(wanted).login(lock.wheels[0].url) == ("me", "hunter2")


def test_hashes_of_a_requirements_file_bind(index: Index, cache: Cache, root: Path) -> None:
    file = index.wheel("dep", "1.0")
    path = root / "requirements.txt"
    path.write_text(f"dep==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{index.sha256(file)}\n")
    assert files(resolve(from_file(path, root), AMD64, cache)) == [file]
    path.write_text(f"dep==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ResolutionError, match=f"{file} has the digest {index.sha256(file)}, which is none of"):
        resolve(from_file(path, root), AMD64, cache)


def test_wheels_and_folders_of_this_machine(index: Index, cache: Cache, root: Path) -> None:
    index.wheel("local", "1.0")
    (root / "local-1.0-py3-none-any.whl").write_bytes(index.files.pop("local-1.0-py3-none-any.whl"))
    write_project(root / "my lib", project_files("mylib", "0.3"))
    (root / "requirements.txt").write_text("./local-1.0-py3-none-any.whl\nmylib @ ./my%20lib\n")
    (root / "requirements.txt").write_text(f"./local-1.0-py3-none-any.whl\n{(root / 'my lib').as_uri()}\n")
    lock = resolve(from_file(root / "requirements.txt", root), AMD64, cache)
    assert files(lock) == ["local-1.0-py3-none-any.whl"]
    assert [(one.name, one.kind) for one in lock.sources] == [("mylib", "folder")]
    assert str(root) not in lock.text
    again = resolve(from_file(root / "requirements.txt", root), AMD64, cache)
    assert again == lock
    (root / "my lib" / "mylib" / "new.py").write_text("")
    changed = resolve(from_file(root / "requirements.txt", root), AMD64, cache)
    assert changed.digest != lock.digest


def test_packages_without_a_wheel(index: Index, cache: Cache, wanted: Wanted) -> None:
    index.add(make_sdist("old", "2.0", project_files("old", "2.0")))
    index.wheel("old", "1.0")
    wanted = wanted.including(["old"])
    assert [(one.name, one.version, one.kind) for one in resolve(wanted, AMD64, cache).sources] == [
        ("old", "2.0", "archive")
    ]
    assert files(resolve(wanted, AMD64, cache, build=False)) == ["old-1.0-py3-none-any.whl"]


def test_folders_are_refused_where_nothing_is_to_be_built(index: Index, cache: Cache, root: Path) -> None:
    folder = write_project(root / "lib", project_files("mylib", "0.3"))
    with pytest.raises(ResolutionError, match="mylib"):
        resolve(Wanted(root, requirements=(f"mylib @ {folder.as_uri()}",)), AMD64, cache, build=False)


# --- a lock that is there


def test_a_lock_that_is_there_is_taken_as_it_is(index: Index, cache: Cache, root: Path) -> None:
    index.wheel("app", "1.0", requires=["base"])
    index.wheel("base", "1.0")
    lock = resolve(Wanted(root, requirements=("app",)), AMD64, cache)
    index.wheel("base", "2.0")
    index.wheel("runner", "1.0", requires=["base"])
    (root / "pylock.toml").write_text(lock.text)
    taken = from_file(root / "pylock.toml", root)
    assert resolve(taken, AMD64, cache) == lock
    assert files(resolve(taken.including(["runner"]), AMD64, cache)) == [
        "app-1.0-py3-none-any.whl",
        "base-1.0-py3-none-any.whl",
        "runner-1.0-py3-none-any.whl",
    ]
    with pytest.raises(ResolutionError, match="What running the notebook needs does not go with the lock"):
        resolve(taken.including(["base>=2"]), AMD64, cache)


def test_a_lock_names_no_file_outside_of_the_root(cache: Cache, root: Path, index: Index) -> None:
    file = index.wheel("dep", "1.0")
    (root.parent / file).write_bytes(index.files[file])
    (root / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "dep"\nversion = "1.0"\n'
        f'wheels = [{{ path = "../{file}", hashes = {{ sha256 = "{index.sha256(file)}" }} }}]\n'
    )
    with pytest.raises(InvalidInput, match="place of dep leads out of the notebook's folder"):
        resolve(from_file(root / "pylock.toml", root), AMD64, cache)
    (root / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "dep"\ndirectory = { path = ".." }\n'
    )
    with pytest.raises(InvalidInput, match="place of dep leads out of the notebook's folder"):
        resolve(from_file(root / "pylock.toml", root), AMD64, cache)


def test_the_text_of_a_lock_reads_as_the_lock(index: Index, cache: Cache, wanted: Wanted, tmp_path: Path) -> None:
    index.wheel("app", "1.0", requires=["base"])
    index.wheel("base", "1.0+local.1")
    index.add(make_sdist("old", "2.0", project_files("old", "2.0")))
    lock = resolve(wanted.including(["app", "old"]), AMD64, cache)
    assert read(lock.text, AMD64, tmp_path)[0] == lock.wheels
    assert [one.identity for one in read(lock.text, AMD64, tmp_path)[1]] == [one.identity for one in lock.sources]


# --- the same again


def test_the_same_is_not_asked_twice(index: Index, cache: Cache, wanted: Wanted) -> None:
    index.wheel("app", "1.0")
    seen: list[Progress] = []
    first = resolve(wanted.including(["app"]), AMD64, cache, report=seen.append)
    asked = len(index.requests)
    index.wheel("app", "2.0")
    assert resolve(wanted.including(["app"]), AMD64, cache, report=seen.append) is first
    locking._recent.clear()
    assert resolve(wanted.including(["app"]), AMD64, Cache(cache.folder), report=seen.append) == first
    assert len(index.requests) == asked
    assert [one.state for one in seen if one.state != "running"] == ["done", "cached", "cached"]
    assert files(resolve(wanted.including(["app"]), AMD64, cache, refresh=True)) == ["app-2.0-py3-none-any.whl"]


@pytest.mark.parametrize("change", ["target", "variable", "settings", "preferred", "build"])
def test_whatever_decides_is_asked_anew(
    index: Index, cache: Cache, root: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    index.wheel("app", "1.0")
    wanted = Wanted(root, requirements=("app",))
    resolve(wanted, AMD64, cache)
    index.wheel("app", "2.0")
    target, build = AMD64, True
    if change == "target":
        target = Target(AMD64.platform, "3.12.0", AMD64.libc)
    elif change == "variable":
        monkeypatch.setenv("UV_PRERELEASE", "allow")
    elif change == "settings":
        (root / "uv.toml").write_text("no-build-isolation = false\n")
    elif change == "preferred":
        wanted = replace(wanted, preferred={"other": "1.0"})
    else:
        build = False
    assert files(resolve(wanted, target, cache, build=build)) == ["app-2.0-py3-none-any.whl"]


def test_another_mirror_and_another_password_give_the_same_digest(
    index: Index, cache: Cache, wanted: Wanted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index.wheel("app", "1.0")
    first = resolve(wanted.including(["app"]), AMD64, cache)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("127.0.0.1", "localhost"))
    second = resolve(wanted.including(["app"]), AMD64, Cache(tmp_path / "other"))
    assert first.wheels[0].url != second.wheels[0].url
    assert first.digest == second.digest


def test_cancelling_ends_the_resolver(index: Index, cache: Cache, wanted: Wanted) -> None:
    class Cancelled(Exception):
        pass

    def report(progress: Progress) -> None:
        raise Cancelled

    index.wheel("app", "1.0")
    with pytest.raises(Cancelled):
        resolve(wanted.including(["app"]), AMD64, cache, report=report)
    assert files(resolve(wanted.including(["app"]), AMD64, cache)) == ["app-1.0-py3-none-any.whl"]


def test_a_library_that_the_kernel_has_from_a_folder(index: Index, cache: Cache, root: Path, tmp_path: Path) -> None:
    """Its version is the kernel's: it may come from a history that the build does not see."""
    index.wheel("app", "1.0", requires=["mylib"])
    files = project_files("mylib", "0.3")
    files["backend.py"] = files["backend.py"].replace('"0.3", "py3', 'os.environ[VARIABLE], "py3')
    files["backend.py"] = "VARIABLE = 'SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MYLIB'\n" + files["backend.py"]
    folder = write_project(tmp_path / "elsewhere", files)
    installed = [Distribution("mylib", "0.3.dev7", url=folder.as_uri(), editable=True), Distribution("app", "1.0")]
    lock = resolve(from_kernel(["app==1.0"], installed, root), AMD64, cache)
    assert [(one.name, one.version) for one in lock.packages] == [("app", "1.0"), ("mylib", "0.3.dev7")]
    assert [one.filename for one in build(lock, cache).wheels] == [
        "app-1.0-py3-none-any.whl",
        "mylib-0.3.dev7-py3-none-any.whl",
    ]


# --- what cannot be


@pytest.mark.parametrize(
    ("lines", "reason", "hint"),
    [
        (["app==1.0", "base==2.0"], "you require base<2", "Loosen"),
        (["nowhere"], "nowhere was not found in the package registry", "Check the name"),
        (["app==9.9"], "there is no version of app==9.9", "Take a version that the index has"),
        (["windows"], "windows==1.0 has no wheels with a matching platform tag", "no wheel for the image's platform"),
        (["future"], "future==1.0 requires Python >=3.13", "another Python"),
    ],
)
def test_the_resolvers_own_reason_is_told(
    index: Index, cache: Cache, wanted: Wanted, lines: list[str], reason: str, hint: str
) -> None:
    index.wheel("app", "1.0", requires=["base<2"])
    index.wheel("base", "1.0")
    index.wheel("base", "2.0")
    index.wheel("windows", "1.0", tag="cp311-cp311-win_amd64")
    index.wheel("future", "1.0", python=">=3.13")
    with pytest.raises(ResolutionError) as caught:
        resolve(wanted.including(lines), AMD64, cache)
    message = caught.value.message
    assert message.startswith("The environment cannot be resolved for Python 3.11.9 on linux/amd64 with glibc 2.36.\n")
    assert reason in message
    assert hint in caught.value.hint
    assert len(message.splitlines()) <= 16
    assert not re.search(r"/tmp|\.in\b|[╰│×]", message)


def test_a_project_that_cannot_tell_its_requirements(index: Index, cache: Cache, root: Path) -> None:
    files = project_files("broken", "1.0")
    files["pyproject.toml"] = files["pyproject.toml"].replace("dependencies = []", 'dynamic = ["dependencies"]')
    files["backend.py"] = "print('loud\\n' * 100)\nraise SystemExit('the end of it')\n"
    folder = write_project(root / "broken", files)
    with pytest.raises(ResolutionError) as caught:
        resolve(Wanted(root, requirements=(f"broken @ {folder.as_uri()}",)), AMD64, cache)
    assert "the end of it" in caught.value.message
    assert len(caught.value.message.splitlines()) <= 16
    assert str(root) not in caught.value.message


@pytest.mark.parametrize(
    ("status", "code"), [(401, "index-unauthorised"), (403, "index-unauthorised"), (503, "index-unreachable")]
)
def test_an_index_that_refuses(index: Index, cache: Cache, wanted: Wanted, status: int, code: str) -> None:
    index.status = status
    with pytest.raises(PackageIndexError) as caught:
        resolve(wanted.including(["app"]), AMD64, cache)
    assert caught.value.code == code


def test_what_uv_may_not_ask_for(index: Index, cache: Cache, wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(ResolutionError, match="network was disabled") as caught:
        resolve(wanted.including(["app"]), AMD64, cache)
    assert "UV_OFFLINE" in caught.value.hint


def test_an_index_that_is_not_there(
    index: Index, cache: Cache, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(PackageIndexError, match="does not answer") as caught:
        resolve(wanted.including(["app"]), AMD64, cache)
    assert caught.value.code == "index-unreachable"


def test_of_an_index_without_hashes_the_file_is_looked_at(index: Index, cache: Cache, wanted: Wanted) -> None:
    file = index.wheel("app", "1.0")
    index.hashes = False
    assert [one.sha256 for one in resolve(wanted.including(["app"]), AMD64, cache).wheels] == [index.sha256(file)]


# --- passwords


@pytest.mark.parametrize("fault", ["none", "login", "missing", "down"])
def test_a_password_is_nowhere(
    index: Index, cache: Cache, root: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    secret = "hunter2"
    index.wheel("app", "1.0")
    index.login = "me:other" if fault == "login" else f"me:{secret}"
    url = index.url_with(f"me:{secret}").replace(str(index.port), "9" if fault == "down" else str(index.port))
    monkeypatch.setenv("UV_DEFAULT_INDEX", url)
    (root / "requirements.txt").write_text(f"--extra-index-url {url}\n{'nowhere' if fault == 'missing' else 'app'}\n")
    wanted = from_file(root / "requirements.txt", root)
    shown = [repr(wanted)]
    try:
        lock = resolve(wanted, AMD64, cache)
        shown += [repr(lock), lock.text]
    except MltrainError as error:
        shown += [str(error.to_dict()), str(error)]
    shown += [path.read_text() for path in cache.folder.rglob("*") if path.is_file()]
    assert secret not in "".join(shown)
    assert (fault == "none") == ("app-1.0" in "".join(shown))


def test_no_argument_of_uv_has_a_password(
    index: Index, cache: Cache, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = locking.uv.run

    def spy(arguments: list[str], *rest: object, **more: object) -> object:
        calls.extend(arguments)
        return real(arguments, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(locking.uv, "run", spy)
    index.wheel("app", "1.0")
    index.login = "me:hunter2"
    (root / "requirements.txt").write_text(f"--index-url {index.url_with('me:hunter2')}\napp\n")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    resolve(from_file(root / "requirements.txt", root), AMD64, cache)
    assert calls
    assert "hunter2" not in " ".join(calls)


# --- the real one


@pytest.mark.slow
def test_against_pypi(cache: Cache, wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    try:
        httpx.head("https://pypi.org/simple/idna/", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"PyPI does not answer: {error}")
    wanted = replace(wanted, requirements=("numpy==1.26.4", "jinja2"), preferred={"markupsafe": "2.1.3"})
    for target, machine in ((AMD64, "x86_64"), (ARM64, "aarch64")):
        lock = resolve(wanted, target, cache)
        assert machine in next(wheel.filename for wheel in lock.wheels if wheel.name == "numpy")
        assert ("markupsafe", "2.1.3") in [(wheel.name, wheel.version) for wheel in lock.wheels]
        assert all(wheel.size and wheel.url.endswith(wheel.filename) for wheel in lock.wheels)
