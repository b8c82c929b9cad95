"""Pages of a log: cut anywhere, they add up to the whole."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import Backend, LogChunk
from jupyter_mltrain.errors import InvalidInput, NotFound
from jupyter_mltrain.model.job import JobRef, JobStatus, ReplicaState
from jupyter_mltrain.runner.records import PREFIX, Record, encode
from jupyter_mltrain.service import LogPage, logs
from jupyter_mltrain.service import lines as lines_module
from jupyter_mltrain.service.lines import LogLines

REF = JobRef("local", "0123456789ab", "TFJob", "default", "study")
RUNNING = ReplicaState("study-worker-0", "Worker", 0, "Running")
RUN = ("run", {"notebook": {}, "cells": 1, "info": {}})
CELL = ("cell", {"cell": 0, "document": {"cell_type": "code", "id": "a", "metadata": {}, "source": "x"}})
START = ("start", {"cell": 0, "n": 1, "of": 1, "metadata": {}})
SNAPSHOT = [("run", {**RUN[1], "snapshot": True}), CELL, START, ("synced", {})]


class Recorded:
    """A backend that has one job and its replica's log, in chunks of some lines.

    Parameters
    ----------
    ended:
        The replica has ended, and its last line has no end.
    """

    def __init__(self, lines: list[str], size: int, *, ended: bool = False) -> None:
        self._lines, self._size, self._ended = lines, size, ended

    async def status(self, ref: JobRef) -> JobStatus:
        return JobStatus(REF, {}, replicas=(replace(RUNNING, phase="Failed" if self._ended else "Running"),))

    async def logs(
        self, ref: JobRef, replica: str, *, after: str | None = None, tail: int | None = None, **_: Any
    ) -> AsyncIterator[LogChunk]:
        first = int(after or 0) if tail is None else max(0, len(self._lines) - tail)
        for start in range(first, len(self._lines), self._size):
            end = min(start + self._size, len(self._lines))
            text = "".join(f"{line}\n" for line in self._lines[start:end])
            if self._ended and end == len(self._lines):
                text = text.removesuffix("\n")
            yield LogChunk(replica, str(start), str(end), text, truncated=tail is not None and start == first > 0)


def backend(lines: list[str], size: int = 3, *, ended: bool = False) -> Backend:
    return cast(Backend, Recorded(lines, size, ended=ended))


def text(words: str) -> tuple[str, dict[str, Any]]:
    return ("text", {"cell": 0, "index": 0, "text": words})


def encoded(records: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [line for seq, (kind, data) in enumerate(records) for line in encode(Record(kind, data, seq))]


@st.composite
def recordings(draw: st.DrawFn) -> list[str]:
    """A log of a run: text with and without line ends, long records, snapshots, and lines of other programs."""
    pieces = st.one_of(
        st.lists(st.sampled_from(["one\n", "two", "\n", "three\nfour\n"]), max_size=3).map(
            lambda words: [text("".join(words))]
        ),
        st.just([text("long " * 2000 + "\n")]),
        st.just(SNAPSHOT),
        st.just([("note", {"text": "a note"})]),
    )
    records = [RUN, CELL, START, *(record for piece in draw(st.lists(pieces, max_size=12)) for record in piece)]
    lines = encoded(records)
    for place in draw(st.lists(st.integers(0, len(lines)), max_size=3)):
        lines.insert(place, "a line from C++")
    return lines


def whole(lines: list[str]) -> tuple[str, ...]:
    """Return the log in one page."""
    return asyncio.run(logs.page(backend(lines), REF, None, after=None, limit=10_000, raw=False)).lines


async def line_by_line(lines: list[str], size: int) -> list[str]:
    return [line async for line in logs.lines(backend(lines, size), REF, None, tail=None, follow=False, raw=False)]


async def in_pages(lines: list[str], sizes: list[int], limit: int) -> list[str]:
    """Read page by page, each from the cursor of the one before, with chunks of another size each time."""
    found: list[str] = []
    cursor = None
    for size in itertools.cycle(sizes):
        page = await logs.page(backend(lines, size), REF, None, after=cursor, limit=limit, raw=False)
        found += page.lines
        cursor = page.cursor
        if not page.more:
            return found + ([page.open] if page.open else [])
    raise AssertionError


def ended_whole(lines: list[str]) -> tuple[str, ...]:
    """Return what is to be shown of the log of a replica that has ended."""
    return tuple(asyncio.run(line_by_line(lines, len(lines) + 1)))


@given(recordings(), st.integers(1, 9), st.integers(1, 7), st.integers(0, 9), st.integers(0, 30))
def test_the_last_line_of_a_replica_that_has_ended_is_one(
    lines: list[str], size: int, limit: int, tail: int, number: int
) -> None:
    expected = ended_whole(lines)
    ended = backend(lines, size, ended=True)
    assert tuple(asyncio.run(pages_of(ended, limit))) == expected
    newest = asyncio.run(one_tail(ended, tail))
    assert newest.lines == (expected[-tail:] if tail else ())
    assert asyncio.run(logs.page(ended, REF, None, after=newest.cursor, limit=9, raw=False)).lines == ()
    found = asyncio.run(LogLines(ended).page(REF, None, line=number, limit=limit))
    assert (found.page.lines, found.total) == (expected[number : number + limit], len(expected))


@given(recordings(), st.integers(1, 9), st.integers(0, 9))
def test_what_a_replica_writes_when_it_is_made_again_follows(lines: list[str], size: int, tail: int) -> None:
    again = [*lines, *encoded([RUN, CELL, START, text("again\n")])]
    before = asyncio.run(logs.page(backend(lines, size, ended=True), REF, None, after=None, limit=10_000, raw=False))
    newest = asyncio.run(one_tail(backend(lines, size, ended=True), tail))
    for cursor in (before.cursor, newest.cursor):
        after = asyncio.run(logs.page(backend(again, size), REF, None, after=cursor, limit=10_000, raw=False))
        assert (*before.lines, *after.lines) == whole(again)


async def pages_of(backend: Backend, limit: int) -> list[str]:
    """Read page by page and count on ``more``; nothing is left open."""
    found: list[str] = []
    page = LogPage((), more=True)
    while page.more:
        page = await logs.page(backend, REF, None, after=page.cursor, limit=limit, raw=False)
        assert page.lines or not page.more
        assert not page.open
        found += page.lines
    return found


@given(recordings(), st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 7))
def test_pages_add_up_to_the_whole(lines: list[str], sizes: list[int], limit: int) -> None:
    expected = asyncio.run(line_by_line(lines, len(lines) + 1))
    assert asyncio.run(in_pages(lines, sizes, limit)) == expected


async def one_tail(backend: Backend, tail: int) -> LogPage:
    [page] = [page async for page in logs.pages(backend, REF, None, tail=tail)]
    return page


@given(recordings(), st.integers(1, 9), st.integers(0, 9), st.integers(1, 5))
@example(lines=encoded([RUN, CELL, START, text("two"), *SNAPSHOT]), size=1, tail=0, margin=1)
@example(lines=encoded([RUN, CELL, START, text("two"), *SNAPSHOT, text("three\n")]), size=1, tail=1, margin=2)
@example(lines=encoded([RUN, CELL, START, text("two"), *SNAPSHOT, text("more\n")]), size=1, tail=1, margin=1)
def test_a_tail_is_the_end_of_the_whole_and_one_can_go_on_from_it(
    lines: list[str], size: int, tail: int, margin: int
) -> None:
    before = whole(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_TAIL_MARGIN", margin)
        patch.setattr(logs, "_TAIL_GROWTH", 2)
        page = asyncio.run(one_tail(backend(lines, size), tail))
    assert page.lines == (before[-tail:] if tail else ())
    assert page.truncated or len(before) <= tail
    more = [*lines, *encode(Record(*text("\nnew\n"), _next(lines)))]
    after = asyncio.run(logs.page(backend(more, size), REF, None, after=page.cursor, limit=10_000, raw=False)).lines
    assert (*before, *after) == whole(more)


def _next(lines: list[str]) -> int:
    numbers = [re.match(rf"{PREFIX}(\d+)", line) for line in lines]
    return max(int(number[1]) for number in numbers if number) + 1


def read(lines: list[str], **options: Any) -> LogPage:
    wanted = {"replica": None, "after": None, "limit": 10_000, "raw": False, **options}
    return asyncio.run(logs.page(backend(lines), REF, **wanted))


def test_what_has_no_line_end_yet_is_told_apart() -> None:
    page = read(encoded([RUN, CELL, START, text("done\n50%")]))
    assert page.lines == ("--- cell 1/1", "done")
    assert page.open == "50%"


def test_raw_pages_have_the_records() -> None:
    lines = encoded([RUN, CELL, START])
    page = read(lines, replica="worker-0", limit=2, raw=True)
    assert (page.lines, page.more) == (tuple(lines[:2]), True)
    rest = read(lines, replica="worker-0", after=page.cursor, raw=True)
    assert (rest.lines, rest.more) == (tuple(lines[2:]), False)


@pytest.mark.parametrize("cursor", ["12", "12~", "~-1", "a~b"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="no position in a log"):
        read([], after=cursor)


def test_an_unknown_replica_is_told_the_known_ones() -> None:
    with pytest.raises(NotFound) as caught:
        read([], replica="ps-0")
    assert caught.value.to_dict()["hint"] == "Its replicas: study-worker-0."


def test_a_page_ends_where_its_lines_are_very_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAGE_CHARACTERS", 1000)
    lines = [f"{number} {'x' * 90}" for number in range(40)]
    page = read(lines)
    assert (page.lines, page.more) == (tuple(lines[: len(page.lines)]), True)
    assert len(page.lines) == 10
    assert read(lines, after=page.cursor).lines[0] == lines[len(page.lines)]
    tail = asyncio.run(one_tail(backend(lines), 40))
    assert (tail.lines, tail.truncated) == (tuple(lines[-10:]), True)


def test_a_line_longer_than_a_page_is_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAGE_CHARACTERS", 50)
    lines = ["short", "x" * 60, "y" * 60, "", "short"]
    for size in (1, 2, 5):
        pages = asyncio.run(all_pages(backend(lines, size)))
        assert [page.lines for page in pages] == [("short",), ("x" * 60,), ("y" * 60,), ("", "short")]
        assert [page.more for page in pages] == [True, True, True, False]


async def all_pages(backend: Backend) -> list[LogPage]:
    found = [await logs.page(backend, REF, None, after=None, limit=9, raw=False)]
    while found[-1].more:
        found.append(await logs.page(backend, REF, None, after=found[-1].cursor, limit=9, raw=False))
    return found


class Restarted(Recorded):
    """A log of two runs of one program; the first was killed within a line."""

    async def logs(self, ref: JobRef, replica: str, *, after: str | None = None, **_: Any) -> AsyncIterator[LogChunk]:
        texts = ["start\nloading", "start\nready\n"]
        for number in range(int(after or 0), 2):
            yield LogChunk(replica, str(number), str(number + 1), texts[number])


def test_a_restarted_program_begins_a_line() -> None:
    for raw in (False, True):
        page = asyncio.run(logs.page(cast(Backend, Restarted([], 1)), REF, None, after=None, limit=9, raw=raw))
        assert page.lines == ("start", "loading", "start", "ready")


# By number


class Growing(Recorded):
    """A log that grows, and notes how many lines were read."""

    read = 0

    async def logs(self, *args: Any, **options: Any) -> AsyncIterator[LogChunk]:
        async for chunk in super().logs(*args, **options):
            self.read += chunk.text.count("\n")
            yield chunk

    def grow(self, lines: list[str]) -> None:
        self._lines = lines


@given(recordings(), st.integers(1, 9), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(1, 7))
def test_lines_are_found_by_their_numbers(lines: list[str], size: int, wanted: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_MARK_LINES", 2)
        asyncio.run(_compare_numbers(lines, size, wanted, limit))


async def _compare_numbers(lines: list[str], size: int, wanted: list[int], limit: int) -> None:
    log = Growing([], size)
    numbers = LogLines(cast(Backend, log))
    for count, line in enumerate(wanted, 1):
        log.grow(lines[: len(lines) * count // len(wanted)])
        now = (await logs.page(cast(Backend, log), REF, None, after=None, limit=10_000, raw=False)).lines
        found = await numbers.page(REF, None, line=line, limit=limit)
        assert found.first == min(line, len(now))
        assert found.total == len(now)
        assert found.page.lines == now[found.first : found.first + limit]
        assert found.page.more == (found.first + limit < len(now))


async def _read_in_the_middle() -> tuple[int, int]:
    log = Growing([f"line {n}" for n in range(100_000)], 500)
    numbers = LogLines(cast(Backend, log))
    await numbers.page(REF, None, line=0, limit=1)
    first, log.read = log.read, 0
    found = await numbers.page(REF, "worker-0", line=77_777, limit=10)
    assert found.page.lines == tuple(f"line {n}" for n in range(77_777, 77_787))
    assert (found.first, found.total) == (77_777, 100_000)
    return first, log.read


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 9))
def test_every_line_is_reached_by_number_however_long_others_are(sizes: list[int], size: int, limit: int) -> None:
    lines = [f"{'x' * characters}{number}" for number, characters in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "PAGE_CHARACTERS", 40)
        patch.setattr(lines_module, "_MARK_CHARACTERS", 50)
        assert asyncio.run(_by_numbers(lines, size, limit)) == lines


async def _by_numbers(lines: list[str], size: int, limit: int) -> list[str]:
    numbers, found, more = LogLines(backend(lines, size)), list[str](), True
    while more:
        answer = await numbers.page(REF, None, line=len(found), limit=limit)
        assert (answer.first, answer.total) == (len(found), len(lines))
        assert 0 < len(answer.page.lines) <= limit
        found += answer.page.lines
        more = answer.page.more
    return found


async def _read_long_lines_one_by_one() -> int:
    log = Growing(["x" * 500_000] * 200, 1)
    numbers = LogLines(cast(Backend, log))
    await numbers.page(REF, None, line=0, limit=1)
    log.read = 0
    for line in range(200):
        await numbers.page(REF, None, line=line, limit=1)
    return log.read


def test_what_is_before_a_long_line_is_not_read_again_and_again() -> None:
    assert asyncio.run(_read_long_lines_one_by_one()) < 200 * 5


def test_what_is_before_a_line_is_read_once() -> None:
    first, then = asyncio.run(_read_in_the_middle())
    assert first > 100_000 > 10_000 > then


class Rotated(Recorded):
    """A log whose first lines are gone."""

    gone = 0

    async def logs(self, ref: JobRef, replica: str, *, after: str | None = None, **_: Any) -> AsyncIterator[LogChunk]:
        place = max(int(after or 0), self.gone)
        async for chunk in super().logs(ref, replica, after=str(place)):
            cut = int(chunk.start) == self.gone > int(after or 0)
            yield replace(chunk, truncated=cut)


async def _rotate_away() -> None:
    log = Rotated([f"line {n}" for n in range(30_000)], 500)
    numbers = LogLines(cast(Backend, log))
    assert (await numbers.page(REF, None, line=10_000, limit=1)).page.lines == ("line 10000",)
    log.gone = 15_000
    found = await numbers.page(REF, None, line=10_000, limit=1)
    assert (found.page.lines, found.total) == (("line 25000",), 15_000)


def test_lines_are_counted_from_what_is_left() -> None:
    asyncio.run(_rotate_away())
