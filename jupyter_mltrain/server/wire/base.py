"""What everything on the wire has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""Idempotency: two requests with one token make one thing."""


class Wire(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )
