"""Where a run's outputs go and its inputs come from: one interface, and the store that a URI means."""

from __future__ import annotations

from .base import Artifact, ArtifactStore
from .folder import FolderStore
from .open import open_store

__all__ = ["Artifact", "ArtifactStore", "FolderStore", "open_store"]
