"""Which image a tag meant when it was first looked at: a build gives the same image until somebody asks for another."""

from __future__ import annotations

import re
from typing import Final, Protocol

from . import oci

_KIND: Final = "pins"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Documents(Protocol):
    """Keeps a few bytes under a key: the cache."""

    def document(self, kind: str, key: str) -> bytes | None:
        """Return what was put under a key."""

    def put_document(self, kind: str, key: str, content: bytes) -> None:
        """Keep bytes under a key, instead of what was there."""


class Pins:
    """Digests of manifests, by the name of an image and a platform."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def find(self, name: str, platform: oci.Platform) -> str:
        """Return the digest of the platform's manifest, ``""`` where nobody has looked yet."""
        found = (self._documents.document(_KIND, _key(name, platform)) or b"").decode("ascii", "replace")
        return found if _DIGEST.fullmatch(found) else ""

    def put(self, name: str, platform: oci.Platform, digest: str) -> str:
        """Keep a digest, and return the one that it replaces; ``""`` where there was none, or the same."""
        before = self.find(name, platform)
        if before == digest:
            return ""
        self._documents.put_document(_KIND, _key(name, platform), digest.encode("ascii"))
        return before


def _key(name: str, platform: oci.Platform) -> str:
    return f"{name} {platform}"
