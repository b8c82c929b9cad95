"""The same image as a Dockerfile and the folder that it is built in, for docker, buildah, podman and kaniko.

What comes out has the environment that this builder makes: the same packages by hash, in the same place, the same user,
variables and entrypoint. It has other digests, is built by pip, and needs an index when it is built. ::

    Dockerfile
    requirements.txt    name==version --hash=sha256:...
    wheels/             packages that no index has
    environment/        frame of the virtual environment, as it lies in the image
    runner/             what executes the notebook, and kernelspecs
    program/            the frozen notebook and its files
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..errors import ImageError, InvalidInput
from . import own, skeleton
from .annotations import Origin, describe
from .base import Base
from .blueprint import Payload
from .config import GID, UID, USER, Runtime
from .credentials import for_people
from .files import storage_error
from .layer import Entry
from .locked import Lock, LockedWheel
from .reference import Reference
from .venv import PROGRAMS, Venv

FILE: Final = "Dockerfile"
REQUIREMENTS: Final = "requirements.txt"
_FIRST: Final = "# The image of the notebook "
_REQUIREMENTS: Final = "/opt/mltrain/requirements.txt"
_WHEELS: Final = "/opt/mltrain/wheels"
_INDEXES: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile with its context.

    Attributes
    ----------
    text:
        The Dockerfile.
    files:
        All others, by their paths in the folder.
    """

    text: str
    files: tuple[Entry, ...]

    @property
    def requirements(self) -> str:
        """The packages, as pip takes them."""
        content = next(entry.source for entry in self.files if entry.path == REQUIREMENTS)
        assert isinstance(content, bytes)
        return content.decode()

    def write(self, folder: Path) -> None:
        """Write the folder: all of it or nothing. An older one of the kind is replaced.

        Raises
        ------
        InvalidInput
            The folder has something else in it.
        StorageError
            It cannot be written.
        """
        _require_own(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft:
                new, old = Path(draft, "new"), Path(draft, "old")
                for entry in (*self.files, Entry(FILE, self.text.encode())):
                    _put(entry, new)
                if folder.exists():
                    folder.rename(old)
                new.rename(folder)
        except OSError as error:
            raise storage_error(folder, error) from error


def draw(
    payload: Payload,
    base: Base,
    lock: Lock,
    *,
    reference: Reference | None,
    packages: Sequence[str] = (),
    wheels: Mapping[str, Path] | None = None,
    variables: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Dockerfile:
    """Return the Dockerfile of a notebook's image.

    Parameters
    ----------
    base, reference:
        The base image without system packages, and its name; None where only this machine has it.
    lock:
        Of wheels only: what had to be built is built.
    packages:
        System packages: ``ffmpeg``, ``graphviz=2.42.2-7``.
    wheels:
        sha256 -> file of the wheels that were built here or lie on this machine.
    variables:
        More environment variables of the image's containers.
    options:
        Lines of a requirements file that say where packages come from. Logins in them are left out.

    Raises
    ------
    ImageError
        A package has no wheel, or a file is missing.
    """
    if lock.sources:
        raise ImageError(f"{lock.sources[0].name!r} has no wheel yet.", hint="Build it first.")
    venv = Venv(base.python.minor, base.python.path)
    origin = Origin(
        payload.digest, payload.name, payload.notebook, lock.digest, reference, base.digest, payload.version,
        payload.commit,
    )  # fmt: skip
    runtime = Runtime(payload.digest, venv.path, PROGRAMS, variables=dict(variables or {}))
    local = [one for one in lock.wheels if not one.url.startswith(_INDEXES)]
    sections = (
        _head(payload, lock),
        _base(base, reference),
        _system(packages),
        _user(runtime),
        _environment(venv, options, local=bool(local)),
        "# What executes the notebook, and the kernels that it may ask for.\nCOPY runner/ /\n",
        _settings(runtime, base),
        _labels(describe(origin)),
        "# The frozen notebook: all that changes from one version of it to the next.\nCOPY program/ /\n"
        f"ENV {_assignments({name: value for name, value in runtime.environment('').items() if 'MLTRAIN' in name})}\n",
        _start(runtime),
    )
    lines = "".join(f"{_requirement(one, one in local)}\n" for one in lock.wheels)
    files = (
        Entry(REQUIREMENTS, lines.encode()),
        *_wheel_files(local, wheels or {}),
        *_below("environment", skeleton.environment(venv, base.environment.get("PYTHONPATH", ""))),
        *_below("runner", (*own.own_package(venv), *skeleton.kernels(venv, [payload.kernel]))),
        *_below("program", skeleton.program(payload.program, payload.blobs)),
    )
    return Dockerfile("\n".join(filter(None, sections)), files)


# --- the sections -----------------------------------------------------------------------------------------------------


def _head(payload: Payload, lock: Lock) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", payload.name.lower()).strip("-") or "notebook"
    return (
        f"{_FIRST}{payload.name!r}, written by mltrain {payload.version}. In this folder, one of:\n"
        f"#   docker build --platform {lock.platform} -t {name} .\n"
        f"#   buildah build --platform {lock.platform} -t {name} .\n"
        f"# The packages in {REQUIREMENTS} are locked for {lock.platform} and Python {lock.target.minor}.\n"
    )


def _base(base: Base, reference: Reference | None) -> str:
    """Name the base by its digest, as an argument: a mirror may have it under another name."""
    default = "" if reference is None else f"={reference.at(base.digest)}"
    where = "" if default else "# Only the machine that wrote this has the base image: push it, and name it.\n"
    return f"{where}ARG BASE{default}\nFROM ${{BASE}}\nUSER 0:0\n"


def _system(packages: Sequence[str]) -> str:
    if not packages:
        return ""
    names = "".join(f"        {package} \\\n" for package in sorted(set(packages)))
    return (
        "# System packages that the notebook asks for, in the version that the mirrors have on the day.\n"
        "RUN apt-get update \\\n"
        "    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\\n"
        f"{names}    && rm -rf /var/lib/apt/lists/*\n"
    )


def _user(runtime: Runtime) -> str:
    home = runtime.home
    return (
        "# The user, unless the base has one of this number or name. Its home can be written by any: a cluster may\n"
        "# let a container run as a user that no image knows.\n"
        f"RUN (grep -Eq '^({USER}:|[^:]*:[^:]*:{UID}:)' /etc/passwd \\\n"
        f"        || echo '{USER}:x:{UID}:{GID}:{USER}:{home}:/bin/sh' >> /etc/passwd) \\\n"
        f"    && (grep -Eq '^({USER}:|[^:]*:[^:]*:{GID}:)' /etc/group \\\n"
        f"        || echo '{USER}:x:{GID}:' >> /etc/group) \\\n"
        f"    && mkdir -p {home} && chown {UID}:{GID} {home} && chmod 1777 {home}\n"
    )


def _environment(venv: Venv, options: Iterable[str], *, local: bool) -> str:
    wheels = f"COPY wheels/ {_WHEELS}/\n" if local else ""
    return (
        "# The packages, each by version and hash, in a virtual environment of the base's Python, by the base's pip.\n"
        "# Another index: --build-arg PIP_INDEX_URL=https://... (a password in it would stay in the image's history).\n"
        f"{_places(options)}"
        "COPY environment/ /\n"
        f"COPY {REQUIREMENTS} {_REQUIREMENTS}\n"
        f"{wheels}"
        f"RUN {venv.interpreter} -m pip --python {venv.executable} install \\\n"
        "        --no-deps --require-hashes --only-binary :all: --no-compile --no-cache-dir \\\n"
        "        --disable-pip-version-check --no-warn-script-location --root-user-action ignore \\\n"
        f"        -r {_REQUIREMENTS}\n"
    )


def _places(options: Iterable[str]) -> str:
    """Return arguments, as pip reads them, for the places of packages: by default those that a file has named."""
    named: dict[str, list[str]] = {"--index-url": [], "--extra-index-url": [], "--find-links": []}
    for option, _, place in (line.partition(" ") for line in options):
        address = for_people(place)
        # What lies in a folder here is among the wheels; what a variable tells is nobody's to know.
        if option in named and address.startswith(_INDEXES) and "$" not in address:
            named[option].append(address)
    said = {
        "PIP_INDEX_URL": "".join(named["--index-url"][-1:]),
        "PIP_EXTRA_INDEX_URL": " ".join(named["--extra-index-url"]),
        **({"PIP_FIND_LINKS": " ".join(named["--find-links"])} if named["--find-links"] else {}),
    }
    return "".join(f"ARG {name}{f'={_quoted(value)}' if value else ''}\n" for name, value in said.items())


def _settings(runtime: Runtime, base: Base) -> str:
    said = runtime.environment("$PATH")
    path = said.pop("PATH")
    # With it, Python does not look at its virtual environment; empty is as good as not set.
    home = {name: "" for name in ("PYTHONHOME", "PYTHONPATH") if name in base.environment}
    plain = {name: value for name, value in said.items() if "MLTRAIN" not in name}
    return f"ENV PATH={path} \\\n    {_assignments(plain | home)}\n"


def _labels(said: Mapping[str, str]) -> str:
    return f"LABEL {_assignments(said)}\n"


def _start(runtime: Runtime) -> str:
    return (
        f"USER {UID}:{GID}\n"
        f"WORKDIR {runtime.home}\n"
        f"ENTRYPOINT {json.dumps(runtime.entrypoint)}\n"
        "CMD []\n"
    )  # fmt: skip


def _assignments(values: Mapping[str, str]) -> str:
    return " \\\n    ".join(f"{name}={_quoted(value)}" for name, value in values.items())


def _quoted(text: str) -> str:
    """Return a value in which a Dockerfile replaces nothing.

    Raises
    ------
    ImageError
        It has a line break, which a Dockerfile cannot have there.
    """
    if "\n" in text or "\r" in text:
        raise ImageError(f"A Dockerfile cannot hold the value {text[:40]!r}: it has more than one line.")
    for mark in '\\"$':
        text = text.replace(mark, f"\\{mark}")
    return f'"{text}"'


# --- the folder -------------------------------------------------------------------------------------------------------


def _requirement(one: LockedWheel, local: bool) -> str:
    """Return a line of the requirements. What has a local version, ``2.9.0+cpu``, is on no index but its own."""
    if local:
        place = f"{one.name} @ file://{_WHEELS}/{one.filename}"
    elif "+" in one.version:
        place = f"{one.name} @ {one.url}"
    else:
        place = f"{one.name}=={one.version}"
    return f"{place} --hash=sha256:{one.sha256}"


def _wheel_files(local: Iterable[LockedWheel], wheels: Mapping[str, Path]) -> Iterator[Entry]:
    for one in local:
        if one.sha256 not in wheels:
            raise ImageError(f"The wheel {one.filename!r} is not here.", hint="Build the image, or lock it again.")
        yield Entry(f"wheels/{one.filename}", wheels[one.sha256])


def _below(folder: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    return (replace(entry, path=f"{folder}/{entry.path}") for entry in entries)


def _put(entry: Entry, folder: Path) -> None:
    path = folder / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "folder":
        path.mkdir(exist_ok=True)
    elif entry.kind == "link":
        path.symlink_to(entry.link)
    else:
        if isinstance(entry.source, Path):
            shutil.copyfile(entry.source, path)
        else:
            path.write_bytes(entry.source or b"")
        path.chmod(0o755 if entry.executable else 0o644)


def _require_own(folder: Path) -> None:
    """Raise ``InvalidInput`` for a folder with files of the user's in it."""
    if not folder.exists():
        return
    file = folder / FILE
    if folder.is_dir() and not os.listdir(folder):  # noqa: PTH208  (nothing of a listing is used)
        return
    if not file.is_file() or not file.read_text(errors="replace").startswith(_FIRST):
        raise InvalidInput(
            f"{str(folder)!r} has other files in it.", hint="Name a new or an empty folder.", field="output"
        )
