"""What is done for each noun, with no HTTP in it. The managers are made, and what they import, when first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..services import Services

if TYPE_CHECKING:
    from ..config import Mltrain
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

    async def close(self) -> None:
        """Let go of what was opened. Jobs go on."""
        await self.services.close()
