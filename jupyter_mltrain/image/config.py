"""What a container of the image starts as, and the manifest that binds it to its layers.

Of the base image everything is kept that describes its files: platform, layers, history, environment variables, labels
of its vendor. What describes the program that *it* was made to start is left out: entrypoint and command, ports,
volumes (each run would leave an anonymous one behind), health check, stop signal, shell, ``ONBUILD`` steps, author.

Source of names and rules: OCI image specification 1.1, ``config.md`` and ``manifest.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..errors import ImageError
from ..model.labels import CONTAINER_HOME, ENV_PROGRAM, ENV_PROGRAM_PATH, PREFIX
from . import oci
from .venv import ENVIRONMENT, PROGRAMS

USER: Final = "mltrain"
UID: Final = 1000
GID: Final = 100

# Equal inputs have equal digests, so no clock is read: the date is that of images whose builder states none.
_CREATED: Final = "1970-01-01T00:00:00Z"
_BUILDER: Final = "jupyter_mltrain"

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of container runtimes
# With the one Python does not look at its virtual environment; the other's folders come behind it: see `skeleton`.
_NOT_INHERITED: Final = frozenset({"PYTHONHOME", "PYTHONPATH"})
_ABOUT_BASE: Final = ("org.opencontainers.image.", "org.label-schema.", PREFIX)  # title, program ... of the base alone

_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_LAYERS: Final = {
    **{layer: layer for layer in (oci.LAYER_TAR, oci.LAYER_GZIP, oci.LAYER_ZSTD)},
    _DOCKER_LAYER: oci.LAYER_TAR,
    f"{_DOCKER_LAYER}.gzip": oci.LAYER_GZIP,
    f"{_DOCKER_LAYER}.zstd": oci.LAYER_ZSTD,
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a container of the image runs.

    Attributes
    ----------
    program:
        Digest of the program.
    venv, programs:
        Where the virtual environment and the programs lie in the image.
    variables:
        More environment variables; those of the runner stay as they are.
    """

    program: str
    venv: str = ENVIRONMENT
    programs: str = PROGRAMS
    home: str = CONTAINER_HOME
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def entrypoint(self) -> list[str]:
        """The command of a container."""
        return [f"{self.venv}/bin/python", "-m", "jupyter_mltrain.runner"]

    def environment(self, path: str) -> dict[str, str]:
        """Return the environment variables of a container; ``path`` is the base's ``PATH``."""
        return {
            **self.variables,
            "PATH": _in_front(f"{self.venv}/bin", path),
            "VIRTUAL_ENV": self.venv,
            "HOME": self.home,
            "USER": USER,
            "LOGNAME": USER,
            ENV_PROGRAM: self.program,
            ENV_PROGRAM_PATH: self.programs,
        }


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one platform: its documents, and the layers that they point at."""

    manifest: bytes
    config: bytes
    layers: tuple[oci.Layer, ...]
    platform: oci.Platform

    @property
    def descriptor(self) -> oci.Descriptor:
        """What points at the manifest."""
        return replace(oci.Descriptor.of(oci.MANIFEST, self.manifest), platform=self.platform)

    @property
    def digest(self) -> str:
        """The image's digest."""
        return oci.digest_of(self.manifest)


def image(
    base: Mapping[str, Any],
    base_layers: Sequence[oci.Layer],
    layers: Sequence[oci.Layer],
    runtime: Runtime,
    *,
    annotations: Mapping[str, str],
) -> Image:
    """Put layers on a base image.

    Parameters
    ----------
    base:
        The base's config document, of the OCI or of Docker.
    base_layers, layers:
        The base's layers, and those above; bottom first.
    annotations:
        What the manifest says of the image. As labels the config says the same: runtimes show only those.

    Raises
    ------
    ImageError
        The base's layers are not those that its config tells, or are of a kind that cannot be copied.
    """
    every = (*map(_in_oci_terms, base_layers), *layers)
    config = oci.to_bytes(_config(base, base_layers, layers, runtime, annotations))
    descriptor = oci.Descriptor.of(oci.CONFIG, config)
    return Image(oci.manifest(descriptor, every, annotations), config, every, platform_of(base))


def platform_of(base: Mapping[str, Any]) -> oci.Platform:
    """Return the platform that a config document names."""
    return oci.Platform(base["architecture"], base.get("variant") or "", base.get("os") or "linux")


def _config(
    base: Mapping[str, Any],
    base_layers: Sequence[oci.Layer],
    layers: Sequence[oci.Layer],
    runtime: Runtime,
    labels: Mapping[str, str],
) -> dict[str, Any]:
    diff_ids = [layer.diff_id for layer in base_layers]
    if diff_ids != list(base["rootfs"]["diff_ids"]):
        raise ImageError("The base image's config and manifest tell different layers.", hint="Pull or build it again.")
    inherited = base.get("config") or {}
    return {
        "architecture": base["architecture"],
        "os": base.get("os") or "linux",
        **{key: base[key] for key in ("os.version", "os.features", "variant") if base.get(key)},
        "created": _CREATED,
        "config": {
            "User": f"{UID}:{GID}",
            "Env": _environment(inherited.get("Env") or (), runtime),
            "Entrypoint": runtime.entrypoint,
            "WorkingDir": runtime.home,
            "Labels": _labels(inherited.get("Labels") or {}, labels),
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids + [layer.diff_id for layer in layers]},
        "history": [*_base_history(base), *map(_history, layers)],
    }


def _environment(base: Sequence[str], runtime: Runtime) -> list[str]:
    """Return ``NAME=value`` texts: the base's in their order, then what is new."""
    inherited = dict(_variable(text) for text in base)
    merged = inherited | runtime.environment(inherited.get("PATH") or _DEFAULT_PATH)
    return [f"{name}={value}" for name, value in merged.items() if name not in _NOT_INHERITED]


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _in_front(folder: str, path: str) -> str:
    """Return a search path that starts with a folder and has it once: the base may be an image of this builder."""
    return ":".join([folder, *(other for other in path.split(":") if other != folder)])


def _labels(base: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in base.items() if not key.startswith(_ABOUT_BASE)} | dict(labels)


def _base_history(base: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the base's history if it fits its layers, as tools insist on; else an entry for each layer."""
    count = len(base["rootfs"]["diff_ids"])
    history = base.get("history") or ()
    if sum(not entry.get("empty_layer") for entry in history) == count:
        yield from history
    else:
        yield from ({"created": _CREATED, "comment": "of the base image"} for _ in range(count))


def _history(layer: oci.Layer) -> Mapping[str, Any]:
    return {"created": _CREATED, "created_by": _BUILDER} | dict(layer.history)


def _in_oci_terms(layer: oci.Layer) -> oci.Layer:
    """Return a layer with the OCI's media type: a manifest does not mix them with Docker's."""
    try:
        media_type = _LAYERS[layer.descriptor.media_type]
    except KeyError:
        raise ImageError(
            f"The base image has a layer of the type {layer.descriptor.media_type!r}, which cannot be built upon.",
            hint="Choose a base image of Linux with ordinary layers.",
        ) from None
    return replace(layer, descriptor=replace(layer.descriptor, media_type=media_type))
