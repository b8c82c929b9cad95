"""What builds share through a registry: which layers came of which input, and what is in a base image.

Both are small artifacts with a tag in the repository that images are pushed to. ``cache-<environment>`` lists the
layers below the program, each with its key: so a machine that has never built anything knows them without making one,
and the registry keeps them. ``base-<digest>`` has what reading the base image found. Whoever may push to the repository
is trusted with this, as with the images in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import Any, Final

from ..errors import RegistryError
from ..model.labels import PREFIX
from . import oci
from .cache import Cache
from .registry import Registry

LAYERS: Final = "application/vnd.jupyter-mltrain.layers.v1+json"
BASE: Final = "application/vnd.jupyter-mltrain.base.v1+json"
_KEY: Final = PREFIX + "key"
_DIFF_ID: Final = PREFIX + "diff-id"
_UNPACKED: Final = PREFIX + "unpacked"
_NOTHING_TOLD: Final = frozenset({"registry", "registry-not-found", "registry-digest"})
_SHORT: Final = 32  # hexadecimal digits of a hash in a tag


@dataclass(frozen=True, slots=True)
class Keyed:
    """A layer, and the key of what it was made of; ``""`` for one of the base."""

    key: str
    layer: oci.Layer


class Shared:
    """What a repository knows of builds. What it does not know, or tells in a way that is not understood, is built."""

    def __init__(self, registry: Registry, repository: str, cache: Cache) -> None:
        self._registry = registry
        self._repository = repository
        self._cache = cache

    def layers(self, environment: str) -> frozenset[str] | None:
        """Learn the layers of an environment, and return the digests that the repository has; None: it has no list."""
        found = self._read(_layers_tag(environment), LAYERS)
        if found is None:
            return None
        try:
            keyed = list(_keyed(found))
        except (KeyError, TypeError, ValueError):
            return None
        for one in keyed:
            if one.key and self._cache.layer(one.key) is None:
                self._cache.remember(one.key, one.layer)
        return frozenset(one.layer.descriptor.digest for one in keyed)

    def put_layers(self, environment: str, layers: Sequence[Keyed]) -> None:
        """List the layers of an environment, which the repository has."""
        listed = [_with_key(one) for one in layers]
        self._put(_layers_tag(environment), LAYERS, listed)

    def base(self, digest: str) -> bytes | None:
        """Return what somebody found in a base image."""
        found = self._read(_base_tag(digest), BASE)
        if found is None:
            return None
        out = BytesIO()
        try:
            blob = oci.Descriptor.from_dict(found["layers"][0])
            self._registry.download_blob(self._repository, blob, out)
            json.loads(out.getvalue())
        except (KeyError, IndexError, TypeError, ValueError):
            return None
        except RegistryError as error:
            _raise_unless_untold(error)
            return None
        return out.getvalue()

    def put_base(self, digest: str, document: bytes) -> None:
        """Keep what was found in a base image."""
        blob = oci.Descriptor.of(BASE, document)
        self._put_blob(blob, document)
        self._put(_base_tag(digest), BASE, [blob])

    def _read(self, tag: str, kind: str) -> dict[str, Any] | None:
        try:
            _, data = self._registry.get_manifest(self._repository, tag, what=f"Looking into {self._repository!r}")
        except RegistryError as error:
            _raise_unless_untold(error)
            return None
        document = json.loads(data)
        return document if document.get("artifactType") == kind else None

    def _put(self, tag: str, kind: str, blobs: Sequence[oci.Descriptor]) -> None:
        self._put_blob(oci.Descriptor.of(oci.EMPTY, oci.EMPTY_CONFIG), oci.EMPTY_CONFIG)
        self._registry.put_manifest(self._repository, tag, oci.artifact(kind, blobs), oci.MANIFEST)

    def _put_blob(self, blob: oci.Descriptor, data: bytes) -> None:
        self._registry.ensure_blob(self._repository, blob, partial(BytesIO, data))


def _raise_unless_untold(error: RegistryError) -> None:
    """Raise an error, unless it only means that the registry has nothing, or nothing that it can still read."""
    if error.code not in _NOTHING_TOLD:
        raise error


def _layers_tag(environment: str) -> str:
    return f"cache-{environment[:_SHORT]}"


def _base_tag(digest: str) -> str:
    return f"base-{digest.partition(':')[2][:_SHORT]}"


def _with_key(one: Keyed) -> oci.Descriptor:
    said = {_KEY: one.key, _DIFF_ID: one.layer.diff_id, _UNPACKED: str(one.layer.unpacked)} if one.key else {}
    return replace(one.layer.descriptor, annotations=said)


def _keyed(document: dict[str, Any]) -> Iterator[Keyed]:
    for entry in document["layers"]:
        found = oci.Descriptor.from_dict(entry)
        said = found.annotations
        key, diff_id, unpacked = said.get(_KEY, ""), said.get(_DIFF_ID, ""), int(said.get(_UNPACKED, 0))
        yield Keyed(key, oci.Layer(replace(found, annotations={}), diff_id, unpacked=unpacked))
