"""All that a build of an image needs, small and on loopback: a registry, a package index, a base image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jupyter_mltrain.image import own
from tests.image import base_files
from tests.image.base_image import tar, write_layout
from tests.image.package_index import Index, package_index
from tests.image.registry_server import RegistryServer, registry_server


@dataclass(frozen=True)
class SmallGround:
    """Where images come from and go to.

    Attributes
    ----------
    base:
        Reference of Debian's Python, as far as it is looked at: a handful of files. It is the settings' default.
    index:
        Has what the runner needs, empty and in the versions that are installed here, and ``large`` 1.0, which is a
        layer of its own.
    env:
        Variables by which a build finds the index and the settings, and nothing of the user's.
    """

    registry: RegistryServer
    index: Index
    base: str
    env: dict[str, str]

    @property
    def prefix(self) -> str:
        """What the settings say of repositories."""
        return f"{self.registry.host}/team"


@contextmanager
def small_ground(folder: Path) -> Iterator[SmallGround]:
    """Run registry and index until the end of the context."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    files = {**base_files.glibc(), **base_files.python("usr", "3.11.2")}
    layout = write_layout(folder / "base", [tar(files)])
    with registry_server(folder / "registry") as registry, package_index() as index:
        for requirement in map(Requirement, own.REQUIREMENTS):
            index.wheel(requirement.name.replace("-", "_"), metadata.version(requirement.name))
        index.sizes = True
        index.wheel("large", "1.0", size=4 << 20)
        settings = folder / "image.toml"
        base = f"{registry.host}/bases/python:3.11"
        layout.push(base)
        settings.write_text(
            f'repository = "{registry.host}/team"\nplatforms = ["linux/amd64"]\n[bases]\ndefault = "{base}"\n'
        )
        env = {
            "MLTRAIN_IMAGE_CONFIG": str(settings),
            "NETRC": str(folder / "netrc"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "UV_DEFAULT_INDEX": index.url,
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        yield SmallGround(registry, index, base, env)
