"""Pages of a log: cut anywhere, they add up to the whole."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import Backend, LogChunk
from jupyter_mltrain.errors import InvalidInput, NotFound
from jupyter_mltrain.model.job import JobRef, JobStatus, ReplicaState
from jupyter_mltrain.runner.records import PREFIX, Record, encode
from jupyter_mltrain.service import LogPage, logs
from jupyter_mltrain.service import lines as lines_module
from jupyter_mltrain.service.lines import LogLines

REF = JobRef("local", "0123456789ab", "TFJob", "default", "study")
JOB = JobStatus(REF, {}, replicas=(ReplicaState("study-worker-0", "Worker", 0, "Running"),))
RUN = ("run", {"notebook": {}, "cells": 1, "info": {}})
CELL = ("cell", {"cell": 0, "document": {"cell_type": "code", "id": "a", "metadata": {}, "source": "x"}})
START = ("start", {"cell": 0, "n": 1, "of": 1, "metadata": {}})
SNAPSHOT = [("run", {**RUN[1], "snapshot": True}), CELL, START, ("synced", {})]


class Recorded:
    """A backend that has one job and its replica's log, in chunks of some lines."""

    def __init__(self, lines: list[str], size: int) -> None:
        self._lines, self._size = lines, size

    async def status(self, ref: JobRef) -> JobStatus:
        return JOB

    async def logs(
        self, ref: JobRef, replica: str, *, after: str | None = None, tail: int | None = None, **_: Any
    ) -> AsyncIterator[LogChunk]:
        first = int(after or 0) if tail is None else max(0, len(self._lines) - tail)
        for start in range(first, len(self._lines), self._size):
            end = min(start + self._size, len(self._lines))
            text = "".join(f"{line}\n" for line in self._lines[start:end])
            yield LogChunk(replica, str(start), str(end), text, truncated=tail is not None and start == first > 0)


def backend(lines: list[str], size: int = 3) -> Backend:
    return cast(Backend, Recorded(lines, size))


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


@given(recordings(), st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 7))
def test_pages_add_up_to_the_whole(lines: list[str], sizes: list[int], limit: int) -> None:
    expected = asyncio.run(line_by_line(lines, len(lines) + 1))
    assert asyncio.run(in_pages(lines, sizes, limit)) == expected


async def one_tail(lines: list[str], size: int, tail: int) -> LogPage:
    [page] = [page async for page in logs.pages(backend(lines, size), REF, None, tail=tail)]
    return page


@given(recordings(), st.integers(1, 9), st.integers(0, 9), st.integers(1, 5))
def test_a_tail_is_the_end_of_the_whole_and_one_can_go_on_from_it(
    lines: list[str], size: int, tail: int, margin: int
) -> None:
    before = whole(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_TAIL_MARGIN", margin)
        patch.setattr(logs, "_TAIL_GROWTH", 2)
        page = asyncio.run(one_tail(lines, size, tail))
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
    assert 10 <= len(page.lines) < 20
    assert read(lines, after=page.cursor).lines[0] == lines[len(page.lines)]
    tail = asyncio.run(one_tail(lines, 3, 40))
    assert (tail.lines, tail.truncated) == (tuple(lines[-10:]), True)


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
