"""A notebook becomes a container image and a TFJob or PyTorchJob, on a Kubernetes cluster or on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import run as run
    from .service import Job as Job
    from .service import submit as submit

    __version__: str

_FROM_SERVICE = ("Job", "submit")


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package costs nothing."""
    from importlib import import_module, metadata

    if name == "run":
        return import_module(".run", __name__)
    if name in _FROM_SERVICE:
        return getattr(import_module(".service", __name__), name)
    if name == "__version__":
        return metadata.version(__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
