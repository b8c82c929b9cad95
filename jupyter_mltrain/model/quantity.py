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
_QUANTITY: Final = re.compile(
    r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$"
)


def parse_quantity(text: str | float) -> Decimal:
    """Return the number that a quantity stands for. Raises ``ValueError``."""
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity, such as 500m, 2 or 4Gi")
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def parse_cpu(text: str | float) -> float:
    """Return cores. Raises ``ValueError`` unless positive."""
    cores = float(parse_quantity(text))
    if cores <= 0:
        raise ValueError(f"{text!r}: CPU must be more than 0")
    return cores


def parse_memory(text: str | float) -> int:
    """Return bytes. Raises ``ValueError`` unless at least one whole byte."""
    size = int(parse_quantity(text))
    if size < 1:
        raise ValueError(f"{text!r}: memory must be at least 1 byte")
    return size
