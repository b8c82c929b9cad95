"""What tests of environments share: targets, and a machine whose uv asks an index on loopback alone."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.target import Libc, Target
from tests.image.package_index import Index, package_index

AMD64 = Target(Platform("amd64"), "3.11.9", ("glibc", (2, 36)))
ARM64 = Target(Platform("arm64"), "3.11.9", ("glibc", (2, 36)))
ALPINE = Target(Platform("amd64"), "3.11.9", ("musl", (1, 2)))


def target_here() -> Target:
    """Return this machine as a target, of which the tests know that it can compile for it."""
    version = platform.libc_ver()[1].split(".")
    libc: Libc = ("glibc", (int(version[0]), int(version[1])))
    return Target(Platform.parse(platform.machine()), ".".join(map(str, sys.version_info[:3])), libc)


@contextmanager
def index_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Serve an index, which is the only one that uv knows of; what the user has set does not count."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with package_index() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        yield index
