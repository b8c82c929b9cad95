"""What clients ask for: the bodies of their requests."""

from __future__ import annotations

from typing import Any, Literal

from .base import Token, Wire


class Submission(Wire):
    """A notebook and how it is to be trained; the body of ``POST plans`` and ``POST jobs``."""

    notebook: str
    """Path as the contents manager names it."""
    backend: str = "local"
    spec: dict[str, Any] = {}
    """``TrainingSpec``; without ``framework`` it is found out from the imports, without ``roles`` one replica runs."""
    parameters: dict[str, Any] = {}
    """Only the values that differ from the notebook's own."""
    texts: dict[str, str] = {}
    """More of them, as people write them: read by the parameter's type; they win over ``parameters``."""
    include: tuple[str, ...] = ()
    """Globs of data files to ship, relative to the notebook."""
    requirements: dict[str, str | None] = {}
    """Changes to what the notebook was found to need: name -> ``==1.2``, ``>=1,<2``, ``""``; null leaves it out."""
    token: Token | None = None
    """Idempotency: two submissions with one token make one job."""
    force: bool = False
    """Submit in spite of findings that are errors."""


class Resubmission(Wire):
    """The body of ``POST jobs/{id}/resubmit``."""

    parameters: dict[str, Any] = {}
    """Values that differ from the old run's."""
    texts: dict[str, str] = {}
    """More of them, as people write them: read by the parameter's type; they win over ``parameters``."""
    resources: dict[str, Any] = {}
    """``cpu``, ``memory``, ``gpu`` of each replica, where they are to differ, as ``TrainingSpec`` has them."""
    name: str | None = None
    token: Token | None = None


class ExportRequest(Wire):
    """Which form."""

    submission: Submission
    what: Literal["script", "manifest", "dockerfile"]
    image: ImageOptions | None = None
    """Of the Dockerfile: base, environment and platforms; null: as the settings say."""


class ImageOptions(Wire):
    """How the image of a notebook is to be made."""

    repository: str = ""
    """Where it is pushed to, with or without a tag: ``registry.example.com/team/recommender``; empty: nowhere."""
    base: str = ""
    """Image below it; empty: the one that the settings have for framework and GPU."""
    platforms: tuple[str, ...] = ()
    """``linux/amd64``, ``linux/arm64``; empty: as the settings say, else the server's."""
    environment: str = ""
    """File beside the notebook to take the packages from, one of ``ImageSettings.environments``; empty: the kernel."""
    refresh: bool = False
    """Look again which image the base's tag means."""


class ImagePlanRequest(Wire):
    """The body of ``POST images/plan``."""

    submission: Submission
    image: ImageOptions = ImageOptions()


class ImageRequest(Wire):
    """The body of ``POST images``."""

    submission: Submission
    image: ImageOptions = ImageOptions()
    force: bool = False
    """Build in spite of findings that are errors."""
    token: Token | None = None
    """Idempotency: two requests with one token make one build."""


class DockerfileRequest(Wire):
    """The body of ``POST images/dockerfile`` and ``POST images/dockerfile/save``."""

    submission: Submission
    image: ImageOptions = ImageOptions()
    force: bool = False
    """Hand it out in spite of findings that are errors."""


class SampleRun(Wire):
    """The body of ``POST samples/{name}/run``."""

    token: Token | None = None
    """Of the submission, as :class:`Submission` has it."""
