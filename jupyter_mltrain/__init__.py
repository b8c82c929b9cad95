"""A notebook becomes a container image and a TFJob or PyTorchJob, on a Kubernetes cluster or on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import run as run
    from .client import Job as Job
    from .client import JobFailed as JobFailed
    from .client import check as check
    from .client import job as job
    from .client import jobs as jobs
    from .client import plan as plan
    from .client import submit as submit

    __version__: str

_FROM_CLIENT = ("Job", "JobFailed", "check", "job", "jobs", "plan", "submit")


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell a Jupyter server what to load."""
    from .server.app import MltrainApp

    return [{"module": "jupyter_mltrain.server.app", "app": MltrainApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's tools for developers where the built front end is."""
    return [{"src": "labextension", "dest": "jupyter-mltrain"}]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package costs nothing."""
    from importlib import import_module, metadata

    if name == "run":
        return import_module(".run", __name__)
    if name in _FROM_CLIENT:
        return getattr(import_module(".client", __name__), name)
    if name == "__version__":
        return metadata.version(__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), "run", "__version__", *_FROM_CLIENT})
