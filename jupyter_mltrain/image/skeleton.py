"""What an image has around the wheels: the environment's frame, kernels, the user, the program."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import ImageError
from ..model.labels import CONTAINER_HOME
from . import oci
from .config import GID, UID, USER
from .layer import Entry
from .venv import PROGRAMS, Venv, in_layer

_PYTHON_KERNEL: Final = "python3"
_KERNEL_NAME: Final = re.compile(r"[a-z0-9._-]+")  # what jupyter_client finds
_BEHIND: Final = "mltrain-base.pth"
_ROOT_USER: Final = b"root:x:0:0:root:/root:/bin/sh\n"
_ROOT_GROUP: Final = b"root:x:0:\n"


def environment(venv: Venv, behind: str = "") -> list[Entry]:
    """Return the frame of a virtual environment, as ``python -m venv`` makes it, without pip.

    Parameters
    ----------
    behind:
        The base's ``PYTHONPATH``. Its folders are searched after the environment's packages, not before: what runs is
        what was locked.
    """
    home = posixpath.dirname(venv.interpreter)
    settings = f"home = {home}\ninclude-system-site-packages = false\nversion = {venv.python}\n"
    root, folder = in_layer(venv.path), in_layer(venv.bin)
    return [
        Entry(f"{root}/pyvenv.cfg", settings.encode()),
        Entry(f"{folder}/python", link=venv.interpreter),
        Entry(f"{folder}/python3", link="python"),
        Entry(f"{folder}/python{venv.python}", link="python"),
        Entry(f"{root}/lib64", link="lib"),
        Entry(in_layer(venv.site_packages)),
        *_behind(venv, behind),
    ]


def _behind(venv: Venv, path: str) -> list[Entry]:
    folders = [folder for folder in path.split(":") if folder.startswith("/") and "\n" not in folder]
    text = "".join(f"{folder}\n" for folder in folders)
    return [Entry(f"{in_layer(venv.site_packages)}/{_BEHIND}", text.encode())] if text else []


def kernels(venv: Venv, names: Iterable[str]) -> list[Entry]:
    """Return kernelspecs for the environment's Python: ``python3``, and the names by which notebooks call it.

    A name that no kernel can have gets none: the runner takes ``python3`` then.
    """
    found = sorted({_PYTHON_KERNEL, *names})
    return [_kernel(venv, name) for name in found if _KERNEL_NAME.fullmatch(name) and name.strip(".")]


def _kernel(venv: Venv, name: str) -> Entry:
    spec = {
        "argv": [venv.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Python {venv.python}",
        "language": "python",
        "metadata": {"debugger": True},
    }
    return Entry(f"{in_layer(venv.kernels)}/{name}/kernel.json", oci.to_bytes(spec))


def user(passwd: bytes | None, group: bytes | None) -> list[Entry]:
    """Return the user's home and names.

    The home can be written by every user: a cluster may let a container run as one that no image knows.

    Parameters
    ----------
    passwd, group:
        The base image's ``/etc/passwd`` and ``/etc/group``; None where it has none. Whoever has the number or the name
        already stays.
    """
    entries = [Entry(in_layer(CONTAINER_HOME), mode=0o1777, owner=(UID, GID))]
    users = _with_line(passwd, _ROOT_USER, f"{USER}:x:{UID}:{GID}:{USER}:{CONTAINER_HOME}:/bin/sh")
    groups = _with_line(group, _ROOT_GROUP, f"{USER}:x:{GID}:")
    if users is not None:
        entries.append(Entry("etc/passwd", users))
    if groups is not None:
        entries.append(Entry("etc/group", groups))
    return entries


def _with_line(content: bytes | None, default: bytes, line: str) -> bytes | None:
    """Return a file of names and numbers with a line more, or None if one of its lines has name or number already."""
    content = default if content is None else content
    name, _, number, *_ = line.encode().split(b":")
    for found in content.splitlines():
        fields = found.split(b":")
        if fields[0] == name or fields[2:3] == [number]:
            return None
    return content + (b"" if not content or content.endswith(b"\n") else b"\n") + line.encode() + b"\n"


def program(content: bytes, blobs: Mapping[str, bytes | Path], *, programs: str = PROGRAMS) -> list[Entry]:
    """Return a program's folder, where the runner looks for it.

    Parameters
    ----------
    content:
        The program's document, ``program.json``: its hash is the program's digest, and it lists the files.
    blobs:
        By their sha256: the bytes of the files, or the files that have them.

    Raises
    ------
    ImageError
        A file is missing.
    """
    folder = f"{in_layer(programs)}/{oci.digest_of(content).replace(':', '-')}"
    files: list[dict[str, Any]] = json.loads(content)["files"]
    missing = [file["path"] for file in files if file["sha256"] not in blobs]
    if missing:
        raise ImageError(f"The program's file {missing[0]!r} is not here.", hint="Freeze the notebook again.")
    return [
        Entry(f"{folder}/program.json", content),
        *(
            Entry(
                f"{folder}/files/{file['path']}",
                blobs[file["sha256"]],
                executable=file.get("executable", False),
                sha256=file["sha256"],
            )
            for file in files
        ),
    ]
