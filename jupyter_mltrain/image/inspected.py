"""What was found in an image. How it is found is another matter, and takes longer to load: ``inspection``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .target import Libc


@dataclass(frozen=True, slots=True)
class BasePython:
    """A Python interpreter in an image.

    Attributes
    ----------
    path:
        The program itself, without links: ``/usr/local/bin/python3.11``.
    version:
        ``3.11.9``; with ``.0`` where the image does not tell the last part.
    prefix:
        The folder whose ``lib/python3.11`` is the standard library: ``/usr/local``.
    environment:
        The virtual environment that ``python`` starts in this image, ``""`` where it is none.
    libc:
        Family and version of its C library: ``("glibc", (2, 36))``.
    """

    path: str
    version: str
    prefix: str
    libc: Libc
    environment: str = ""

    @property
    def minor(self) -> str:
        """Its version as wheels and folders have it: ``3.11``."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in an image.

    Attributes
    ----------
    installed:
        Packages that its Python has: name as indexes write it -> version.
    passwd, group:
        Content of the files in ``/etc``, ``b""`` where they are missing.
    system:
        Name of the distribution, for people; ``""`` where the image does not tell.
    shell:
        Whether there is a ``/bin/sh``.
    """

    python: BasePython
    installed: Mapping[str, str]
    passwd: bytes
    group: bytes
    system: str
    shell: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        texts = {name: base64.b64encode(getattr(self, name)).decode() for name in ("passwd", "group")}
        return {**asdict(self), **texts}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Inspection:
        """Read what `to_dict` gives."""
        family, version = document["python"]["libc"]
        python = BasePython(**{**document["python"], "libc": (family, tuple(version))})
        texts = {name: base64.b64decode(document[name]) for name in ("passwd", "group")}
        return cls(**{**document, **texts, "python": python})
