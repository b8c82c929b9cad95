"""Headers of Linux programs, real ones, made ones, and such that are none."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.image.inspection.elf import Elf, parse
from tests.image.base_image import elf


@pytest.mark.parametrize(
    ("machine", "bits", "little", "architecture"),
    [
        (3, 32, True, "386"),
        (21, 64, True, "ppc64le"),
        (22, 64, False, "s390x"),
        (40, 32, True, "arm"),
        (62, 64, True, "amd64"),
        (183, 64, True, "arm64"),
        (243, 64, True, "riscv64"),
        (62, 32, True, "machine-62"),  # x32: a processor of 64 bits, pointers of 32
        (9999, 64, True, "machine-9999"),
    ],
)
def test_architectures(machine: int, bits: int, little: bool, architecture: str) -> None:
    data = elf(machine=machine, bits=bits, little=little, interpreter="/lib/ld.so.1", content=b"more")
    assert parse(data) == Elf(architecture, "/lib/ld.so.1")


def test_a_library_has_no_interpreter() -> None:
    assert parse(elf(interpreter="")) == Elf("amd64", "")


def test_a_program_of_this_machine() -> None:
    program = shutil.which("sh")
    if not program or not sys.platform.startswith("linux"):
        pytest.skip("no Linux")
    found = parse(Path(program).read_bytes())
    assert found is not None
    assert Path(found.interpreter).exists()


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x03\x01" + bytes(100), bytes(200)])
def test_what_is_none(data: bytes) -> None:
    assert parse(data) is None


@given(st.integers(0, 200))
def test_cut_off_anywhere(length: int) -> None:
    whole = elf()
    found = parse(whole[:length])
    assert found is None or found.architecture == "amd64"


@given(st.binary(max_size=300), st.sampled_from([1, 2]), st.sampled_from([1, 2]))
def test_any_bytes_behind_the_magic_ones(data: bytes, bits: int, order: int) -> None:
    found = parse(b"\x7fELF" + bytes([bits, order]) + data)
    assert found is None or isinstance(found.interpreter, str)


@given(st.integers(6, 200), st.integers(0, 255))
def test_any_byte_changed(at: int, value: int) -> None:
    data = bytearray(elf(content=bytes(100)))
    data[at] = value
    found = parse(bytes(data))
    assert found is None or isinstance(found, Elf)
