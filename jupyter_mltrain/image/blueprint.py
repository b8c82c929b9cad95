"""What an image will be made of, before anything is made: its layers, and the keys by which others know them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from . import layer, oci, own, sbom, skeleton
from .annotations import Origin
from .arrange import arrange
from .base import Base
from .compress import Compression, codec_version
from .config import Runtime
from .layer import Entry, LayerWriter
from .locked import Lock, LockedWheel
from .reference import Reference
from .venv import PROGRAMS, WHEELS, Venv, in_layer

Kind = Literal["wheel", "wheels", "environment", "program"]

_SBOM: Final = "/opt/mltrain/sbom.cdx.json"
_ON_TOP: Final = 2  # layers above the wheels: the environment's frame, and the program

Wheels = Mapping[str, Path]
"""sha256 -> the file of a wheel."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What of a notebook goes into an image.

    Attributes
    ----------
    name:
        The notebook's, without its ending.
    notebook:
        Its path, relative to the root of the program's files.
    program:
        The program's document, whose hash is its digest.
    blobs:
        The program's files by their sha256.
    commit:
        Of the notebook's repository, ``""``: it is in none.
    version:
        Of this project.
    """

    name: str
    notebook: str
    kernel: str
    program: bytes
    blobs: Mapping[str, bytes | Path]
    version: str
    commit: str = ""

    @property
    def digest(self) -> str:
        """The program's digest."""
        return oci.digest_of(self.program)


@dataclass(frozen=True, slots=True)
class Piece:
    """A layer that is to be made.

    Attributes
    ----------
    name:
        For people.
    key:
        Says all that decides its bytes: equal keys make equal layers.
    wheels:
        Files that are needed to make it.
    """

    kind: Kind
    name: str
    key: str
    wheels: tuple[LockedWheel, ...]
    write: Callable[[BinaryIO, Wheels], oci.Layer]
    """Writes it, from the files of its wheels."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """An image for one platform."""

    base: Base
    lock: Lock
    pieces: tuple[Piece, ...]
    origin: Origin
    runtime: Runtime

    @property
    def environment(self) -> str:
        """Tells what lies below the program, hexadecimal: images that have it share all layers but one."""
        keys = [piece.key for piece in self.pieces if piece.kind != "program"]
        return _digits({"base": self.base.digest, "layers": keys})


def draw(
    payload: Payload,
    base: Base,
    lock: Lock,
    *,
    compression: Compression,
    reference: Reference | None = None,
    variables: Mapping[str, str] | None = None,
    foreign: Mapping[str, str] | None = None,
) -> Blueprint:
    """Decide what the image of a notebook is made of.

    Parameters
    ----------
    lock:
        Of wheels only: what had to be built is built.
    reference:
        The base's name, unless it is one of this machine.
    variables:
        More environment variables of the image's containers.
    foreign:
        Packages that came of no index: see `sbom.document`.

    Raises
    ------
    ImageError
        The project's own files cannot be read.
    """
    venv = Venv(base.python.minor, base.python.path)
    origin = Origin(
        payload.digest, payload.name, payload.notebook, lock.digest, reference, base.published.digest,
        payload.version, payload.commit,
    )  # fmt: skip
    pieces = [
        *_wheels(venv, lock, compression, taken=len(base.layers) + _ON_TOP),
        _environment(payload, venv, base, lock, compression, reference, foreign or {}),
        _program(payload, compression),
    ]
    runtime = Runtime(payload.digest, venv.path, PROGRAMS, variables=dict(variables or {}))
    return Blueprint(base, lock, tuple(pieces), origin, runtime)


def _wheels(venv: Venv, lock: Lock, compression: Compression, *, taken: int) -> Iterable[Piece]:
    for group in arrange(lock.wheels, taken=taken):
        alone = len(group.wheels) == 1
        name = f"{group.wheels[0].name} {group.wheels[0].version}" if alone else group.name
        key = _key(
            compression,
            kind="wheels",
            format=[layer.FORMAT, WHEELS],
            venv=[venv.path, venv.python],
            wheels=[[one.filename, one.sha256] for one in group.wheels],
        )
        write = partial(_write_wheels, venv, group.wheels, compression)
        yield Piece("wheel" if alone else "wheels", name, key, group.wheels, write)


def _write_wheels(
    venv: Venv, wheels: Iterable[LockedWheel], compression: Compression, out: BinaryIO, files: Wheels
) -> oci.Layer:
    from . import wheel

    writer = LayerWriter(out, compression)
    for one in wheels:
        wheel.add_wheel(writer, files[one.sha256], venv, filename=one.filename)
    return writer.finish()


def _environment(
    payload: Payload,
    venv: Venv,
    base: Base,
    lock: Lock,
    compression: Compression,
    reference: Reference | None,
    foreign: Mapping[str, str],
) -> Piece:
    entries = [
        *skeleton.environment(venv, base.environment.get("PYTHONPATH", "")),
        *skeleton.kernels(venv, [payload.kernel]),
        *skeleton.user(base.inspection.passwd or None, base.inspection.group or None),
        *own.own_package(venv),
    ]
    name = None if reference is None else str(reference)
    said = {"foreign": dict(foreign), "system": list(base.added)}
    bill = {
        "base": [base.published.digest, name],
        "lock": lock.digest,
        "version": payload.version,
        "format": sbom.FORMAT,
        **{key: value for key, value in said.items() if value},
    }
    key = _key(compression, kind="environment", format=layer.FORMAT, entries=layer.fingerprint(entries), bill=bill)

    def write(out: BinaryIO, _: Wheels) -> oci.Layer:
        # Making the SBOM takes longer than all else that a changed notebook costs: only who makes the layer does.
        below = sbom.BaseImage(base.published.digest, base.platform, reference, base.added)
        found = sbom.document(lock.wheels, below, payload.version, foreign=foreign)
        return layer.write_layer([*entries, Entry(in_layer(_SBOM), found)], out, compression)

    return Piece("environment", "environment", key, (), write)


def _program(payload: Payload, compression: Compression) -> Piece:
    entries = skeleton.program(payload.program, payload.blobs)
    key = _key(compression, kind="program", format=layer.FORMAT, folder=PROGRAMS, program=payload.digest)
    return Piece("program", payload.name, key, (), partial(_write, entries, compression))


def _write(entries: Iterable[Entry], compression: Compression, out: BinaryIO, _: Wheels) -> oci.Layer:
    return layer.write_layer(entries, out, compression)


def _key(compression: Compression, **said: Any) -> str:
    return _digits({**said, "codec": codec_version(compression)})


def _digits(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(oci.to_bytes(said)).hexdigest()
