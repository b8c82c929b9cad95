"""Which of an image's files tell something about its Python, and what the programs among them tell."""

from __future__ import annotations

import re
from typing import Final

_PROGRAM = re.compile(r"(?:platform-)?python.*|pypy.*|graalpy.*")
_LIBRARY = re.compile(r"libpython3[\w.]*\.so[\d.]*|libc\.so(?:\.6)?|libc-2\.\d+\.so|ld(?:-|64)[\w.-]*\.so[\d.]*")
_LANDMARK = re.compile(r"os\.pyc?")
_TEXT = re.compile(
    r"etc/(?:passwd|group|os-release)|usr/lib/os-release|(?:.*/)?(?:pyvenv\.cfg|python3[^/]*/patchlevel\.h)"
    r"|(?:.*/)?\.?pyenv/version|.*\.dist-info/METADATA|.*\.egg-info(?:/PKG-INFO)?"
)

# Each is a string of its own in the program: between the bytes that end strings. Linkers may have merged it with a
# longer string that ends alike: so what only ends so is second best.
_VERSION: Final = rb"([23]\.\d{1,2}\.\d{1,3}(?:(?:a|b|rc)\d{1,2})?)\+?(?=\0)"
_PYTHON: Final = re.compile(rb"\0" + _VERSION)
_PYTHON_MERGED: Final = re.compile(rb"[^\d.]" + _VERSION)
_MUSL: Final = re.compile(rb"\0(1\.\d\.\d{1,2})(?=\0)")
_GLIBC: Final = re.compile(rb"GNU C Library [^\0\n]{0,200}?version (\d\.\d{1,3})")


def is_program(path: str, executable: bool) -> bool:
    """Whether a file may be Python, Python's library, the C library or its loader."""
    name = path.rpartition("/")[2]
    return bool(_LIBRARY.fullmatch(name) or (executable and _PROGRAM.fullmatch(name)))


def is_text(path: str) -> bool:
    """Whether a file's text tells something."""
    return _TEXT.fullmatch(path) is not None


def is_landmark(path: str) -> bool:
    """Whether it matters that the file is there: Python knows its standard library by it."""
    return _LANDMARK.fullmatch(path.rpartition("/")[2]) is not None


def versions(path: str, data: bytes) -> tuple[str, ...]:
    """Return the versions that a program or library names in its own text, which is of whose name it bears."""
    name = path.rpartition("/")[2]
    if name.startswith("ld-musl") or name == "libc.so":
        found = _MUSL.findall(data)
    elif name.startswith("libc"):
        found = _GLIBC.findall(data)
    else:
        found = _PYTHON.findall(data) + _PYTHON_MERGED.findall(data)
    return tuple(dict.fromkeys(each.decode() for each in found))
