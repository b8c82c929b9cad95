"""Which C library a program of an image runs on: what decides whether a wheel with native code fits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ...errors import ImageError
from ..target import Libc
from .elf import Elf
from .tree import File, Tree


def find_libc(tree: Tree, program: str, found: Elf) -> Libc:
    """Return the C library that a program is loaded with. Raises ``ImageError`` where there is none, or one unknown."""
    loader = found.interpreter
    if not loader:
        raise ImageError(
            f"The base image's {program} is linked statically: it cannot load packages with native code.",
            hint="Take a base image whose Python is linked with glibc or musl.",
        )
    name = PurePosixPath(loader).name
    file = tree.file(loader)
    if file is None:
        raise ImageError(
            f"The base image's {program} needs the loader {loader}, which the image does not have.",
            hint="It was put together wrongly: take another base image.",
        )
    if name.startswith("ld-musl"):
        return "musl", _version(program, file.versions)
    if re.match(r"ld-linux|ld64\.so|ld\.so", name):
        return "glibc", _version(program, list(_glibc(tree, loader, found.architecture)))
    raise ImageError(
        f"The base image's {program} runs on a C library that is neither glibc nor musl: its loader is {loader}.",
        hint="Take a base image whose Python is linked with glibc or musl.",
    )


def _glibc(tree: Tree, loader: str, architecture: str) -> Iterator[str]:
    """Yield what libraries beside the loader say of their version, then all others of the architecture."""
    beside = str(PurePosixPath(tree.real(loader) or loader).parent)
    files = [*_named(tree, beside), *tree.files()]
    for path, file in files:
        if not re.fullmatch(r"libc\.so\.6|libc-2\.\d+\.so", PurePosixPath(path).name):
            continue
        if file.elf and file.elf.architecture == architecture:
            yield from file.versions
            yield from re.findall(r"libc-(2\.\d+)\.so", path)


def _named(tree: Tree, folder: str) -> Iterator[tuple[str, File]]:
    there = tree.real(f"{folder}/libc.so.6")
    file = tree.file(there) if there else None
    if there and file:
        yield there, file


def _version(program: str, texts: tuple[str, ...] | list[str]) -> tuple[int, int]:
    for text in texts:
        major, minor = text.split(".")[:2]
        return int(major), int(minor)
    raise ImageError(
        f"The version of the C library that the base image's {program} runs on cannot be found.",
        hint="Take a base image whose Python is linked with glibc or musl.",
    )
