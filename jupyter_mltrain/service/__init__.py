"""The only orchestrator: plan, submit, watch, cancel, resubmit. Everything above it only shows what it says."""

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
