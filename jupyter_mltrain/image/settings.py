"""What is set about images, for everybody on this machine and for one user.

Two files are read, the later wins: ``image.toml`` in the site's and in the user's configuration folder for
``jupyter-mltrain`` (on Linux ``/etc/xdg/jupyter-mltrain/`` and ``~/.config/jupyter-mltrain/``);
``$MLTRAIN_IMAGE_CONFIG`` names another file instead of both::

    repository = "registry.example.com/team"   # what `--push` may leave out; the notebook's name is added
    platforms = ["linux/amd64"]
    compression = "zstd"                       # or "gzip", for registries and runtimes from before 2021
    plain_http = ["registry.lan:5000"]         # without TLS; loopback addresses are so anyway
    build_packages = true                      # packages that have no wheel may be built on this machine
    cache_size = 20                            # GiB of layers and wheels that are kept

    [bases]
    default = "docker.io/library/python:{python}-slim"
    pytorch-gpu = "registry.example.com/bases/cuda:12.9-python{python}"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..errors import InvalidInput
from .layer import Compression
from .oci import Platform
from .reference import Reference

FILE: Final = "image.toml"
VARIABLE: Final = "MLTRAIN_IMAGE_CONFIG"
_BUILDERS: Final = ("auto", "direct", "buildah")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set about images; see the module's docstring.

    Attributes
    ----------
    repository:
        Prefix of repositories, ``""``: none.
    platforms:
        What images are made for where nobody says; empty: this machine's.
    builder:
        ``auto`` takes buildah for what a notebook needs by apt and nothing else; ``direct`` refuses such a notebook.
    cache_size:
        GiB.
    bases:
        Base images by framework, ``tensorflow`` or ``tensorflow-gpu``, or ``default``, over those that are built in.
    """

    repository: str = ""
    platforms: tuple[str, ...] = ()
    compression: Compression = "zstd"
    plain_http: tuple[str, ...] = ()
    build_packages: bool = True
    builder: Literal["auto", "direct", "buildah"] = "auto"
    cache_size: int = 20
    cache_tags: bool = True
    bases: Mapping[str, str] = field(default_factory=dict)


def load(path: Path | None = None) -> Settings:
    """Read the files, or just the one that is named.

    Raises
    ------
    InvalidInput
        A file is no TOML, has an unknown name or a value that does not fit; the message names file and name.
    """
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise InvalidInput(f"The settings for images {str(named)!r} are not there.", hint=f"See {VARIABLE}.")
        return _read(named, Settings())
    found = Settings()
    for file in _files():
        if file.is_file():
            found = _read(file, found)
    return found


def _files() -> tuple[Path, Path]:
    import platformdirs

    name = "jupyter-mltrain"
    return Path(platformdirs.site_config_dir(name)) / FILE, Path(platformdirs.user_config_dir(name)) / FILE


def _read(file: Path, below: Settings) -> Settings:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The settings for images {str(file)!r} cannot be read: {error}.") from None
    known = {one.name for one in fields(Settings)}
    if unknown := found.keys() - known:
        hint = f"There are {', '.join(sorted(known))}."
        raise InvalidInput(f"{str(file)!r}: {sorted(unknown)[0]!r} is no setting for images.", hint=hint)
    try:
        values = {name: _checked(name, value) for name, value in found.items()}
    except ValueError as error:
        raise InvalidInput(f"{str(file)!r}: {error}.") from None
    if "bases" in values:
        values["bases"] = {**below.bases, **values["bases"]}
    return replace(below, **values)


def _checked(name: str, value: Any) -> Any:
    """Return a value as `Settings` has it. Raises ``ValueError`` (which ``InvalidInput`` is not) with the name."""
    check = _CHECKS[name]
    try:
        return check(value)
    except InvalidInput as error:
        raise ValueError(f"{name}: {error.message} {error.hint}".rstrip(" .")) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} {error}") from None


def _repository(value: Any) -> str:
    text = _text(value).rstrip("/")
    if text:
        Reference.parse(f"{text}/name")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("is no text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("is no list of texts")
    return tuple(value)


def _platforms(value: Any) -> tuple[str, ...]:
    return tuple(str(Platform.parse(text)) for text in _texts(value))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    return value


def _gigabytes(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("is no whole number of GiB from 1 on")
    return value


def _bases(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise TypeError("is no table of images")
    return dict(value)


def _one_of(*allowed: str) -> Any:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return str(value)

    return check


_CHECKS: Final[Mapping[str, Any]] = {
    "repository": _repository,
    "platforms": _platforms,
    "compression": _one_of(*get_args(Compression)),
    "plain_http": _texts,
    "build_packages": _flag,
    "builder": _one_of(*_BUILDERS),
    "cache_size": _gigabytes,
    "cache_tags": _flag,
    "bases": _bases,
}
