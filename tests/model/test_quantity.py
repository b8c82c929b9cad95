"""Quantities mean what Kubernetes means by them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.model.quantity import parse_cpu, parse_memory, parse_quantity

SUFFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("500m", "0.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", 10**18),
        ("1e-2", "0.01"),
        ("-2Gi", -(2**31)),
        ("+1k", 1000),
        ("100n", "1e-7"),
        ("3u", "3e-6"),
        (2, 2),
        (0.25, "0.25"),
    ],
)
def test_quantity(text: str | float, number: str | int) -> None:
    assert parse_quantity(text) == Decimal(number)


@given(st.integers(0, 10**6), st.sampled_from([*(SUFFIXES | BINARY).items()]))
def test_suffix_multiplies(number: int, suffix: tuple[str, int]) -> None:
    assert parse_quantity(f"{number}{suffix[0]}") == number * suffix[1]


@given(st.decimals(min_value=0, max_value=10**9, places=6), st.integers(-20, 20))
def test_exponent_is_scientific_notation(number: Decimal, exponent: int) -> None:
    assert parse_quantity(f"{number:f}e{exponent}") == number.scaleb(exponent)


@pytest.mark.parametrize(
    "text", ["", " ", "Gi", "1 Gi", "1GB", "1gi", "1K", "1e", "1e3Gi", "0x10", "1_000", "nan", "inf", "1\n", "٣", "--1"]
)
def test_not_a_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        parse_quantity(text)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = parse_quantity(text)
    except ValueError:
        return
    assert number.is_finite()


def test_cpu_in_cores() -> None:
    assert parse_cpu("1500m") == 1.5
    for none in ("0", "-1", "0m"):
        with pytest.raises(ValueError, match="more than 0"):
            parse_cpu(none)


def test_memory_in_bytes() -> None:
    assert parse_memory("0.1Gi") == 107_374_182
    with pytest.raises(ValueError, match="at least 1 byte"):
        parse_memory("0")


def test_memory_in_thousandths_says_what_was_meant() -> None:
    with pytest.raises(ValueError, match="write 512Mi"):
        parse_memory("512m")
