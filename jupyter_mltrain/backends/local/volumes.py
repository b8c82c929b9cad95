"""Volumes, secrets and config maps on this machine.

Nothing is mounted: that would take privileges. A mount is a folder of this machine, and wherever the manifest names the
mount path (command, arguments, values of variables, working directory) the folder is named instead; a program that has
the mount path built in finds the folder in ``MLTRAIN_VOLUME_<NAME>``, the volume's name in capitals, dashes as
underscores. ``readOnly`` cannot be enforced.

=============================  ==============================================================================
``emptyDir``, ``ephemeral``    a folder that goes with the pod; size limits are not enforced
``hostPath``                   the path itself, its type checked as the kubelet does
``persistentVolumeClaim``      ``<data folder>/volumes/<claim>``, shared by all jobs, kept
``secret``, ``configMap``      a folder that the user has named: ``$MLTRAIN_SECRETS/<secret>/<key>`` and
                               ``$MLTRAIN_CONFIG_MAPS/<config map>/<key>``; never copied, never logged
=============================  ==============================================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ...errors import ManifestError
from .text import Edit, Text

ENV_SECRETS: Final = "MLTRAIN_SECRETS"
ENV_CONFIG_MAPS: Final = "MLTRAIN_CONFIG_MAPS"

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")  # DNS-1123 subdomain: no way out of a folder
_KEY: Final = re.compile(r"(?!\.\.?$)[-._a-zA-Z0-9]+")
_ENV_NAME: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume in a container: ``path`` there is ``source`` here."""

    volume: str
    path: str
    source: Path
    read_only: bool = False


# Secrets and config maps


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with a folder for each secret (or config map) and in it a file for each key."""

    kind: str  # "secret" or "config map", for messages
    variable: str
    root: Path | None

    def folder(self, name: str) -> Path | None:
        """Return the folder of one secret; ``None`` if there is none of that name."""
        if self.root is None or not _NAME.fullmatch(name):
            return None
        folder = self.root / name
        return folder if folder.is_dir() else None

    def file(self, name: str, key: str) -> Path | None:
        """Return the file of one key; ``None`` if there is none."""
        folder = self.folder(name)
        if folder is None or not _KEY.fullmatch(key):
            return None
        path = folder / key
        return path if path.is_file() else None

    def value(self, name: str, key: str, *, optional: bool = False) -> str | None:
        """Return the value of a key, less the newline with which editors end a file. Raises ``ManifestError``."""
        path = self.file(name, key)
        if path is None:
            return None if optional else self.fail(name, key)
        return path.read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n")

    def values(self, name: str, *, optional: bool = False) -> dict[str, str]:
        """Return all keys of one secret that can name a variable, with their values. Raises ``ManifestError``."""
        folder = self.folder(name)
        if folder is None:
            return {} if optional else self.fail(name)
        keys = sorted(path.name for path in folder.iterdir() if path.is_file() and _ENV_NAME.fullmatch(path.name))
        return {key: self.value(name, key) or "" for key in keys}

    def fail(self, name: str, key: str = "") -> Any:
        """Raise the error that names what is missing and says where to put it."""
        what = f"{self.kind} {name!r}" + (f" with key {key!r}" if key else "")
        place = f"{self.root or '$' + self.variable}/{name}/{key or '<key>'}"
        unnamed = "" if self.root else f"; {self.variable} is not set"
        raise ManifestError(
            f"The manifest refers to {what}, which is not known on this machine{unnamed}.",
            hint=f"Put the value into the file {place}"
            + ("." if self.root else f" and set {self.variable} to the folder."),
            field=self.kind,
            name=name,
            key=key,
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Where secrets and config maps come from."""

    secrets: Source
    config_maps: Source

    @classmethod
    def named_in(cls, environment: Mapping[str, str]) -> Sources:
        """Take the folders that the user has named in ``MLTRAIN_SECRETS`` and ``MLTRAIN_CONFIG_MAPS``."""

        def source(kind: str, variable: str) -> Source:
            named = environment.get(variable)
            return Source(kind, variable, Path(named).expanduser().absolute() if named else None)

        return cls(source("secret", ENV_SECRETS), source("config map", ENV_CONFIG_MAPS))


# Mounts


def mount(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    *,
    claims: Path,
    scratch: Path,
    sources: Sources,
    expand: Callable[[str], str] = str,
) -> tuple[Mount, ...]:
    """Make what folders are needed and return the mounts of one container of a pod. Idempotent.

    Parameters
    ----------
    claims:
        Holds the folders of claims.
    scratch:
        A folder that lives and dies with the pod (not with one run of it).
    expand:
        Replaces ``$(NAME)`` in a ``subPathExpr``.

    Raises
    ------
    ManifestError
        A volume is of a kind that this machine does not have, a path is missing or of the wrong type, or a secret is
        not known.
    OSError
        A folder cannot be made.
    """
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    found = []
    for wish in container.get("volumeMounts") or []:
        volume = volumes.get(wish["name"])
        if volume is None:
            raise ManifestError(
                f"Container {container['name']!r} mounts {wish['name']!r}, but there is no such volume."
            )
        source = plain(_below(_provide(volume, claims, scratch, sources), wish, expand))
        path = wish["mountPath"].rstrip("/") or "/"
        found.append(Mount(volume["name"], path, source, bool(wish.get("readOnly"))))
    return tuple(found)


def _provide(volume: Mapping[str, Any], claims: Path, scratch: Path, sources: Sources) -> Path:
    name = str(volume["name"])
    # As the API server has it, a volume without a source is an empty one.
    kind = next((key for key in volume if key != "name"), "emptyDir")
    options = volume.get(kind) or {}
    match kind:
        case "persistentVolumeClaim":
            return _folder(claims, options["claimName"])
        case "hostPath":
            return _host_path(Path(options["path"]), options.get("type") or "")
        case "secret":
            return _projected(sources.secrets, options.get("secretName") or "", options, scratch / name)
        case "configMap":
            return _projected(sources.config_maps, options.get("name") or "", options, scratch / name)
        case "emptyDir" | "ephemeral":
            return _folder(scratch, name)
    raise ManifestError(
        f"Volume {name!r} is of kind {kind}, which there is not on this machine.",
        hint="Use emptyDir, hostPath, persistentVolumeClaim, secret or configMap.",
        field=f"volumes.{name}",
    )


def _folder(parent: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ManifestError(
            f"{name!r} is no name for a volume or claim.", hint="Use lower case letters, digits, - and ."
        )
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_HOST_PATH_TYPES: Final[Mapping[str, tuple[str, Callable[[int], bool]]]] = {
    "Directory": ("a directory", stat.S_ISDIR),
    "DirectoryOrCreate": ("a directory", stat.S_ISDIR),
    "File": ("a file", stat.S_ISREG),
    "FileOrCreate": ("a file", stat.S_ISREG),
    "Socket": ("a socket", stat.S_ISSOCK),
    "CharDevice": ("a character device", stat.S_ISCHR),
    "BlockDevice": ("a block device", stat.S_ISBLK),
}


def _host_path(path: Path, kind: str) -> Path:
    """Check a path as the kubelet does (https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types)."""
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        if kind == "FileOrCreate" and not path.exists():
            path.touch()
    except OSError as error:
        raise ManifestError(f"hostPath {path} cannot be made: {error.strerror}", field="hostPath") from error
    if kind in _HOST_PATH_TYPES:
        words, is_kind = _HOST_PATH_TYPES[kind]
        if not (path.exists() and is_kind(path.stat().st_mode)):
            raise ManifestError(f"hostPath type check failed: {path} is not {words}", field="hostPath")
    return path


def _projected(source: Source, name: str, options: Mapping[str, Any], links: Path) -> Path:
    """Return a secret's folder itself or, where keys are given paths, one with links to its files."""
    optional = bool(options.get("optional"))
    folder = source.folder(name)
    if folder is None and not optional:
        source.fail(name)
    if folder is not None and not options.get("items"):
        return folder
    links.mkdir(parents=True, exist_ok=True)
    for item in options.get("items") or []:
        file = source.file(name, item["key"])
        if file is not None:
            _link(links / _inside(item["path"]), file)
        elif not optional:
            source.fail(name, item["key"])
    return links


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _below(source: Path, wish: Mapping[str, Any], expand: Callable[[str], str]) -> Path:
    sub_path = wish.get("subPath") or ""
    if not sub_path and wish.get("subPathExpr"):
        sub_path = expand(wish["subPathExpr"])
    if not sub_path:
        return source
    path = source / _inside(sub_path)
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
    return path


def plain(path: Path) -> Path:
    """Return a path that means the same and that a shell reads as one word, wherever it stands in a command.

    The data folder may have a space in its name, on macOS it always has, and the manifest's author has not quoted what
    was ``/data`` to them. A link in a folder that is only this user's stands for such a path, made again for each run.
    """
    text = str(path)
    if shlex.quote(text) == text:
        return path
    folder = Path(tempfile.gettempdir(), f"mltrain-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return path  # laid there by somebody else
    link = folder / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    with contextlib.suppress(FileExistsError):
        link.symlink_to(path)
    return link


def _inside(path: str) -> PurePosixPath:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise ManifestError(f"{path!r} leads out of its volume.", hint="Give a relative path without '..'.")
    return relative


# What the container is told


def volume_env(mounts: Iterable[Mount]) -> dict[str, str]:
    """Return ``MLTRAIN_VOLUME_<NAME>`` for each volume; where one is mounted twice, the first mount counts."""
    found: dict[str, str] = {}
    for each in mounts:
        name = re.sub(r"[^A-Z0-9]", "_", each.volume.upper())
        found.setdefault(f"MLTRAIN_VOLUME_{name}", str(each.source))
    return found


def rewrite(text: Text, mounts: Iterable[Mount]) -> Text:
    """Return a text with mount paths, and paths below them, turned into those on this machine; the longest one counts.

    A path starts the text or stands after something that is no part of a path, such as ``=``, ``:`` or ``file://``.
    """
    sources = {each.path: str(each.source) for each in mounts}
    if not sources:
        return text
    paths = "|".join(re.escape(path) for path in sorted(sources, key=len, reverse=True))
    pattern = rf"(?:(?<=file://)|(?<![\w.~/-]))(?P<path>{paths})(?![\w-])(?!\.\w)"
    return text.edited(Edit(*match.span(), sources[match["path"]]) for match in re.finditer(pattern, text.whole))
