from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import default_environment
from packaging.tags import sys_tags

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.target import Target
from tests.image.environments import ALPINE, AMD64, ARM64, target_here


def test_this_machine_as_a_target_has_the_tags_that_packaging_finds_here() -> None:
    assert list(map(str, target_here().tags)) == list(map(str, sys_tags()))


def test_markers_are_those_of_the_target() -> None:
    assert ARM64.environment["platform_machine"] == "aarch64"
    assert ARM64.environment["python_full_version"] == "3.11.9"
    assert ARM64.environment.keys() == default_environment().keys()


@pytest.mark.parametrize(
    ("target", "fits", "does_not"),
    [
        (AMD64, "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_39_x86_64"),
        (AMD64, "cp311-cp311-manylinux1_x86_64", "cp311-cp311-musllinux_1_1_x86_64"),
        (AMD64, "cp38-abi3-manylinux2014_x86_64", "cp312-cp312-manylinux2014_x86_64"),
        (AMD64, "py3-none-any", "cp311-cp311-win_amd64"),
        (ARM64, "cp311-cp311-manylinux2014_aarch64", "cp311-cp311-manylinux1_aarch64"),
        (ALPINE, "cp311-cp311-musllinux_1_1_x86_64", "cp311-cp311-manylinux_2_17_x86_64"),
        (ALPINE, "cp311-cp311-linux_x86_64", "cp311-cp311-musllinux_1_3_x86_64"),
    ],
)
def test_wheels_that_fit(target: Target, fits: str, does_not: str) -> None:
    tags = set(map(str, target.tags))
    assert fits in tags
    assert does_not not in tags


@pytest.mark.parametrize(
    ("libc", "name"),
    [
        ((2, 17), "x86_64-manylinux_2_17"),
        ((2, 29), "x86_64-manylinux_2_28"),
        ((2, 36), "x86_64-manylinux_2_36"),
        ((2, 41), "x86_64-manylinux_2_40"),
    ],
)
def test_uv_is_told_the_nearest_glibc_below(libc: tuple[int, int], name: str) -> None:
    assert Target(Platform("amd64"), "3.12.1", ("glibc", libc)).uv_platform == name


def test_what_a_target_is_called() -> None:
    assert ALPINE.uv_platform == "x86_64-unknown-linux-musl"
    assert str(ARM64) == "Python 3.11.9 on linux/arm64 with glibc 2.36"


@pytest.mark.parametrize(
    ("platform", "python", "libc", "message"),
    [
        ("linux/arm/v7", "3.11.9", (2, 36), "No environment can be made for linux/arm/v7"),
        ("linux/amd64", "2.7.18", (2, 36), "'2.7.18' is not a version of Python 3"),
        ("linux/amd64", "3.11.9", (2, 12), "glibc 2.12, which no wheels are made for"),
    ],
)
def test_images_that_no_wheels_are_made_for(platform: str, python: str, libc: tuple[int, int], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Target(Platform.parse(platform), python, ("glibc", libc))


@given(st.integers(17, 60), st.integers(8, 15))
def test_a_newer_libc_takes_all_that_an_older_one_takes(minor: int, python: int) -> None:
    older = Target(Platform("amd64"), f"3.{python}.0", ("glibc", (2, minor)))
    newer = Target(Platform("amd64"), f"3.{python}.0", ("glibc", (2, minor + 1)))
    assert set(older.tags) < set(newer.tags)
    assert len(set(newer.tags)) == len(newer.tags)


def test_importing_it_loads_no_packaging() -> None:
    import subprocess

    code = "import sys, jupyter_mltrain.image.lock; print([m for m in ('packaging.tags', 'httpx') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
