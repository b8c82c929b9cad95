"""Kubernetes' rules for names, labels and quantities, as types of fields.

The patterns are written so that Rust (pydantic) and ECMAScript (JSON Schema) read them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from .quantity import QUANTITY, parse_cpu, parse_memory

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and .../labels/
DNS_1035: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_1123: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
DNS_1123_SUBDOMAIN: Final = rf"^{_SUBDOMAIN}$"
LABEL_KEY: Final = rf"^({_SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
ENV_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"

IN_WORDS: Final = {
    DNS_1035: "use lower-case letters, digits and hyphens, beginning with a letter",
    DNS_1123: "use lower-case letters, digits and hyphens",
    DNS_1123_SUBDOMAIN: "use lower-case letters, digits, hyphens and dots",
    LABEL_KEY: "use at most 63 letters, digits, '-', '_' and '.', with a domain and '/' before them if need be",
    LABEL_VALUE: "use at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends",
    ENV_NAME: "use letters, digits and '_', not beginning with a digit",
    QUANTITY: "this is not a Kubernetes quantity, such as 500m, 2 or 4Gi",
}
"""What the patterns ask for, for people."""

ObjectName = Annotated[str, Field(pattern=DNS_1123_SUBDOMAIN, max_length=253)]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]
EnvName = Annotated[str, Field(pattern=ENV_NAME)]
Namespace = Annotated[str, Field(pattern=DNS_1123, max_length=63)]
DnsLabel = Annotated[str, Field(pattern=DNS_1035, max_length=63)]


def _parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


Cpu = Annotated[str, Field(pattern=QUANTITY), _parsed_by(parse_cpu)]
Memory = Annotated[str, Field(pattern=QUANTITY), _parsed_by(parse_memory)]
