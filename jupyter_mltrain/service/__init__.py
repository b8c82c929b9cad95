"""The only orchestrator: plan, submit, watch, cancel, resubmit. Everything above it only shows what it says."""

from .listing import JobFilter, JobPage
from .logs import LogPage
from .provenance import Provenance
from .request import Export, Metric, Output, Plan, Recovery, Request, RunProgress, Update
from .service import Service

__all__ = [
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
