"""The builds of images that this server knows of: those that wait or run, and the last ones that have ended."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...errors import MltrainError, NotFound
from ...image.progress import Progress
from ...model.job import timestamp
from .. import wire
from ..views import built_view, error_view
from .pulse import Pulse

if TYPE_CHECKING:
    from ...service.images import BuiltImage, ImagePlan

_ENDED_KEPT: Final = 20
_STEPS_SECONDS: Final = 0.05
"""Reports come with each piece that is read or written; they are looked at no more often than this."""


class Cancelled(Exception):
    """Raised out of a report of progress: ends the build, which somebody has cancelled."""


class Build:
    """One build, from request to end.

    Its reports come from any thread; all else is for the event loop.

    Attributes
    ----------
    version:
        Of the builds, when this one last changed.
    """

    def __init__(self, id: str, notebook: str, repository: str, builds: Builds) -> None:
        self.id = id
        self.version = 0
        self.view = wire.ImageBuild(id=id, notebook=notebook, repository=repository, state="waiting", created_at=_now())
        self._builds = builds
        self._loop = asyncio.get_running_loop()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._steps: dict[tuple[str, str], Progress] = {}
        self._expected = 0  # bytes that will travel
        self._told = True  # whether the event loop knows of all steps, or will

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.view.state == "waiting"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.view.state not in ("waiting", "running")

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancelled.is_set()

    def begin(self) -> None:
        """Take note that it runs."""
        self._change(state="running", position=None, started_at=_now())
        self._builds.arrange()

    def expect(self, plan: ImagePlan) -> None:
        """Take what the build will do, from any thread. Raises ``Cancelled`` as `report` does."""
        if self.cancelled:
            raise Cancelled
        self._expected = _expected(plan)
        self._loop.call_soon_threadsafe(lambda: self._change(program=plan.program))

    def report(self, progress: Progress) -> None:
        """Take progress, from any thread. Raises ``Cancelled`` when somebody has cancelled the build."""
        if self.cancelled:
            raise Cancelled
        with self._lock:
            self._steps[progress.step, progress.name] = progress
            told, self._told = self._told, False
        if told:
            self._loop.call_soon_threadsafe(self._loop.call_later, _STEPS_SECONDS, self._take_steps)

    def _take_steps(self) -> None:
        with self._lock:
            steps, self._told = list(self._steps.values()), True
        if not self.ended:
            fraction = _fraction(steps, self._expected, self.view.fraction)
            self._change(steps=tuple(map(_step, steps)), fraction=fraction)

    def cancel(self) -> None:
        """Have it stop at its next report."""
        self._cancelled.set()
        if not self.ended:
            self._change(cancelling=True)

    def succeed(self, image: BuiltImage) -> None:
        """Take note of what came of it."""
        self._end(state="succeeded", fraction=1.0, image=built_view(image))

    def fail(self, error: MltrainError) -> None:
        """Take note of why nothing came of it."""
        self._end(state="failed", error=error_view(error))

    def stop(self) -> None:
        """Take note that it has stopped, as it was told."""
        self._end(state="cancelled")

    def _end(self, **changes: object) -> None:
        self._change(position=None, cancelling=False, finished_at=_now(), steps=(), **changes)
        self._builds.arrange()
        self._builds.forget_old()

    def _change(self, **changes: object) -> None:
        self.view = self.view.model_copy(update=changes)
        self._builds.touch(self)

    def place(self, position: int) -> None:
        """Take note of how many are to begin before it, and itself."""
        if self.view.position != position:
            self._change(position=position)


class Builds:
    """All builds, by id; the newest comes last.

    Attributes
    ----------
    pulse:
        Beats with each change; its count is the version.
    """

    def __init__(self) -> None:
        self.pulse = Pulse()
        self._builds: dict[str, Build] = {}
        self._complete = 0  # since this version nothing was forgotten

    def add(self, id: str, notebook: str, repository: str) -> Build:
        """Return a new build, which waits."""
        build = self._builds[id] = Build(id, notebook, repository, self)
        self.touch(build)
        self.arrange()
        return build

    def find(self, id: str) -> Build | None:
        """Return a build, None if there is none."""
        return self._builds.get(id)

    def get(self, id: str) -> Build:
        """Return a build. Raises ``NotFound``."""
        build = self.find(id)
        if build is None:
            hint = "The server keeps the last builds, and forgets all when it is started again. What a build has made "
            hint += "is kept: build again, and only the rest is done."
            raise NotFound(f"There is no build {id!r}", hint=hint)
        return build

    def all(self) -> list[Build]:
        """Return all builds, newest first."""
        return list(reversed(self._builds.values()))

    def since(self, version: int) -> list[Build] | None:
        """Return what changed after a version, newest first; None: one was forgotten since."""
        return None if version < self._complete else [build for build in self.all() if build.version > version]

    def forget(self, build: Build) -> None:
        """Know nothing of a build any more."""
        if self._builds.pop(build.id, None) is not None:
            self._complete = self.pulse.count + 1
            self.pulse.beat()

    def forget_old(self) -> None:
        """Keep the last builds that have ended, and no others of them."""
        for build in [build for build in self.all() if build.ended][_ENDED_KEPT:]:
            self.forget(build)

    def arrange(self) -> None:
        """Tell the builds that wait which of them is next."""
        for position, build in enumerate((build for build in self._builds.values() if build.waits), start=1):
            build.place(position)

    def touch(self, build: Build) -> None:
        """Take note that a build has changed."""
        build.version = self.pulse.count + 1
        self.pulse.beat()


def _now() -> str:
    return timestamp(datetime.now(UTC))


def _step(progress: Progress) -> wire.ImageStep:
    return wire.ImageStep.model_validate(asdict(progress))


def _expected(plan: ImagePlan) -> int:
    """Return the bytes that will travel; a layer that nobody has made counts as what is downloaded for it."""
    fetch = sum(platform.fetch or 0 for platform in plan.platforms)
    if not plan.repository:
        return fetch
    layers = [layer for platform in plan.platforms for layer in platform.layers if layer.state != "present"]
    made = any(layer.size is None for layer in layers) * fetch
    return fetch + made + sum(layer.size or 0 for layer in layers)


def _fraction(steps: list[Progress], expected: int, before: float | None) -> float | None:
    """Return how much of what has to travel has done so, by bytes, and never less than before."""
    work = [step for step in steps if step.step in ("fetch", "push") and step.state in ("running", "done")]
    total = max(expected, sum(step.total for step in work))
    if not total:
        return before
    done = sum(step.total if step.state == "done" else min(step.done, step.total) for step in work)
    return max(before or 0.0, min(done / total, 0.99))
