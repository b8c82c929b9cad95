"""From what an environment is to have to the files that it is made of, resolved by uv for the image's platform."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput, ResolutionError
from ..model.findings import Finding, Severity
from . import oci, uv
from .cache import Cache
from .cache_files import storage_errors
from .credentials import Credentials, for_people
from .folders import signature
from .locked import Lock, LockedSource, LockedWheel, in_order
from .progress import Progress, Report, State, ignore
from .requirements_file import name_of
from .sources import OWN, Wanted
from .target import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_FORMAT: Final = 2  # of what is remembered
_KIND: Final = "locks"
_KEPT: Final = 64
_NAMED: Final = 8  # packages that a message names at most
_FILE_URL: Final = re.compile(r"file://[^\s\[;]+")
_LOCAL_LABEL: Final = re.compile(r"(==\s*[\w.!]+)\+[\w.]+")
_NONE: Final = f'{OWN} ; python_version < "3"\n'  # holds for no image: uv leaves the package out

_recent: dict[tuple[Path, str], Lock] = {}
_guard = threading.Lock()


def resolve(
    wanted: Wanted,
    target: Target,
    cache: Cache,
    *,
    report: Report = ignore,
    build: bool = True,
    refresh: bool = False,
) -> Lock:
    """Return the locked environment: for the same input the same, until ``refresh``.

    Parameters
    ----------
    wanted:
        What the environment is to have.
    target:
        What it is for.
    build:
        Whether packages without a wheel may be built on this machine; else other versions are looked for.
    refresh:
        Ask the indexes anew.

    Raises
    ------
    ResolutionError
        The requirements contradict each other, name what is nowhere, or have nothing for the target. The message has
        the resolver's reason.
    PackageIndexError
        An index does not answer, or asks for a login.
    NotInstalled
        There is no uv.
    """
    key = _key(wanted, target, build=build)
    known = None if refresh else _known(key, target, cache)
    if known:
        _tell(report, target, "cached")
        return known

    def waiting() -> None:
        _tell(report, target, "running")

    with cache.exclusive(f"{_KIND} {key}", waiting):
        known = None if refresh else _known(key, target, cache)
        if known is None:
            waiting()
            known = _sized(_Resolver(target, build, report).lock(wanted), wanted, cache, report)
            cache.put_document(_KIND, key, oci.to_bytes(known.to_dict()))
            _keep(cache, key, known)
    _tell(report, target, "done")
    return known


def credentials(wanted: Wanted) -> Credentials:
    """Return the logins that fetching what was locked may need."""
    return Credentials((*wanted.options, *wanted.requirements, *wanted.constraints), uv.settings(wanted.settings))


def _tell(report: Report, target: Target, state: State) -> None:
    report(Progress("lock", str(target), state=state))


# --- what was resolved before


def _key(wanted: Wanted, target: Target, *, build: bool) -> str:
    lines = [*wanted.requirements, *wanted.constraints, *wanted.options]
    files = [path.read_bytes().hex() for path in (wanted.project, wanted.lock) if path]
    document = {
        "format": _FORMAT,
        "lines": [for_people(line) for line in lines],
        "split": [len(wanted.requirements), len(wanted.constraints)],
        "preferred": dict(wanted.preferred),
        "hashes": {name: sorted(digests) for name, digests in wanted.hashes.items()},
        "files": files,
        "named": [wanted.python, str(wanted.lock or wanted.project or "")],
        "signatures": [signature(path) for path in _local(lines) if path.exists()],
        "target": str(target),
        "uv": uv.deciding(wanted.settings),
        "build": build,
    }
    return oci.digest_of(oci.to_bytes(document))


def _local(lines: Iterable[str]) -> Iterator[Path]:
    """Yield the files and folders of this machine that lines name."""
    for line in lines:
        yield from (Path(unquote(urlsplit(match[0]).path)) for match in _FILE_URL.finditer(line))


def _known(key: str, target: Target, cache: Cache) -> Lock | None:
    with _guard:
        recent = _recent.get((cache.folder, key))
    if recent:
        return recent
    document = cache.document(_KIND, key)
    return _keep(cache, key, Lock.from_dict(target, json.loads(document))) if document else None


def _keep(cache: Cache, key: str, lock: Lock) -> Lock:
    with _guard:
        while len(_recent) >= _KEPT:
            del _recent[next(iter(_recent))]
        _recent[cache.folder, key] = lock
    return lock


def _sized(lock: Lock, wanted: Wanted, cache: Cache, report: Report) -> Lock:
    """Return a lock with the sizes of all wheels, which not every index tells."""
    if all(wheel.size is not None for wheel in lock.wheels):
        return lock
    from .sizes import with_sizes

    return replace(lock, wheels=with_sizes(lock.wheels, cache, report, credentials(wanted)))


# --- resolving


class _Resolver:
    def __init__(self, target: Target, build: bool, report: Report) -> None:
        self._target = target
        self._build = build
        self._report = report

    def lock(self, wanted: Wanted) -> Lock:
        found = self._taken(wanted) if wanted.lock else self._made(wanted)
        _check_hashes(wanted, found)
        if found.sources and not self._build:
            named = ", ".join(source.name for source in found.sources)
            hint = "Take versions with wheels, publish one, or allow building (build_packages)."
            raise ResolutionError(f"There is no wheel of {named}, and packages are not to be built here.", hint=hint)
        return replace(found, findings=(*wanted.findings, *_of_python(wanted, self._target), *found.findings))

    def _made(self, wanted: Wanted) -> Lock:
        """Resolve; what has a local version that no index knows, like ``2.13.0+cpu``, by its public one."""
        findings = list[Finding]()
        try:
            found = self._compile(wanted)
        except ResolutionError:
            public = replace(wanted, requirements=tuple(map(_public, wanted.requirements)))
            labelled = [line for line in wanted.requirements if _public(line) != line]
            if not labelled:
                raise
            wanted, found = public, self._compile(public)
            findings.append(_no_label(labelled))
        versions = {name: _public(f"=={version}")[2:] for name, version in _differing(wanted, found) if "+" in version}
        if versions:
            wanted = replace(wanted, preferred={**wanted.preferred, **versions})
            found = self._compile(wanted)
        return replace(found, findings=(*findings, *_differences(wanted, found)))

    def _taken(self, wanted: Wanted) -> Lock:
        """Take a lock that is there, and add what is needed beside it."""
        from . import pylock

        assert wanted.lock is not None
        text = wanted.lock.read_text(encoding="utf-8", errors="replace")
        try:
            found = pylock.read(text, self._target, wanted.lock.parent, root=wanted.folder)
        except ResolutionError as error:
            message = f"{wanted.lock.name} cannot be used. {error.message}"
            raise ResolutionError(message, hint=error.hint, **error.details) from None
        taken = Lock(self._target, *found)
        return taken if _has(taken, wanted.requirements) else self._completed(taken, wanted)

    def _completed(self, taken: Lock, wanted: Wanted) -> Lock:
        bound = tuple(f"{one.name}=={one.version}" for one in taken.packages if one.version)
        try:
            more = self._compile(replace(wanted, lock=None, constraints=bound, hashes={}))
        except ResolutionError as error:
            message = f"What running the notebook needs does not go with the lock. {error.message}"
            raise ResolutionError(message, hint=error.hint, **error.details) from None
        names = {one.name for one in taken.packages}
        wheels = (*taken.wheels, *(one for one in more.wheels if one.name not in names))
        sources = (*taken.sources, *(one for one in more.sources if one.name not in names))
        return Lock(self._target, in_order(wheels), sources)

    def _compile(self, wanted: Wanted) -> Lock:
        """Run the resolver. The lock that it is to write is there before, with the versions that are preferred."""
        from . import pylock

        with storage_errors(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="mltrain-") as name:
            folder = Path(name)
            (folder / "requirements.in").write_text("\n".join((*wanted.options, *wanted.requirements, "")))
            (folder / "constraints.in").write_text("\n".join((*wanted.constraints, "")))
            (folder / "overrides.in").write_text(_NONE)
            (folder / "pylock.toml").write_text(_preferences(wanted.preferred.items()))
            place = wanted.settings if uv.has_settings(wanted.settings) else folder
            done = uv.run(self._arguments(wanted, folder), place, waiting=self._waiting)
            if done.code:
                raise uv.error_of(done.output, f"The environment cannot be resolved for {self._target}", folder)
            wheels, sources = pylock.read((folder / "pylock.toml").read_text(), self._target, folder)
        return Lock(self._target, wheels, tuple(_with_version(one, wanted) for one in sources))

    def _arguments(self, wanted: Wanted, folder: Path) -> list[str]:
        # The Python is named because looking for the right one can take seconds; it decides nothing but the metadata
        # of packages that have to be built for that.
        return [
            *("pip", "compile", "--quiet", "--no-header", "--format", "pylock.toml"),
            *("--python-platform", self._target.uv_platform, "--python-version", self._target.python),
            *("--python", sys.executable, "--output-file", str(folder / "pylock.toml")),
            *("-c", str(folder / "constraints.in"), "--overrides", str(folder / "overrides.in")),
            *(() if self._build else ("--only-binary", ":all:")),
            *((str(wanted.project),) if wanted.project else ()),
            str(folder / "requirements.in"),
        ]

    def _waiting(self) -> None:
        _tell(self._report, self._target, "running")


def _with_version(source: LockedSource, wanted: Wanted) -> LockedSource:
    """Return a folder's source with the version that the kernel has it in: resolving tells none."""
    return replace(source, version=source.version or wanted.preferred.get(source.name, ""))


def _preferences(versions: Iterable[tuple[str, str]]) -> str:
    """Return a lock that uv takes versions from where they fit."""
    packages = "".join(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in sorted(versions))
    return f'lock-version = "1.0"\ncreated-by = "{OWN}"\n{packages or "packages = []"}'


def _public(line: str) -> str:
    return _LOCAL_LABEL.sub(r"\1", line)


# --- checks and findings


def _has(lock: Lock, lines: Iterable[str]) -> bool:
    """Return whether a lock has what lines ask for, as far as names and versions tell."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    versions = dict(_versions(lock))
    try:
        return all(_holds(Requirement(line), versions.get(name_of(line), "")) for line in lines)
    except (InvalidRequirement, InvalidVersion):
        return False  # for the resolver to judge


def _holds(wanted: Requirement, version: str) -> bool:
    if not version or wanted.marker or wanted.extras or wanted.url:
        return False
    return wanted.specifier.contains(version, prereleases=True)


def _versions(lock: Lock) -> Iterator[tuple[str, str]]:
    yield from ((one.name, one.version) for one in lock.packages if one.version)


def _differing(wanted: Wanted, lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield name and preferred version of what got another."""
    for name, version in _versions(lock):
        if wanted.preferred.get(name, version) != version:
            yield name, wanted.preferred[name]


def _differences(wanted: Wanted, lock: Lock) -> Iterator[Finding]:
    found = dict(_versions(lock))
    differing = [f"{name} {found[name]} instead of {version}" for name, version in _differing(wanted, lock)]
    if differing:
        more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        message = f"The image gets other versions than the kernel has: {', '.join(differing[:_NAMED])}{more}."
        hint = "The kernel's are not to be had for the image, or do not go with the notebook's requirements."
        yield Finding("version-differs", Severity.WARNING, message, hint)


def _no_label(lines: Iterable[str]) -> Finding:
    message = f"No index has {', '.join(for_people(line) for line in lines)}: the image gets the public version."
    return Finding("local-version", Severity.WARNING, message, "Name the index that has it in uv's settings.")


def _of_python(wanted: Wanted, target: Target) -> Iterator[Finding]:
    if not wanted.python:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = SpecifierSet(wanted.python).contains(target.python, prereleases=True)
    except InvalidSpecifier:
        raise InvalidInput(f"{wanted.python!r} is no range of versions of Python.", hint="Like >=3.11.") from None
    if not fits:
        message = f"Python {wanted.python} is asked for, but the base image has {target.python}."
        yield Finding("python-differs", Severity.WARNING, message, "Take a base image with that Python.")


def _check_hashes(wanted: Wanted, lock: Lock) -> None:
    """Refuse a file whose digest is none of those that the requirements file gives."""
    for one in lock.packages:
        allowed = wanted.hashes.get(one.name)
        if allowed and _sha256(one) not in allowed:
            what = one.filename if isinstance(one, LockedWheel) else one.name
            message = f"{what} has the digest {_sha256(one)}, which is none of the hashes that are given for it."
            raise ResolutionError(message, hint="Write the hashes of the image's platform too, or check the index.")


def _sha256(one: LockedWheel | LockedSource) -> str:
    return one.sha256 if isinstance(one, LockedWheel) else one.identity
