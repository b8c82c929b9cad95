from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from jupyter_mltrain.errors import PackageIndexError, StorageError
from jupyter_mltrain.image import cache_files
from jupyter_mltrain.image import fetch as fetching
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.credentials import Credentials
from jupyter_mltrain.image.fetch import fetch
from jupyter_mltrain.image.locked import LockedWheel
from jupyter_mltrain.image.progress import Progress
from tests.image.package_index import Fault, Index


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_DELAYS", (0.0, 0.0, 0.0, 0.0))


def locked(index: Index, name: str, *, size: int = 0, sha256: str = "", told: bool = True) -> LockedWheel:
    filename = index.wheel(name, "1.0", size=size)
    data = index.files[filename]
    digest = sha256 or hashlib.sha256(data).hexdigest()
    return LockedWheel(name, "1.0", filename, index.url_of(filename), digest, len(data) if told else None)


def test_wheels_come_into_the_cache_once(index: Index, cache: Cache) -> None:
    wheels = [locked(index, f"w{number}", told=number % 2 == 0) for number in range(9)]
    seen: list[Progress] = []
    found = fetch(wheels, cache, seen.append)
    assert {sha256: path.read_bytes() for sha256, path in found.items()} == {
        wheel.sha256: index.files[wheel.filename] for wheel in wheels
    }
    assert sorted(one.name for one in seen if one.state == "done") == sorted(wheel.filename for wheel in wheels)
    asked = len(index.requests)
    seen.clear()
    assert fetch(wheels, cache, seen.append) == found
    assert len(index.requests) == asked
    assert {one.state for one in seen} == {"cached"}


def test_a_damaged_file_in_the_cache_is_fetched_again(index: Index, cache: Cache) -> None:
    wheel = locked(index, "w")
    fetch([wheel], cache)[wheel.sha256].write_bytes(b"short")
    assert fetch([wheel], cache)[wheel.sha256].read_bytes() == index.files[wheel.filename]


def test_a_cut_is_resumed_where_it_was(index: Index, cache: Cache) -> None:
    wheel = locked(index, "big", size=3_000_000)
    index.faults[wheel.filename] = [Fault(cut=1_500_000), Fault(cut=500_000)]
    path = fetch([wheel], cache)[wheel.sha256]
    assert path.stat().st_size == wheel.size
    ranges = [sent for _, sent in index.requests]
    assert ranges[0] == ""
    begins = [int(sent.removeprefix("bytes=").rstrip("-")) for sent in ranges[1:]]
    assert len(begins) == 2
    assert 0 < begins[0] < begins[1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(index: Index, cache: Cache, status: int) -> None:
    wheel = locked(index, "w")
    index.faults[wheel.filename] = [Fault(status=status, headers={"Retry-After": "0"})] * 2
    assert fetch([wheel], cache)[wheel.sha256].exists()


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [
        (401, "index-unauthorised", 1),
        (403, "index-unauthorised", 1),
        (404, "index-not-found", 1),
        (451, "index", 1),
        (503, "index-unreachable", 5),
    ],
)
def test_what_does_not_pass_is_told(index: Index, cache: Cache, status: int, code: str, tries: int) -> None:
    wheel = locked(index, "w")
    index.faults[wheel.filename] = [Fault(status=status)] * 10
    with pytest.raises(PackageIndexError, match=r"w-1\.0-py3-none-any\.whl") as caught:
        fetch([wheel], cache)
    assert caught.value.code == code
    assert len(index.requests) == tries
    assert cache.size() == 0


def test_a_server_that_is_not_there(index: Index, cache: Cache) -> None:
    wheel = LockedWheel("w", "1.0", "w-1.0-py3-none-any.whl", "http://127.0.0.1:9/w-1.0-py3-none-any.whl", "a" * 64)
    with pytest.raises(PackageIndexError, match=r"cannot be fetched from 127\.0\.0\.1") as caught:
        fetch([wheel], cache)
    assert caught.value.code == "index-unreachable"


def test_an_address_that_is_none(cache: Cache) -> None:
    wheel = LockedWheel("w", "1.0", "w-1.0-py3-none-any.whl", "http://host:x/w.whl", "a" * 64)
    with pytest.raises(PackageIndexError, match="has no valid address"):
        fetch([wheel], cache)


@pytest.mark.parametrize("told", [True, False])
def test_other_bytes_are_refused_with_both_digests(index: Index, cache: Cache, told: bool) -> None:
    wheel = locked(index, "w", sha256="a" * 64, told=told)
    with pytest.raises(PackageIndexError) as caught:
        fetch([wheel], cache)
    found = hashlib.sha256(index.files[wheel.filename]).hexdigest()
    assert caught.value.code == "index-digest"
    assert caught.value.message == (
        f"w-1.0-py3-none-any.whl is not the file that was locked: its digest is sha256:{found} "
        f"instead of sha256:{'a' * 64}."
    )
    assert cache.size() == 0


@pytest.mark.parametrize("change", [b"", b"more bytes than were announced" * 100])
def test_another_size_is_refused(index: Index, cache: Cache, change: bytes) -> None:
    wheel = locked(index, "w")
    index.files[wheel.filename] = change
    with pytest.raises(PackageIndexError, match="is not the file that was locked") as caught:
        fetch([wheel], cache)
    assert caught.value.code == "index-digest"


def test_a_file_that_changes_between_a_cut_and_the_rest_is_fetched_anew(index: Index, cache: Cache) -> None:
    wheel = locked(index, "big", size=2_000_000)
    right, name = index.files[wheel.filename], wheel.filename
    index.files[name] = b"\0" * len(right)
    index.faults[name] = [Fault(cut=1_500_000)]
    seen: list[int] = []

    def report(progress: Progress) -> None:
        seen.append(progress.done)
        if progress.done:
            index.files[name] = right

    assert fetch([wheel], cache, report)[wheel.sha256].read_bytes() == right


def test_files_of_this_machine(index: Index, cache: Cache, tmp_path: Path) -> None:
    wheel = locked(index, "w")
    local = tmp_path / "a b" / wheel.filename
    local.parent.mkdir()
    local.write_bytes(index.files[wheel.filename])
    here = LockedWheel("w", "1.0", wheel.filename, local.as_uri(), wheel.sha256)
    assert fetch([here], cache)[wheel.sha256].read_bytes() == local.read_bytes()
    assert index.requests == []
    local.unlink()
    with pytest.raises(PackageIndexError, match="cannot be read: No such file"):
        fetch([here], Cache(tmp_path / "other"))


def test_what_was_built_here_is_in_the_cache_or_nowhere(index: Index, cache: Cache) -> None:
    with pytest.raises(StorageError, match=r"w\.whl, which was built here, is no longer in the cache"):
        fetch([LockedWheel("w", "1.0", "w.whl", "", "a" * 64)], cache)


def test_cancelling_one_stops_all(index: Index, cache: Cache) -> None:
    class Cancelled(Exception):
        pass

    def report(progress: Progress) -> None:
        if progress.done:
            raise Cancelled

    wheels = [locked(index, f"w{number}", size=2_000_000) for number in range(12)]
    with pytest.raises(Cancelled):
        fetch(wheels, cache, report)
    assert len(index.requests) < 12
    assert not list((cache.folder / "drafts").iterdir())
    assert len(fetch(wheels, cache)) == 12


def test_two_builds_fetch_a_file_once(index: Index, cache: Cache) -> None:
    wheel = locked(index, "w", size=2_000_000)
    begun = threading.Event()
    other = threading.Thread(target=lambda: fetch([wheel], Cache(cache.folder), lambda _: begun.set()))
    other.start()
    begun.wait(30)
    fetch([wheel], cache)
    other.join()
    assert len(index.requests) == 1


def test_a_full_disk(index: Index, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = locked(index, "w", size=100_000)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(cache_files.os, "write", full)
        with pytest.raises(StorageError, match="No space left on device"):
            fetch([wheel], cache)
    assert fetch([wheel], cache)[wheel.sha256].exists()


# --- logins


@pytest.mark.parametrize("by", ["address", "variable", "netrc", "settings"])
def test_logins_are_taken_from_where_uv_takes_them(
    index: Index, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    wheel = locked(index, "w")
    index.login = "me:hunter 2"
    settings: list[dict[str, object]] = []
    if by == "address":
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url_with("me:hunter%202"))
    elif by == "variable":
        monkeypatch.setenv("UV_INDEX", f"my-index={index.url}")
        monkeypatch.setenv("UV_INDEX_MY_INDEX_USERNAME", "me")
        monkeypatch.setenv("UV_INDEX_MY_INDEX_PASSWORD", "hunter 2")
    elif by == "netrc":
        (tmp_path / "netrc").write_text('machine 127.0.0.1 login me password "hunter 2"\n')
    else:
        settings = [{"index": [{"name": "my", "url": index.url_with("me:hunter%202")}]}]
    assert fetch([wheel], cache, credentials=Credentials((), settings))[wheel.sha256].exists()


def test_a_login_is_for_its_host_alone(index: Index) -> None:
    known = Credentials(["-i https://me:pw@one.example.com/simple", "u @ git+https://x:y@git.example.com/r"])
    assert known.login("https://one.example.com/files/a.whl") == ("me", "pw")
    assert known.login("https://git.example.com/r") == ("x", "y")
    assert known.login("http://one.example.com/files/a.whl") is None
    assert known.login("https://two.example.com/files/a.whl") is None


def test_a_password_is_in_no_error(index: Index, cache: Cache) -> None:
    wheel = locked(index, "w")
    index.login = "me:right"
    credentials = Credentials([index.url_with("me:hunter2")])
    with pytest.raises(PackageIndexError) as caught:
        fetch([wheel], cache, credentials=credentials)
    assert "hunter2" not in str(caught.value.to_dict()) + repr(credentials)
