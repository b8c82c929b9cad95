"""The files that go with a notebook: what may be shipped, and how large it may be."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from ..errors import InvalidInput, NotFound, StorageError
from ..model.findings import Finding, Severity
from .globs import Glob, Places, ended, is_hidden, parse_globs, start, step
from .program import Blobs, ProgramFile
from .secrets import search_data

MAX_SIZE: Final = 200 * 2**20
"""Default limit for all shipped files together, in bytes."""
_MAX_BY_LINKS: Final = 20_000
"""Files and folders that are looked at by way of links: a few that cross lead on through ever more paths."""


class _Names:
    """Names of files and folders in any case, from patterns with at most one ``*``."""

    def __init__(self, *patterns: str) -> None:
        parts = [pattern.partition("*") for pattern in patterns]
        self._whole = frozenset(start for start, star, _ in parts if not star)
        self._ends = tuple(end for start, star, end in parts if star and not start)
        self._starts = tuple((start, end) for start, star, end in parts if star and start)

    def __contains__(self, name: str) -> bool:
        name = name.casefold()
        if name in self._whole or name.endswith(self._ends):
            return True
        return any(name.startswith(start) and name.endswith(end) for start, end in self._starts)


# Never shipped, whatever a glob says: what is a secret by nature. Keys by any other name are known by their first
# bytes, and what may hold a secret as well as not (`secrets.yaml`, `token.txt`) is a finding; see ``secrets``.
_SECRETS: Final = _Names(
    # variables of an environment
    ".env", ".env.*", "*.env",
    # keys and their stores: of SSH, TLS, PuTTY, PGP, Java, Kerberos, VPNs, password managers
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p8", "*.p12", "*.pfx", "*.pkcs12", "*.ppk",
    "*.gpg", "*.pgp", "*key.asc", "*.jks", "*.jceks", "*.bks", "*.keystore", "*.keytab", "*.ovpn", "*.kdb", "*.kdbx",
    "*.keychain", "*.keychain-db", "*.agilekeychain",
    # logins that tools keep
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf", ".git-credentials",
    ".dockercfg", ".dockerconfigjson", ".htpasswd", ".s3cfg", ".boto", ".databrickscfg", ".terraformrc", ".vault-token",
    "kubeconfig", "*.kubeconfig", "kaggle.json", "credentials", "credentials.json", "credentials.db",
    "access_tokens.db", "application_default_credentials.json", "client_secret*.json", "service_account*.json",
    "service-account*.json",
    # folders of such
    ".aws", ".azure", ".docker", ".gcloud", ".gnupg", ".huggingface", ".kaggle", ".kube", ".oci", ".password-store",
    ".snowsql", ".ssh",
)  # fmt: skip
# ... and what only means something here.
_LOCAL: Final = _Names(
    ".git", ".hg", ".svn", ".bzr", "__pycache__", "*.pyc", "*.pyo", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache",
    ".pytest_cache", ".hypothesis", ".tox", ".nox", ".cache", ".venv", "node_modules", ".ds_store", "thumbs.db",
    "*.swp",
)  # fmt: skip
_SENSITIVE: Final = "may hold a secret"
_KEY: Final = "is a private key"
_USELESS: Final = "is a cache, a checkout or an environment"


def followed(path: Path) -> Path:
    """Return where a path leads. Unlike ``Path.resolve`` it takes links that lead to themselves."""
    return Path(os.path.realpath(path))


@dataclass(frozen=True)
class Root:
    """The folder that a program's files come from. Nothing outside of it is ever shipped."""

    path: Path

    @cached_property
    def real(self) -> Path:
        """The folder with all symbolic links followed."""
        return self.path.resolve()

    def relative(self, path: Path) -> str:
        """Return a path as the program names it. Raises ``ValueError`` for one outside of the root."""
        return path.relative_to(self.path).as_posix()

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the root, once all symbolic links are followed."""
        return followed(path).is_relative_to(self.real)

    def require_inside(self, path: Path, real: Path) -> None:
        """Refuse a path that symbolic links lead out of the root, to ``real``. Raises ``InvalidInput``."""
        if not real.is_relative_to(self.real):
            raise InvalidInput(
                f"{self.relative(path)!r} is or goes through a symbolic link that leads out of {str(self.path)!r}"
                f" (to {str(real)!r}); only what lies in that folder is shipped.",
                hint="Copy it there, or bring it in as a channel or volume; on the command line, --root can hold both.",
                field="include",
                path=self.relative(path),
            )


def included(
    root: Root, globs: Iterable[str], *, skip: Path, modules: Collection[str] = ()
) -> tuple[dict[str, Path], list[Finding]]:
    """Return the files that globs name (relative path -> file), and findings: what was left out, what holds a secret.

    Parameters
    ----------
    globs:
        Relative to the root, see ``globs``; a folder stands for all that is in it but what begins with a dot.
    skip:
        The notebook itself, which is shipped as cells.
    modules:
        Those that are searched for secrets anyway.

    Raises
    ------
    InvalidInput
        A glob is refused by ``parse_globs``, a symbolic link leads out of the root, or links lead round in circles.
    NotFound, StorageError
        A folder that is to be shipped cannot be read.
    """
    wanted = parse_globs(globs)
    gatherer = _Gatherer(root)
    if wanted:
        gatherer.walk(wanted)
    gatherer.found.pop(root.relative(skip), None)
    searched = search_data(gatherer.found, modules=modules)
    for key in searched.keys:
        gatherer.leave(key, _KEY)
    empty = [_matches_nothing(root, glob) for glob in wanted if glob not in gatherer.matched]
    return gatherer.found, [*empty, *gatherer.findings(), *searched.findings]


def _matches_nothing(root: Root, glob: Glob) -> Finding:
    message = f"The glob {glob.text!r} matches nothing in {root.path.name!r}."
    hint = "Is it relative to the root? Names that begin with a dot have to be written out."
    return Finding("include-empty", Severity.WARNING, message, hint, {"field": "include"})


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is looked into.

    Attributes
    ----------
    real:
        Its path with all links followed.
    places:
        How far the globs have come.
    whole:
        Whether all that is in it is shipped, since a glob names it or a folder above.
    above:
        The real folders on the way since then, to stop at a loop of links.
    linked:
        Whether a link was on the way.
    """

    path: Path
    real: Path
    places: Places
    whole: bool
    above: tuple[Path, ...]
    linked: bool


class _Gatherer:
    """Collects the regular files below a root that globs name, and notes what has to stay behind."""

    def __init__(self, root: Root) -> None:
        self.found: dict[str, Path] = {}
        self.matched: set[Glob] = set()
        self._root = root
        self._by_links = 0
        self._reasons: dict[tuple[str, ...], str | None] = {(): None}
        self._kept_back: dict[str, set[str]] = defaultdict(set)

    def walk(self, globs: Iterable[Glob]) -> None:
        """Look once into every folder that a glob may lead to."""
        places = start(globs)
        whole = self._note(ended(places, folder=True))
        real = self._root.real
        folders = [_Folder(self._root.path, real, places, whole, above=(real,), linked=False)]
        while folders:
            folder = folders.pop()
            folders += [below for entry in self._entries(folder) if (below := self._visit(folder, entry)) is not None]

    def _entries(self, folder: _Folder) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder.path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if folder.whole:
                raise _unreadable(folder.path, error) from None
            return []  # as a shell does
        self._by_links += len(found) if folder.linked else 0
        if self._by_links > _MAX_BY_LINKS:
            raise _circles(self._root.relative(folder.path))
        return found

    def _visit(self, folder: _Folder, entry: os.DirEntry[str]) -> _Folder | None:
        """Collect an entry that is a file; return one that is to be looked into."""
        link = entry.is_symlink()
        places = step(folder.places, entry.name, link=link)
        below = folder.whole and not is_hidden(entry.name)
        mode = _mode(entry) if below or places else 0
        if not mode:
            return None
        path, real = folder.path / entry.name, folder.real / entry.name
        real = followed(real) if link else real
        named = self._note(ended(places, folder=stat.S_ISDIR(mode)))
        whole = (named or below) and self._may_go(path, real)
        if whole and stat.S_ISREG(mode):
            self.found[self._root.relative(path)] = path
        whole = whole and real not in folder.above
        if not stat.S_ISDIR(mode) or not (whole or places):
            return None
        above = (*folder.above, real) if whole and folder.whole else (real,)
        return _Folder(path, real, places, whole, above, folder.linked or link)

    def _note(self, named: list[Glob]) -> bool:
        self.matched.update(named)
        return bool(named)

    def _may_go(self, path: Path, real: Path) -> bool:
        """Say whether a path may be shipped. Raises ``InvalidInput`` for one that leads out of the root."""
        if self._stays_behind(path.relative_to(self._root.path).parts):
            return False
        self._root.require_inside(path, real)
        return not self._stays_behind(real.relative_to(self._root.real).parts)  # a link with a harmless name

    def _stays_behind(self, parts: tuple[str, ...]) -> bool:
        """Whether a path, or a folder above it, is never shipped; the topmost such is noted."""
        for end in range(1, len(parts) + 1):
            top = parts[:end]
            if top not in self._reasons:
                self._reasons[top] = _why_kept_back(self._root.path.joinpath(*top))
            reason = self._reasons[top]
            if reason is not None:
                self._kept_back[reason].add("/".join(top))
                return True
        return False

    def leave(self, path: str, reason: str) -> None:
        """Leave behind what was found."""
        del self.found[path]
        self._kept_back[reason].add(path)

    def findings(self) -> list[Finding]:
        """Return a finding for each reason why something stayed behind."""
        return [_kept_back_finding(reason, sorted(paths)) for reason, paths in sorted(self._kept_back.items())]


def _mode(entry: os.DirEntry[str]) -> int:
    """Return what it is, all links followed, as ``stat`` does; 0 for a link that leads nowhere."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0


def _circles(path: str) -> InvalidInput:
    return InvalidInput(
        f"The globs lead through symbolic links to more than {_MAX_BY_LINKS:,} files and folders, {path!r} among them.",
        hint="Links may lead round in circles there: name the folders that they lead to instead.",
        field="include",
    )


def _why_kept_back(path: Path) -> str | None:
    """Return why a file or folder is never shipped, or ``None`` if it may be."""
    for reason, names in ((_SENSITIVE, _SECRETS), (_USELESS, _LOCAL)):
        if path.name in names:
            return reason
    return _USELESS if (path / "pyvenv.cfg").is_file() else None


def _kept_back_finding(reason: str, paths: list[str]) -> Finding:
    shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    secret = reason != _USELESS
    return Finding(
        "include-kept-back",
        Severity.WARNING if secret else Severity.INFO,
        f"Not shipped, though a glob names it, since it {reason}: {shown}.",
        "Give secrets by reference instead." if secret else "",
        {"field": "include"},
    )


def seal(
    root: Root, modules: Mapping[str, bytes], data: Mapping[str, Path], *, max_size: int
) -> tuple[tuple[ProgramFile, ...], Blobs]:
    """Hash what is shipped. Returns the entries sorted by path, and where the bytes of each are.

    Modules come as bytes, so that what was analysed is what is shipped; data files are hashed where they lie.

    Raises
    ------
    InvalidInput
        All together are larger than ``max_size`` bytes; the message names the largest.
    """
    _check_size({**{path: len(content) for path, content in modules.items()}, **_sizes(data)}, max_size)
    files: dict[str, ProgramFile] = {}
    blobs: dict[str, bytes | Path] = {}
    sources: dict[str, bytes | Path] = {**data, **modules}
    for path, source in sources.items():
        digest, size = _hash(source)
        files[path] = ProgramFile(path, digest, size, _is_executable(root.path / path))
        blobs[digest] = source
    return tuple(files[path] for path in sorted(files)), blobs


def _sizes(data: Mapping[str, Path]) -> dict[str, int]:
    return {path: file.stat().st_size for path, file in data.items()}


def _check_size(sizes: Mapping[str, int], limit: int) -> None:
    total = sum(sizes.values())
    if total <= limit:
        return
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:5]
    named = ", ".join(f"{path} ({in_words(sizes[path])})" for path in largest)
    raise InvalidInput(
        f"The files to ship are {in_words(total)} together; the limit is {in_words(limit)}. The largest: {named}.",
        hint="Narrow --include, or bring large data in as a channel or volume.",
        code="too-large",
        field="include",
        total=total,
        limit=limit,
        largest={path: sizes[path] for path in largest},
    )


def in_words(size: int) -> str:
    """Return a number of bytes for people, e.g. ``"1.5 MiB"``."""
    value, unit = float(size), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def _hash(source: bytes | Path) -> tuple[str, int]:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    try:
        with source.open("rb") as reader:
            return hashlib.file_digest(reader, "sha256").hexdigest(), reader.tell()
    except OSError as error:
        raise _unreadable(source, error) from None


def _is_executable(path: Path) -> bool:
    """Whether the owner may run it: the one permission bit that means something elsewhere."""
    try:
        return bool(path.stat().st_mode & stat.S_IXUSR)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> NotFound | StorageError:
    what = f"{str(path)!r} cannot be read: {error.strerror or error}."
    return NotFound(what) if isinstance(error, FileNotFoundError) else StorageError(what)


def read_module(root: Root, path: Path) -> bytes:
    """Return a module's bytes.

    Raises
    ------
    InvalidInput
        A symbolic link leads out of the root.
    StorageError
        It cannot be read.
    """
    root.require_inside(path, followed(path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
