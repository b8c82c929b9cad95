from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from jupyter_mltrain.errors import PackageIndexError, ResolutionError
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.folders import digest_of_folder
from jupyter_mltrain.image.locked import Lock, LockedSource
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.sdist import build, normalise
from jupyter_mltrain.image.target import Target
from tests.image.environments import ALPINE, ARM64, target_here
from tests.image.package_index import Index, make_sdist, make_wheel, project_files, write_project

HERE = target_here()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def archive(index: Index, name: str = "old", **more: object) -> LockedSource:
    filename, data = make_sdist(name, "1.0", project_files(name, "1.0", **more))  # type: ignore[arg-type]
    index.add((filename, data))
    digest = hashlib.sha256(data).hexdigest()
    return LockedSource(name, "1.0", "archive", index.url_of(filename), digest, size=len(data))


def folder(path: Path, name: str = "mylib", **more: object) -> LockedSource:
    write_project(path, project_files(name, "0.3", **more))  # type: ignore[arg-type]
    return LockedSource(name, "0.3", "folder", path.as_uri(), digest_of_folder(path))


def built(source: LockedSource, cache: Cache, target: Target = HERE) -> Lock:
    return build(Lock(target, (), (source,)), cache)


def names(lock: Lock, cache: Cache) -> list[str]:
    path = cache.blob(lock.wheels[0].digest)
    assert path
    return zipfile.ZipFile(path).namelist()


def test_a_source_distribution_becomes_a_wheel_once(index: Index, cache: Cache) -> None:
    source = archive(index)
    seen: list[Progress] = []
    lock = build(Lock(HERE, (), (source,)), cache, report=seen.append)
    assert [(one.name, one.version, one.filename, one.url) for one in lock.wheels] == [
        ("old", "1.0", "old-1.0-py3-none-any.whl", "")
    ]
    assert lock.sources == ()
    assert "old/other.py" in names(lock, cache)
    asked = len(index.requests)
    assert build(Lock(HERE, (), (source,)), cache, report=seen.append) == lock
    assert len(index.requests) == asked
    assert [one.state for one in seen if one.name == "old" and one.state != "running"] == ["done", "cached"]


def test_what_was_built_and_removed_is_built_again(index: Index, cache: Cache) -> None:
    lock = built(archive(index), cache)
    cache.prune(0, unused=0)
    assert built(archive(index), cache) == lock
    assert cache.blob(lock.wheels[0].digest)


def test_a_folder_is_built_from_a_copy_without_what_is_no_source(index: Index, cache: Cache, tmp_path: Path) -> None:
    place = tmp_path / "my lib"
    source = folder(place)
    for junk in (".git/config", ".venv/pyvenv.cfg", "__pycache__/x.pyc", ".env", "build/lib/x.py", "mylib.egg-info/x"):
        write_project(place, {junk: "junk"})
    before = sorted(path.as_posix() for path in place.rglob("*"))
    assert digest_of_folder(place) == source.identity
    lock = built(source, cache)
    assert "mylib/other.py" in names(lock, cache)
    assert sorted(path.as_posix() for path in place.rglob("*")) == before


def test_a_folder_that_changed_is_built_anew(index: Index, cache: Cache, tmp_path: Path) -> None:
    first = built(folder(tmp_path / "lib"), cache)
    (tmp_path / "lib" / "mylib" / "new.py").write_text("NEW = 1\n")
    changed = LockedSource("mylib", "0.3", "folder", (tmp_path / "lib").as_uri(), digest_of_folder(tmp_path / "lib"))
    second = built(changed, cache)
    assert first.wheels != second.wheels
    assert "mylib/new.py" in names(second, cache)


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder(tmp_path / "lib")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "lib" / "mylib" / "link.py").symlink_to(tmp_path / "secret")
    with pytest.raises(ResolutionError, match=r"The link 'link\.py' leads out of the folder 'lib'"):
        digest_of_folder(tmp_path / "lib")


def test_the_same_bytes_in_another_place_at_another_time(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(folder(tmp_path / "one"), Cache(tmp_path / "first"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "99")
    previous = os.umask(0o077)
    try:
        second = built(folder(tmp_path / "elsewhere" / "two"), Cache(tmp_path / "second"))
    finally:
        os.umask(previous)
    assert first.wheels == second.wheels


def test_normalising_keeps_files_and_what_can_be_executed(tmp_path: Path) -> None:
    old, new, again = tmp_path / "old.whl", tmp_path / "new.whl", tmp_path / "again.whl"
    with zipfile.ZipFile(old, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, mode in (("b.py", 0o100600), ("a/", 0o40755), ("a/run", 0o100775)):
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = mode << 16
            wheel.writestr(info, "" if name.endswith("/") else name)
    normalise(old, new)
    found = zipfile.ZipFile(new)
    assert [(one.filename, oct(one.external_attr >> 16), one.date_time[0]) for one in found.infolist()] == [
        ("a/run", "0o100755", 1980),
        ("b.py", "0o100644", 1980),
    ]
    assert found.read("a/run") == b"a/run"
    normalise(new, again)
    assert new.read_bytes() == again.read_bytes()


# --- other sources


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_commit_of_a_repository(index: Index, cache: Cache, tmp_path: Path) -> None:
    repository = write_project(tmp_path / "repo", {"README": "x"})
    write_project(repository / "sub", project_files("mylib", "0.3"))
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "one")
    commit = git(repository, "rev-parse", "HEAD").strip()
    (repository / "sub" / "mylib" / "later.py").write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "two")
    source = LockedSource("mylib", "0.3", "git", repository.as_uri(), commit, "sub")
    found = names(built(source, cache), cache)
    assert "mylib/other.py" in found
    assert "mylib/later.py" not in found
    with pytest.raises(PackageIndexError, match="gives no package"):
        built(LockedSource("mylib", "0.3", "git", repository.as_uri(), "a" * 40), cache)


def test_a_repository_that_is_not_there_asks_nobody(cache: Cache, index: Index) -> None:
    index.login = "me:pw"
    url = f"http://127.0.0.1:{index.port}/repo.git"
    with pytest.raises(PackageIndexError, match="gives no package"):
        built(LockedSource("mylib", "0.3", "git", url, "a" * 40), cache)


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as found:
        for path, text in files.items():
            found.writestr(path, text)
    return buffer.getvalue()


def test_an_archive_with_the_project_below(index: Index, cache: Cache) -> None:
    data = zipped({f"main/p/{path}": text for path, text in project_files("mylib", "0.3").items()})
    index.add(("main.zip", data))
    digest = hashlib.sha256(data).hexdigest()
    source = LockedSource("mylib", "", "archive", index.url_of("main.zip"), digest, "p")
    assert [one.version for one in built(source, cache).wheels] == ["0.3"]
    with pytest.raises(ResolutionError, match=r"has no folder '\.\./\.\.'"):
        built(LockedSource("mylib", "", "archive", index.url_of("main.zip"), digest, "../.."), cache)


@pytest.mark.parametrize("name", ["x-1.0.tar.gz", "x-1.0.zip", "x-1.0.rar"])
def test_archives_that_cannot_be_unpacked(index: Index, cache: Cache, name: str) -> None:
    index.add((name, b"no archive"))
    source = LockedSource("x", "1.0", "archive", index.url_of(name), hashlib.sha256(b"no archive").hexdigest())
    with pytest.raises(ResolutionError, match="The archive of x"):
        built(source, cache)


def test_an_archive_that_would_write_elsewhere(index: Index, cache: Cache, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as found:
        found.addfile(tarfile.TarInfo("../../escaped"))
    index.add(("x-1.0.tar.gz", buffer.getvalue()))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    with pytest.raises(ResolutionError, match="cannot be unpacked"):
        built(LockedSource("x", "1.0", "archive", index.url_of("x-1.0.tar.gz"), digest), cache)


# --- what cannot be


def test_a_failed_build_shows_its_own_last_lines(index: Index, cache: Cache) -> None:
    with pytest.raises(ResolutionError) as caught:
        built(archive(index, fails=True), cache)
    assert caught.value.message.startswith("There is no wheel of old, and building one failed.\n")
    assert "the compiler says: error 42" in caught.value.message
    assert "/tmp" not in caught.value.message
    assert caught.value.hint == "Take a version that has a wheel, or publish one."


def test_what_was_compiled_here_is_for_here_alone(index: Index, cache: Cache) -> None:
    source = archive(index, tag=f"py3-none-linux_{HERE.machine}")
    assert built(source, cache).wheels[0].filename.endswith(f"linux_{HERE.machine}.whl")
    older = Target(HERE.platform, HERE.python, ("glibc", (2, 17)))
    for target in (older, ALPINE, ARM64):
        with pytest.raises(ResolutionError, match="it would have to be compiled on such a platform"):
            built(source, cache, target)


def test_pure_python_is_built_for_every_platform_and_python(index: Index, cache: Cache) -> None:
    source = archive(index)
    wheels = [built(source, cache, target).wheels for target in (HERE, ALPINE, ARM64)]
    wheels.append(built(source, cache, Target(HERE.platform, "3.99.0", HERE.libc)).wheels)
    assert all(each == wheels[0] for each in wheels)


def test_a_python_that_cannot_be_run_is_not_taken(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "bin" / "python3.99"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho no such version >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    assert built(archive(index), cache, Target(HERE.platform, "3.99.0", HERE.libc)).wheels


def test_a_wheel_of_another_name_is_refused(index: Index, cache: Cache) -> None:
    files = project_files("old", "1.0")
    files["backend.py"] = files["backend.py"].replace('name, version, tag = "old"', 'name, version, tag = "other"')
    files["pyproject.toml"] = files["pyproject.toml"].replace('name = "old"', 'name = "other"')
    filename, data = make_sdist("old", "1.0", files)
    index.add((filename, data))
    source = LockedSource("old", "1.0", "archive", index.url_of(filename), hashlib.sha256(data).hexdigest())
    with pytest.raises(ResolutionError, match="Building old gave a wheel of other"):
        built(source, cache)


def test_what_building_needs_comes_from_the_index(index: Index, cache: Cache) -> None:
    index.add(make_wheel("tool", "1.0"))
    files = project_files("old", "1.0")
    files["pyproject.toml"] = files["pyproject.toml"].replace("requires = []", 'requires = ["tool"]')
    files["backend.py"] = "import tool\n" + files["backend.py"]
    filename, data = make_sdist("old", "1.0", files)
    index.add((filename, data))
    source = LockedSource("old", "1.0", "archive", index.url_of(filename), hashlib.sha256(data).hexdigest())
    assert built(source, cache).wheels
    del index.files["tool-1.0-py3-none-any.whl"]
    other = Target(HERE.platform, HERE.python, (HERE.libc[0], (2, 99)))
    with pytest.raises(ResolutionError, match="building one failed"):
        built(source, cache, other)


def test_a_build_sees_nothing_of_the_environment_that_runs_this(index: Index, cache: Cache) -> None:
    files = project_files("old", "1.0")
    files["backend.py"] = (
        "import importlib.util\nassert importlib.util.find_spec('pytest') is None\n" + files["backend.py"]
    )
    filename, data = make_sdist("old", "1.0", files)
    index.add((filename, data))
    source = LockedSource("old", "1.0", "archive", index.url_of(filename), hashlib.sha256(data).hexdigest())
    assert built(source, cache).wheels


def test_cancelling_a_build(index: Index, cache: Cache) -> None:
    class Cancelled(Exception):
        pass

    files = project_files("old", "1.0")
    files["backend.py"] = "import threading; threading.Event().wait(60)\n"
    filename, data = make_sdist("old", "1.0", files)
    index.add((filename, data))
    source = LockedSource("old", "1.0", "archive", index.url_of(filename), hashlib.sha256(data).hexdigest())
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        if len([one for one in seen if one.name == "old"]) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        build(Lock(HERE, (), (source,)), cache, report=report)
