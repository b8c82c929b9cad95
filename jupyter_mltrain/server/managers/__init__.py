"""What is done for each noun, with no HTTP in it. The managers are made, and what they import, when first used."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..services import Services

if TYPE_CHECKING:
    from ..config import Mltrain
    from ..stream.hub import Hub
    from .dockerfiles import DockerfilesManager
    from .images import ImagesManager
    from .jobs import JobsManager
    from .places import PlacesManager
    from .plans import PlansManager
    from .samples import SamplesManager


class Managers:
    """What all handlers of a server share.

    Parameters
    ----------
    contents:
        The server's contents manager: where notebooks come from and samples go.
    """

    def __init__(self, config: Mltrain, contents: Any) -> None:
        self.config = config
        self.contents = contents
        self.services = Services(config)
        self._hub: Hub | None = None
        self._lock = asyncio.Lock()

    @cached_property
    def jobs(self) -> JobsManager:
        """Jobs: list, submit, look, change."""
        from .jobs import JobsManager

        return JobsManager(self)

    @cached_property
    def plans(self) -> PlansManager:
        """Plans: what a submission would do."""
        from .plans import PlansManager

        return PlansManager(self)

    @cached_property
    def places(self) -> PlacesManager:
        """Backends and what they have."""
        from .places import PlacesManager

        return PlacesManager(self)

    @cached_property
    def samples(self) -> SamplesManager:
        """The gallery."""
        from .samples import SamplesManager

        return SamplesManager(self)

    @cached_property
    def images(self) -> ImagesManager:
        """Images: plans and builds."""
        from .images import ImagesManager

        return ImagesManager(self)

    @cached_property
    def dockerfiles(self) -> DockerfilesManager:
        """Images for other builders."""
        from .dockerfiles import DockerfilesManager

        return DockerfilesManager(self)

    async def hub(self) -> Hub:
        """Return what follows jobs for all WebSockets."""
        async with self._lock:
            if self._hub is None:
                make = await asyncio.to_thread(_load_hub)
                self._hub = make(await self.services.usable(), builds=self.images.builds)
            return self._hub

    async def close(self) -> None:
        """Let go of what was opened. Jobs go on, builds of images do not."""
        if "images" in vars(self):
            await self.images.close()
        if self._hub is not None:
            await self._hub.close()
        await self.services.close()


def _load_hub() -> type[Hub]:
    from ..stream import connection, hub  # noqa: F401 - the first connection comes with the hub

    return hub.Hub
