"""The only orchestrator: plan, submit, watch, cancel, resubmit. Everything above it only shows what it says."""

from .request import Export, Metric, Output, Plan, Request, RunProgress, Update
from .service import Service

__all__ = ["Export", "Metric", "Output", "Plan", "Request", "RunProgress", "Service", "Update"]
