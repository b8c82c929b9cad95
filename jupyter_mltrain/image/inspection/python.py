"""Finds the Python of an image: the interpreter that ``python`` starts there, its version, library and packages.

The rules are those of the programs that would do it: ``execvp`` for the search path, CPython's ``getpath`` for the
standard library, PEP 405 for virtual environments, and the loader's name for the C library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from ...errors import ImageError
from ..inspected import BasePython
from .libc import find_libc
from .tree import File, Tree

OLDEST: Final = (3, 11)
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where images have Python without saying so in their PATH.
_WELL_KNOWN: Final = ("/opt/conda/bin", "/opt/venv/bin", "/opt/bitnami/python/bin")
_OTHERS: Final = {"pypy": "PyPy", "graalpy": "GraalPy"}
_OWN_BASE: Final = "Take a base image with Python 3.11 or later, such as docker.io/library/python:3.12-slim."


class _TooOld(ImageError):
    """Another Python of the image may do."""


def find_python(tree: Tree, env: Mapping[str, str], architecture: str) -> BasePython:
    """Return the interpreter that the image's ``python`` or ``python3`` is.

    The first on the image's search path counts, ``python`` before ``python3``; where it is older than this project
    takes, the newest ``python3.N`` of the path.

    Raises
    ------
    ImageError
        There is none, or it is one that no environment can be made with; the hint says what to do.
    """
    folders = list(_search_path(tree, env))
    first = _first(tree, folders)
    others = _versioned(tree, folders)
    if first is None and not others:
        hint = f"It was looked for in {', '.join(dict.fromkeys(folders))}. {_OWN_BASE}"
        raise ImageError("The base image has no Python.", hint=hint)
    try:
        return _examine(tree, first or others[0], env, architecture)
    except _TooOld as error:
        newer = [path for path in others if _number(path) >= OLDEST]
        if not newer:
            raise ImageError(error.message, hint=error.hint) from None
        return _examine(tree, newer[0], env, architecture)


def _search_path(tree: Tree, env: Mapping[str, str]) -> Iterator[str]:
    for folder in [*(env.get("PATH") or DEFAULT_PATH).split(":"), *_WELL_KNOWN]:
        path = PurePosixPath("/", folder)
        if path.name == "shims" and (chosen := tree.file(f"{path.parent}/version")):
            # pyenv's shims are scripts that start the version which this file names.
            for name in chosen.content.decode("utf-8", "replace").split():
                yield f"{path.parent}/versions/{name}/bin"
        else:
            yield str(path)


def _first(tree: Tree, folders: list[str]) -> str | None:
    python = _which(tree, folders, "python")
    if python and not _is_python_2(tree, python):
        return python
    return _which(tree, folders, "python3")


def _which(tree: Tree, folders: list[str], name: str) -> str | None:
    for folder in folders:
        found = tree.file(f"{folder}/{name}")
        if found and found.executable:
            return f"{folder}/{name}"
    return None


def _is_python_2(tree: Tree, path: str) -> bool:
    return (tree.real(path) or "").rpartition("/")[2].startswith("python2")


def _versioned(tree: Tree, folders: list[str]) -> list[str]:
    """Return every ``python3.N`` of the search path, the newest first."""
    found: dict[str, str] = {}
    for each in folders:
        folder = tree.folder(each)
        for name in folder.children if folder else ():
            file = tree.file(f"{each}/{name}")
            if re.fullmatch(r"python3\.\d+", name) and file and file.executable:
                found.setdefault(name, f"{each}/{name}")
    return sorted(found.values(), key=_number, reverse=True)


def _number(path: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", path.rpartition("/")[2]))


def _examine(tree: Tree, path: str, env: Mapping[str, str], architecture: str) -> BasePython:
    environment = _environment(tree, path)
    real = _base_interpreter(tree, path, environment)
    file = tree.file(real)
    if file is None or file.elf is None:
        raise _no_program(path, file)
    _check_implementation(real)
    prefix, minor = _standard_library(tree, real, file, env)
    version = _version(tree, file, prefix, minor, env)
    if _number(minor) < OLDEST:
        raise _TooOld(f"The base image's Python is too old: {real} is {version}.", hint=_OWN_BASE)
    _check_library(tree, prefix, minor, real)
    if file.elf.architecture != architecture:
        raise ImageError(
            f"The base image says that it is for {architecture}, but {real} is for {file.elf.architecture}.",
            hint="It was put together wrongly: take another base image.",
        )
    return BasePython(real, version, prefix, find_libc(tree, real, file.elf), environment)


def _environment(tree: Tree, path: str) -> str:
    """Return the virtual environment that a program starts, or ``""``."""
    folder = PurePosixPath(path).parent
    for each in (folder, folder.parent):
        if tree.file(f"{each}/pyvenv.cfg"):
            return tree.real(str(each)) or ""
    return ""


def _base_interpreter(tree: Tree, path: str, environment: str) -> str:
    """Return the program that a path leads to; for one that was copied into an environment, the one it is a copy of."""
    real = tree.real(path) or path
    if not environment or not real.startswith(f"{environment}/"):
        return real
    home = _home(tree, environment)
    for name in (PurePosixPath(real).name, "python3", "python"):
        if tree.file(f"{home}/{name}"):
            return tree.real(f"{home}/{name}") or real
    return real


def _home(tree: Tree, environment: str) -> str:
    config = tree.file(f"{environment}/pyvenv.cfg")
    text = config.content.decode("utf-8", "replace") if config else ""
    found = re.search(r"(?m)^\s*home\s*=\s*(\S.*?)\s*$", text)
    return found[1] if found else ""


def _no_program(path: str, file: File | None) -> ImageError:
    if file and file.content.startswith(b"#!"):
        what = f"is a script: {file.content.splitlines()[0].decode('utf-8', 'replace')[:80]}"
    else:
        what = "is no Linux program"
    return ImageError(
        f"The base image's {path} {what}.", hint=f"Put Python's own folder first in its PATH. {_OWN_BASE}"
    )


def _check_implementation(path: str) -> None:
    name = PurePosixPath(path).name
    for start, title in _OTHERS.items():
        if name.startswith(start):
            hint = f"Packages are taken for CPython. {_OWN_BASE}"
            raise ImageError(f"The base image's Python is {title} ({path}).", hint=hint)


def _standard_library(tree: Tree, path: str, file: File, env: Mapping[str, str]) -> tuple[str, str]:
    """Return prefix and minor version: the nearest folder above the program whose ``lib/python3.N`` has ``os.py``."""
    named = re.match(r"(?:platform-)?python(3\.\d+t?)", PurePosixPath(path).name)
    for above in PurePosixPath(path).parents:
        found = _libraries(tree, above)
        hints = [".".join(text.split(".")[:2]) for text in (*file.versions, env.get("PYTHON_VERSION", ""))]
        wanted = [named[1]] if named else [*hints, *sorted(found, key=_number, reverse=True)]
        for minor in wanted:
            if minor in found:
                return str(above), minor
    library = f"lib/python{named[1]}" if named else "lib/python3.N"
    raise ImageError(f"The base image's {path} has no standard library ({library}/os.py).", hint=_OWN_BASE)


def _libraries(tree: Tree, prefix: PurePosixPath) -> set[str]:
    """Return the versions of the standard libraries below a folder."""
    found = set()
    for lib in ("lib", "lib64"):
        folder = tree.folder(f"{prefix}/{lib}")
        for name in folder.children if folder else ():
            match = re.fullmatch(r"python(3\.\d+t?)", name)
            if match and any(tree.file(f"{prefix}/{lib}/{name}/{landmark}") for landmark in ("os.py", "os.pyc")):
                found.add(match[1])
    return found


def library_folders(tree: Tree, prefix: str, minor: str) -> list[str]:
    """Return the folders that are the standard library: ``/usr/lib64/python3.11`` beside or instead of ``/usr/lib``."""
    paths = [str(PurePosixPath(prefix, lib, f"python{minor}")) for lib in ("lib", "lib64")]
    return [path for path in paths if tree.folder(path)]


def _check_library(tree: Tree, prefix: str, minor: str, path: str) -> None:
    if minor.endswith("t"):
        hint = f"Few packages have wheels for it. {_OWN_BASE}"
        raise ImageError(f"The base image's Python is built without the GIL ({path}).", hint=hint)
    folders = library_folders(tree, prefix, minor)
    # Debian's python3-minimal has the first and not the second.
    for name in ("encodings", "asyncio"):
        if not any(tree.folder(f"{folder}/{name}") for folder in folders):
            raise ImageError(
                f"The base image's {path} has only a part of the standard library: {name} is missing.",
                hint="Install the whole of it in the base image, in Debian and Ubuntu the package python3.",
            )


def _version(tree: Tree, file: File, prefix: str, minor: str, env: Mapping[str, str]) -> str:
    """Return the whole version: the program's own word, its library's, its headers', the image's."""
    libraries = [
        version
        for path, each in tree.files()
        if re.match(rf"libpython{re.escape(minor)}\D*\.so", PurePosixPath(path).name)
        for version in each.versions
    ]
    header = tree.file(f"{prefix}/include/python{minor}/patchlevel.h")
    written = re.findall(rb'#define\s+PY_VERSION\s+"([^"+]+)', header.content if header else b"")
    told = [*file.versions, *libraries, *(each.decode() for each in written), env.get("PYTHON_VERSION", "")]
    digits = minor.removesuffix("t")
    return next((text for text in told if re.fullmatch(rf"{re.escape(digits)}\.\d+\w*", text)), f"{digits}.0")
