"""What wheels must fit: the Python, the platform and the C library of an image, not of the machine that builds it.

Sources: tags and their order, https://packaging.python.org/specifications/platform-compatibility-tags/; markers,
https://packaging.python.org/specifications/dependency-specifiers/#environment-markers
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from ..errors import ImageError
from .oci import Platform

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag

Libc = tuple[Literal["glibc", "musl"], tuple[int, int]]

_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
_OLDEST_GLIBC: Final = {"x86_64": 5, "aarch64": 17}
_LEGACY: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_UV_GLIBC: Final = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)  # the minor versions that uv has a name for


@dataclass(frozen=True, slots=True)
class Target:
    """What an environment is made for.

    Attributes
    ----------
    platform:
        ``linux/amd64`` or ``linux/arm64``.
    python:
        Version of the image's CPython, e.g. ``"3.11.9"``.
    libc:
        ``("glibc", (2, 36))`` or ``("musl", (1, 2))``.

    Raises
    ------
    ImageError
        There are no wheels for such an image.
    """

    platform: Platform
    python: str
    libc: Libc

    def __post_init__(self) -> None:
        if self.platform.os != "linux" or self.platform.architecture not in _MACHINES:
            known = " and ".join(f"linux/{name}" for name in _MACHINES)
            raise ImageError(f"No environment can be made for {self.platform}.", hint=f"Known are {known}.")
        if not re.match(r"3\.\d+", self.python):
            raise ImageError(f"{self.python!r} is not a version of Python 3.", hint="It is like 3.11.9.")
        if self.libc[0] == "glibc" and self.libc[1] < (2, _UV_GLIBC[0]):
            hint = "Take a base image with glibc 2.17 or later."
            raise ImageError(
                f"The base image has glibc {_dotted(self.libc[1])}, which no wheels are made for.", hint=hint
            )

    def __str__(self) -> str:
        """Return it for people."""
        return f"Python {self.python} on {self.platform} with {self.libc[0]} {_dotted(self.libc[1])}"

    @property
    def minor(self) -> str:
        """The Python's version without its last part: ``"3.11"``."""
        return ".".join(self.python.split(".")[:2])

    @property
    def machine(self) -> str:
        """The architecture as the kernel names it: ``x86_64``, ``aarch64``."""
        return _MACHINES[self.platform.architecture]

    @property
    def uv_platform(self) -> str:
        """The value of uv's ``--python-platform``: of the glibc versions that it knows, the nearest below."""
        if self.libc[0] == "musl":
            return f"{self.machine}-unknown-linux-musl"
        minor = max(known for known in _UV_GLIBC if (2, known) <= self.libc[1])
        return f"{self.machine}-manylinux_2_{minor}"

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Tags of the wheels that fit, the best first."""
        return _tags(self.minor, self.machine, self.libc)

    @property
    def environment(self) -> Environment:
        """What the markers of requirements are judged by. Release and version of the kernel are nobody's to know."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": self.minor,
            "sys_platform": "linux",
        }


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


@lru_cache(maxsize=16)
def _tags(python: str, machine: str, libc: Libc) -> tuple[Tag, ...]:
    from packaging.tags import compatible_tags, cpython_tags

    major, minor = (int(part) for part in python.split("."))
    platforms = list(_platforms(machine, libc))
    interpreter = f"cp{major}{minor}"
    own = cpython_tags((major, minor), [interpreter], platforms)
    return (*own, *compatible_tags((major, minor), interpreter, platforms))


def _platforms(machine: str, libc: Libc) -> Iterator[str]:
    family, (major, newest) = libc
    yield f"linux_{machine}"
    if family == "musl":
        yield from (f"musllinux_{major}_{minor}_{machine}" for minor in range(newest, -1, -1))
    else:
        for minor in range(newest, _OLDEST_GLIBC[machine] - 1, -1):
            yield f"manylinux_{major}_{minor}_{machine}"
            if minor in _LEGACY:
                yield f"{_LEGACY[minor]}_{machine}"
