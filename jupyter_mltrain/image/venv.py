"""Where the environment and the programs lie in an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ENVIRONMENT: Final = "/opt/mltrain/venv"
PROGRAMS: Final = "/opt/mltrain/programs"
"""Where programs lie in an image, each in a folder of its own."""
WHEELS: Final = 1
"""Changes when the same wheel becomes other files; belongs to every key of a layer that has wheels."""


@dataclass(frozen=True, slots=True)
class Venv:
    """A virtual environment of an image.

    Attributes
    ----------
    python:
        Major and minor version: ``3.11``.
    interpreter:
        The Python of the base image that runs it: ``/usr/bin/python3.11``.
    path:
        Its folder. All paths are absolute ones of the image.
    """

    python: str
    interpreter: str
    path: str = ENVIRONMENT

    @property
    def bin(self) -> str:
        """The folder of its scripts."""
        return f"{self.path}/bin"

    @property
    def executable(self) -> str:
        """Its own interpreter, a link to the base's: what scripts name in their first line."""
        return f"{self.bin}/python"

    @property
    def site_packages(self) -> str:
        """The folder of its packages, pure or not."""
        return f"{self.path}/lib/python{self.python}/site-packages"

    @property
    def kernels(self) -> str:
        """The folder of its kernelspecs."""
        return f"{self.path}/share/jupyter/kernels"

    def schemes(self, distribution: str) -> dict[str, str]:
        """Return where the parts of a wheel go, by the names that wheels give them."""
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "headers": f"{self.path}/include/site/python{self.python}/{distribution}",
            "scripts": self.bin,
            "data": self.path,
        }


def in_layer(path: str) -> str:
    """Return an absolute path of an image as layers have it."""
    return path.lstrip("/")
