"""``images``: what an image would be, and builds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..endpoint import ARCHIVE, BACKEND, endpoint
from .base import Handler

if TYPE_CHECKING:
    from .. import queries, wire


class ImagesHandler(Handler):
    """``images``."""

    @endpoint("read")
    async def get(self) -> wire.ImageBuilds:
        """List the builds of images that run on this server, and the last ones, newest first."""
        return self.managers.images.list()

    @endpoint("execute", status=201, errors=(404, 409, *BACKEND))
    async def post(self, body: wire.ImageRequest) -> wire.ImageBuild:
        """Begin to build the image of a notebook."""
        return self.created(await self.managers.images.start(body), "images")


class ImagePlanHandler(Handler):
    """``images/plan``."""

    @endpoint("execute", errors=(404, 409, *BACKEND))
    async def post(self, body: wire.ImagePlanRequest) -> wire.ImagePlan:
        """Say what a build would do, without doing it."""
        return await self.managers.images.plan(body)


class ImageSettingsHandler(Handler):
    """``images/settings``."""

    @endpoint("read", errors=(404, *BACKEND))
    async def get(self, query: queries.NotebookQuery) -> wire.ImageSettings:
        """Say what is set about images, and which files beside a notebook tell packages."""
        return await self.managers.images.settings(query.notebook)


class DockerfileHandler(Handler):
    """``images/dockerfile``."""

    @endpoint("execute", errors=(404, 409, *BACKEND), media=ARCHIVE)
    async def post(self, body: wire.DockerfileRequest) -> AsyncGenerator[bytes]:
        """Return the Dockerfile of a notebook's image with the folder that it is built in, as a .tar.gz."""
        name = f"{PurePosixPath(body.submission.notebook).stem}-image.tar.gz"
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}")
        return self.managers.dockerfiles.archive(body)


class SaveDockerfileHandler(Handler):
    """``images/dockerfile/save``."""

    @endpoint("execute", status=201, errors=(404, 409, *BACKEND))
    async def post(self, body: wire.DockerfileRequest) -> wire.SavedDockerfile:
        """Write the Dockerfile of a notebook's image beside it, with the folder that it is built in."""
        return await self.managers.dockerfiles.save(body)


class ImageHandler(Handler):
    """``images/{id}``."""

    @endpoint("read", errors=(404,))
    async def get(self, id: str) -> wire.ImageBuild:
        """Show a build."""
        return self.managers.images.show(id)

    @endpoint("write", status=204, errors=(404,))
    async def delete(self, id: str) -> None:
        """Cancel a build; forget one that has ended."""
        self.managers.images.delete(id)
