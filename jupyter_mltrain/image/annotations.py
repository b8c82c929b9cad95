"""What an image says of itself: OCI annotations on its manifest and index, and labels in its config.

Keys of the OCI are used for what they mean. The others are this project's, spelled as on the jobs that run the image:
the same word finds all that came from a program. Nothing says who built the image, where and when.

Source: OCI image specification 1.1, ``annotations.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import InvalidInput
from ..model.labels import ANNOTATION_NOTEBOOK, ANNOTATION_PROGRAM, ANNOTATION_VERSION, PREFIX
from .reference import Reference

_OCI: Final = "org.opencontainers.image."
TITLE: Final = _OCI + "title"
REVISION: Final = _OCI + "revision"
BASE_NAME: Final = _OCI + "base.name"
BASE_DIGEST: Final = _OCI + "base.digest"
REF_NAME: Final = _OCI + "ref.name"  # in a layout's index: the tag
IMAGE_NAME: Final = "io.containerd.image.name"  # beside it: the whole name, for containerd, docker and podman
LOCK: Final = PREFIX + "lock"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image comes from.

    Attributes
    ----------
    program, name, notebook:
        The program's digest and name; the notebook's path, relative to the root of the program's files.
    lock:
        Digest of the locked environment.
    base, base_digest:
        The base image. None for one from a folder or a file, whose name would tell a path of this machine.
    version:
        Of this project.
    commit:
        Of the notebook's repository, with ``-dirty`` where the tree was; ``""``: it is in none.
    """

    program: str
    name: str
    notebook: str
    lock: str
    base: Reference | None
    base_digest: str
    version: str
    commit: str = ""

    def __post_init__(self) -> None:
        if self.notebook.startswith(("/", "~", "../")):
            raise InvalidInput(
                f"{self.notebook!r} is outside of the program.", hint="Give a path relative to its root."
            )


def describe(origin: Origin) -> dict[str, str]:
    """Return what the manifest of an image says of it; what is not known is left out."""
    said = {
        TITLE: origin.name,
        REVISION: origin.commit,
        BASE_NAME: _name(origin.base) if origin.base else "",
        BASE_DIGEST: origin.base_digest,
        ANNOTATION_PROGRAM: origin.program,
        ANNOTATION_NOTEBOOK: origin.notebook,
        LOCK: origin.lock,
        ANNOTATION_VERSION: origin.version,
    }
    return {key: value for key, value in said.items() if value}


def shared(*said: dict[str, str]) -> dict[str, str]:
    """Return what all images of an index say: the annotations of the index."""
    first, *others = said
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _name(base: Reference) -> str:
    """Return a name with its tag and without its digest, which has an annotation of its own."""
    return str(base.tagged(base.tag)) if base.tag else str(base)
