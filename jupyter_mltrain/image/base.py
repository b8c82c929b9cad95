"""The image below the one that is built: found in a registry or a layout, looked into, and pinned.

What is found is kept by the digest of the manifest. So only the first look reads layers, and the next one asks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final, Protocol

from ..errors import ImageError, RegistryError
from . import oci
from .base_manifest import choose_manifest, read_manifest
from .cache import Cache
from .inspected import BasePython, Inspection
from .pins import Pins
from .progress import Progress, Report, ignore

KIND: Final = "bases"
"""Of the cache's documents: what was found in a base image, by the digest of its manifest."""
_FORMAT: Final = 1  # of the documents that are kept
_LARGEST_CONFIG: Final = 1 << 23  # bytes


class Source(Protocol):
    """Where a base image is: a repository of a registry, or an OCI layout.

    Attributes
    ----------
    name:
        What people call the image: ``docker.io/library/python:3.11-slim``.
    version:
        What the source is asked for: the digest, else the tag.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        """Return a manifest or an index by tag or digest. Raises ``RegistryError`` or ``ImageError``."""

    def open_blob(self, blob: oci.Descriptor) -> AbstractContextManager[BinaryIO]:
        """Open a blob for reading once, from its start. Raises ``RegistryError`` or ``ImageError``."""


Recall = Callable[[str], bytes | None]
"""Returns what somebody else has found in the image with a digest, as the cache keeps it."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base image for one platform.

    Attributes
    ----------
    name:
        As it was asked for: ``docker.io/library/python:3.11-slim``.
    digest:
        Of the platform's manifest.
    config:
        The whole document.
    layers:
        Bottom first, with the media types that the manifest has, and their unpacked sizes.
    inspection:
        What is in it: Python, packages, users.
    before:
        The digest that the name meant when it was looked at before, if that was another one.
    below, added:
        The image as somebody published it, and the system packages that were added to it here; None: there are none.
    """

    name: str
    digest: str
    platform: oci.Platform
    config: Mapping[str, Any]
    layers: tuple[oci.Layer, ...]
    inspection: Inspection
    before: str = ""
    below: Base | None = None
    added: tuple[str, ...] = ()

    @property
    def published(self) -> Base:
        """The image as somebody published it."""
        return self.below or self

    @property
    def python(self) -> BasePython:
        """Its Python."""
        return self.inspection.python

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its containers."""
        return _environment(self.config)


def look(
    source: Source,
    platform: oci.Platform,
    cache: Cache,
    report: Report = ignore,
    *,
    pinned: bool = True,
    refresh: bool = False,
    recall: Recall | None = None,
) -> Base:
    """Find a base image and what is in it.

    Parameters
    ----------
    pinned:
        Whether a tag goes on meaning what it meant at the first look. Without, as for a folder, it is read each time.
    refresh:
        Look again what the tag means; ``Base.before`` tells whether it is another image now.
    recall:
        Asked for what another machine has found in the image, before its layers are read.

    Raises
    ------
    ImageError
        There is no image for the platform, or none that can be built upon; the hint says what to do.
    RegistryError
        The registry does not have it, or does not answer.
    StorageError
        The cache cannot be written.
    """
    waiting = partial(report, Progress("base", source.name))
    with cache.exclusive(f"base {source.name} {platform}", waiting):
        # A digest means one image for ever: nothing to look for again.
        again = (refresh or not pinned) and not source.version.startswith("sha256:")
        digest = "" if again else Pins(cache).find(source.name, platform)
        found = _remembered(source.name, digest, platform, cache) if digest else None
        if found is None:
            found = _look(source, digest, platform, cache, report, recall)
        else:
            report(Progress("base", source.name, state="cached"))
        before = Pins(cache).put(source.name, platform, found.digest)
        return found if not before else _replaced(found, before)


def _look(
    source: Source, digest: str, platform: oci.Platform, cache: Cache, report: Report, recall: Recall | None
) -> Base:
    """Ask the source for the image with a digest, by default for the one that its name means."""
    descriptor, data = _pinned_manifest(source, digest) if digest else source.get_manifest(source.version)
    descriptor, data = choose_manifest(source.name, descriptor, data, platform, source.get_manifest)
    found = _remembered(source.name, descriptor.digest, platform, cache)
    if found is None and recall is not None and (told := recall(descriptor.digest)):
        cache.put_document(KIND, descriptor.digest, told)
        found = _remembered(source.name, descriptor.digest, platform, cache)
    if found is not None:
        report(Progress("base", source.name, state="cached"))
        return found
    manifest = read_manifest(source.name, data)
    config = _config(source, manifest.config, platform)
    layers = manifest.layers(config)
    inspection, layers = _inspect(source, config, layers, platform, report)
    base = Base(source.name, descriptor.digest, platform, config, layers, inspection)
    cache.put_document(KIND, base.digest, _to_bytes(base))
    return base


def _pinned_manifest(source: Source, digest: str) -> tuple[oci.Descriptor, bytes]:
    try:
        return source.get_manifest(digest)
    except RegistryError as error:
        if error.code != "registry-not-found" or source.version == digest:
            raise
        raise RegistryError(
            f"The image that {source.name!r} meant at the first look, {digest}, is no longer in the registry.",
            hint="Take the image that the name means now: look again, with --refresh.",
            code=error.code,
        ) from error


def _config(source: Source, descriptor: oci.Descriptor, platform: oci.Platform) -> dict[str, Any]:
    with source.open_blob(descriptor) as file:
        data = file.read(_LARGEST_CONFIG)
    try:
        config = json.loads(data if oci.digest_of(data) == descriptor.digest else b"")
        config["architecture"]
        _environment(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImageError(
            f"The config of the base image {source.name!r} is damaged: {error!r}.", hint="Push or copy the image again."
        ) from None
    _check_platform(source.name, config, platform)
    return dict(config)


def _check_platform(name: str, config: Mapping[str, Any], platform: oci.Platform) -> None:
    """Refuse an image of one platform, which no index has chosen from several, where it is for another."""
    architecture, system = config["architecture"], config.get("os") or "linux"
    if (system, architecture) != (platform.os, platform.architecture):
        raise ImageError(
            f"The base image {name!r} is for {system}/{architecture}, not for {platform}.",
            hint="Take a base image for this platform, or build for the platform that it is for.",
        )


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    texts = (config.get("config") or {}).get("Env") or ()
    return dict(text.partition("=")[::2] for text in texts)


def _inspect(
    source: Source, config: Mapping[str, Any], layers: tuple[oci.Layer, ...], platform: oci.Platform, report: Report
) -> tuple[Inspection, tuple[oci.Layer, ...]]:
    from .inspection import inspect  # which is loaded for the first look only

    total = sum(layer.descriptor.size for layer in layers)
    read: dict[int, int] = {}

    def told(number: int, done: int) -> None:
        read[number] = done
        report(Progress("base", source.name, sum(read.values()), total))

    opened = [(layer, partial(source.open_blob, layer.descriptor)) for layer in layers]
    inspection, unpacked = inspect(opened, _environment(config), platform.architecture, told)
    report(Progress("base", source.name, total, total, "done"))
    return inspection, unpacked


# --- what is kept of a look -------------------------------------------------------------------------------------------


def _to_bytes(base: Base) -> bytes:
    layers = [
        {
            "blob": layer.descriptor.to_dict(),
            "diff_id": layer.diff_id,
            "history": dict(layer.history),
            "unpacked": layer.unpacked,
        }
        for layer in base.layers
    ]
    found = {"format": _FORMAT, "config": base.config, "layers": layers, "inspection": base.inspection.to_dict()}
    return oci.to_bytes(found)


def _remembered(name: str, digest: str, platform: oci.Platform, cache: Cache) -> Base | None:
    """Return what an earlier look at a manifest found; None where nobody looked, or an older version of this did."""
    document = json.loads(cache.document(KIND, digest) or b"{}")
    if document.get("format") != _FORMAT:
        return None
    layers = tuple(
        oci.Layer(oci.Descriptor.from_dict(each["blob"]), each["diff_id"], each["history"], each["unpacked"])
        for each in document["layers"]
    )
    inspection = Inspection.from_dict(document["inspection"])
    _check_platform(name, document["config"], platform)
    return Base(name, digest, platform, document["config"], layers, inspection)


def _replaced(base: Base, before: str) -> Base:
    return Base(base.name, base.digest, base.platform, base.config, base.layers, base.inspection, before)
