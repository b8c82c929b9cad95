"""A locked environment: each package with its version, its file and the digest of that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..model.findings import Finding, Severity
from . import oci
from .oci import Platform
from .target import Target


@dataclass(frozen=True, slots=True)
class LockedWheel:
    """A wheel file.

    Attributes
    ----------
    name, version:
        As the packaging standards normalise them.
    url:
        Where it is, without a password; ``""`` for one that was built here and is in the cache.
    sha256:
        In hexadecimal.
    size:
        Bytes, where the index tells.
    """

    name: str
    version: str
    filename: str
    url: str
    sha256: str
    size: int | None = None

    @property
    def digest(self) -> str:
        """The digest as the cache names it."""
        return f"sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class LockedSource:
    """A package that has no wheel: one is to be built.

    Attributes
    ----------
    kind:
        ``archive``: a source distribution or the like; ``git``: a commit; ``folder``: a folder of this machine.
    version:
        ``""`` where only building tells it.
    url:
        Where the archive, the repository or the folder is, without a password.
    identity:
        What tells one content from another: sha256 of the archive or of the folder's files, or the commit.
    subdirectory:
        Where in it the project is.
    """

    name: str
    version: str
    kind: Literal["archive", "git", "folder"]
    url: str
    identity: str
    subdirectory: str = ""
    size: int | None = None

    @property
    def commit_url(self) -> str:
        """The commit as SPDX and package URLs write it; ``""`` for what is none, or is on this machine only."""
        named = self.kind == "git" and not self.url.startswith(("file:", "/"))
        return f"git+{self.url.removeprefix('git+')}@{self.identity}" if named else ""


@dataclass(frozen=True, slots=True)
class Lock:
    """What an environment has, down to the bytes.

    Attributes
    ----------
    target:
        What it was locked for.
    wheels:
        Sorted by name.
    sources:
        What ``sdist.build`` makes wheels of.
    findings:
        Where it differs from the kernel's environment, and what was left out.
    """

    target: Target
    wheels: tuple[LockedWheel, ...]
    sources: tuple[LockedSource, ...] = ()
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def python(self) -> str:
        """Version of the Python that it is for."""
        return self.target.python

    @property
    def platform(self) -> Platform:
        """The platform that it is for."""
        return self.target.platform

    @property
    def foreign(self) -> dict[str, str]:
        """What came of no index, but of a folder, a file or a repository: name -> the commit's URL, if it has one."""
        files = {one.name: "" for one in self.wheels if one.url and not one.url.startswith("http")}
        sources = {one.name: one.commit_url for one in self.sources if one.kind != "archive" or "file:" in one.url}
        return files | sources

    @property
    def packages(self) -> tuple[LockedWheel | LockedSource, ...]:
        """Wheels and sources."""
        return (*self.wheels, *self.sources)

    @property
    def digest(self) -> str:
        """Tells environments apart, and depends on no index, mirror or machine: ``sha256:...``."""
        document = {
            "libc": [self.target.libc[0], *self.target.libc[1]],
            "platform": str(self.target.platform),
            "python": self.target.python,
            "wheels": [[one.name, one.version, one.filename, one.sha256] for one in self.wheels],
            "sources": [[one.name, one.kind, one.identity, one.subdirectory] for one in self.sources],
        }
        return oci.digest_of(oci.to_bytes(document))

    @property
    def text(self) -> str:
        """The lock as a ``pylock.toml``. Wheels that were built here are named as files beside it.

        Source: https://packaging.python.org/specifications/pylock-toml/
        """
        head = f'lock-version = "1.0"\nrequires-python = "=={self.target.minor}.*"\ncreated-by = "jupyter-mltrain"\n'
        packages = [(one.name, _wheel_toml(one)) for one in self.wheels]
        packages += [(one.name, _source_toml(one)) for one in self.sources]
        return head + "".join(f"\n[[packages]]\n{text}" for _, text in sorted(packages))

    def to_dict(self) -> dict[str, Any]:
        """Return wheels, sources and findings as JSON."""
        return {
            "wheels": [asdict(one) for one in self.wheels],
            "sources": [asdict(one) for one in self.sources],
            "findings": [one.to_dict() for one in self.findings],
        }

    @classmethod
    def from_dict(cls, target: Target, document: Mapping[str, Any]) -> Lock:
        """Read what ``to_dict`` gave."""
        return cls(
            target,
            tuple(LockedWheel(**one) for one in document["wheels"]),
            tuple(LockedSource(**one) for one in document["sources"]),
            tuple(Finding(**{**one, "severity": Severity(one["severity"])}) for one in document["findings"]),
        )


def in_order(wheels: Iterable[LockedWheel]) -> tuple[LockedWheel, ...]:
    """Return wheels as locks have them."""
    return tuple(sorted(wheels, key=lambda wheel: (wheel.name, wheel.version)))


def _wheel_toml(wheel: LockedWheel) -> str:
    place = f"url = {_toml(wheel.url)}" if wheel.url.startswith("http") else f"path = {_toml('./' + wheel.filename)}"
    size = "" if wheel.size is None else f", size = {wheel.size}"
    hashes = f"hashes = {{ sha256 = {_toml(wheel.sha256)} }}"
    return (
        f"name = {_toml(wheel.name)}\nversion = {_toml(wheel.version)}\n"
        f"wheels = [{{ name = {_toml(wheel.filename)}, {place}{size}, {hashes} }}]\n"
    )


def _source_toml(source: LockedSource) -> str:
    subdirectory = f", subdirectory = {_toml(source.subdirectory)}" if source.subdirectory else ""
    version = f"version = {_toml(source.version)}\n" if source.version else ""
    if source.kind == "git":
        place = f'vcs = {{ type = "git", url = {_toml(source.url)}, commit-id = {_toml(source.identity)}'
    elif source.kind == "archive" and source.url.startswith("http"):
        place = f"archive = {{ url = {_toml(source.url)}, hashes = {{ sha256 = {_toml(source.identity)} }}"
    else:  # where it lies on this machine is nobody's to know
        place = f"directory = {{ path = {_toml('./' + source.name)}"
    return f"name = {_toml(source.name)}\n{version}{place}{subdirectory} }}\n"


def _toml(text: str) -> str:
    """Return a TOML string: those of JSON are."""
    return json.dumps(text).replace("\x7f", "\\u007f")
