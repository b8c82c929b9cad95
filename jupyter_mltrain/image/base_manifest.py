"""Manifests and indexes of other people's images, of the OCI and of Docker: which is for a platform, what they list.

Sources: OCI image specification 1.1, ``image-index.md``, ``manifest.md`` and ``layer.md``; Docker's image manifest
version 2, schema 2; of the order of variants, the platform matching of containerd.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ..errors import ImageError
from . import oci

GetManifest = Callable[[str], tuple[oci.Descriptor, bytes]]

_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1"
_CONFIGS: Final = frozenset({oci.CONFIG, "application/vnd.docker.container.image.v1+json"})
_ATTESTATION: Final = "vnd.docker.reference.type"  # annotation of BuildKit's provenance and SBOM
_LAYER = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[.+](?:gzip|zstd))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Variants from the oldest to the newest; the first means what a platform without a variant does.
_VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "amd64": ("v1", "v2", "v3", "v4"),
    "arm64": ("v8", "v9"),
    "arm": ("v5", "v6", "v7", "v8"),
}
_USUAL_VARIANT: Final = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_DEEPEST: Final = 3  # indexes in indexes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest points at."""

    name: str
    config: oci.Descriptor
    blobs: tuple[oci.Descriptor, ...]

    def layers(self, config: Mapping[str, Any]) -> tuple[oci.Layer, ...]:
        """Return the layers, bottom first, with what the config tells of them. Raises ``ImageError``."""
        try:
            diff_ids = [str(each) for each in config["rootfs"]["diff_ids"]]
            history = [dict(entry) for entry in config.get("history") or () if not entry.get("empty_layer")]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(self.name, repr(error)) from None
        if len(diff_ids) != len(self.blobs):
            raise _damaged(self.name, f"it lists {len(self.blobs)} layers, its config {len(diff_ids)}")
        told = history if len(history) == len(diff_ids) else [{}] * len(diff_ids)
        return tuple(map(oci.Layer, self.blobs, diff_ids, told))


def choose_manifest(
    name: str, descriptor: oci.Descriptor, data: bytes, platform: oci.Platform, get_manifest: GetManifest
) -> tuple[oci.Descriptor, bytes]:
    """Return the manifest for a platform: what was found, or where that is an index, what it lists.

    Raises
    ------
    ImageError
        There is none for the platform: the hint names those there are. Or it is in a format that is not understood.
    """
    for _ in range(_DEEPEST):
        _check(name, descriptor, data)
        if not _is_index(descriptor, data):
            return descriptor, data
        entry = _entry(name, _entries(name, data), platform)
        descriptor, data = get_manifest(entry.digest)
    raise _damaged(name, "its indexes list indexes")


def read_manifest(name: str, data: bytes) -> Manifest:
    """Return what a manifest points at. Raises ``ImageError`` where it is damaged, or not of an image."""
    try:
        document = json.loads(data)
        config = oci.Descriptor.from_dict(document["config"])
        blobs = tuple(oci.Descriptor.from_dict(entry) for entry in document["layers"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(name, repr(error)) from None
    if config.media_type not in _CONFIGS:
        raise ImageError(
            f"{name!r} is not a container image: its config is of the type {config.media_type!r}.",
            hint="Name an image that containers are made of.",
        )
    for blob in blobs:
        _check_layer(name, blob)
    for blob in (config, *blobs):
        if not (isinstance(blob.digest, str) and _DIGEST.fullmatch(blob.digest) and isinstance(blob.size, int)):
            raise _damaged(name, f"it points at {blob.digest!r}, {blob.size!r} bytes")
    return Manifest(name, config, blobs)


def _check(name: str, descriptor: oci.Descriptor, data: bytes) -> None:
    if oci.digest_of(data) != descriptor.digest:
        raise _damaged(name, f"its bytes are not those of {descriptor.digest}")
    if descriptor.media_type.startswith(_SCHEMA_1):
        raise ImageError(
            f"The base image {name!r} is in Docker's old format (schema 1), which runtimes no longer take.",
            hint="Pull it and push it again with a current tool, or take another base image.",
        )


def _is_index(descriptor: oci.Descriptor, data: bytes) -> bool:
    # Layouts and some registries give no media type that tells.
    if descriptor.media_type in oci.INDEXES | oci.MANIFESTS:
        return descriptor.media_type in oci.INDEXES
    return b'"manifests"' in data and b'"layers"' not in data


def _entries(name: str, data: bytes) -> list[oci.Descriptor]:
    """Return the images that an index lists: no attestations, signatures and the like."""
    try:
        listed = [oci.Descriptor.from_dict(entry) for entry in json.loads(data)["manifests"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(name, repr(error)) from None
    return [
        entry
        for entry in listed
        if _ATTESTATION not in entry.annotations and not (entry.platform and entry.platform.os == "unknown")
    ]


def _entry(name: str, entries: list[oci.Descriptor], platform: oci.Platform) -> oci.Descriptor:
    """Return the entry for a platform: of several variants that run there, the newest."""
    fitting = [(rank, entry) for entry in entries if (rank := _rank(entry.platform, platform)) is not None]
    if fitting:
        return max(fitting, key=lambda one: one[0])[1]
    if len(entries) == 1 and entries[0].platform is None:
        return entries[0]  # its config tells what it is for
    known = ", ".join(sorted({str(entry.platform) for entry in entries if entry.platform}))
    raise ImageError(
        f"The base image {name!r} is not for {platform}.",
        hint=f"It is for {known}." if known else "It lists no image for any platform.",
    )


def _rank(offered: oci.Platform | None, wanted: oci.Platform) -> int | None:
    """Return how new the variant is that a platform offers, None where it does not run on the one that is wanted."""
    if offered is None or (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        return None
    ranks = _VARIANTS.get(wanted.architecture, ())
    usual = _USUAL_VARIANT.get(wanted.architecture, "")
    here, there = offered.variant or usual, wanted.variant or usual
    if here not in ranks or there not in ranks:
        return 0 if here == there else None
    return ranks.index(here) if ranks.index(here) <= ranks.index(there) else None


def _check_layer(name: str, blob: oci.Descriptor) -> None:
    kind = blob.media_type
    if _LAYER.fullmatch(kind):
        return
    if "encrypted" in kind:
        _refuse(name, f"a layer that is encrypted ({kind})", "Take one that is not, or decrypt it first.")
    if "foreign" in kind or "nondistributable" in kind:
        _refuse(name, f"a layer that may not be copied ({kind})", "Take a base image whose layers are all its own.")
    _refuse(name, f"a layer of an unknown type ({kind})", "Take a base image of Linux with ordinary layers.")


def _refuse(name: str, why: str, hint: str) -> NoReturn:
    raise ImageError(f"The base image {name!r} has {why}.", hint=hint)


def _damaged(name: str, why: str) -> ImageError:
    return ImageError(
        f"The manifest of the base image {name!r} is damaged: {why}.", hint="Push or copy the image again."
    )
