"""The documents of the OCI image specification, as values and as bytes that are the same each time.

Source of names and rules: OCI image specification 1.1, https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import InvalidInput

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
LAYER_TAR: Final = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP: Final = LAYER_TAR + "+gzip"
LAYER_ZSTD: Final = LAYER_TAR + "+zstd"

DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"

EMPTY_CONFIG: Final = b"{}"

INDEXES: Final = frozenset({INDEX, DOCKER_INDEX})
MANIFESTS: Final = frozenset({MANIFEST, DOCKER_MANIFEST})

_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+")
_PLATFORM_PART: Final = re.compile(r"[a-z0-9][a-z0-9_]*")
_WITH_VARIANTS: Final = frozenset({"arm", "arm64", "amd64"})  # may stand without "linux/"
_ALIASES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def digest_of(data: bytes) -> str:
    """Return ``sha256:`` and the digest in hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON, in bytes that depend on nothing but its content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on: ``linux/amd64``, ``linux/arm64``, ``linux/arm/v7``."""

    architecture: str
    variant: str = ""
    os: str = "linux"

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return what ``linux/arm64``, or ``arm64`` alone, means. Raises ``InvalidInput``."""
        parts = text.lower().split("/")
        if parts[0] != "linux" and (len(parts) == 1 or parts[0] in _WITH_VARIANTS):
            parts.insert(0, "linux")
        if parts[0] != "linux" or len(parts) not in (2, 3) or not all(map(_PLATFORM_PART.fullmatch, parts)):
            raise InvalidInput(f"{text!r} is not a platform.", hint="Write it like linux/amd64 or linux/arm64.")
        return cls(_ALIASES.get(parts[1], parts[1]), parts[2] if len(parts) == 3 else "")

    def __str__(self) -> str:
        """Return it as it is written."""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def to_dict(self) -> dict[str, str]:
        """Return it as an index or a config has it."""
        return {"architecture": self.architecture, "os": self.os} | ({"variant": self.variant} if self.variant else {})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at a blob: what it is, its digest, its size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None

    @classmethod
    def of(cls, media_type: str, data: bytes) -> Descriptor:
        """Return what points at these bytes."""
        return cls(media_type, digest_of(data), len(data))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Descriptor:
        """Read a descriptor of a manifest or an index.

        Raises
        ------
        KeyError, TypeError, ValueError
            A part is missing or wrong. A digest names files, so it must look like one.
        """
        if not _DIGEST.fullmatch(document["digest"]):
            raise ValueError(f"{document['digest']!r} is not a digest")
        if document["size"] < 0:
            raise ValueError(f"a size of {document['size']} bytes")
        platform = document.get("platform")
        return cls(
            document["mediaType"],
            document["digest"],
            document["size"],
            dict(document.get("annotations") or {}),
            Platform(platform["architecture"], platform.get("variant", ""), platform["os"]) if platform else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor as documents have it."""
        document: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.platform:
            document["platform"] = self.platform.to_dict()
        return document


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as a manifest and a config tell it: the blob, and the digest of the tar that it unpacks to.

    ``unpacked`` is the size of that tar in bytes, 0 where nobody has unpacked it.
    """

    descriptor: Descriptor
    diff_id: str
    history: Mapping[str, Any] = field(default_factory=dict)
    unpacked: int = 0


def manifest(config: Descriptor, layers: Sequence[Layer], annotations: Mapping[str, str]) -> bytes:
    """Return an image manifest."""
    return to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_dict(),
            "layers": [layer.descriptor.to_dict() for layer in layers],
            **({"annotations": dict(annotations)} if annotations else {}),
        }
    )


def index(manifests: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """Return an image index: one image for several platforms."""
    return to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [each.to_dict() for each in manifests],
            **({"annotations": dict(annotations)} if annotations else {}),
        }
    )


def artifact(artifact_type: str, blobs: Sequence[Descriptor]) -> bytes:
    """Return the manifest of what is no image, as a registry keeps it.

    Its config is ``EMPTY_CONFIG``, which the registry must have too.
    """
    return to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": Descriptor.of(EMPTY, EMPTY_CONFIG).to_dict(),
            "layers": [blob.to_dict() for blob in blobs],
        }
    )
