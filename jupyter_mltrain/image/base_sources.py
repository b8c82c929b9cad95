"""Where base images come from: a repository of a registry, or an OCI layout."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO, Final

from ..errors import StorageError
from . import oci
from .base import Source
from .cache import Cache
from .layout import Reader
from .reference import Reference

if TYPE_CHECKING:
    from .registry import Registry

_PIPE: Final = 1 << 20  # bytes that are under way between the two threads


@dataclass(frozen=True, slots=True)
class FromRegistry:
    """An image of a registry."""

    registry: Registry
    reference: Reference

    @property
    def name(self) -> str:
        """The whole name."""
        return str(self.reference)

    @property
    def version(self) -> str:
        """The digest, else the tag."""
        return self.reference.version

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        """Return a manifest or an index by tag or digest. Raises ``RegistryError``."""
        return self.registry.get_manifest(self.reference.repository, version)

    def open_blob(self, blob: oci.Descriptor) -> AbstractContextManager[BinaryIO]:
        """Open a blob for reading while it comes. What goes wrong with that is raised when the block ends."""
        return streamed(lambda out: self.registry.download_blob(self.reference.repository, blob, out))


@dataclass(frozen=True, slots=True)
class FromLayout:
    """An image of an OCI layout, a folder or an archive.

    Attributes
    ----------
    tag:
        Its name there; ``""`` where there is one image only.
    """

    reader: Reader
    tag: str = ""

    @property
    def name(self) -> str:
        """What other tools call it."""
        return f"oci:{self.reader.place}{self.tag and f':{self.tag}'}"

    @property
    def version(self) -> str:
        """What the layout is asked for."""
        return self.tag

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        """Return a manifest or an index by name or digest. Raises ``ImageError``."""
        return self.reader.get_manifest(version)

    def open_blob(self, blob: oci.Descriptor) -> AbstractContextManager[BinaryIO]:
        """Open a blob. Raises ``ImageError``, or ``StorageError`` where it is damaged."""
        return self.reader.open_blob(blob.digest)


@dataclass(frozen=True, slots=True)
class Kept:
    """A source whose blobs are kept in the cache: for what writes whole images to this machine."""

    source: Source
    cache: Cache

    @property
    def name(self) -> str:
        """As the source has it."""
        return self.source.name

    @property
    def version(self) -> str:
        """As the source has it."""
        return self.source.version

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        """Return a manifest or an index by name or digest, as the source does."""
        return self.source.get_manifest(version)

    def open_blob(self, blob: oci.Descriptor) -> BinaryIO:
        """Open a blob, which is fetched before that. Raises ``StorageError`` and what the source raises."""
        return self.path(blob).open("rb")

    def path(self, blob: oci.Descriptor) -> Path:
        """Return the file of a blob, which is fetched where it is missing."""
        with self.cache.exclusive(blob.digest):
            return self.cache.blob(blob.digest) or self._fetch(blob)

    def _fetch(self, blob: oci.Descriptor) -> Path:
        with self.cache.write_blob(blob.digest, blob.size) as draft, self.source.open_blob(blob) as stream:
            while chunk := stream.read(_PIPE):
                draft.write(chunk)
        found = self.cache.blob(blob.digest)
        if found is None:
            raise StorageError(f"{blob.digest} is gone from the image cache.", hint="Somebody emptied it: build again.")
        return found


@contextmanager
def streamed(write: Callable[[BinaryIO], object]) -> Iterator[BinaryIO]:
    """Open for reading what a function writes, which runs in a thread meanwhile; it ends when the block ends.

    What the function raises is raised here, instead of what a block may make of the missing rest.
    """
    reading, writing = os.pipe()
    with suppress(OSError, AttributeError):  # less is slower only
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE)
    failures: list[BaseException] = []
    thread = Thread(target=_run, args=(write, writing, failures), daemon=True)
    thread.start()
    try:
        with open(reading, "rb") as stream:  # noqa: PTH123 - a descriptor has no path
            yield stream
    finally:
        thread.join()
        if failures:
            raise failures[0]


def _run(write: Callable[[BinaryIO], object], writing: int, failures: list[BaseException]) -> None:
    try:
        with open(writing, "wb") as out:
            write(out)
    except BrokenPipeError:
        pass  # nobody reads any more
    except BaseException as error:  # noqa: BLE001 - it is the reader's
        failures.append(error)
