"""The only orchestrator: plan, submit, watch, cancel, resubmit. Everything above it only shows what it says."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..backends.base import Census, JobFilter
    from .listing import JobPage
    from .logs import LogPage
    from .provenance import Provenance
    from .request import Export, Metric, Output, Plan, Recovery, Request, RunProgress, Update
    from .service import Service

__all__ = [
    "Census",
    "Export",
    "JobFilter",
    "JobPage",
    "LogPage",
    "Metric",
    "Output",
    "Plan",
    "Provenance",
    "Recovery",
    "Request",
    "RunProgress",
    "Service",
    "Update",
]

_ROOMS: Final = {
    **dict.fromkeys(("Census", "JobFilter"), "..backends.base"),
    "JobPage": ".listing",
    "LogPage": ".logs",
    "Provenance": ".provenance",
    "Service": ".service",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: who builds an image needs no backend."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROOMS.get(name, ".request"), __name__), name)
