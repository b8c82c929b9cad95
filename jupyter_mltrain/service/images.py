"""What a caller asks for when a notebook is to become an image, and what the service answers: plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..model.findings import Finding, Severity

LayerKind = Literal["base", "wheel", "wheels", "environment", "program"]
"""Of the base; of one large wheel; of all small ones; interpreter, kernel and runner; the notebook and its files."""

LayerState = Literal["present", "cached", "known", "new"]
"""The registry has it; this machine has its bytes; its digest is known, its bytes would be made; nobody made it yet."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """How the image of a notebook is to be made.

    Attributes
    ----------
    repository:
        Where it is pushed to, with or without a tag: ``registry.example.com/team/recommender``; ``""``: nowhere.
    platforms:
        ``linux/amd64``, ``linux/arm64``; empty: this machine's.
    base:
        Image below it; ``""``: the one that the settings have for framework and GPU.
    environment:
        ``requirements.txt``, ``pyproject.toml``, ``environment.yml`` or ``pylock.toml`` to take the packages from;
        None: what the kernel has installed.
    compression:
        ``zstd`` or ``gzip``; ``""``: as the settings say.
    refresh:
        Whether to look again which image the base's tag means.
    output:
        OCI layout folder, or with the ending ``.tar`` an OCI archive, to write the image to.
    sbom:
        File for the list of what is in the image, with licences, as CycloneDX; of the first platform.
    builder:
        As ``image.settings`` has it; ``""``: as the settings say.
    """

    repository: str = ""
    platforms: tuple[str, ...] = ()
    base: str = ""
    environment: Path | None = None
    compression: Literal["", "zstd", "gzip"] = ""
    refresh: bool = False
    output: Path | None = None
    sbom: Path | None = None
    builder: Literal["", "auto", "direct", "buildah"] = ""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer. ``size`` is in bytes as it travels, None before anybody made it."""

    kind: LayerKind
    title: str
    state: LayerState
    digest: str = ""
    size: int | None = None
    contents: tuple[str, ...] = ()
    """Packages in it: ``numpy 1.26.4``."""


@dataclass(frozen=True, slots=True)
class PlatformPlan:
    """The image for one platform.

    Attributes
    ----------
    python:
        Version of the base's interpreter.
    fetch, push:
        Bytes that would be downloaded and pushed; None where nobody can know yet.
    lock:
        Digest of the resolved packages.
    """

    platform: str
    base: str
    base_digest: str
    python: str
    lock: str
    packages: tuple[str, ...]
    layers: tuple[LayerPlan, ...]
    fetch: int | None
    push: int | None


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What a build would do, before it does anything but look."""

    name: str
    program: str
    repository: str
    platforms: tuple[PlatformPlan, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        findings = [finding.to_dict() for finding in self.findings]
        return {**asdict(self), "findings": findings, "refused": self.refused}


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that was made.

    Attributes
    ----------
    digest:
        Of the manifest, or of the index where there are several platforms.
    reference:
        ``registry/repository@digest`` where it was pushed.
    pushed, mounted, present:
        Bytes that travelled, that the registry took from another repository, and that it had.
    fetched:
        Bytes of wheels that were downloaded.
    """

    digest: str
    reference: str = ""
    path: Path | None = None
    platforms: dict[str, str] = field(default_factory=dict)
    """Platform -> digest of its manifest."""
    pushed: int = 0
    mounted: int = 0
    present: int = 0
    fetched: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**asdict(self), "path": None if self.path is None else str(self.path)}
