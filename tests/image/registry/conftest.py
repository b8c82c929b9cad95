"""Registries with faults."""

from collections.abc import Iterator

import pytest

from tests.image.fault_proxy import Proxy, fault_proxy
from tests.image.registry_server import RegistryServer
from tests.image.small_registry import SmallRegistry, small_registry


@pytest.fixture
def small() -> Iterator[SmallRegistry]:
    with small_registry() as registry:
        yield registry


@pytest.fixture
def proxy(small: SmallRegistry) -> Iterator[Proxy]:
    """In front of a registry that goes on with uploads that broke off."""
    with fault_proxy(small.host) as proxy:
        yield proxy


@pytest.fixture
def debian_proxy(registry: RegistryServer) -> Iterator[Proxy]:
    with fault_proxy(registry.host) as proxy:
        yield proxy
