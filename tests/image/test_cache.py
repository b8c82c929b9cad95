"""The cache: what is in it is whole, what is not is not there."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mltrain.errors import ImageError, StorageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.cache import Cache, DigestMismatch, default_folder
from jupyter_mltrain.image.layer import Entry, write_layer

DATA = b"some bytes " * 1000
DIGEST = oci.digest_of(DATA)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, data: bytes = DATA) -> Path:
    with cache.write_blob(oci.digest_of(data), len(data)) as draft:
        draft.write(data)
    path = cache.blob(oci.digest_of(data))
    assert path is not None
    return path


def files(cache: Cache) -> list[str]:
    return sorted(str(path.relative_to(cache.folder)) for path in cache.folder.rglob("*") if path.is_file())


def age(path: Path, seconds: float) -> None:
    used = path.stat().st_mtime - seconds
    os.utime(path, (used, used))


# --- blobs ------------------------------------------------------------------------------------------------------------


def test_a_blob_is_found_by_its_digest(cache: Cache) -> None:
    assert cache.blob(DIGEST) is None
    assert put(cache).read_bytes() == DATA
    assert len(files(cache)) == 1
    assert cache.size() == len(DATA)
    assert cache.verify(DIGEST)


def test_reading_makes_no_folder(cache: Cache) -> None:
    assert (cache.blob(DIGEST), cache.layer("a"), cache.document("a", "b"), cache.verify(DIGEST)) == (
        None,
        None,
        None,
        False,
    )
    assert (cache.size(), cache.prune(0)) == (0, 0)
    cache.sweep()
    assert not cache.folder.exists()


def test_a_layer_is_written_into_it_and_remembered(cache: Cache, tmp_path: Path) -> None:
    with cache.write_blob() as draft:
        layer = write_layer([Entry("a", DATA)], draft, "zstd")
    cache.remember("some key", layer)
    assert Cache(tmp_path / "cache").layer("some key") == layer
    assert cache.layer("another key") is None
    path = cache.blob(layer.descriptor.digest)
    assert path is not None
    assert oci.digest_of(path.read_bytes()) == layer.descriptor.digest


def test_a_layer_is_remembered_without_its_bytes(cache: Cache) -> None:
    with cache.write_blob() as draft:
        layer = write_layer([Entry("a", DATA)], draft, "zstd")
    cache.remember("some key", layer)
    cache.prune(0, unused=0)
    assert cache.layer("some key") == layer
    assert cache.blob(layer.descriptor.digest) is None


@pytest.mark.parametrize(
    ("digest", "size", "said"),
    [
        (oci.digest_of(b"other"), None, "instead of"),
        (None, len(DATA) - 1, "More than"),
        (None, len(DATA) + 1, "bytes came instead of"),
        (None, 0, "More than"),
    ],
)
def test_bytes_that_are_not_those_announced(cache: Cache, digest: str | None, size: int | None, said: str) -> None:
    with pytest.raises(DigestMismatch, match=said), cache.write_blob(digest, size) as draft:
        draft.write(DATA)
    assert files(cache) == []
    assert cache.blob(DIGEST) is None


def pour(cache: Cache, source: Iterator[bytes], size: int | None = None) -> None:
    with cache.write_blob(size=size) as draft:
        for data in source:
            draft.write(data)


def test_too_many_bytes_are_refused_before_all_of_them_have_come(cache: Cache) -> None:
    endless = itertools.count()
    with pytest.raises(DigestMismatch, match="More than the 10 bytes"):
        pour(cache, (b"abc" for _ in endless), size=10)
    assert next(endless) == 4
    assert files(cache) == []


def breaking_off() -> Iterator[bytes]:
    yield DATA
    raise ConnectionResetError


def test_what_the_writer_raises_comes_through_and_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(ConnectionResetError):
        pour(cache, breaking_off())
    assert files(cache) == []


def test_a_source_can_begin_anew(cache: Cache) -> None:
    with cache.write_blob(DIGEST, len(DATA)) as draft:
        draft.write(b"broken off")
        draft.restart()
        draft.write(DATA)
    path = cache.blob(DIGEST)
    assert path is not None
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("content", [b"", DATA[:-1], DATA + b"x"])
def test_a_blob_of_another_size_is_not_trusted(cache: Cache, content: bytes) -> None:
    put(cache).write_bytes(content)
    assert cache.blob(DIGEST) is None
    assert not cache.verify(DIGEST)
    assert put(cache).read_bytes() == DATA


def test_a_blob_that_was_deleted_is_written_anew(cache: Cache) -> None:
    put(cache).unlink()
    assert cache.blob(DIGEST) is None
    assert put(cache).read_bytes() == DATA


def test_a_damaged_blob_is_dropped_when_it_is_verified(cache: Cache) -> None:
    path = put(cache)
    path.write_bytes(b"X" + DATA[1:])
    assert cache.blob(DIGEST) == path  # looking does not read
    assert not cache.verify(DIGEST)
    assert cache.blob(DIGEST) is None


@pytest.mark.parametrize("digest", ["", "sha256:", "sha512:" + "a" * 64, "sha256:../../etc", "sha256:" + "A" * 64])
def test_what_is_no_digest_leads_nowhere(cache: Cache, digest: str) -> None:
    with pytest.raises(ImageError, match="is not a digest"):
        cache.blob(digest)


def test_an_empty_blob(cache: Cache) -> None:
    assert put(cache, b"").read_bytes() == b""


# --- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a/b", "../..", "ü" * 5000, "\0", "\udcff"])
def test_documents_have_any_text_as_a_key(cache: Cache, key: str) -> None:
    cache.put_document("kind", key, b"first")
    cache.put_document("kind", key, b"second\nline\n")
    cache.put_document("another kind", key, b"")
    assert cache.document("kind", key) == b"second\nline\n"
    assert cache.document("another kind", key) == b""
    assert cache.document("kind", key + " ") is None


@pytest.mark.parametrize("damage", [b"", b"\n", bytes(70), b"0" * 64 + b"\nfact", b"{}"])
def test_a_damaged_document_is_not_there(cache: Cache, damage: bytes) -> None:
    cache.put_document("layers", "key", b"fact")
    (path,) = (path for path in cache.folder.rglob("*") if path.is_file())
    path.write_bytes(damage)
    assert cache.document("layers", "key") is None
    assert cache.layer("key") is None


# --- keeping house ----------------------------------------------------------------------------------------------------


def test_the_least_recently_used_go_first(cache: Cache) -> None:
    paths = [put(cache, bytes([index]) * 100) for index in range(5)]
    for index, path in enumerate(paths):
        age(path, 10_000 - index)
    assert cache.blob(oci.digest_of(bytes([0]) * 100)) == paths[0]  # used again, so the newest
    assert cache.prune(250) == 300
    assert [path.exists() for path in paths] == [True, False, False, False, True]
    assert cache.size() == 200


def test_what_a_build_may_need_stays(cache: Cache) -> None:
    old, new = put(cache, b"old"), put(cache, b"new")
    age(old, 10_000)
    assert cache.prune(0) == 3
    assert (old.exists(), new.exists()) == (False, True)


def test_a_cache_within_its_limit_stays(cache: Cache) -> None:
    path = put(cache)
    age(path, 10_000)
    assert cache.prune(len(DATA)) == 0
    assert path.exists()


# --- threads ----------------------------------------------------------------------------------------------------------


def test_threads_share_the_work(cache: Cache) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        with cache.exclusive("a name"):
            if cache.blob(DIGEST) is None:
                put(cache)
                done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert len(files(cache)) == 1


def test_threads_that_write_the_same_at_once(cache: Cache) -> None:
    barrier = threading.Barrier(6)

    def write() -> None:
        with cache.write_blob(DIGEST) as draft:
            draft.write(DATA)
            barrier.wait()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.verify(DIGEST)
    assert len(files(cache)) == 1


def test_different_names_do_not_wait_for_each_other(cache: Cache) -> None:
    with cache.exclusive("a"), cache.exclusive("b"):
        assert len(files(cache)) == 2
    assert files(cache) == []


class Cancelled(Exception):
    pass


def test_waiting_can_be_given_up(cache: Cache) -> None:
    asked = []

    def waiting() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled

    with cache.exclusive("a"):
        with pytest.raises(Cancelled), cache.exclusive("a", waiting):
            raise AssertionError
        assert len(files(cache)) == 1  # the holder's lock is still there
    with cache.exclusive("a", waiting):
        assert len(asked) == 3


def test_what_the_holder_raises_frees_the_name(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError), cache.exclusive("a"):
        _ = 1 / 0
    with cache.exclusive("a", lambda: pytest.fail("still held")):
        pass


# --- where it is ------------------------------------------------------------------------------------------------------


def test_the_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLTRAIN_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "cache" / "images"
    assert Cache().folder == default_folder()
    monkeypatch.delenv("MLTRAIN_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder().name == "images"
    assert "jupyter-mltrain" in str(default_folder())


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file")
    for use in (lambda: put(cache), lambda: cache.put_document("a", "b", b""), cache.exclusive("a").__enter__):
        with pytest.raises(StorageError, match="cannot be used") as caught:
            use()
        assert "MLTRAIN_HOME" in caught.value.hint


def test_digests_are_those_of_sha256(cache: Cache) -> None:
    with cache.write_blob() as draft:
        draft.write(b"a")
        draft.write(b"b")
    assert draft.digest == f"sha256:{hashlib.sha256(b'ab').hexdigest()}"
    assert draft.size == 2
