"""Quantities as the API server reads and writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.operator.validation.quantities import WRONG_FORMAT, WRONG_SUFFIX, canonical, number, problem


@pytest.mark.parametrize(
    ("text", "amount", "written"),
    [
        ("1e3", 1000, "1e3"),
        ("0.5Gi", 2**29, "512Mi"),
        ("100m", Decimal("0.1"), "100m"),
        ("-500m", Decimal("-0.5"), "-500m"),
        ("2000", 2000, "2k"),
        ("1500", 1500, "1500"),
        ("1Ki", 1024, "1Ki"),
        ("0.5Ki", 512, "512"),
        ("1n", Decimal("0.001"), "1m"),
        ("+2", 2, "2"),
        ("1e400", 2**63 - 1, "9223372036854775807"),
        (1.5, Decimal("1.5"), "1500m"),
        (0, 0, "0"),
        (None, 0, "0"),
    ],
)
def test_what_a_quantity_is(text: str | float | None, amount: Decimal | int, written: str) -> None:
    assert number(text) == amount
    assert canonical(text) == written


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        *((text, WRONG_SUFFIX) for text in ("1K", "1ki", "12e", "1mm")),
        *((text, WRONG_FORMAT) for text in ("", "x", "0x10", "1 GB", "1.1.1", "٣", "1e1.5")),
        *((text, "") for text in ("1", ".5", "5.", "1E", "1e-3", "999999999999Ti")),
    ],
)
def test_what_is_no_quantity(text: str, wrong: str) -> None:
    assert problem(text) == wrong


@given(st.from_regex(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,18})?", fullmatch=True))
def test_what_is_written_is_read_as_the_same(text: str) -> None:
    assert problem(text) == ""
    assert problem(canonical(text)) == ""
    assert number(canonical(text)) in (number(text), number(text).to_integral_value("ROUND_UP"))
