"""A notebook becomes an image: base looked at, environment locked, what is missing made and brought to its place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import RegistryError, StorageError
from . import base as bases
from . import layout, lock, oci
from .annotations import describe, shared
from .base import Base
from .blueprint import Blueprint, draw
from .cache import Cache
from .config import Image, image
from .credentials import Credentials
from .ground import Ground, Order, Registries, Survey, reference_of
from .making import Making
from .progress import Progress, Report, ignore
from .reference import Reference
from .registry import ANY
from .repository import Repository, Traffic
from .settings import Settings
from .shared import Keyed, Shared

if TYPE_CHECKING:
    from .dockerfile import Dockerfile

_ARCHIVE: Final = ".tar"
_QUESTIONS: Final = 8  # to a registry at a time


@dataclass(frozen=True, slots=True)
class Result:
    """An image that was made. ``digests``: of each platform's manifest."""

    digest: str
    digests: Mapping[str, str]
    traffic: Traffic
    seconds: float


class Builder:
    """Makes images. Use it as a context manager: it holds connections.

    Each method raises what its parts do: ``ImageError``, ``ResolutionError``, ``PackageIndexError``, ``RegistryError``,
    ``StorageError``.
    """

    def __init__(self, cache: Cache, settings: Settings, report: Report = ignore) -> None:
        self.cache = cache
        self._settings = settings
        self._report = report
        self.registries = Registries(settings)
        self._survey = Survey(cache, settings, self.registries, report)
        self._lists: dict[tuple[str, str, str], frozenset[str] | None] = {}
        self._seen: dict[tuple[str, str], frozenset[str]] = {}

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self.registries.__exit__()

    # --- looking

    def ground(
        self, order: Order, platform: oci.Platform, *, push: Reference | None = None, look: bool = False
    ) -> Ground:
        """Find the base image and lock the environment for a platform; see `Survey.ground`."""
        return self._survey.ground(order, platform, push=push, look=look)

    def draw(self, order: Order, ground: Ground) -> Blueprint:
        """Say what the image is made of; packages that have no wheel are built for that."""
        built = ground.lock
        if built.sources:
            from . import sdist

            built = sdist.build(built, self.cache, report=self._report, credentials=self._logins(order))
        return draw(
            order.payload,
            ground.base,
            built,
            compression=order.compression,
            reference=reference_of(order),
            variables=order.variables,
            foreign=ground.lock.foreign,
        )

    def dockerfile(self, order: Order, platform: oci.Platform) -> Dockerfile:
        """Return the Dockerfile of the image; packages that have no wheel are built for that."""
        from . import dockerfile, fetch, sdist

        ground = self.ground(replace(order, system=()), platform)
        logins = self._logins(order)
        built = sdist.build(ground.lock, self.cache, report=self._report, credentials=logins)
        local = [wheel for wheel in built.wheels if not wheel.url.startswith("http")]
        return dockerfile.draw(
            order.payload,
            ground.base,
            built,
            reference=reference_of(order),
            packages=order.system,
            wheels=fetch.fetch(local, self.cache, self._report, credentials=logins),
            variables=order.variables,
            options=order.wanted.options,
        )

    def bill(self, order: Order, ground: Ground) -> bytes:
        """Return what is in the image, with the program and the licences of all packages, as CycloneDX."""
        from . import fetch, sbom, sdist

        logins = self._logins(order)
        built = sdist.build(ground.lock, self.cache, report=self._report, credentials=logins)
        files = fetch.fetch(built.wheels, self.cache, self._report, credentials=logins)
        return sbom.document(
            built.wheels,
            sbom.BaseImage(ground.base.published.digest, ground.base.platform, reference_of(order), ground.base.added),
            order.payload.version,
            program=sbom.SubjectProgram(order.payload.name, order.payload.digest),
            licenses={sha256: sbom.licenses_of(path) for sha256, path in files.items()},
            foreign=ground.lock.foreign,
        )

    def known(self, blueprint: Blueprint, push: Reference) -> frozenset[str]:
        """Learn from a repository what it has of an image; digests that it has for certain.

        What its list does not tell is asked for; `build` does not ask again.
        """
        listed = self._listed(blueprint, push) or frozenset()
        found = (self.cache.layer(piece.key) for piece in blueprint.pieces)
        layers = [*blueprint.base.layers, *(layer for layer in found if layer is not None)]
        asked = [layer.descriptor.digest for layer in layers if layer.descriptor.digest not in listed]
        if asked:
            registry = self.registries[push.registry]
            with ThreadPoolExecutor(_QUESTIONS) as pool:
                there = pool.map(partial(registry.has_blob, push.repository), asked)
                listed |= {digest for digest, has in zip(asked, there, strict=True) if has}
        place = push.registry, push.repository
        self._seen[place] = self._seen.get(place, frozenset()) | listed
        return listed

    def _listed(self, blueprint: Blueprint, push: Reference) -> frozenset[str] | None:
        """Return what a repository lists of an environment, which is asked once; None: it has no list."""
        key = push.registry, push.repository, blueprint.environment
        if key not in self._lists:
            shared = Shared(self.registries[push.registry], push.repository, self.cache)
            self._lists[key] = shared.layers(blueprint.environment)
        return self._lists[key]

    def _logins(self, order: Order) -> Credentials:
        return lock.credentials(order.wanted)

    # --- making

    def build(self, order: Order, grounds: Sequence[Ground], *, push: Reference | None, output: Path | None) -> Result:
        """Make an image and bring it to a repository, a layout folder or an archive; with neither, into the cache."""
        start = time.monotonic()
        traffic = Traffic()
        before = self._tag(push)
        images = [self._image(order, ground, push, output is not None, traffic) for ground in grounds]
        said = shared(*(json.loads(each.manifest).get("annotations", {}) for each in images))
        name = push or Reference("localhost", component(order.payload.name))
        contents = layout.Contents.of(images, said, name)
        if output is not None:
            try:
                self._write(output, contents, grounds)
            except StorageError as error:
                if self._is_sound(error.details.get("digest"), contents):
                    raise
                for ground in grounds:
                    self._image(order, ground, push, True, traffic)
                self._write(output, contents, grounds)
        if push is not None:
            try:
                self._publish(push, contents, before)
            except RegistryError as error:
                if error.code != "registry-incomplete":
                    raise
                traffic.present = 0
                for ground in grounds:
                    self._image(order, ground, push, output is not None, traffic, trusting=False)
                self._publish(push, contents, before)
        digests = {str(each.platform): each.digest for each in images}
        return Result(contents.image.digest, digests, traffic, time.monotonic() - start)

    def _image(
        self,
        order: Order,
        ground: Ground,
        push: Reference | None,
        keep: bool,
        traffic: Traffic,
        *,
        trusting: bool = True,
    ) -> Image:
        """Make one platform's image. Without ``trusting`` the registry's own list of layers, which may be older than a
        loss of blobs, does not count."""
        blueprint = self.draw(order, ground)
        target = None if push is None else self._repository(order, push, traffic)
        listed = self._listed(blueprint, push) if push is not None and trusting else None
        if target is not None:
            seen = self._seen.get((target.registry.host, target.name), frozenset()) if trusting else frozenset[str]()
            target.known = (listed or frozenset()) | seen
            if listed is None:  # much may have to be made: what cannot be pushed is told before that
                target.registry.check_push(target.name)
        making = Making(
            self.cache, self._report, target=target, keep=keep, credentials=self._logins(order), traffic=traffic
        )
        if keep or target is not None:
            making.base(ground.base.layers, ground.source)
        layers = making.pieces(blueprint.pieces)
        found = image(
            ground.base.config, ground.base.layers, layers, blueprint.runtime, annotations=describe(blueprint.origin)
        )
        if target is not None:
            config = oci.Descriptor.of(oci.CONFIG, found.config)
            target.put(config, partial(BytesIO, found.config), "config", ignore, own=True)
            if self._settings.cache_tags and listed is None:
                self._share(target, ground.base, blueprint, layers)
        return found

    def _repository(self, order: Order, push: Reference, traffic: Traffic) -> Repository:
        """Return the repository, and where on its registry layers may be mounted from."""
        reference = reference_of(order)
        below = reference.repository if reference is not None and reference.registry == push.registry else ""
        return Repository(self.registries[push.registry], push.repository, self.cache, traffic, base=below)

    def _share(self, target: Repository, base: Base, blueprint: Blueprint, layers: Sequence[oci.Layer]) -> None:
        """Leave what the next machine would have to find out."""
        told = Shared(target.registry, target.name, self.cache)
        below = [Keyed("", layer) for layer in base.layers]
        ours = [
            Keyed(piece.key, layer)
            for piece, layer in zip(blueprint.pieces, layers, strict=True)
            if piece.kind != "program"
        ]
        told.put_layers(blueprint.environment, [*below, *ours])
        document = self.cache.document(bases.KIND, base.digest)
        if document is not None and told.base(base.digest) is None:
            told.put_base(base.digest, document)

    # --- bringing

    def _tag(self, push: Reference | None) -> str:
        """Return what a tag means before the build."""
        if push is None or not push.tag:
            return ANY
        found = self.registries[push.registry].head_manifest(push.repository, push.tag)
        return found.digest if found else ""

    def _publish(self, push: Reference, contents: layout.Contents, before: str) -> None:
        registry = self.registries[push.registry]
        for digest, data in contents.documents.items():
            kind = json.loads(data).get("mediaType")
            if kind in (oci.MANIFEST, oci.INDEX) and (digest != contents.image.digest or not push.tag):
                registry.put_manifest(push.repository, digest, data, kind)
        if push.tag:
            top = contents.documents[contents.image.digest]
            registry.put_manifest(push.repository, push.tag, top, contents.image.media_type, expected=before)
        self._report(Progress("push", str(push), state="done"))

    def _is_sound(self, damaged: str | None, contents: layout.Contents) -> bool:
        """Return whether the cache has the right bytes of all layers; what is damaged is removed from it."""
        found = [self.cache.verify(layer.digest) for layer in contents.layers] if damaged else []
        return all(found)

    def _write(self, output: Path, contents: layout.Contents, grounds: Iterable[Ground]) -> None:
        def path(blob: oci.Descriptor) -> Path:
            found = self.cache.blob(blob.digest)
            if found is not None:
                return found
            source = next(each.source for each in grounds if blob.digest in _digests(each.base))
            return source.path(blob)

        from . import archive

        write = archive.write if output.suffix == _ARCHIVE else layout.write
        write(output, contents, path, report=self._report)


def _digests(base: Base) -> frozenset[str]:
    return frozenset(layer.descriptor.digest for layer in base.layers)


def component(name: str) -> str:
    """Return a notebook's name as repositories may be called."""
    import re
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "notebook"
