"""The cache among processes that are killed, and on disks that are full or read-only."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.errors import StorageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.cache import Cache
from tests.support import ROOT

# Writes blobs and facts without end, and says a word after each; everything under a lock.
WRITER = """
import sys
from pathlib import Path
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.cache import Cache
cache, number = Cache(Path(sys.argv[1])), 0
while True:
    data = str(number % 7).encode() * 100_000
    with cache.exclusive("one at a time"), cache.write_blob(oci.digest_of(data), len(data)) as draft:
        for start in range(0, len(data), 10_000):
            draft.write(data[start : start + 10_000])
    cache.put_document("facts", str(number % 7), data[:1000])
    number += 1
    print(number, flush=True)
"""
HOLDER = """
import sys
from pathlib import Path
from jupyter_mltrain.image.cache import Cache
cache = Cache(Path(sys.argv[1]))
with cache.exclusive("name"), cache.write_blob() as draft:
    draft.write(bytes(1000))
    print("held", flush=True)
    sys.stdin.read()
"""


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def assert_consistent(cache: Cache) -> None:
    """Check every file that can be found by a digest or a key."""
    for number in range(7):
        data = str(number).encode() * 100_000
        path = cache.blob(oci.digest_of(data))
        assert path is None or path.read_bytes() == data
        assert cache.document("facts", str(number)) in (None, data[:1000])


def test_processes_that_are_killed_at_any_time_leave_whole_files_only(tmp_path: Path) -> None:
    """Three writers, twenty kills: each time one dies wherever it is and another takes its place."""
    cache, chance = Cache(tmp_path / "cache"), random.Random(0)
    processes = [child(WRITER, cache.folder) for _ in range(3)]
    try:
        for kill in range(20):
            victim = processes.pop(0)
            assert victim.stdout is not None
            for _ in range(chance.randrange(1, 4)):  # the kill comes while the next one is written
                assert victim.stdout.readline()
            os.kill(victim.pid, signal.SIGSTOP if kill % 5 == 4 else signal.SIGKILL)
            assert_consistent(cache)
            end(victim)
            processes.append(child(WRITER, cache.folder))
    finally:
        for process in processes:
            end(process)
    assert_consistent(cache)
    cache.sweep()
    left = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert {path.relative_to(cache.folder).parts[0] for path in left} == {"blobs", "documents"}
    assert len(left) == 14


def test_a_killed_holder_frees_its_name_and_its_draft_is_swept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    process = child(HOLDER, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    (draft,) = (tmp_path / "drafts").iterdir()

    def waiting() -> None:
        if process.poll() is None:
            cache.sweep()  # a living writer keeps its draft
            assert draft.exists()
            end(process)

    with cache.exclusive("name", waiting):
        assert process.poll() == -signal.SIGKILL
        with cache.write_blob() as other:
            other.write(b"x")
    assert not draft.exists()
    assert cache.blob(other.digest) is not None


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    first, second = child(HOLDER, tmp_path), None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = child(HOLDER, tmp_path)
        first.communicate("")  # lets go of the name
        assert second.stdout is not None
        assert second.stdout.readline() == "held\n"
        assert first.returncode == 0
    finally:
        for process in (first, second):
            if process is not None:
                end(process)


# --- disks ------------------------------------------------------------------------------------------------------------


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def write(cache: Cache, size: int) -> None:
    with cache.write_blob() as draft:
        for _ in range(size // 10_000):
            draft.write(os.urandom(10_000))


def test_a_full_disk(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    write(cache, 100_000)
    before = files(small_disk)
    with pytest.raises(StorageError, match="No space left") as caught:
        write(cache, 2_000_000)
    assert "Free some space" in caught.value.hint
    assert files(small_disk) == before
    write(cache, 100_000)


def test_facts_on_a_full_disk(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    cache.put_document("kind", "key", b"before")
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(StorageError, match="No space left"):
        cache.put_document("kind", "key", bytes(100_000))
    assert cache.document("kind", "key") == b"before"


def test_a_limit_of_the_size_of_files(tmp_path: Path) -> None:
    cache, before = Cache(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(StorageError) as caught:
            write(cache, 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Free some space" in caught.value.hint
    assert files(tmp_path) == []


def test_a_disk_that_can_only_be_read(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    data = bytes(1000)
    with cache.write_blob() as draft:
        draft.write(data)
    cache.put_document("kind", "key", b"fact")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    cache = Cache(cache.folder)
    assert cache.blob(oci.digest_of(data)) is not None
    assert cache.verify(oci.digest_of(data))
    assert cache.document("kind", "key") == b"fact"
    cache.sweep()
    for use in (
        lambda: write(cache, 10_000),
        lambda: cache.put_document("kind", "key", b"new"),
        lambda: cache.prune(0, unused=0),
        cache.exclusive("name").__enter__,
    ):
        with pytest.raises(StorageError, match="Read-only") as caught:
            use()
        assert "Make the folder writable" in caught.value.hint
    assert cache.document("kind", "key") == b"fact"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        write(Cache(tmp_path / "cache"), 10_000)
