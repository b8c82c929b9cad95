"""A service whose images are made by the tests: as fast, as slow, and as badly as a test wants."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from jupyter_mltrain.image.progress import Progress, Report
from jupyter_mltrain.service import Request
from jupyter_mltrain.service.images import BuiltImage, ImagePlan, ImageRequest, LayerPlan, PlatformPlan

DIGEST = "sha256:" + "12" * 32
LAYERS = (
    LayerPlan("base", "python:3.11-slim", "present", "sha256:" + "aa" * 32, 50_000_000),
    LayerPlan("wheel", "tensorflow 2.21.0", "new", contents=("tensorflow 2.21.0",)),
    LayerPlan("program", "train", "known", "sha256:" + "bb" * 32, 1_400),
)

PATIENCE = 60.0  # seconds: only a test that fails waits so long


@dataclass
class Work:
    """One build: a test says how it goes on.

    Attributes
    ----------
    report:
        To be called from a thread, as a build does.
    """

    request: Request
    wanted: ImageRequest
    force: bool
    report: Report
    _go_on: threading.Event = field(default_factory=threading.Event)
    _error: Exception | None = None

    def finish(self, error: Exception | None = None) -> None:
        """Let it come to its end."""
        self._error = error
        self._go_on.set()

    def run(self) -> BuiltImage:
        """Work until it is told to stop: by the test, or by what its report raises."""
        self.report(Progress("base", "python:3.11-slim", 50, 50, "present"))
        while not self._go_on.wait(0.01):
            self.report(Progress("push", "tensorflow 2.21.0", 120, 230))
        if self._error is not None:
            raise self._error
        reference = f"{self.wanted.repository}@{DIGEST}" if self.wanted.repository else ""
        return BuiltImage(DIGEST, reference, pushed=14_336, present=50, seconds=0.4)


class Builder:
    """Stands for what the service does about images.

    Attributes
    ----------
    works:
        The builds that have begun, in their order.
    wanted:
        What was asked for last, as the service takes it.
    trouble:
        What plans raise.
    """

    def __init__(self) -> None:
        self.works: list[Work] = []
        self.wanted: ImageRequest | None = None
        self.request: Request | None = None
        self.trouble: Exception | None = None
        self._begun = asyncio.Event()

    async def image_settings(self) -> Any:
        bases = {"default": "docker.io/library/python:{python}-slim"}
        return SimpleNamespace(repository="registry.example.com/team", bases=bases, platforms=("linux/amd64",))

    async def plan_image(self, request: Request, wanted: ImageRequest) -> ImagePlan:
        self.request, self.wanted = request, wanted
        if self.trouble is not None:
            raise self.trouble
        platform = PlatformPlan(
            platform="linux/amd64",
            base="docker.io/library/python:3.11-slim",
            base_digest=DIGEST,
            python="3.11.9",
            lock=DIGEST,
            packages=("tensorflow 2.21.0",),
            layers=LAYERS,
            fetch=None,
            push=1_400,
        )
        return ImagePlan("train", DIGEST, wanted.repository, (platform,), notes=("A note.",))

    async def build_image(
        self,
        request: Request,
        wanted: ImageRequest,
        *,
        report: Report,
        force: bool = False,
        on_plan: Callable[[ImagePlan], None] | None = None,
    ) -> BuiltImage:
        work = Work(request, wanted, force, report)
        self.works.append(work)
        self._begun.set()
        return await asyncio.to_thread(work.run)

    async def begun(self, count: int) -> Work:
        """Wait until so many builds have begun; return the newest."""
        async with asyncio.timeout(PATIENCE):
            while len(self.works) < count:
                self._begun.clear()
                await self._begun.wait()
        return self.works[-1]

    def patch(self, set_attribute: Callable[..., None], service: type) -> None:
        """Take the place of the service's own methods."""
        for name in ("image_settings", "plan_image", "build_image"):
            method = getattr(self, name)
            stand_in = lambda _, *args, _method=method, **kwargs: _method(*args, **kwargs)  # noqa: E731
            set_attribute(service, name, stand_in)
