"""The registry of the tests is a real one, and asks for what it is told to ask for."""

import ssl

import httpx

from tests.image.registry_server import PASSWORD, USER, Certificate, RegistryServer


def test_it_answers(registry: RegistryServer) -> None:
    assert httpx.get(f"http://{registry.host}/v2/", trust_env=False).json() == {}


def test_it_is_gone_when_stopped(registry: RegistryServer) -> None:
    registry.stop()
    assert registry.process.returncode is not None


def test_it_asks_for_a_password(basic_registry: RegistryServer) -> None:
    url = f"http://{basic_registry.host}/v2/"
    assert httpx.get(url, trust_env=False).status_code == 401
    assert httpx.get(url, auth=(USER, PASSWORD), trust_env=False).status_code == 200


def test_it_speaks_tls(tls_registry: RegistryServer, certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    assert httpx.get(f"https://{tls_registry.host}/v2/", verify=trusting, trust_env=False).status_code == 200
