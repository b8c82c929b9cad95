"""Every failure says what was tried, where, what was answered, and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.registry.failures import Answer, Temporary, refused
from jupyter_mltrain.image.registry.text import printable
from tests.disks import mounted_disk
from tests.image.fault_proxy import fault_proxy
from tests.image.registry_client import MiB, client, make_blob
from tests.image.registry_server import registry_server

HTML = b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"


def errors(code: str, message: str = "", detail: str = "") -> bytes:
    return oci.to_bytes({"errors": [{"code": code, "message": message, "detail": detail}]})


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (400, errors("DIGEST_INVALID", "provided digest did not match"), "registry-digest", "provided digest"),
        (400, errors("NAME_INVALID", "no such name"), "registry", "NAME_INVALID: no such name"),
        (401, errors("UNAUTHORIZED", "authentication required"), "registry-unauthorised", "authentication required"),
        (403, errors("DENIED", "requested access is denied"), "registry-unauthorised", "requested access is denied"),
        (403, errors("DENIED", "adding 3 GiB will exceed the storage quota of 1 GiB"), "registry-full", "quota"),
        (403, errors("DENIED", "the project is read only"), "registry-read-only", "read only"),
        (404, errors("NAME_UNKNOWN", "repository name not known"), "registry-not-found", "not known"),
        (405, errors("UNSUPPORTED", "The operation is unsupported."), "registry-read-only", "unsupported"),
        (413, HTML, "registry-full", "Request Entity Too Large"),
        (429, errors("TOOMANYREQUESTS", "quota of requests"), "registry", "quota of requests"),
        (500, errors("UNKNOWN", "unknown error"), "registry", "unknown error"),
        (500, errors("UNKNOWN", "write failed: no space left on device"), "registry-full", "no space left"),
        (503, HTML, "registry", "Service Unavailable"),
        (507, b"", "registry-full", "Insufficient Storage"),
        (400, b"plain words", "registry", "plain words"),
        (404, HTML, "registry", "404"),
        (418, b"", "registry", "teapot"),
        (599, b"[]", "registry", "599"),
    ],
)
def test_what_a_push_is_answered(tmp_path: Path, status: int, body: bytes, code: str, words: str) -> None:
    blob = make_blob(tmp_path, 100)
    with fault_proxy() as proxy, client(proxy.host) as here:
        proxy.fails("GET", "/v2/$", status=200)
        proxy.fails("POST", "uploads", status=status, body=body, times=99)
        with pytest.raises(RegistryError) as caught:
            here.ensure_blob("me/model", blob.descriptor, blob.path)
    error = caught.value
    assert error.code == code
    assert error.message.startswith(
        f"Pushing {blob.descriptor.digest[:19]} to 'me/model' failed: {proxy.host} answered"
    )
    assert str(status) in error.message
    assert words in error.message
    assert error.hint or (status in (400, 418) and code == "registry")
    assert proxy.count("POST") == (5 if isinstance(error, Temporary) else 1)


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_no_registry_at_all(status: int) -> None:
    with fault_proxy() as proxy, client(proxy.host) as here:
        proxy.fails("GET", "/v2/$", status=status, headers={"Content-Type": "text/html; charset=utf-8"}, body=HTML)
        with pytest.raises(RegistryError) as caught:
            here.get_manifest("me/model", "1")
    assert "whether it is a registry failed" in caught.value.message
    assert "is the port right" in caught.value.hint
    assert "nginx" not in caught.value.message


def test_a_registry_that_is_not_allowed_at_first(tmp_path: Path) -> None:
    with fault_proxy() as proxy, client(proxy.host) as here:
        proxy.fails("GET", "/v2/$", status=403)
        with pytest.raises(RegistryError, match="404"):
            here.get_manifest("me/model", "1")


def test_what_others_write_cannot_command_a_terminal() -> None:
    body = errors("DENIED\x1b[2J", "no\r\nway \x07\u202e" + "x" * 1000)
    message = refused("Pulling 'x'", "reg.example", Answer(403, {}, body)).message
    assert message.isprintable()
    assert len(message) < 500
    assert message.endswith("….") or message.endswith("…).")


@given(st.text(max_size=2000), st.integers(10, 300))
def test_printable(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert len(shown) <= longest
    assert shown.isprintable()


@given(st.integers(400, 599), st.binary(max_size=200) | st.builds(errors, st.text(), st.text(), st.text()))
def test_any_answer_has_words(status: int, body: bytes) -> None:
    error = refused("Pulling 'x'", "reg.example", Answer(status, {}, body), writing=True)
    assert error.message.isprintable()
    assert str(status) in error.message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    with mounted_disk(tmp_path / "disk", 2) as disk:
        yield disk


def test_a_registry_whose_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 8 * MiB)
    with (
        registry_server(small_disk / "registry") as server,
        client(server.host) as here,
        pytest.raises(RegistryError) as caught,
    ):
        here.ensure_blob("me/model", blob.descriptor, blob.path)
    assert caught.value.code == "registry-full"
