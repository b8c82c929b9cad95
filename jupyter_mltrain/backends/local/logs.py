"""Read and follow the log of a replica across rotation and restarts.

A pod's folder has one folder for each run, ``<generation>-<run>``, with the segments that the shim writes. A cursor is
``<run>:<offset>``; offsets count the bytes that the run has written, so they stay good when old segments go.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from ...errors import InvalidInput
from ..base import Cursor, LogChunk
from . import replica
from .bell import Bell
from .replica import RunState

CHUNK_BYTES: Final = 256 * 1024
_RUN: Final = re.compile(r"\d+-\d+")
_OVER: Final = (RunState.EXITED, RunState.LOST, RunState.ABSENT)


class Position(NamedTuple):
    """A place in the log of a pod."""

    run: str
    offset: int


_BEGINNING: Final = Position("0-0", 0)


class Piece(NamedTuple):
    """Whole lines from one run's log, and the offset at which they start."""

    start: int
    content: bytes


async def read(
    pod: Path,
    *,
    after: Cursor | None = None,
    tail: int | None = None,
    follow: bool = False,
    finished: Callable[[], bool] = lambda: True,
) -> AsyncIterator[LogChunk]:
    """Read the log of a pod: all its runs in ``pod/<generation>-<run>/``, oldest first, in chunks of whole lines.

    Parameters
    ----------
    after:
        Go on after this chunk's cursor (``"<generation>-<run>:<byte offset>"``).
    tail:
        Start with the last so many lines instead.
    follow:
        Wait for more, without polling, until the last run has ended and ``finished()`` says that no other will come.
        Whoever makes a new run or ends the pod rings ``pod/followers`` (``bell.ring_all``).

    Raises
    ------
    InvalidInput
        The cursor is none of this project's.
    """
    with contextlib.ExitStack() as stack:
        bell = stack.enter_context(_follower(pod)) if follow else None
        position = None if after is None else _parse(after)
        cut = unfinished = False
        while True:
            # Whether more will come, then what there is, then what is written in it: in this order nothing is missed.
            last_look = bell is None or finished()
            names = runs(pod)
            with _end_of(pod, names, watched=bell is not None) as end:
                done = last_look and (bell is None or _over(pod, names))
                if position is None:
                    position = _start(pod, names, tail)
                    cut = position != _BEGINNING and position != Position(names[0], 0)
                for name in names:
                    async for chunk in _read_run(pod, name, position, gone=position.run not in names):
                        # A killed run leaves its last line unfinished; the next run's first one begins after it.
                        text = "\n" + chunk.text if unfinished and name != position.run else chunk.text
                        position = _parse(chunk.cursor)
                        yield replace(chunk, text=text, truncated=chunk.truncated or cut)
                        cut, unfinished = False, not text.endswith("\n")
                if done or bell is None:
                    return
                await _until_readable(bell.fileno(), end)
            bell.drain()


def runs(pod: Path) -> list[str]:
    """Return the names of the pod's runs, oldest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted((path.name for path in pod.iterdir() if _RUN.fullmatch(path.name)), key=_order)
    return []


def _order(run: str) -> tuple[int, ...]:
    return tuple(map(int, run.split("-")))


def _follower(pod: Path) -> Bell:
    folder = pod / "followers"
    folder.mkdir(parents=True, exist_ok=True)
    return Bell(folder / uuid.uuid4().hex)


def _parse(cursor: Cursor) -> Position:
    run, _, offset = cursor.partition(":")
    if not _RUN.fullmatch(run) or not offset.isdecimal():
        raise InvalidInput(f"{cursor!r} is no position in a log", hint="Hand back the cursor of a chunk as it was.")
    return Position(run, int(offset))


def _start(pod: Path, names: list[str], tail: int | None) -> Position:
    """Return the beginning, or where the last so many lines of all runs begin."""
    position = _BEGINNING
    if tail is not None:
        for name in reversed(names):
            offset, tail = tail_start(replica.log_folder(pod / name), tail)
            position = Position(name, offset)
            if not tail:
                break
    return position


@contextlib.contextmanager
def _end_of(pod: Path, names: list[str], *, watched: bool) -> Iterator[int | None]:
    """Open what becomes readable when the shim of the last run ends, be it without a word."""
    fd = replica.end_fd(pod / names[-1]) if names and watched else None
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _over(pod: Path, names: list[str]) -> bool:
    return not names or replica.inspect(pod / names[-1]).state in _OVER


async def _read_run(pod: Path, name: str, position: Position, *, gone: bool) -> AsyncIterator[LogChunk]:
    """Read what one run has written after a position, without waiting."""
    if _order(name) < _order(position.run):
        return
    offset = position.offset if name == position.run else 0
    over = replica.inspect(pod / name).state in _OVER
    truncated = gone and position.offset > 0
    while piece := await asyncio.to_thread(read_piece, replica.log_folder(pod / name), offset, over=over):
        truncated = truncated or piece.start > offset
        offset = piece.start + len(piece.content)
        text = piece.content.decode("utf-8", "replace")
        yield LogChunk(pod.name, f"{name}:{piece.start}", f"{name}:{offset}", text, truncated)
        truncated = False


async def _until_readable(*fds: int | None) -> None:
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()
    watched = [fd for fd in fds if fd is not None]
    try:
        for fd in watched:
            loop.add_reader(fd, woken.set)
        await woken.wait()
    finally:
        for fd in watched:
            loop.remove_reader(fd)


# One run


def segments(folder: Path) -> list[tuple[int, Path]]:
    """Return the offset of the first byte and the path of each segment in a log folder, in order."""
    with contextlib.suppress(FileNotFoundError):
        return sorted((int(path.suffix[1:]), path) for path in folder.iterdir() if path.stem == "log")
    return []


def read_piece(folder: Path, offset: int, *, over: bool) -> Piece | None:
    """Read some whole lines from ``offset`` on, or from the oldest that is left; ``None`` if there are none.

    Parameters
    ----------
    over:
        Nothing will be written any more, so what follows the last line end is a line too.
    """
    found = segments(folder)
    if not found:
        return None
    start, path = next((each for each in reversed(found) if each[0] <= offset), found[0])
    at = max(start, offset)
    try:
        content = _whole_lines(path, at - start, unfinished=over and path == found[-1][1])
    except FileNotFoundError:  # rotated away just now
        return read_piece(folder, offset, over=over)
    return Piece(at, content) if content else None


def _whole_lines(path: Path, position: int, *, unfinished: bool) -> bytes:
    content = b""
    with path.open("rb") as file:
        file.seek(position)
        while block := file.read(CHUNK_BYTES):
            content += block
            if end := content.rfind(b"\n") + 1:
                return content[:end]
    return content if unfinished else b""


def tail_start(folder: Path, lines: int) -> tuple[int, int]:
    """Return the offset at which the last so many lines of a log start, and how many it lacks; only these are read."""
    end = offset = 0
    wanted = lines + 1  # the end of the line before them
    for position, block in _blocks_backwards(folder):
        if not end:
            end = offset = position + len(block)
            wanted -= not block.endswith(b"\n")
        newline = len(block)
        while wanted and (newline := block.rfind(b"\n", 0, newline)) >= 0:
            wanted -= 1
            offset = position + newline + 1
        if not wanted:
            return offset, 0
        offset = position
    return offset, wanted - 1


def _blocks_backwards(folder: Path) -> Iterator[tuple[int, bytes]]:
    """Yield offset and content of the blocks of a log, the last one first."""
    for start, path in reversed(segments(folder)):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            while position > 0:
                size = min(position, CHUNK_BYTES)
                position -= size
                file.seek(position)
                yield start + position, file.read(size)
