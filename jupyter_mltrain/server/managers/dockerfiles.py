"""Dockerfiles: the image of a notebook for other builders, as a text, an archive, or a folder beside the notebook."""

from __future__ import annotations

import asyncio
import base64
import itertools
import tarfile
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.fileio import FileManagerMixin

from .. import wire
from ..paths import contents_errors, file_of, remove_half_written, require_file
from ..views import findings_view
from .images import beside, options_of

if TYPE_CHECKING:
    from ...service import Export
    from . import Managers

_ARCHIVE: Final = ".tar.gz"
_PIECE: Final = 1 << 18  # bytes
_FAST: Final = 3  # most of what is large is compressed already: wheels


class DockerfilesManager:
    """Writes the image of a notebook for other builders."""

    def __init__(self, managers: Managers) -> None:
        self._managers = managers
        self._contents = managers.contents

    async def text(self, wanted: wire.ExportRequest) -> wire.Export:
        """Return the Dockerfile alone."""
        image = wanted.image or wire.ImageOptions()
        found = await self._write(wire.DockerfileRequest(submission=wanted.submission, image=image), None)
        return wire.Export(text=found.text, findings=findings_view(found.findings))

    async def archive(self, wanted: wire.DockerfileRequest) -> AsyncGenerator[bytes]:
        """Yield a .tar.gz with the folder that the image is built in.

        Raises
        ------
        InvalidInput
            A finding is an error, and the request does not say ``force``.
        """
        with tempfile.TemporaryDirectory(prefix="mltrain-") as temporary:
            # All of it is there before the first piece goes out: what goes wrong is an answer, not half an archive.
            file = await self._pack(wanted, Path(temporary), _name(wanted))
            with file.open("rb") as stream:
                while piece := await asyncio.to_thread(stream.read, _PIECE):
                    yield piece

    async def save(self, wanted: wire.DockerfileRequest) -> wire.SavedDockerfile:
        """Write the folder beside the notebook, under a name that is free.

        Where contents are no files, links and modes would be lost on the way: there it is the archive.

        Raises
        ------
        InvalidInput
            A finding is an error, and the request does not say ``force``.
        """
        contents, notebook = self._contents, wanted.submission.notebook
        await require_file(contents, notebook, what="notebook", field="notebook")
        if not isinstance(contents, FileManagerMixin):
            return await self._save_archive(wanted)
        path = await _free(contents, notebook, _name(wanted), "")
        await self._write(wanted, await asyncio.to_thread(file_of, contents, path))
        return wire.SavedDockerfile(path=path, kind="folder")

    async def _save_archive(self, wanted: wire.DockerfileRequest) -> wire.SavedDockerfile:
        contents, notebook = self._contents, wanted.submission.notebook
        path = await _free(contents, notebook, _name(wanted), _ARCHIVE)
        with tempfile.TemporaryDirectory(prefix="mltrain-") as temporary:
            file = await self._pack(wanted, Path(temporary), _name(wanted))
            content = base64.b64encode(await asyncio.to_thread(file.read_bytes)).decode()
        with contents_errors(path):
            try:
                await ensure_async(contents.save({"type": "file", "format": "base64", "content": content}, path))
            except BaseException:
                await remove_half_written(contents, path)
                raise
        return wire.SavedDockerfile(path=path, kind="archive")

    async def _pack(self, wanted: wire.DockerfileRequest, folder: Path, name: str) -> Path:
        await self._write(wanted, folder / "image")
        return await asyncio.to_thread(_packed, folder / "image", name)

    async def _write(self, wanted: wire.DockerfileRequest, folder: Path | None) -> Export:
        plans = self._managers.plans
        async with plans.request(wanted.submission, beside(wanted.image)) as (service, request):
            image = options_of(wanted.image, request)
            await plans.check(service, request)
            async with self._managers.images.plans:
                return await service.export(request, "dockerfile", folder, image=image, force=wanted.force)


def _name(wanted: wire.DockerfileRequest) -> str:
    return f"{PurePosixPath(wanted.submission.notebook).stem}-image"


def _packed(folder: Path, name: str) -> Path:
    """Return a file with a folder in it under another name, which belongs to nobody of this machine."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid, member.uname, member.gname = 0, 0, "", ""
        return member

    file = folder.with_name(f"{folder.name}{_ARCHIVE}")
    with tarfile.open(file, "w:gz", compresslevel=_FAST) as archive:
        archive.add(folder, name, filter=plain)
    return file


async def _free(contents: Any, notebook: str, stem: str, suffix: str) -> str:
    """Return a path beside a notebook that nothing has: ``train-image``, ``train-image-1``."""
    names = (f"{stem}{f'-{number}' if number else ''}{suffix}" for number in itertools.count())
    with contents_errors(notebook):
        for name in names:
            path = str(PurePosixPath(notebook).parent / name)
            found = await ensure_async(contents.file_exists(path)) or await ensure_async(contents.dir_exists(path))
            if not found:
                return path
    raise AssertionError("there is always one more number")
