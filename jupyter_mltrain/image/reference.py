"""Names of images: ``registry/repository:tag@digest``.

The grammar is that of the distribution project's reference package; a name without a registry means Docker Hub, as
docker, podman and containerd read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from ..errors import InvalidInput

DOCKER_HUB: Final = "docker.io"
_LONGEST: Final = 255  # characters of registry and repository together

_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])"
    r"(?::[0-9]{1,5})?"
)
_LAST_PORT: Final = 65535
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LOGIN = re.compile(r"[^/@]*@(?!sha256:)[^/@]*(?=[/:])|[^/@]*:[^@]*@(?!sha256:)[^@]*/")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image, or with neither tag nor digest a repository.

    Attributes
    ----------
    registry:
        Host, with the port where there is one: ``localhost:5000``.
    repository:
        Path in the registry: ``me/recommender``.
    tag, digest:
        ``""`` where the name has none. The digest decides where there are both.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return what a name means.

        Raises
        ------
        InvalidInput
            It is not the name of an image; the hint says which part is wrong.
        """
        scheme, slashes, name = text.partition("://")
        if _LOGIN.match(name if slashes else text):
            raise InvalidInput(
                "The name of an image holds no login.",
                hint="Leave out what stands before the '@', and log in once: podman login REGISTRY.",
            )
        if slashes:
            raise _wrong(text, f"Leave {scheme + slashes!r} out.")
        rest, at, digest = text.partition("@")
        if at and not _DIGEST.fullmatch(digest):
            raise _wrong(text, f"The digest {digest!r} is not sha256: and 64 hexadecimal digits.")
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            name, colon, tag = rest, "", ""
        if colon and not _TAG.fullmatch(tag):
            raise _wrong(text, f"The tag {tag!r} may have letters, digits, '.', '_' and '-', 128 at most.")
        if name == "localhost":
            raise _wrong(text, "It is a registry: add the name of a repository.")
        registry, repository = _split(name)
        _check_repository(text, registry, repository)
        return cls(registry, repository, tag, digest)

    def __str__(self) -> str:
        """Return the whole name, with the registry."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def pinned(self) -> bool:
        """Whether the name means the same image for ever."""
        return bool(self.digest)

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or "latest"

    def at(self, digest: str) -> Reference:
        """Return the same name with a digest."""
        return replace(self, digest=digest)

    def tagged(self, tag: str) -> Reference:
        """Return another tag of the same repository."""
        return replace(self, tag=tag, digest="")


def _split(name: str) -> tuple[str, str]:
    """Return registry and repository. The first part is a host if it looks like one: ``a/b`` is of Docker Hub."""
    host, slash, path = name.partition("/")
    if slash and (host == "localhost" or any(mark in host for mark in ".:[") or host != host.lower()):
        return (DOCKER_HUB, _official(path)) if host in {"index.docker.io", DOCKER_HUB} else (host, path)
    return DOCKER_HUB, _official(name)


def _official(path: str) -> str:
    """Docker Hub's own images have a name of one part."""
    return path if "/" in path else f"library/{path}"


def _check_repository(text: str, registry: str, repository: str) -> None:
    port = registry.rpartition(":")[2]
    if not _HOST.fullmatch(registry) or (port.isdecimal() and int(port) > _LAST_PORT):
        raise _wrong(text, f"{registry!r} is not a host, or a host and a port.")
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise _wrong(text, _why_not(component))
    if len(registry) + 1 + len(repository) > _LONGEST:
        raise _wrong(text, f"It is longer than {_LONGEST} characters.")


def _why_not(component: str) -> str:
    if not component:
        return "A part of it is empty."
    if component != component.lower():
        return f"{component!r} has upper-case letters: write {component.lower()!r}."
    return f"{component!r} may have letters, digits and, between them, '.', '_', '__' and '-'."


def _wrong(text: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{text!r} is not the name of an image.", hint=f"{why} Write it like registry.example.com/team/model:1."
    )
