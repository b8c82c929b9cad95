"""``images``: the builds of images on this server."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .. import wire
from .topic import Topic

if TYPE_CHECKING:
    from .builds import Builds


class ImagesTopic(Topic):
    """Tells what changed, each build whole: a build has dozens of steps, not thousands."""

    interval: ClassVar[float] = 0.1  # what moves is a bar, and nobody reads faster

    def __init__(self, name: str, builds: Builds) -> None:
        super().__init__(name)
        self._builds = builds

    async def run(self) -> None:
        """Tell each change."""
        pulse = self._builds.pulse
        while True:
            seen = pulse.count
            self.changed(seen)
            await pulse.after(seen)

    def snapshot(self, limit: int | None) -> wire.Wire:
        """Return all builds."""
        return wire.ImagesSnapshot(builds=tuple(build.view for build in self._builds.all()))

    def delta(self, since: int) -> wire.Wire | None:
        """Return the builds that changed; None: one was forgotten."""
        builds = self._builds.since(since)
        return None if builds is None else wire.ImagesChanged(changed=tuple(build.view for build in builds))
