"""Which version of this project is at work."""

from __future__ import annotations


def package_version() -> str:
    """Return the version of this project."""
    from importlib.metadata import version

    return version("jupyter_mltrain")
