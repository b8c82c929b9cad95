"""What an image stands on: the base image and the locked environment, found before anything is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from ..errors import RegistryError
from . import base as bases
from . import layout, lock, oci, own
from .annotations import REF_NAME
from .base import Base
from .base_sources import FromLayout, FromRegistry, Kept
from .blueprint import Payload
from .cache import Cache
from .compress import Compression
from .locked import Lock
from .progress import Report
from .reference import Reference
from .registry import Options, Registry
from .settings import Settings
from .shared import Shared
from .sources import Wanted
from .target import Target

LAYOUTS: Final = ("oci:", "oci-archive:")
"""What names of base images begin with that are not in a registry."""
_SYSTEM: Final = "system"  # folder of the cache: bases with system packages


@dataclass(frozen=True, slots=True)
class Order:
    """An image that is asked for.

    Attributes
    ----------
    base:
        Name of the base image, or ``oci:FOLDER[:TAG]``, ``oci-archive:FILE[:TAG]``.
    wanted:
        What its environment is to have.
    platforms:
        One or more.
    system:
        Debian packages that the base is to get.
    variables:
        More environment variables of its containers.
    """

    payload: Payload
    base: str
    wanted: Wanted
    platforms: tuple[oci.Platform, ...]
    compression: Compression = "zstd"
    system: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What an image of one platform stands on: base and environment, before anything is made."""

    base: Base
    source: Kept
    lock: Lock


class Registries:
    """Clients of registries, one for each host. Use it as a context manager: they hold connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str, Registry] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Registries:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __getitem__(self, host: str) -> Registry:
        """Return the client of a registry."""
        if host not in self._clients:
            options = Options(plain_http=frozenset(self._settings.plain_http))
            self._clients[host] = self._stack.enter_context(Registry(host, options=options))
        return self._clients[host]


class Survey:
    """Finds bases and locks environments. Nothing is made but what is kept of that."""

    def __init__(self, cache: Cache, settings: Settings, registries: Registries, report: Report) -> None:
        self._cache = cache
        self._settings = settings
        self._registries = registries
        self._report = report

    def ground(
        self, order: Order, platform: oci.Platform, *, push: Reference | None = None, look: bool = False
    ) -> Ground:
        """Find the base image and lock the environment for a platform.

        Parameters
        ----------
        look:
            Only look: system packages that nobody has added to the base yet are left out.
        """
        found, source = self._base(order, platform, push, look)
        target = Target(platform, found.python.version, found.python.libc)
        wanted = order.wanted.including(own.REQUIREMENTS)
        locked = lock.resolve(wanted, target, self._cache, report=self._report, build=self._settings.build_packages)
        return Ground(found, source, locked)

    def _base(self, order: Order, platform: oci.Platform, push: Reference | None, looking: bool) -> tuple[Base, Kept]:
        if order.base.startswith(LAYOUTS):
            source = Kept(_layout(order.base), self._cache)
            pinned = False
        else:
            reference = Reference.parse(order.base)
            source = Kept(FromRegistry(self._registries[reference.registry], reference), self._cache)
            pinned = True
        recall = None if push is None else Shared(self._registries[push.registry], push.repository, self._cache).base
        look = partial(bases.look, platform=platform, cache=self._cache, report=self._report)
        # Reading streams the layers; only what writes or pushes them keeps them.
        try:
            found = look(source.source, pinned=pinned, refresh=order.refresh, recall=recall)
        except RegistryError as error:
            if pinned and (push is None or push.registry != reference.registry):
                error.hint = f"{error.hint} The base image is {order.base}; --base names another.".strip()
            raise
        if not order.system:
            return found, source
        folder = self._known_extended(order, found) if looking else self._extended(order, found, source)
        if folder is None:
            return found, source
        extended = FromLayout(layout.Layout(folder))
        return replace(look(extended, pinned=False), below=found, added=order.system), Kept(extended, self._cache)

    def _known_extended(self, order: Order, base: Base) -> Path | None:
        from . import buildah

        return buildah.kept(base.digest, order.system, self._cache.folder / _SYSTEM, compression=order.compression)

    def _extended(self, order: Order, base: Base, source: Kept) -> Path:
        """Return the layout folder of the base with Debian packages."""
        from . import buildah

        below = self._cache.folder / "bases" / base.digest.replace(":", "-")
        manifest, config = _documents(source, base)
        top = oci.Descriptor(oci.MANIFEST, oci.digest_of(manifest), len(manifest), {REF_NAME: "base"})
        documents = {oci.digest_of(data): data for data in (manifest, config)}
        contents = layout.Contents(top, documents, tuple(each.descriptor for each in base.layers))
        layout.write(below, contents, source.path, report=self._report)
        return buildah.add_packages(
            below,
            order.system,
            self._cache.folder / _SYSTEM,
            compression=order.compression,
            refresh=order.refresh,
            report=self._report,
        )


def reference_of(order: Order) -> Reference | None:
    """Return the name of the base image, unless it is one that only this machine has."""
    return None if order.base.startswith(LAYOUTS) else Reference.parse(order.base)


def _layout(text: str) -> FromLayout:
    """Return what ``oci:FOLDER:TAG`` or ``oci-archive:FILE:TAG`` names."""
    kind, _, rest = text.partition(":")
    path, colon, tag = rest.rpartition(":")
    if not colon or Path(rest).exists():
        path, tag = rest, ""
    from . import archive

    reader = archive.Archive(Path(path)) if kind == "oci-archive" else layout.Layout(Path(path))
    return FromLayout(reader, tag)


def _documents(source: Kept, base: Base) -> tuple[bytes, bytes]:
    _, manifest = source.get_manifest(base.digest)
    with source.open_blob(oci.Descriptor.from_dict(json.loads(manifest)["config"])) as file:
        return manifest, file.read()
