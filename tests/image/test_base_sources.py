"""Reading what another thread writes."""

from typing import BinaryIO

import pytest

from jupyter_mltrain.image.base_sources import streamed

CONTENT = bytes(range(256)) * 40_000  # more than is under way at once


def test_it_is_read_while_it_is_written() -> None:
    with streamed(lambda out: out.write(CONTENT)) as stream:
        assert stream.read() == CONTENT


def test_what_the_writer_raises_is_told_instead_of_what_comes_of_it() -> None:
    def write(out: BinaryIO) -> None:
        out.write(CONTENT)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"), streamed(write) as stream:
        int(stream.read())  # ValueError: what was cut off is no number
    with pytest.raises(ConnectionError, match="gone"), streamed(write) as stream:
        stream.read()


def test_a_reader_that_has_had_enough_ends_the_writer() -> None:
    ended: list[BaseException] = []

    def write(out: BinaryIO) -> None:
        try:
            while True:
                out.write(CONTENT)
        except BaseException as error:
            ended.append(error)
            raise

    with streamed(write) as stream:
        stream.read(10)
    assert [type(error) for error in ended] == [BrokenPipeError]

    with pytest.raises(ValueError, match="enough"), streamed(write) as stream:
        raise ValueError("enough")
