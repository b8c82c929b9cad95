"""Registries let one in: by password, by tokens, or everybody to read; and secrets stay where they belong."""

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.registry import ConfigFiles, Credentials, Given, Login
from tests.image.fault_proxy import Proxy, fault_proxy
from tests.image.registry_client import KiB, MiB, client, make_blob, push_image
from tests.image.registry_server import PASSWORD, USER, Certificate, RegistryServer, registry_server
from tests.image.token_server import IDENTITY, SERVICE, TokenServer, token_server

ME = Given(Login(USER, PASSWORD, source="the tests"))
NOBODY = "sha256:" + 64 * "0"


@pytest.fixture
def tokens(certificate: Certificate) -> Iterator[TokenServer]:
    with token_server(certificate) as server:
        yield server


@pytest.fixture
def token_registry(tmp_path: Path, tokens: TokenServer) -> Iterator[RegistryServer]:
    with registry_server(tmp_path / "token-registry", token=tokens.auth) as server:
        yield server


def test_a_password(basic_registry: RegistryServer, tmp_path: Path) -> None:
    with client(basic_registry.host, ME) as here:
        _, manifest = push_image(here, "me/model", "1", tmp_path)
        assert here.get_manifest("me/model", "1")[1] == manifest


@pytest.mark.parametrize("credentials", [Given(), Given(Login(USER, "wr0ng-password"))], ids=["none", "wrong"])
def test_without_the_right_password(basic_registry: RegistryServer, credentials: Credentials, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 10)
    with client(basic_registry.host, credentials) as here:
        for attempt in (
            lambda: here.head_manifest("me/model", "1"),
            lambda: here.get_manifest("me/model", "1"),
            lambda: here.ensure_blob("me/model", blob.descriptor, blob.path),
            lambda: here.check_push("me/model"),
        ):
            with pytest.raises(RegistryError) as caught:
                attempt()
            assert caught.value.code == "registry-unauthorised"
            assert "401" in caught.value.message
            assert "log in" in caught.value.hint
            assert "wr0ng-password" not in str(caught.value.to_dict())


def test_the_places_that_were_looked_in_are_told(basic_registry: RegistryServer, tmp_path: Path) -> None:
    config = ConfigFiles({"DOCKER_CONFIG": str(tmp_path / "docker")}, home=tmp_path)
    with client(basic_registry.host, config) as here, pytest.raises(RegistryError) as caught:
        here.get_manifest("me/model", "1")
    assert str(tmp_path / "docker/config.json") in caught.value.hint
    assert basic_registry.host in caught.value.hint


def test_a_login_of_docker_is_used_and_named(basic_registry: RegistryServer, tmp_path: Path) -> None:
    file = tmp_path / "docker" / "config.json"
    file.parent.mkdir()
    config = ConfigFiles({"DOCKER_CONFIG": str(file.parent)}, home=tmp_path)
    file.write_text(json.dumps({"auths": {basic_registry.host: {"username": USER, "password": PASSWORD}}}))
    with client(basic_registry.host, config) as here:
        push_image(here, "me/model", "1", tmp_path)
    file.write_text(json.dumps({"auths": {basic_registry.host: {"username": USER, "password": "wr0ng-password"}}}))
    with client(basic_registry.host, config) as here, pytest.raises(RegistryError) as caught:
        here.get_manifest("me/model", "1")
    assert str(file) in caught.value.hint
    assert repr(USER) in caught.value.hint


def test_tokens_of_a_token_server(token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path) -> None:
    with client(token_registry.host, ME) as here:
        _, manifest = push_image(here, "me/model", "1", tmp_path)
        assert here.get_manifest("me/model", "1")[1] == manifest
        here.get_manifest("me/model", "1")
    # One token for each scope, however many requests.
    assert [(asked.user, asked.scopes) for asked in tokens.asked] == [
        (USER, ("repository:me/model:pull,push",)),
        (USER, ("repository:me/model:pull",)),
    ]
    assert {asked.service for asked in tokens.asked} == {SERVICE}


def test_many_at_once_ask_for_one_token(token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path) -> None:
    blobs = [make_blob(tmp_path, 100 * KiB, seed) for seed in range(8)]
    with client(token_registry.host, ME) as here, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda blob: here.ensure_blob("me/b", blob.descriptor, blob.path), blobs)) == {"pushed"}
    assert len(tokens.asked) == 1


def test_everybody_may_read_what_is_public(token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 10)
    with client(token_registry.host, ME) as here:
        _, manifest = push_image(here, "public/model", "1", tmp_path)
    with client(token_registry.host) as here:
        assert here.get_manifest("public/model", "1")[1] == manifest
        with pytest.raises(RegistryError) as caught:
            here.get_manifest("me/model", "1")
        assert caught.value.code == "registry-unauthorised"
        with pytest.raises(RegistryError) as caught:
            here.ensure_blob("public/model", blob.descriptor, blob.path)
        assert caught.value.code == "registry-unauthorised"
        assert "No credentials" in caught.value.hint


def test_a_mount_asks_for_both_repositories(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    with client(token_registry.host, ME) as here:
        here.ensure_blob("me/a", blob.descriptor, blob.path)
        assert here.ensure_blob("me/b", blob.descriptor, blob.path, mount_from=["me/a"]) == "mounted"
    assert tokens.asked[-1].scopes == ("repository:me/a:pull", "repository:me/b:pull,push")


def test_an_identity_token(token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path) -> None:
    with client(token_registry.host, Given(Login(identity_token=IDENTITY))) as here:
        push_image(here, "me/model", "1", tmp_path)
    assert [(asked.method, asked.user) for asked in tokens.asked] == [("POST", USER)]
    wrong = Given(Login(identity_token="wr0ng-token"))
    with client(token_registry.host, wrong) as here, pytest.raises(RegistryError) as caught:
        here.check_push("me/model")
    assert caught.value.code == "registry-unauthorised"
    assert "wr0ng-token" not in str(caught.value.to_dict())


def test_a_registry_token(token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path) -> None:
    token = tokens.token(USER, ("repository:me/model:pull,push",))
    with client(token_registry.host, Given(Login(registry_token=token))) as here:
        push_image(here, "me/model", "1", tmp_path)
    assert tokens.asked == []


def test_a_token_server_that_knows_forms_only(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    tokens.gets = False
    with client(token_registry.host, ME) as here:
        push_image(here, "me/model", "1", tmp_path)
    assert [asked.method for asked in tokens.asked] == ["POST"]


def test_a_wrong_password_for_a_token(token_registry: RegistryServer) -> None:
    wrong = Given(Login(USER, "wr0ng-password", source="'f'"))
    with client(token_registry.host, wrong) as here, pytest.raises(RegistryError, match="who are you") as caught:
        here.get_manifest("me/model", "1")
    assert caught.value.code == "registry-unauthorised"
    assert "'f'" in caught.value.hint
    assert "wr0ng-password" not in str(caught.value.to_dict())


def test_a_token_that_has_ended_is_replaced(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    tokens.stale = 1
    with client(token_registry.host, ME) as here:
        push_image(here, "me/model", "1", tmp_path)
    assert len(tokens.asked) == 2


def test_a_token_that_ends_within_an_upload(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    blob = make_blob(tmp_path, MiB)
    challenge = f'Bearer realm="{tokens.auth.realm}",service="{SERVICE}",error="invalid_token"'
    with fault_proxy(token_registry.host) as proxy, client(proxy.host, ME) as here:
        refusals = iter([False, True, False, False, True])

        def refuse(progress: object) -> None:
            if next(refusals, False):
                proxy.fails("PATCH|PUT", "uploads", status=401, headers={"WWW-Authenticate": challenge})

        assert here.ensure_blob("me/b", blob.descriptor, blob.path, report=refuse) == "pushed"
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data
    assert proxy.count("POST") == 1  # it is still the same upload
    assert len(tokens.asked) == 1 + 2 + 1  # at the start, twice within, to read


def test_a_token_server_that_is_away(token_registry: RegistryServer, certificate: Certificate, tmp_path: Path) -> None:
    with fault_proxy(token_registry.host) as proxy, client(proxy.host, ME) as here:
        challenge = 'Bearer realm="http://127.0.0.1:9/token",service="x"'
        proxy.fails("GET", "/v2/$", status=401, headers={"WWW-Authenticate": challenge})
        with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 cannot be reached") as caught:
            here.check_push("me/model")
    assert caught.value.code == "registry-unreachable"


@pytest.mark.parametrize(
    ("realm", "message"),
    [
        ("http://tokens.example/token", "without TLS"),
        ("", "no server"),
        ("token", "no server"),
        ("file:///etc/passwd", "no server"),
    ],
)
def test_no_secret_is_told_to_whoever_asks(realm: str, message: str) -> None:
    with fault_proxy() as proxy, client(proxy.host, ME) as here:
        headers = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
        proxy.fails("GET|HEAD", "", status=401, headers=headers, times=99)
        with pytest.raises(RegistryError, match=message):
            here.get_manifest("me/model", "1")
    assert not any("Authorization" in seen.headers for seen in proxy.seen)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": "x\\ny"}', b"<html>"])
def test_a_token_server_that_gives_no_token(body: bytes) -> None:
    with fault_proxy() as proxy, client(proxy.host, ME) as here:
        headers = {"WWW-Authenticate": f'Bearer realm="http://{proxy.host}/token"'}
        proxy.fails("GET", "/v2/", status=401, headers=headers, times=99)
        proxy.fails("GET", "/token", status=200, body=body)
        with pytest.raises(RegistryError, match="the answer has none"):
            here.get_manifest("me/model", "1")


def test_a_token_server_that_has_a_fault_is_asked_again(token_registry: RegistryServer, tmp_path: Path) -> None:
    with fault_proxy(token_registry.host) as registry, fault_proxy() as tokens, client(registry.host, ME) as here:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token"'}
        registry.fails("GET", "/v2/$", status=401, headers=challenge)
        registry.fails("HEAD", "blobs", status=404)
        tokens.fails("GET", "/token", status=503)
        tokens.fails("GET", "/token", status=200, body=b'{"access_token": "t0ken", "expires_in": null}')
        assert not here.has_blob("me/model", NOBODY)
    assert registry.seen[-1].headers["Authorization"] == "Bearer t0ken"


@pytest.fixture
def asking() -> Iterator[Proxy]:
    """A server that asks for a password, and nothing more."""
    with fault_proxy() as proxy:
        proxy.fails("GET", "/v2/$", status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        yield proxy


def test_a_redirect_takes_no_secret_along(asking: Proxy) -> None:
    data = b"x" * 100
    blob = oci.Descriptor.of(oci.LAYER_TAR, data)
    with fault_proxy() as elsewhere, client(asking.host, ME) as here:
        asking.fails("GET", "blobs", status=307, headers={"Location": f"http://{elsewhere.host}/there?signature=1"})
        elsewhere.fails("GET", "/there", status=200, body=data)
        here.download_blob("me/b", blob, io.BytesIO())
    assert "Authorization" in asking.seen[-1].headers
    assert [seen.path for seen in elsewhere.seen] == ["/there?signature=1"]
    assert "Authorization" not in elsewhere.seen[0].headers


def test_an_upload_elsewhere_takes_no_secret_along(asking: Proxy, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100)
    with fault_proxy() as elsewhere, client(asking.host, ME) as here:
        asking.fails("POST", "uploads", status=202, headers={"Location": f"http://{elsewhere.host}/there?signature=1"})
        elsewhere.fails("PUT", "/there", status=201)
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert elsewhere.seen[0].body == blob.data
    assert "Authorization" not in elsewhere.seen[0].headers


def test_cookies_are_not_kept(asking: Proxy) -> None:
    with client(asking.host, ME) as here:
        asking.fails("HEAD", "", status=404, headers={"Set-Cookie": "sid=1"}, times=2)
        here.has_blob("me/b", NOBODY)
        here.has_blob("me/b", NOBODY)
    assert "Cookie" not in asking.seen[-1].headers


def test_secrets_are_in_no_text(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [PASSWORD, "t0p-secret", IDENTITY]
    logins = [Login(USER, PASSWORD), Login(registry_token="t0p-secret"), Login(identity_token=IDENTITY)]
    for login in logins:
        with client(token_registry.host, Given(login)) as here:
            try:
                push_image(here, "me/model", "1", tmp_path)
            except RegistryError as error:
                shown = f"{error!r} {error.to_dict()}"
                assert not any(secret in shown for secret in secrets)
        assert not any(secret in f"{login!r} {login} {here!r}" for secret in secrets)
    assert caplog.text
    assert not any(secret in caplog.text for secret in secrets)
    assert "eyJ" not in caplog.text  # how a token begins
