"""Images in a folder or a file: the OCI image layout, ``oci:FOLDER`` and ``oci-archive:FILE`` of other tools.

::

    oci-layout               version of the layout
    index.json               names -> manifests
    blobs/sha256/<hex>       manifests, configs and layers, each once

Source: OCI image specification 1.1, ``image-layout.md``. This module reads both and writes folders; ``archive`` writes
files.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..errors import ImageError, InvalidInput, StorageError
from . import oci
from .annotations import IMAGE_NAME, REF_NAME
from .config import Image
from .files import copy, draft, is_draft, storage_error, sweep
from .progress import Progress, Report, ignore
from .reference import Reference

VERSION_FILE: Final = "oci-layout"
INDEX_FILE: Final = "index.json"
VERSION: Final = b'{"imageLayoutVersion":"1.0.0"}'

_LARGEST_DOCUMENT: Final = 64 << 20  # bytes

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

Blobs = Callable[[oci.Descriptor], Path]
"""Gives the file that has the bytes of a layer."""


def blob_path(digest: str) -> str:
    """Return where a layout has a blob. Raises ``ImageError`` for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ImageError(f"{digest!r} is not a digest.")
    return f"blobs/{digest.replace(':', '/')}"


# --- reading ----------------------------------------------------------------------------------------------------------


class Reader(ABC):
    """Reads images of a layout, as a registry's client reads those of a repository."""

    place: Path

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open one of the layout's files. Raises ``FileNotFoundError``."""

    @cached_property
    def document(self) -> dict[str, Any]:
        """``index.json`` as it is. Raises ``ImageError`` where this is no layout."""
        version, index = self._read(VERSION_FILE), self._read(INDEX_FILE)
        if version.get("imageLayoutVersion") != "1.0.0":
            raise self._no_layout(f"its version is {version.get('imageLayoutVersion')!r}, not '1.0.0'")
        return index

    @cached_property
    def index(self) -> tuple[oci.Descriptor, ...]:
        """What ``index.json`` lists. Raises ``ImageError``."""
        try:
            return tuple(oci.Descriptor.from_dict(entry) for entry in self.document["manifests"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._no_layout(f"its '{INDEX_FILE}' is wrong: {error!r}") from None

    def find(self, name: str = "") -> oci.Descriptor:
        """Return what points at an image.

        Parameters
        ----------
        name:
            Tag, whole name or digest; ``""`` where there is one image only.

        Raises
        ------
        ImageError
            There is no such image, or no layout.
        """
        found = [entry for entry in self.index if not name or name in _names(entry)]
        if len({entry.digest for entry in found}) == 1:
            return found[0]
        known = ", ".join(sorted({repr(known) for entry in self.index if (known := _title(entry))}))
        hint = f"It has {known}." if known else "Look at its 'index.json'."
        if found:
            raise ImageError(f"{str(self.place)!r} has more than one image{name and f' {name!r}'}.", hint=hint)
        raise ImageError(f"{str(self.place)!r} has no image{name and f' {name!r}'}.", hint=hint)

    def get_manifest(self, name: str = "") -> tuple[oci.Descriptor, bytes]:
        """Return a manifest or an index, by a name as for ``find`` or by the digest of any that is stored.

        Raises
        ------
        ImageError
            There is no such manifest.
        StorageError
            Its bytes are not what their digest says.
        """
        listed = {entry.digest: entry for entry in self.index}
        digest = name if _DIGEST.fullmatch(name) else self.find(name).digest
        with self.open_blob(digest) as file:
            data = file.read(_LARGEST_DOCUMENT)
        return listed.get(digest) or oci.Descriptor.of(_media_type(data), data), data

    def has_blob(self, digest: str) -> bool:
        """Tell whether a blob is here, without looking at its bytes."""
        try:
            self.open(blob_path(digest)).close()
        except FileNotFoundError:
            return False
        return True

    def open_blob(self, digest: str) -> BinaryIO:
        """Open a blob whose bytes have been compared with its digest.

        Raises
        ------
        ImageError
            The layout does not have it.
        StorageError
            Its bytes are others.
        """
        try:
            file = self.open(blob_path(digest))
        except FileNotFoundError:
            raise ImageError(
                f"{str(self.place)!r} does not have the blob {digest}.", hint="Copy the image there again, whole."
            ) from None
        algorithm, _, digits = digest.partition(":")
        if hashlib.file_digest(file, algorithm).hexdigest() != digits:  # type: ignore[arg-type]
            file.close()
            raise StorageError(
                f"The blob {digest} in {str(self.place)!r} is damaged.", hint="Copy the image again.", digest=digest
            )
        file.seek(0)
        return file

    def _read(self, path: str) -> dict[str, Any]:
        try:
            with self.open(path) as file:
                document = json.loads(file.read(_LARGEST_DOCUMENT))
        except FileNotFoundError:
            raise self._no_layout(f"it lacks {path!r}") from None
        except ValueError as error:
            raise self._no_layout(f"its {path!r} cannot be read: {error}") from None
        if not isinstance(document, dict):
            raise self._no_layout(f"its {path!r} is no JSON object")
        return document

    def _no_layout(self, why: str) -> ImageError:
        return ImageError(
            f"{str(self.place)!r} is not an OCI image layout: {why}.",
            hint="Copy the image with: skopeo copy IMAGE oci:FOLDER:TAG",
        )


class Layout(Reader):
    """The images of a layout folder."""

    def __init__(self, folder: Path) -> None:
        self.place = folder

    def open(self, path: str) -> BinaryIO:
        """Open one of the layout's files. Raises ``FileNotFoundError``."""
        try:
            return (self.place / path).open("rb")
        except (NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(path) from None
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageError(f"{str(self.place / path)!r} cannot be read: {error.strerror}.") from error


def _names(entry: oci.Descriptor) -> tuple[str, ...]:
    return (*(entry.annotations.get(key, "") for key in (REF_NAME, IMAGE_NAME)), entry.digest)


def _title(entry: oci.Descriptor) -> str:
    return entry.annotations.get(REF_NAME) or entry.annotations.get(IMAGE_NAME, "")


def _media_type(data: bytes) -> str:
    """Return what kind of document a blob is: older ones do not say so."""
    try:
        document = json.loads(data)
        return str(document.get("mediaType") or (oci.INDEX if "manifests" in document else oci.MANIFEST))
    except (ValueError, AttributeError):
        raise ImageError("This blob is not a manifest.") from None


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contents:
    """What a layout has of an image.

    Attributes
    ----------
    image:
        What the name points at: a manifest, or the index of an image for several platforms.
    documents:
        Digest -> bytes of configs, manifests and index.
    layers:
        Each once, bottom first.
    """

    image: oci.Descriptor
    documents: Mapping[str, bytes]
    layers: tuple[oci.Descriptor, ...]

    @property
    def size(self) -> int:
        """Bytes of the layers."""
        return sum(layer.size for layer in self.layers)

    @classmethod
    def of(cls, images: Sequence[Image], annotations: Mapping[str, str], name: Reference) -> Contents:
        """Gather what images need, one for each platform; ``annotations`` are the index's where there are several."""
        documents = {oci.digest_of(data): data for image in images for data in (image.config, image.manifest)}
        top = images[0].descriptor
        if len(images) > 1:
            index = oci.index([image.descriptor for image in images], annotations)
            top = oci.Descriptor.of(oci.INDEX, index)
            documents[top.digest] = index
        layers = {layer.descriptor.digest: layer.descriptor for image in images for layer in image.layers}
        names = {REF_NAME: name.tag or "latest", IMAGE_NAME: str(name.tagged(name.tag or "latest"))}
        return cls(replace(top, annotations=names), documents, tuple(layers.values()))


def write(folder: Path, contents: Contents, blobs: Blobs, *, report: Report = ignore) -> None:
    """Put an image into a layout folder, which is made where there is none.

    Other images in it stay. The name moves: an image that had the same whole name is listed no longer, one that had
    only the tag keeps its whole name. The index is replaced last, in one step, so the layout can be read at any time,
    also if this process is killed.

    Raises
    ------
    InvalidInput
        The folder has something else in it.
    StorageError
        It cannot be written, or the disk is full.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{str(folder)!r} is not a folder.", hint="Name another one.", field="output")
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder), _empty_again(folder):
            sweep(folder)
            index = _begin(folder)
            _put_layers(folder, contents, blobs, report)
            for digest, data in contents.documents.items():
                _replace(folder, blob_path(digest), data)
            _replace(folder, INDEX_FILE, _with(index, contents.image))
    except OSError as error:
        raise storage_error(folder, error) from error


@contextmanager
def _empty_again(folder: Path) -> Iterator[None]:
    """Where nothing was in a folder before, and what is done in it fails, leave nothing in it."""
    empty = next(folder.iterdir(), None) is None
    try:
        yield
    except BaseException:
        if empty:
            for entry in folder.iterdir():
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
        raise


def _begin(folder: Path) -> dict[str, Any]:
    """Make an empty folder a layout, of no image at first, and return the layout's index.

    Raises
    ------
    InvalidInput
        There is something else in the folder.
    """
    others = sorted(entry.name for entry in folder.iterdir() if not is_draft(entry))
    if others and VERSION_FILE not in others:
        raise InvalidInput(
            f"{str(folder)!r} has other files in it, {others[0]!r} for one, and is no OCI image layout.",
            hint="Name a new or an empty folder.",
            field="output",
        )
    if not others:
        _replace(folder, VERSION_FILE, VERSION)
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    if INDEX_FILE not in others:
        _replace(folder, INDEX_FILE, oci.index([], {}))
    layout = Layout(folder)
    _ = layout.index  # what is wrong in it is refused before anything is added
    return layout.document


def _with(index: Mapping[str, Any], image: oci.Descriptor) -> bytes:
    """Return an index with an image added; what this builder does not know of the others stays as it is."""
    kept = [other for entry in index["manifests"] if (other := _beside(entry, image.annotations))]
    return oci.to_bytes({**index, "manifests": [*kept, image.to_dict()]})


def _beside(entry: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what an index keeps of an entry when another one gets these names; None: nothing."""
    said = entry.get("annotations") or {}
    if said.get(REF_NAME) != names[REF_NAME]:
        return entry
    name = names.get(IMAGE_NAME)
    if said.get(IMAGE_NAME, name) == name:
        return None
    return {**entry, "annotations": {key: value for key, value in said.items() if key != REF_NAME}}


def _put_layers(folder: Path, contents: Contents, blobs: Blobs, report: Report) -> None:
    done = 0
    for layer in contents.layers:
        target = folder / blob_path(layer.digest)
        if not target.exists() or target.stat().st_size != layer.size:
            with draft(target, folder) as out:
                for count in copy(blobs(layer), out, layer.digest):
                    report(Progress("write", folder.name, done + count, contents.size))
        done += layer.size
        report(Progress("write", folder.name, done, contents.size))
    report(Progress("write", folder.name, done, contents.size, "done"))


def _replace(folder: Path, path: str, data: bytes) -> None:
    with draft(folder / path, folder) as out:
        out.write(data)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Let one builder at a time change the index; where the file system has no locks, the last one wins."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
