"""Manifests: verified, whatever a registry gives."""

from pathlib import Path

import pytest

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image import oci
from tests.image.fault_proxy import Proxy
from tests.image.registry_client import MiB, client, push_image
from tests.image.small_registry import SmallRegistry


def test_manifests_that_are_not_what_they_are_said_to_be(debian_proxy: Proxy, tmp_path: Path) -> None:
    with client(debian_proxy.host) as here:
        digest, manifest = push_image(here, "me/b", "1", tmp_path)
        other = oci.digest_of(b"other")
        for header in ({"Docker-Content-Digest": other}, {}):
            debian_proxy.fails("GET", "manifests", status=200, headers=header, body=manifest + b" ")
            with pytest.raises(RegistryError) as caught:
                here.get_manifest("me/b", digest)
            assert caught.value.code == "registry-digest"
        debian_proxy.fails("GET", "manifests", status=200, headers={"Docker-Content-Digest": other}, body=manifest)
        with pytest.raises(RegistryError) as caught:
            here.get_manifest("me/b", "1")
        assert caught.value.code == "registry-digest"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b'{"schemaVersion": 1}', b'{"mediaType": []}', b"[" * 100_000]
)
def test_what_is_no_manifest(proxy: Proxy, body: bytes) -> None:
    proxy.fails("GET", "manifests", status=200, body=body, headers={"Content-Type": "application/vnd.x\x1b[31m+json"})
    with client(proxy.host) as here, pytest.raises(RegistryError, match="no manifest") as caught:
        here.get_manifest("me/b", "1")
    assert "\x1b" not in caught.value.message


def test_a_manifest_without_end(proxy: Proxy) -> None:
    proxy.fails("GET", "manifests", status=200, body=b" " * (5 * MiB))
    with client(proxy.host) as here, pytest.raises(RegistryError, match="more than 4 MiB"):
        here.get_manifest("me/b", "1")


def test_a_head_that_says_nothing_is_asked_for_in_full(small: SmallRegistry) -> None:
    manifest = oci.manifest(oci.Descriptor.of(oci.CONFIG, b"{}"), [], {})
    with client(small.host) as here:
        digest = here.put_manifest("me/b", "1", manifest, oci.MANIFEST)
        assert here.head_manifest("me/b", "1") == oci.Descriptor(oci.MANIFEST, digest, len(manifest))


def test_a_tag_that_moves_right_after_the_push(small: SmallRegistry, proxy: Proxy) -> None:
    manifest = oci.manifest(oci.Descriptor.of(oci.CONFIG, b"{}"), [], {})
    other = {"Docker-Content-Digest": oci.digest_of(b"other"), "Content-Length": "5"}
    proxy.fails("HEAD", "manifests", status=404)
    proxy.fails("HEAD", "manifests", status=200, headers=other)
    with client(proxy.host) as here, pytest.raises(RegistryError) as caught:
        here.put_manifest("me/b", "1", manifest, oci.MANIFEST, expected="")
    assert caught.value.code == "registry-moved"


def test_manifests_are_asked_for_and_put_again(debian_proxy: Proxy, tmp_path: Path) -> None:
    debian_proxy.fails("PUT", "manifests", lost=True)
    debian_proxy.fails("GET", "manifests", after_download=10)
    debian_proxy.fails("HEAD", "manifests", status=502)
    with client(debian_proxy.host) as here:
        digest, manifest = push_image(here, "me/b", "1", tmp_path)
        assert here.get_manifest("me/b", "1")[1] == manifest
        assert here.head_manifest("me/b", "1") == oci.Descriptor(oci.MANIFEST, digest, len(manifest))
