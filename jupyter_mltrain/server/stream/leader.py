"""A leader's log, followed once for all that is shown of it: progress, the live notebook, metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...model.job import JobStatus, ReplicaState
from ...service.summary import UNKNOWN, RunState, blamed
from .follower import Follower
from .livenotebook import LiveNotebook

if TYPE_CHECKING:
    from .feed import Feed


class Leader(Follower):
    """What the log of a job's leader adds up to.

    Attributes
    ----------
    notebook:
        The executed notebook so far, with metrics and progress.
    """

    def __init__(self, feed: Feed) -> None:
        self.notebook = LiveNotebook(feed.clock)
        self._blame = ""
        super().__init__(feed, f"leader of {feed.ref.id}")

    @property
    def run(self) -> RunState:
        """What the log tells of the run; of a job that failed, also what the log of who failed first tells."""
        return replace(self.notebook.run, blame=self._blame) if self.ready else UNKNOWN

    def replica(self, job: JobStatus) -> ReplicaState | None:
        """Return the leader."""
        return job.leader

    def take(self, text: str, *, lost: bool) -> bool:
        """Add to the notebook."""
        self.notebook.feed(text, lost=lost)
        return True

    async def end(self, job: JobStatus) -> None:
        """Read why another replica failed."""
        if blamed(job) is not None:
            self._blame = (await self._feed.service.run_states.of(job)).blame
