"""Kubernetes quantities: ``500m``, ``2``, ``4Gi``, ``1e3``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_SUFFIXES: Final = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
QUANTITY: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2}|[numkMGTPE]|[KMGTPE]i)?$"
"""A quantity as a regular expression that Python, Rust (pydantic) and ECMAScript (JSON Schema) read alike."""
_PARTS: Final = re.compile(r"([+-]?[0-9.]+)(?:[eE]([+-]?[0-9]+))?([A-Za-z]*)")


def parse_quantity(text: str | float) -> Decimal:
    """Return the number that a quantity stands for. Raises ``ValueError``."""
    shape, parts = re.match(QUANTITY, str(text)), _PARTS.fullmatch(str(text))
    if shape is None or parts is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity, such as 500m, 2 or 4Gi")
    number, exponent, suffix = parts.groups()
    return Decimal(f"{number}e{exponent or 0}") * _SUFFIXES[suffix]


def parse_cpu(text: str | float) -> float:
    """Return cores. Raises ``ValueError`` unless positive."""
    cores = float(parse_quantity(text))
    if cores <= 0:
        raise ValueError(f"{text!r}: CPU must be more than 0")
    return cores


def parse_memory(text: str | float) -> int:
    """Return bytes, rounded down. Raises ``ValueError`` unless at least one whole byte."""
    size = int(parse_quantity(text))
    if size < 1:
        meant = f"; m means a thousandth of a byte: write {str(text)[:-1]}Mi" if str(text).endswith("m") else ""
        raise ValueError(f"{text!r}: memory must be at least 1 byte{meant}")
    return size
