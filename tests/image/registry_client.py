"""A client as the tests want it: nobody's credentials, small pieces, pauses that take no time."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_mltrain.image import oci
from jupyter_mltrain.image.registry import Backoff, Credentials, Given, Options, Registry

KiB = 1 << 10
MiB = 1 << 20


@dataclass
class Pauses:
    """The seconds that would have been waited."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def quick(pauses: Pauses | None = None, **options: Any) -> Options:
    """Return options with which blobs over 64 KiB are sent in pieces of 256 KiB, and no pause takes time."""
    backoff = Backoff(sleep=pauses or Pauses())
    return replace(Options(whole=64 * KiB, piece=256 * KiB, certificates=(), backoff=backoff), **options)


def client(host: str, credentials: Credentials | None = None, **options: Any) -> Registry:
    """Return a client; without credentials it is nobody."""
    return Registry(host, credentials or Given(), quick(**options))


@dataclass(frozen=True)
class Blob:
    """A file of random bytes, the same for each seed and size, and what points at it."""

    data: bytes
    path: Path
    descriptor: oci.Descriptor


def make_blob(folder: Path, size: int, seed: int = 0) -> Blob:
    data = random.Random(seed).randbytes(size)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:8]}.blob"
    path.write_bytes(data)
    return Blob(data, path, oci.Descriptor.of(oci.LAYER_TAR, data))


def push_image(registry: Registry, repository: str, tag: str, folder: Path, seed: int = 0) -> tuple[str, bytes]:
    """Push an image of one layer that skopeo can copy; return its digest and manifest."""
    layer = make_blob(folder, 100 * KiB, seed)
    config = oci.to_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.descriptor.digest]},
        }
    )
    file = folder / "config.json"
    file.write_bytes(config)
    described = oci.Descriptor.of(oci.CONFIG, config)
    registry.ensure_blob(repository, layer.descriptor, layer.path)
    registry.ensure_blob(repository, described, file)
    manifest = oci.manifest(described, [oci.Layer(layer.descriptor, layer.descriptor.digest)], {})
    return registry.put_manifest(repository, tag, manifest, oci.MANIFEST), manifest
