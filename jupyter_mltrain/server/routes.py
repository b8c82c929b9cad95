"""The one table of routes: handlers are registered from it, and the OpenAPI document is made of it."""

from __future__ import annotations

import re
from typing import Final

from jupyter_server.base.handlers import JupyterHandler

from .handlers import documents, images, jobs, places, plans
from .handlers.base import ROOT, Handler, NothingHere
from .stream.handler import ChannelsHandler

ROUTES: Final[dict[str, type[Handler]]] = {
    "jobs": jobs.JobsHandler,
    "jobs/{id}": jobs.JobHandler,
    "jobs/{id}/cancel": jobs.CancelHandler,
    "jobs/{id}/suspend": jobs.SuspendHandler,
    "jobs/{id}/resume": jobs.ResumeHandler,
    "jobs/{id}/resubmit": jobs.ResubmitHandler,
    "jobs/{id}/manifest": jobs.ManifestHandler,
    "jobs/{id}/events": jobs.EventsHandler,
    "jobs/{id}/metrics": jobs.MetricsHandler,
    "jobs/{id}/notebook": jobs.NotebookHandler,
    "jobs/{id}/provenance": jobs.ProvenanceHandler,
    "jobs/{id}/logs": jobs.LogsHandler,
    "jobs/{id}/logs/{replica}": jobs.LogHandler,
    "plans": plans.PlansHandler,
    "plans/export": plans.ExportHandler,
    "images": images.ImagesHandler,
    "images/plan": images.ImagePlanHandler,
    "images/settings": images.ImageSettingsHandler,
    "images/dockerfile": images.DockerfileHandler,
    "images/dockerfile/save": images.SaveDockerfileHandler,
    "images/{id}": images.ImageHandler,
    "backends": places.BackendsHandler,
    "devices": places.DevicesHandler,
    "samples": places.SamplesHandler,
    "samples/{name}/open": places.OpenSampleHandler,
    "samples/{name}/run": places.RunSampleHandler,
    "schema": documents.SchemaHandler,
    "openapi.json": documents.OpenApiHandler,
}

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def parameters(path: str) -> list[str]:
    """Return the names of a path's parameters."""
    return _PARAMETER.findall(path)


def pattern(path: str) -> str:
    """Return the regular expression of a path, below the server's base URL."""
    literal_and_names = _PARAMETER.split(path)
    parts = [re.escape(part) if i % 2 == 0 else f"(?P<{part}>[^/]+)" for i, part in enumerate(literal_and_names)]
    return f"/{ROOT}/{''.join(parts)}"


def handlers() -> list[tuple[str, type[JupyterHandler]]]:
    """Return what the server registers; what is below the root and nothing else comes last."""
    channels = (pattern("channels"), ChannelsHandler)
    rest = (f"/{ROOT}(?:/.*)?", NothingHere)
    return [*((pattern(path), handler) for path, handler in ROUTES.items()), channels, rest]
