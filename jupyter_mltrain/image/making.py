"""Makes layers, and brings them where they are missing: several at once, each no further than it has to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO, Final, TypeVar, cast

from ..errors import ImageError, MltrainError, RegistryError, StorageError
from . import oci
from .base_sources import Kept
from .blueprint import Piece
from .cache import Cache, Draft
from .credentials import Credentials
from .progress import Progress, Report
from .repository import Repository, Traffic

_AT_ONCE: Final = 4
T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """Something else of the build failed: this piece need not go on."""


class Making:
    """Makes the layers of images.

    Parameters
    ----------
    target:
        The repository that they go to; None: they stay in the cache.
    keep:
        Whether the bytes of every layer are needed here too, since an image is written to this machine.
    """

    def __init__(
        self,
        cache: Cache,
        report: Report,
        *,
        target: Repository | None = None,
        keep: bool = False,
        credentials: Credentials | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self._cache = cache
        self._stop = Event()
        self._tell = report
        self._target = target
        self._keep = keep or target is None
        self._credentials = credentials
        self._traffic = traffic or Traffic()

    def pieces(self, pieces: Sequence[Piece]) -> list[oci.Layer]:
        """Make layers, or find that they are where they belong, and return them in order."""
        found = {piece.key: layer for piece in pieces if (layer := self._known(piece)) is not None}
        # The largest first: begun last, it would be made alone while the other processors have nothing to do.
        missing = sorted((piece for piece in pieces if piece.key not in found), key=_size, reverse=True)
        made = dict(self._each(self._keyed, missing))
        return [found.get(piece.key) or made[piece.key] for piece in pieces]

    def base(self, layers: Iterable[oci.Layer], source: Kept) -> None:
        """Bring the base's layers where they belong."""

        def bring(layer: oci.Layer) -> None:
            blob, name = layer.descriptor, f"base {layer.descriptor.digest[7:19]}"
            if self._keep and (self._target is None or not self._target.has(blob.digest)):
                source.path(blob)
            if self._target is not None:
                opened = partial(source.open_blob, blob)
                self._bring(blob, opened, name, lambda: opened)

        if self._target is not None or self._keep:
            self._each(bring, layers)

    # --- one piece

    def _known(self, piece: Piece) -> oci.Layer | None:
        """Return a layer that the registry has for certain, as most are where a notebook has changed."""
        layer = self._cache.layer(piece.key)
        if layer is None or self._keep or self._target is None or not self._target.has(layer.descriptor.digest):
            return None
        return layer if self._is_there(layer, piece) else None

    def _keyed(self, piece: Piece) -> tuple[str, oci.Layer]:
        return piece.key, self._piece(piece)

    def _piece(self, piece: Piece) -> oci.Layer:
        known = self._cache.layer(piece.key)
        if known is not None and not self._keep and self._is_there(known, piece):
            return known
        layer, path = self._bytes(piece)
        if self._target is not None:
            own = piece.kind == "program"
            self._bring(layer.descriptor, path, piece.name, lambda: self._bytes(piece)[1], own=own)
        return layer

    def _bring(
        self,
        blob: oci.Descriptor,
        source: Path | Callable[[], BinaryIO],
        name: str,
        again: Callable[[], Path | Callable[[], BinaryIO]],
        *,
        own: bool = False,
    ) -> None:
        """Bring a blob to the registry; where the cache's file is damaged, once more with one that ``again`` makes."""
        assert self._target is not None
        try:
            self._target.put(blob, source, name, self._report, own=own)
        except RegistryError as error:
            if error.code != "registry-digest" or self._cache.verify(blob.digest):
                raise
            self._target.put(blob, again(), name, self._report, own=own)

    def _is_there(self, layer: oci.Layer, piece: Piece) -> bool:
        """Return whether the registry has a layer, or takes it from where it has it, without its bytes."""
        assert self._target is not None
        if not self._target.has(layer.descriptor.digest) and self._cache.blob(layer.descriptor.digest):
            return False
        try:
            self._target.put(layer.descriptor, _no_bytes, piece.name, self._report)
        except _BytesNeeded:
            return False
        return True

    def _bytes(self, piece: Piece) -> tuple[oci.Layer, Path]:
        """Return a layer and the file that has it, which is made where it is missing."""
        found = self._cached(piece)
        if found is None:
            with self._cache.exclusive(f"layer {piece.key}", self._check):
                found = self._cached(piece)
                if found is None:
                    return self._made(piece)
        self._report(Progress("layer", piece.name, found[0].unpacked, found[0].unpacked, "cached"))
        return found

    def _cached(self, piece: Piece) -> tuple[oci.Layer, Path] | None:
        layer = self._cache.layer(piece.key)
        path = self._cache.blob(layer.descriptor.digest) if layer else None
        return (layer, path) if layer and path else None

    def _made(self, piece: Piece) -> tuple[oci.Layer, Path]:
        try:
            layer = self._written(piece)
        except ImageError:
            sound = [self._cache.verify(wheel.digest) for wheel in piece.wheels]
            if all(sound):
                raise
            layer = self._written(piece)  # a wheel was damaged, and is gone now
        self._cache.remember(piece.key, layer)
        self._report(Progress("layer", piece.name, layer.unpacked, layer.unpacked, "done"))
        path = self._cache.blob(layer.descriptor.digest)
        if path is None:
            raise StorageError(
                f"The layer {piece.name!r} is gone from the image cache.", hint="Somebody emptied it: build again."
            )
        return layer, path

    def _written(self, piece: Piece) -> oci.Layer:
        files = self._files(piece)
        self._report(Progress("layer", piece.name))
        with self._cache.write_blob() as draft:
            return piece.write(cast(BinaryIO, _Watched(draft, self._check)), files)

    def _files(self, piece: Piece) -> Mapping[str, Path]:
        if not piece.wheels:
            return {}
        from . import fetch

        return fetch.fetch(piece.wheels, self._cache, self._counting, credentials=self._credentials)

    # --- all pieces

    def _each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do the work for each, several at once. If one fails, or is cancelled, the others stop."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="image") as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                self._raise_first(futures)
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise
            return [future.result() for future in futures]

    @staticmethod
    def _raise_first(futures: Iterable[Future[R]]) -> None:
        errors = [error for future in futures if future.done() and (error := future.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
            raise error

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _report(self, progress: Progress) -> None:
        self._check()
        self._tell(progress)

    def _counting(self, progress: Progress) -> None:
        if progress.step == "fetch" and progress.state == "done":
            self._traffic.fetched += progress.total
        self._report(progress)


def _size(piece: Piece) -> int:
    return sum(wheel.size or 0 for wheel in piece.wheels)


class _BytesNeeded(MltrainError):
    """A registry wants the bytes of a layer that this machine does not have."""


def _no_bytes() -> BinaryIO:
    raise _BytesNeeded("The bytes of a layer are not here.")


class _Watched:
    """An open file that stops taking bytes when the build is cancelled."""

    def __init__(self, out: Draft, check: Callable[[], None]) -> None:
        self._out = out
        self._check = check

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._check()
        return self._out.write(data)
