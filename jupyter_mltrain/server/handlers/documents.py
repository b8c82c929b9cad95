"""``schema`` and ``openapi.json``: what the routes take and give, for programs."""

from __future__ import annotations

import asyncio
from typing import Any

from ..endpoint import endpoint
from .base import Handler


class SchemaHandler(Handler):
    """``schema``."""

    @endpoint("read")
    async def get(self) -> dict[str, Any]:
        """Return the JSON Schemas of ``TrainingSpec`` and of everything on the wire."""
        from ..openapi import schemas

        return await asyncio.to_thread(schemas)


class OpenApiHandler(Handler):
    """``openapi.json``."""

    @endpoint("read")
    async def get(self) -> dict[str, Any]:
        """Return the OpenAPI document of these routes."""
        from ..openapi import document

        return await asyncio.to_thread(document, self.base_url)
