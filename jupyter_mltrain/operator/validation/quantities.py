"""Quantities as the API server reads and writes them (``k8s.io/apimachinery/pkg/api/resource/quantity.go``)."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal, localcontext

_SHAPE = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([eEinumkKMGTP]*)([-+]?[0-9]*)")
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?[0-9]{1,18}))")
_DECIMAL = {suffix: 3 * power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)}
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_LARGEST = Decimal(2**63 - 1)
_SMALLEST = Decimal("0.001")
_DIGITS = 64
_FAR = 30  # powers of ten beyond which every number is the largest, or the smallest, that there is

WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
WRONG_SUFFIX = "unable to parse quantity's suffix"


def problem(text: str) -> str:
    """Return why a text is no quantity, in the server's words; ``""`` if it is one, such as ``500m`` or ``4Gi``."""
    if _QUANTITY.fullmatch(text):
        return ""
    return WRONG_SUFFIX if _SHAPE.fullmatch(text) else WRONG_FORMAT


def number(value: str | float | None) -> Decimal:
    """Return what a quantity amounts to: rounded up to a thousandth, and never more than fits into 64 bits.

    What is no quantity, which the decoder refuses, counts as 0.
    """
    match = _QUANTITY.fullmatch(str(value if value is not None else 0).strip())
    if match is None:
        return Decimal(0)
    digits, binary, decimal, exponent = match[1], match[2], match[3], match[4]
    with localcontext() as context:
        context.prec = max(_DIGITS, len(digits) + _DIGITS)
        power = _DECIMAL[decimal] if decimal is not None else int(exponent or 0)
        power = max(-_FAR - len(digits), min(_FAR + len(digits), power))
        exact = Decimal(digits) * (_BINARY[binary] if binary else Decimal(10) ** power)
        bounded = max(-_LARGEST, min(_LARGEST, exact))
        return bounded.quantize(_SMALLEST, rounding=ROUND_UP)


def canonical(value: str | float | None) -> str:
    """Return a quantity as the server writes it: no fraction, and the largest suffix of its own kind."""
    text, amount = str(value if value is not None else 0).strip(), number(value)
    match = _QUANTITY.fullmatch(text)
    if amount == 0 or match is None:
        return "0"
    if match[2] and abs(amount) >= 1024:
        return _with_binary_suffix(int(amount.to_integral_value(ROUND_UP)))
    return _with_power(amount, written=match[4] is not None)


def _with_binary_suffix(amount: int) -> str:
    suffix = next((name for name in reversed(_BINARY) if amount % _BINARY[name] == 0), "")
    return f"{amount // _BINARY.get(suffix, 1)}{suffix}"


def _with_power(amount: Decimal, *, written: bool) -> str:
    with localcontext() as context:
        context.prec = _DIGITS
        power, suffix = next(
            (power, name) for name, power in reversed(_DECIMAL.items()) if amount.scaleb(-power) % 1 == 0
        )
        digits = int(amount.scaleb(-power))
    return f"{digits}e{power}" if written and power else f"{digits}{suffix}"
