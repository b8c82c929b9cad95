"""Images: what a build would do, does, and has made."""

from __future__ import annotations

from typing import Literal

from .base import Wire
from .errors import Error
from .plans import Finding


class ImageSettings(Wire):
    """What a form for images starts from."""

    repository: str = ""
    """Prefix of repositories; empty: none."""
    bases: dict[str, str] = {}
    """Base images by framework: ``tensorflow``, ``tensorflow-gpu``, ``default``."""
    platforms: tuple[str, ...]
    """What images are made for where nobody says."""
    environments: tuple[str, ...] = ()
    """Files beside the notebook that tell packages, the one that tells most first."""


class ImageLayer(Wire):
    """One layer."""

    kind: Literal["base", "wheel", "wheels", "environment", "program"]
    """Of the base; of one large wheel; of all small ones; interpreter, kernel, runner; the notebook and its files."""
    title: str
    state: Literal["present", "cached", "known", "new"]
    """The registry has it; the server has its bytes; its digest is known, its bytes are elsewhere; nobody made it."""
    digest: str = ""
    size: int | None = None
    """Bytes as they travel; null: not known before it was made."""
    contents: tuple[str, ...] = ()
    """Packages in it: ``numpy 1.26.4``."""


class PlatformPlan(Wire):
    """The image for one platform."""

    platform: str
    base: str
    base_digest: str
    python: str
    """Version of the base's interpreter."""
    lock: str
    """Digest of the resolved packages."""
    packages: tuple[str, ...]
    layers: tuple[ImageLayer, ...]
    fetch: int | None
    """Bytes that would be downloaded; null: nobody can know yet."""
    push: int | None
    """Bytes that would be pushed; null: nobody can know yet."""


class ImagePlan(Wire):
    """What a build would do, before it does anything but look."""

    name: str
    program: str
    """Hash."""
    repository: str
    platforms: tuple[PlatformPlan, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    refused: bool


class SavedDockerfile(Wire):
    """A Dockerfile that lies beside its notebook."""

    path: str
    """Of the folder or the archive, as the contents manager names it."""
    kind: Literal["folder", "archive"]
    """``archive``: a .tar.gz of the folder, where contents are no files, and so know neither links nor modes."""


class ImageStep(Wire):
    """How far one piece of a build has come."""

    step: Literal["base", "lock", "fetch", "layer", "push", "write"]
    """What is done with it."""
    name: str
    """Which piece: a wheel, a layer, a reference. With ``step`` it tells pieces apart."""
    done: int = 0
    """Bytes."""
    total: int = 0
    """Bytes; 0: nobody knows."""
    state: Literal["running", "done", "cached", "mounted", "present"]
    """``cached``: it was here; ``present``: the registry had it; ``mounted``: it took it from another repository."""
    detail: str = ""
    """What another tool that does the work says just now: one line."""


class BuiltImage(Wire):
    """An image that was made."""

    digest: str
    """Of the manifest, or of the index where there are several platforms."""
    reference: str
    """``registry/repository@digest``; empty: it was not pushed."""
    platforms: dict[str, str]
    """Platform -> digest of its manifest."""
    pushed: int
    """Bytes that travelled."""
    mounted: int
    """Bytes that the registry took from another repository."""
    present: int
    """Bytes that the registry had."""
    fetched: int
    """Bytes of wheels that were downloaded."""
    seconds: float


class ImageBuild(Wire):
    """One build on this server."""

    id: str
    notebook: str
    """Path as the contents manager names it."""
    repository: str
    """Where it goes; empty: only into the server's cache."""
    program: str = ""
    """Hash of the program that is in it; empty: nobody has looked yet."""
    state: Literal["waiting", "running", "succeeded", "failed", "cancelled"]
    cancelling: bool = False
    """It was told to stop, and will at its next step."""
    position: int | None = None
    """How many are to begin before it, and itself; null: it has begun."""
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    steps: tuple[ImageStep, ...] = ()
    """In the order in which they began; of a build that has ended, none."""
    fraction: float | None = None
    """From 0 to 1, and never back; null: nothing is known yet of how much there is to do."""
    image: BuiltImage | None = None
    error: Error | None = None
    """Why it failed."""


class ImageBuilds(Wire):
    """What is built on this server, and what was lately, newest first."""

    builds: tuple[ImageBuild, ...]
