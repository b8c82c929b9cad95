"""What builds share on this machine: blobs by their digest, what layers came of which input, small facts.

::

    blobs/sha256/<2 hex>/<64 hex>.<size>    a layer, a wheel, a config
    documents/<kind>/<hash of the key>      a checksum and some bytes: locks, base images, digests of layers
    drafts/, locks/                         of processes that are at work

Any number of processes and threads may use it. A file appears whole or not at all, so a process that is killed leaves
at most a draft, which the next one that writes removes. Nothing is lost with the folder but time.

Nothing is synchronised to the disk, which would cost more than a build. A crash of the machine can thus leave files
with wrong bytes. Size and checksum tell most of them; what is pushed or installed is compared with its digest there,
and `Cache.verify` drops a blob that failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import ImageError
from . import oci
from .cache_files import DigestMismatch, Draft, locked, remove_abandoned, storage_errors

__all__ = ["Cache", "DigestMismatch", "Draft", "default_folder"]

_LAYERS: Final = "layers"
_HEX: Final = frozenset("0123456789abcdef")
_IN_USE: Final = 3600.0
"""Seconds after its last use in which a build may still need a blob."""


def default_folder() -> Path:
    """Return the folder of this user's cache: in ``$MLTRAIN_HOME``, else where the system keeps caches."""
    home = os.environ.get("MLTRAIN_HOME")
    if home:
        return Path(home) / "cache" / "images"
    import platformdirs

    return Path(platformdirs.user_cache_dir("jupyter-mltrain")) / "images"


class Cache:
    """The cache in a folder, which is made when first written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or default_folder()).absolute()
        self._blobs = self.folder / "blobs" / "sha256"
        self._documents = self.folder / "documents"
        self._drafts = self.folder / "drafts"
        self._locks = self.folder / "locks"
        self._is_swept = False

    # --- blobs

    def blob(self, digest: str) -> Path | None:
        """Return the file with a digest, if it is here and has its size. It counts as used now."""
        path = self._find(digest)
        if path is not None:
            with suppress(OSError):  # a cache that can only be read is of use too
                os.utime(path)
        return path

    @contextmanager
    def write_blob(self, digest: str | None = None, size: int | None = None) -> Iterator[Draft]:
        """Write a blob: it is in the cache when the block ends, and nothing of it when the block raises.

        Parameters
        ----------
        digest, size:
            What the bytes must have; None where it is known only when they are written.

        Raises
        ------
        DigestMismatch
            They have not.
        StorageError
            The cache cannot be written; the hint says what to do.
        """
        draft = Draft(self._ready(), digest, size)
        try:
            yield draft
            draft.verify()
            draft.publish(self._shelf(draft.digest) / f"{_digits(draft.digest)}.{draft.size}")
        finally:
            draft.close()

    def verify(self, digest: str) -> bool:
        """Return whether a blob is here with the bytes that its digest says; a damaged one is dropped."""
        path = self._find(digest)
        if path is None:
            return False
        with storage_errors(self.folder):
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != _digits(digest):
                path.unlink(missing_ok=True)
        return found == _digits(digest)

    def _find(self, digest: str) -> Path | None:
        with storage_errors(self.folder), suppress(FileNotFoundError):
            for path in self._shelf(digest).glob(f"{_digits(digest)}.*"):
                if path.suffix == f".{path.stat().st_size}":
                    return path
        return None

    def _shelf(self, digest: str) -> Path:
        return self._blobs / _digits(digest)[:2]

    # --- facts

    def layer(self, key: str) -> oci.Layer | None:
        """Return the layer that came of the input with a key, whether or not its bytes are still here."""
        document = self.document(_LAYERS, key)
        if document is None:
            return None
        fields = json.loads(document)
        return oci.Layer(oci.Descriptor.from_dict(fields["blob"]), fields["diff_id"], unpacked=fields["unpacked"])

    def remember(self, key: str, layer: oci.Layer) -> None:
        """Keep which layer the input with a key becomes. Raises ``StorageError``."""
        fields = {"blob": layer.descriptor.to_dict(), "diff_id": layer.diff_id, "unpacked": layer.unpacked}
        self.put_document(_LAYERS, key, oci.to_bytes(fields))

    def document(self, kind: str, key: str) -> bytes | None:
        """Return what was put under a key, if it is here undamaged."""
        with storage_errors(self.folder), suppress(FileNotFoundError):
            checksum, _, content = self._document(kind, key).read_bytes().partition(b"\n")
            return content if checksum == _checksum(content) else None
        return None

    def put_document(self, kind: str, key: str, content: bytes) -> None:
        """Keep a few bytes under a key, which can be any text, instead of what was there. Raises ``StorageError``."""
        draft = Draft(self._ready(), None, None)
        try:
            draft.write(_checksum(content) + b"\n" + content)
            draft.publish(self._document(kind, key))
        finally:
            draft.close()

    def _document(self, kind: str, key: str) -> Path:
        return self._documents / kind / _file_name(key)

    # --- processes

    def exclusive(self, name: str, waiting: Callable[[], object] | None = None) -> AbstractContextManager[None]:
        """Hold a name that no two builds hold at once: the second waits, and then finds done what the first did.

        Parameters
        ----------
        name:
            Any text, for example the key of a layer.
        waiting:
            Called several times a second while another holds it; what it raises ends the waiting.

        Raises
        ------
        StorageError
            The cache cannot be written.
        """
        return locked(self._locks / _file_name(name), waiting)

    def _ready(self) -> Path:
        """Return the folder for drafts, which is swept once for each cache object."""
        if not self._is_swept:
            self._is_swept = True
            self.sweep()
        return self._drafts

    # --- keeping house

    def sweep(self) -> None:
        """Remove what processes that were killed have left."""
        remove_abandoned(self._drafts)
        remove_abandoned(self._locks)

    def size(self) -> int:
        """Return the bytes that all blobs have."""
        return sum(size for _, size, _ in self._uses())

    def prune(self, max_bytes: int, *, unused: float = _IN_USE) -> int:
        """Remove the blobs whose last use is longest ago until at most ``max_bytes`` are left; return what went.

        Those used in the last ``unused`` seconds stay, however many they are.

        Raises
        ------
        StorageError
            A blob cannot be removed.
        """
        uses = sorted(self._uses())
        excess = sum(size for _, size, _ in uses) - max_bytes
        removed = 0
        for used, size, path in uses:
            if removed >= excess or time.time() - used < unused:
                break
            with storage_errors(self.folder):
                path.unlink(missing_ok=True)
            removed += size
        return removed

    def _uses(self) -> Iterator[tuple[float, int, Path]]:
        """Yield each blob's last use, size and path."""
        for path in self._blobs.glob("*/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path


def _digits(digest: str) -> str:
    """Return a digest's hexadecimal digits. Raises ``ImageError`` for what is none, which could be any path."""
    algorithm, _, digits = digest.partition(":")
    if algorithm != "sha256" or len(digits) != 64 or not _HEX.issuperset(digits):
        raise ImageError(f"{digest!r} is not a digest of the form sha256:<64 hex digits>.")
    return digits


def _file_name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii")
