"""Fixtures that the image builder's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.base_image import debian_base, debian_in_registry
from tests.image.environments import index_alone
from tests.image.package_index import Index
from tests.image.registry_server import Certificate, RegistryServer, make_certificate, registry_server
from tests.image.samples import Sample

__all__ = ["debian_base", "debian_in_registry"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """An empty registry that everybody may write to, over plain HTTP."""
    with registry_server(tmp_path / "registry") as server:
        yield server


@pytest.fixture
def basic_registry(tmp_path: Path) -> Iterator[RegistryServer]:
    """An empty registry that asks for ``registry_server.USER`` and ``PASSWORD``."""
    with registry_server(tmp_path / "basic-registry", basic=True) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tls_registry(tmp_path: Path, certificate: Certificate) -> Iterator[RegistryServer]:
    """An empty registry that speaks TLS, with a certificate that nobody trusts by itself."""
    with registry_server(tmp_path / "tls-registry", tls=certificate) as server:
        yield server


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Makes small images."""
    folder = tmp_path / "blobs of samples"
    folder.mkdir()
    return Sample(folder)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A package index on loopback, the only one that is known."""
    with index_alone(tmp_path, monkeypatch) as server:
        yield server
