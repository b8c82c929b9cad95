"""Whom a registry's client trusts, when it speaks without TLS, and through which proxy."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image.registry import Backoff, Options
from jupyter_mltrain.image.registry.connections import Connections
from jupyter_mltrain.image.registry.options import is_loopback
from jupyter_mltrain.image.registry.transport import resolved
from tests.image.fault_proxy import Proxy, fault_proxy
from tests.image.registry_client import Pauses, client, push_image
from tests.image.registry_server import Certificate, RegistryServer, make_certificate, registry_server

NOBODY = "sha256:" + 64 * "0"


def folder_for(folder: Path, host: str, certificate: Certificate) -> Path:
    """Return a folder of certificates as docker has it, with one for a host."""
    (folder / host).mkdir(parents=True)
    shutil.copy(certificate.certificate, folder / host / "ca.crt")
    return folder


def test_an_authority_of_the_hosts_own(tls_registry: RegistryServer, certificate: Certificate, tmp_path: Path) -> None:
    certificates = folder_for(tmp_path / "certs.d", tls_registry.host, certificate)
    with client(tls_registry.host, certificates=(tmp_path / "none", certificates)) as here:
        _, manifest = push_image(here, "me/model", "1", tmp_path)
        assert here.get_manifest("me/model", "1")[1] == manifest


def test_an_authority_of_the_systems(
    tls_registry: RegistryServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with client(tls_registry.host) as here:
        push_image(here, "me/model", "1", tmp_path)


def test_a_certificate_that_nobody_trusts(tls_registry: RegistryServer) -> None:
    pauses = Pauses()
    with client(tls_registry.host, backoff=Backoff(sleep=pauses)) as here, pytest.raises(RegistryError) as caught:
        here.has_blob("me/model", NOBODY)
    assert caught.value.code == "registry-unreachable"
    assert "is not trusted: self-signed certificate" in caught.value.message
    assert f"certs.d/{tls_registry.host}/ca.crt" in caught.value.hint
    assert "SSL_CERT_FILE" in caught.value.hint
    assert pauses.seconds == []


def test_a_certificate_of_somebody_else(tls_registry: RegistryServer, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other")
    certificates = folder_for(tmp_path / "certs.d", tls_registry.host, other)
    with client(tls_registry.host, certificates=(certificates,)) as here, pytest.raises(RegistryError, match="trusted"):
        here.has_blob("me/model", NOBODY)


def test_a_certificate_of_ones_own(certificate: Certificate, tmp_path: Path) -> None:
    mine = make_certificate(tmp_path / "mine")
    with registry_server(tmp_path / "registry", tls=certificate, clients=mine) as server:
        certificates = folder_for(tmp_path / "certs.d", server.host, certificate)
        with client(server.host, certificates=(certificates,)) as here, pytest.raises(RegistryError) as caught:
            here.has_blob("me/model", NOBODY)
        assert "ended the TLS connection" in caught.value.message
        assert "client.cert" in caught.value.hint
        shutil.copy(mine.certificate, certificates / server.host / "client.cert")
        shutil.copy(mine.key, certificates / server.host / "client.key")
        with client(server.host, certificates=(certificates,)) as here:
            push_image(here, "me/model", "1", tmp_path)


@pytest.mark.parametrize("host", ["registry.example", "registry.example:443"])
def test_the_usual_port_may_be_left_out(host: str, tmp_path: Path) -> None:
    (tmp_path / host).mkdir()
    connections = Connections(Options(certificates=(tmp_path,)))
    for asked in ("registry.example", "registry.example:443"):
        assert connections.folder(asked) == tmp_path / host
    assert connections.folder("registry.example:5000") is None


def test_folders_that_nobody_may_look_into(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    connections = Connections(Options(certificates=(tmp_path / "file", tmp_path / ("x" * 300))))
    assert connections.folder("registry.example") is None


@pytest.mark.parametrize("name", ["ca.crt", "client.cert"])
def test_a_certificate_that_is_none(tls_registry: RegistryServer, tmp_path: Path, name: str) -> None:
    (tmp_path / tls_registry.host).mkdir()
    file = tmp_path / tls_registry.host / name
    file.write_text("no certificate")
    with client(tls_registry.host, certificates=(tmp_path,)) as here, pytest.raises(RegistryError) as caught:
        here.has_blob("me/model", NOBODY)
    assert str(file) in caught.value.message
    assert "PEM" in caught.value.hint


def test_tls_is_never_left_out_on_the_quiet(registry: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that does not say by its name that it is this machine."""
    host = f"registry.example:{registry.port}"
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *rest, **more: resolve("127.0.0.1", *rest, **more))
    with client(host) as here, pytest.raises(RegistryError, match="does not speak TLS") as caught:
        here.has_blob("me/model", NOBODY)
    assert repr(host) in caught.value.hint
    assert "plain_http" in caught.value.hint
    with client(host, plain_http=frozenset({host})) as here:
        assert not here.has_blob("me/model", NOBODY)


def test_tls_where_it_is_said_to_be_plain(tls_registry: RegistryServer) -> None:
    plain = frozenset({tls_registry.host})
    with client(tls_registry.host, plain_http=plain) as here, pytest.raises(RegistryError, match="HTTPS") as caught:
        here.has_blob("me/model", NOBODY)
    assert "plain_http" in caught.value.hint


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_first_answer_that_is_cut_off(registry: RegistryServer) -> None:
    with fault_proxy(registry.host) as proxy, client(proxy.host) as here:
        proxy.fails("GET", "/v2/$", after_upload=0, times=2)
        assert not here.has_blob("me/model", NOBODY)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1", "127.8.9.10:80", "[::1]:5000", "a.localhost"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["docker.io", "localhost.example", "10.0.0.1:5000", "127.example", "[fe80::1]", "128.0.0.1"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_localhost_by_name(registry: RegistryServer, tmp_path: Path) -> None:
    with client(f"localhost:{registry.port}") as here:
        push_image(here, "me/model", "1", tmp_path)


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("http://reg.example/v2/x?_state=a%3D", "https://reg.example/v2/x?_state=a%3D"),
        ("http://other.example/x", "http://other.example/x"),
        ("http://reg.example:8080/x", "http://reg.example:8080/x"),
        ("/v2/x?a=b", "https://reg.example/v2/x?a=b"),
        ("https://reg.example:443/v2/x", "https://reg.example/v2/x"),
    ],
)
def test_what_a_location_means(location: str, meant: str) -> None:
    """Registries behind a proxy that ends TLS name themselves by http."""
    home = httpx.URL("https://reg.example/v2/")
    assert resolved(home, home, location) == httpx.URL(meant)


# --- proxies


@pytest.fixture
def web_proxy(registry: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Takes requests for any host, and answers as the registry does."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with fault_proxy(registry.host) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        yield proxy


def test_the_proxy_that_is_set_is_used(web_proxy: Proxy) -> None:
    host = "registry.invalid:5000"
    web_proxy.fails("GET|HEAD", "^http://registry.invalid:5000/v2/", status=404, times=9)
    with client(host, plain_http=frozenset({host})) as here:
        assert not here.has_blob("me/model", NOBODY)
    assert {seen.headers["Host"] for seen in web_proxy.seen} == {host}


@pytest.mark.parametrize(
    ("host", "address"),
    [("docker.io", "registry-1.docker.io:443"), ("ghcr.example:8443", "ghcr.example:8443")],
)
def test_tls_goes_through_the_proxy_unseen(
    web_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, host: str, address: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{web_proxy.host}")
    web_proxy.fails("CONNECT", "", status=403)
    with client(host) as here, pytest.raises(RegistryError, match="through the proxy"):
        here.has_blob("me/model", NOBODY)
    assert [(seen.method, seen.path) for seen in web_proxy.seen] == [("CONNECT", address)]


def test_no_proxy_is_heeded(web_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "registry.invalid:5000"
    monkeypatch.setenv("NO_PROXY", "registry.invalid")
    with (
        client(host, plain_http=frozenset({host})) as here,
        pytest.raises(RegistryError, match="nobody knows the host"),
    ):
        here.has_blob("me/model", NOBODY)
    assert web_proxy.seen == []


def test_loopback_is_never_asked_through_a_proxy(web_proxy: Proxy, registry: RegistryServer) -> None:
    with client(registry.host) as here:
        assert not here.has_blob("me/model", NOBODY)
    assert web_proxy.seen == []


def test_a_proxy_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with client("registry.invalid") as here, pytest.raises(RegistryError) as caught:
        here.has_blob("me/model", NOBODY)
    assert caught.value.code == "registry-unreachable"
    assert "HTTPS_PROXY" in caught.value.hint
