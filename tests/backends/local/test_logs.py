from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mltrain.backends.base import LogChunk
from jupyter_mltrain.backends.local import logs, replica
from jupyter_mltrain.backends.local.bell import ring_all
from jupyter_mltrain.backends.local.shim import Log
from jupyter_mltrain.errors import InvalidInput


def collect(pod: Path, **options) -> list[LogChunk]:
    async def gather() -> list[LogChunk]:
        return [chunk async for chunk in logs.read(pod, **options)]

    return asyncio.run(asyncio.wait_for(gather(), 60))


def text(chunks: list[LogChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def write_run(folder: Path, content: bytes, *, max_bytes: int = 10**9, backups: int = 1000) -> None:
    (folder / "log").mkdir(parents=True)
    log = Log(str(folder / "log"), max_bytes, backups)
    for line in content.splitlines(keepends=True):
        log.write(line)
    log.close()


def test_all_runs_in_order(tmp_path):
    for number in (0, 1, 10, 2):
        write_run(tmp_path / f"0-{number}", f"run {number}\n".encode())
    write_run(tmp_path / "1-0", b"made again\n")
    assert text(collect(tmp_path)) == "run 0\nrun 1\nrun 2\nrun 10\nmade again\n"
    assert {chunk.replica for chunk in collect(tmp_path)} == {tmp_path.name}


def test_an_unfinished_line_of_a_killed_run_does_not_swallow_the_next_ones_first(tmp_path):
    write_run(tmp_path / "0-0", b"first\ncut of")
    write_run(tmp_path / "0-1", b"second\n")
    chunks = collect(tmp_path)
    assert text(chunks) == "first\ncut of\nsecond\n"
    assert text(collect(tmp_path, after=chunks[0].cursor)) == "cut of\nsecond\n"


def test_nothing_there(tmp_path):
    assert collect(tmp_path) == []
    assert collect(tmp_path / "nowhere") == []
    assert collect(tmp_path / "nowhere", tail=3) == []
    assert collect(tmp_path / "nowhere", follow=True) == []


def test_any_cursor_goes_on_where_it_was(tmp_path):
    content = b"".join(b"line %d %s\n" % (i, b"x" * 40) for i in range(40_000))
    write_run(tmp_path / "0-0", content, max_bytes=10**6)
    write_run(tmp_path / "0-1", b"second run\n")
    chunks = collect(tmp_path)
    assert text(chunks) == content.decode() + "second run\n"
    assert len(chunks) > 5
    for number, chunk in enumerate(chunks):
        assert collect(tmp_path, after=chunk.cursor) == chunks[number + 1 :]
    assert not any(chunk.truncated for chunk in chunks)


def test_what_was_rotated_away_is_told(tmp_path):
    content = b"".join(b"line %03d\n" % i for i in range(1000))
    write_run(tmp_path / "0-0", content, max_bytes=1000, backups=2)
    first, *others = collect(tmp_path, after="0-0:9")
    assert first.truncated
    assert not any(chunk.truncated for chunk in others)
    kept = text([first, *others])
    assert content.decode().endswith(kept)
    assert 2000 < len(kept) < 4000


def test_a_run_that_is_gone_is_told(tmp_path):
    write_run(tmp_path / "0-1", b"second\n")
    (chunk,) = collect(tmp_path, after="0-0:100")
    assert (chunk.text, chunk.truncated) == ("second\n", True)


@pytest.mark.parametrize("cursor", ["", "5", "0-0", "0-0:", "0-0:-5", "../x:3", "a-b:1"])
def test_a_foreign_cursor_is_refused(tmp_path, cursor):
    with pytest.raises(InvalidInput, match="no position"):
        collect(tmp_path, after=cursor)


def test_a_cut_character_never_shows(tmp_path):
    content = ("grüße 😀 " * 50 + "\n").encode() * 2000
    write_run(tmp_path / "0-0", content, max_bytes=3000)
    assert text(collect(tmp_path)) == content.decode()


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    write_run(tmp_path / "0-0", b"\xff\xfe\nfine\n")
    assert text(collect(tmp_path)) == "\ufffd\ufffd\nfine\n"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_the_last_lines(tmp_path, seed, ending, monkeypatch):
    monkeypatch.setattr(logs, "CHUNK_BYTES", 64)  # many blocks
    source = random.Random(seed)
    lines = [b"x" * source.choice([0, 1, 10, 100]) for _ in range(source.randrange(60))]
    content = b"\n".join(lines) + ending
    write_run(tmp_path / "0-0", b"the first run\nan earlier run\n")
    write_run(tmp_path / "0-1", content, max_bytes=500)
    everything = ["the first run\n", "an earlier run\n", *content.decode().splitlines(keepends=True)]
    for count in (0, 1, 2, 7, len(everything) - 1, len(everything), 1000):
        chunks = collect(tmp_path, tail=count)
        assert text(chunks) == "".join(everything[-count:] if count else [])
        assert [chunk.truncated for chunk in chunks[:1]] == [count < len(everything)] * bool(chunks)
        if chunks:
            assert collect(tmp_path, after=chunks[0].start) == [replace(chunks[0], truncated=False), *chunks[1:]]


# Following


def follow(pod: Path, reacted: Callable[[str], None], **options) -> str:
    """Follow a log, telling each chunk; fails if it does not end."""

    async def gather() -> str:
        found = ""
        async for chunk in logs.read(pod, follow=True, **options):
            found += chunk.text
            reacted(found)
        return found

    return asyncio.run(asyncio.wait_for(gather(), 60))


def test_each_line_comes_when_it_is_written(shell):
    run = shell("echo ready; while read line; do echo got $line; done < fifo; printf 'the end'")
    os.mkfifo(run.spec.cwd / "fifo")
    run.launch()
    seen = []

    def react(text: str) -> None:
        seen.append(text)
        if text.endswith("ready\n"):
            pipe = os.open(run.spec.cwd / "fifo", os.O_WRONLY)
            os.write(pipe, b"one\n")
            os.close(pipe)

    assert follow(run.folder.parent, react) == "ready\ngot one\nthe end"
    assert seen[0] == "ready\n"
    assert list((run.folder.parent / "followers").iterdir()) == []


def test_a_hundred_thousand_lines_come_once_and_in_order(shell):
    run = shell("seq 100000", log_max_bytes=10_000, log_backups=1000).launch()
    assert follow(run.folder.parent, lambda text: None) == "".join(f"{i}\n" for i in range(1, 100_001))


def test_a_slow_reader_is_told_what_it_missed(shell):
    run = shell("seq 1000; read x < fifo; seq 100000", log_max_bytes=10_000, log_backups=1)
    os.mkfifo(run.spec.cwd / "fifo")
    run.launch().said("1000")

    async def gather() -> list[LogChunk]:
        chunks = []
        async for chunk in logs.read(run.folder.parent, follow=True):
            if not chunks:
                (run.spec.cwd / "fifo").write_text("\n")
                await asyncio.to_thread(run.ended)
            chunks.append(chunk)
        return chunks

    chunks = asyncio.run(asyncio.wait_for(gather(), 60))
    assert chunks[1].truncated
    assert text(chunks).endswith("99999\n100000\n")


def test_a_shim_that_is_killed_does_not_leave_its_followers_hanging(python):
    run = python("import os; print('ready'); os.read(os.pipe()[0], 1)").launch()
    assert follow(run.folder.parent, lambda _: os.kill(run.now.shim_pid, signal.SIGKILL)) == "ready\n"


def test_the_next_run_is_followed_too(shell, tmp_path):
    pod = tmp_path / "pod"
    first = shell("echo first", folder=pod / "0-0")
    second = shell("echo second", folder=pod / "0-1")
    first.launch()
    launched = []

    def restart(text: str) -> None:
        if not launched:
            first.ended()
            second.launch()
            launched.append(second)

    assert follow(pod, restart, finished=lambda: bool(launched)) == "first\nsecond\n"


def test_a_follower_that_waits_for_the_first_run_ends_with_the_pod(tmp_path):
    """Nothing ever ran, and the pod is deleted."""
    ended = []

    async def gather() -> list[LogChunk]:
        followed = asyncio.ensure_future(_all(logs.read(tmp_path, follow=True, finished=lambda: bool(ended))))
        while not list(tmp_path.glob("followers/*")):
            await asyncio.sleep(0)
        ended.append(True)
        assert ring_all(tmp_path / "followers") == 1
        return await followed

    assert asyncio.run(asyncio.wait_for(gather(), 60)) == []


async def _all(chunks) -> list[LogChunk]:
    return [chunk async for chunk in chunks]


def test_two_follow_at_once(shell):
    run = shell("seq 20000", log_max_bytes=1000, log_backups=1000).launch()

    async def gather() -> list[list[LogChunk]]:
        return await asyncio.gather(*(_all(logs.read(run.folder.parent, follow=True)) for _ in range(2)))

    one, two = asyncio.run(asyncio.wait_for(gather(), 60))
    assert text(one) == text(two) == "".join(f"{i}\n" for i in range(1, 20_001))


def test_log_folder_is_where_the_reader_looks(shell):
    run = shell("echo hello").launch()
    run.ended()
    assert [path for _, path in logs.segments(replica.log_folder(run.folder))]
