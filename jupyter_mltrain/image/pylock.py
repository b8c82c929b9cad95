"""Reads ``pylock.toml``: of each package the file that fits the image best.

Source of the format: https://packaging.python.org/specifications/pylock-toml/ (PEP 751); read by ``packaging.pylock``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from ..errors import ResolutionError
from .credentials import without_password
from .folders import digest_of_folder
from .locked import LockedSource, LockedWheel, in_order
from .requirements_file import within
from .target import Target

if TYPE_CHECKING:
    from packaging.pylock import Package, Pylock

_FETCHED: Final = re.compile(r"https?://[\w.@:%-]+/|file:///", re.IGNORECASE)
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][\w.+!-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GIT: Final = frozenset({"https", "http", "ssh", "git", "file"})
_FOREIGN: Final = 5  # packages that a message names at most


def read(
    text: str, target: Target, folder: Path, *, root: Path | None = None
) -> tuple[tuple[LockedWheel, ...], tuple[LockedSource, ...]]:
    """Return the files that a lock has for a target.

    Parameters
    ----------
    text:
        The lock.
    target:
        What files must fit.
    folder:
        Where its relative paths start.
    root:
        A folder that no path may lead out of.

    Raises
    ------
    ResolutionError
        It is malformed, has a file without a sha256, or has nothing for the target; the message says which.
    InvalidInput
        A path leads out of the root.
    """
    from packaging.pylock import PylockSelectError

    lock = _parse(text)
    wheels, sources = list[LockedWheel](), list[LockedSource]()
    try:
        for package, chosen in lock.select(environment=target.environment, tags=target.tags):
            found = _locked(package, chosen, folder, root)
            if isinstance(found, LockedWheel):
                _check_tags(found, target)
                wheels.append(found)
            else:
                sources.append(found)
    except PylockSelectError as error:
        raise _foreign(lock, target) or ResolutionError(f"The lock is not for {target}: {error}.") from None
    return in_order(wheels), tuple(sorted(sources, key=lambda source: source.name))


def _parse(text: str) -> Pylock:
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    try:
        return Pylock.from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ResolutionError(f"The lock is no TOML: {error}.") from None
    except (PylockValidationError, PylockUnsupportedVersionError) as error:
        hint = "Lock again, with an index that gives hashes." if "hash" in str(error).lower() else "Lock again."
        raise ResolutionError(f"The lock is malformed: {error}.", hint=hint) from None


def _locked(package: Package, chosen: Any, folder: Path, root: Path | None) -> LockedWheel | LockedSource:
    from packaging.pylock import PackageDirectory, PackageVcs, PackageWheel

    name, version = str(package.name), str(package.version or "")
    if isinstance(chosen, PackageVcs):
        return _commit(name, version, chosen, root)
    if isinstance(chosen, PackageDirectory):
        path = _inside(folder / chosen.path, root, name)
        if not path.is_dir():
            raise ResolutionError(f"The folder {path.name!r} of {name}, which the lock names, is not there.")
        return LockedSource(name, version, "folder", path.as_uri(), digest_of_folder(path), chosen.subdirectory or "")
    url = _url(chosen, folder)
    if url.startswith("file:"):
        _inside(Path(unquote(urlsplit(url).path)), root, name)
    sha256 = _sha256(name, chosen.hashes)
    filename = chosen.filename if isinstance(chosen, PackageWheel) else unquote(urlsplit(url).path.rpartition("/")[2])
    if filename.endswith(".whl"):
        if not _FILE_NAME.fullmatch(filename):
            raise ResolutionError(f"The lock has a wheel of {name} with the file name {filename!r}.")
        return LockedWheel(name, _version(name, version, filename), filename, url, sha256, chosen.size)
    return LockedSource(name, version, "archive", url, sha256, getattr(chosen, "subdirectory", None) or "", chosen.size)


def _inside(path: Path, root: Path | None, name: str) -> Path:
    return path if root is None else within(path, root, f"The lock's place of {name}")


def _commit(name: str, version: str, chosen: Any, root: Path | None) -> LockedSource:
    if chosen.type != "git" or urlsplit(chosen.url or "").scheme not in _GIT:
        raise ResolutionError(
            f"{name} comes from {chosen.type}, at no address that is known.",
            hint="Publish a wheel of it, or take it from git.",
        )
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", chosen.commit_id):
        raise ResolutionError(f"The lock names no commit of {name}, but {chosen.commit_id!r}.", hint="Lock again.")
    url = without_password(chosen.url)
    if url.startswith("file:"):
        _inside(Path(unquote(urlsplit(url).path)), root, name)
    return LockedSource(name, version, "git", url, chosen.commit_id, chosen.subdirectory or "")


def _url(chosen: Any, folder: Path) -> str:
    """Return where a file is. Only what is fetched over HTTP, or lies on this machine, can be had."""
    url = chosen.url or (folder / chosen.path).as_uri()
    if not _FETCHED.match(url):
        raise ResolutionError(f"The lock has a file at {without_password(url)!r}, which cannot be fetched.")
    return without_password(url)


def _sha256(name: str, hashes: Any) -> str:
    digest = str(hashes.get("sha256", "")).lower()
    if not _SHA256.fullmatch(digest):
        hint = "Lock again, with an index that gives sha256."
        raise ResolutionError(f"The lock has no sha256 of a file of {name}.", hint=hint)
    return digest


def _version(name: str, version: str, filename: str) -> str:
    """Return a wheel's version, which its name tells. Raises ``ResolutionError`` where the name is another's."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        found, told, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ResolutionError(f"The lock has a wheel of {name} with a wrong file name: {error}.") from None
    if found != name or (version and str(told) != version):
        raise ResolutionError(f"The lock has {filename!r} as the wheel of {name} {version}.".replace(" .", "."))
    return str(told)


def _check_tags(wheel: LockedWheel, target: Target) -> None:
    """Refuse a wheel that was named by its address and does not fit."""
    if not fits(wheel.filename, target):
        raise ResolutionError(
            f"{wheel.filename} is a wheel for another platform than {target}.",
            hint="Name the package by its version, or build the image for that platform.",
        )


def fits(filename: str, target: Target) -> bool:
    """Return whether a wheel can be installed in an image."""
    from packaging.utils import parse_wheel_filename

    return not parse_wheel_filename(filename)[3].isdisjoint(target.tags)


def _foreign(lock: Pylock, target: Target) -> ResolutionError | None:
    """Return the error for a lock that has wheels, but for other platforms."""
    found = dict(_without_file(lock, target))
    if not found:
        return None
    named = "; ".join(f"{name} for {platforms}" for name, platforms in list(found.items())[:_FOREIGN])
    more = f"; and {len(found) - _FOREIGN} more" if len(found) > _FOREIGN else ""
    return ResolutionError(
        f"The lock has wheels for another platform: the image is {target}, but there is {named}{more}.",
        hint="Lock again for the image's platform, or take a base image that fits.",
        packages=sorted(found),
    )


def _without_file(lock: Pylock, target: Target) -> Iterator[tuple[str, str]]:
    from packaging.utils import parse_wheel_filename

    environment: dict[str, Any] = {**target.environment, "extras": frozenset(), "dependency_groups": frozenset()}
    for package in lock.packages:
        applies = package.marker is None or package.marker.evaluate(environment, context="lock_file")
        if applies and package.wheels and not package.sdist:
            tags = [parse_wheel_filename(wheel.filename)[3] for wheel in package.wheels]
            if all(each.isdisjoint(target.tags) for each in tags):
                yield str(package.name), ", ".join(sorted({str(tag) for each in tags for tag in each})[:_FOREIGN])
