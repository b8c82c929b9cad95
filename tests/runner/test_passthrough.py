"""A raw line is passed on once, unless the notebook shows it already."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.runner import passthrough
from jupyter_mltrain.runner.passthrough import Lines, Passthrough


def compare(raw: bytes, *published: str) -> bytes:
    """Return what is passed on of raw lines when this was published."""
    passed: list[bytes] = []

    async def run() -> None:
        through = Passthrough(passed.append)
        through.raw(raw)
        for text in published:
            through.published(text)
        through.flush()

    asyncio.run(run())
    return b"".join(passed)


@pytest.mark.parametrize(
    ("raw", "published", "passed"),
    [
        (b"crash\n", [], b"crash\n"),
        (b"a\nb\n", ["a\n", "b\n"], b""),
        (b"a\nb\n", ["printed\na\nprinted too\nb", "\n"], b""),
        (b"a\na\n", ["a\n"], b"a\n"),
        (b"same\nother\n", ["same\n"], b"other\n"),
        (b"ab\n", ["xab\n"], b"ab\n"),
        (b"10%\r20%\r\n", ["10%\r20%\r\n"], b""),
        (b"\xff\n", ["\ufffd\n"], b""),
        (b"\n\n", ["\n\n"], b""),
    ],
)
def test_only_what_was_not_published_passes(raw: bytes, published: list[str], passed: bytes) -> None:
    assert compare(raw, *published) == passed


@given(st.lists(st.sampled_from([b"a", b"b", b"long line", b""]), max_size=30))
def test_without_a_notebook_everything_passes_in_order(lines: list[bytes]) -> None:
    raw = b"".join(line + b"\n" for line in lines)
    assert (compare(raw) if raw else raw) == raw


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=30))
def test_what_was_published_in_the_same_order_never_passes(script: list[tuple[str, bool]]) -> None:
    published = "".join(f"{word}\n" for word, _ in script)
    raw = "".join(f"{word}\n" for word, caught in script if caught).encode()
    assert (compare(raw, published) if raw else b"") == b""


def test_a_line_is_held_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passthrough, "HELD", 0.01)

    async def run() -> bytes:
        arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        Passthrough(arrived.set_result).raw(b"a line\n")
        assert not arrived.done()
        return await asyncio.wait_for(arrived, 10)

    assert asyncio.run(run()) == b"a line\n"


def test_lines_come_whole_from_a_pipe_that_somebody_still_holds() -> None:
    async def run() -> list[bytes]:
        read, write = os.pipe()
        taken: list[bytes] = []
        lines = Lines(read, taken.append)
        os.write(write, b"first\nsec")
        await asyncio.sleep(0)
        os.write(write, b"ond\nlast")
        lines.close()
        os.close(write)
        return taken

    assert b"".join(asyncio.run(run())) == b"first\nsecond\nlast\n"
