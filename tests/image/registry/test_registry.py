"""Against Debian's registry: what is pushed can be pulled, by this client and by skopeo, and only once."""

import hashlib
import io
import json
import shutil
import socket
import subprocess
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mltrain.errors import RegistryError, StorageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.registry import ABSENT
from tests.image.fault_proxy import fault_proxy
from tests.image.registry_client import KiB, MiB, client, make_blob, push_image
from tests.image.registry_server import RegistryServer, registry_server


def skopeo(*arguments: object) -> str:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    command = ["skopeo", "--insecure-policy", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("size", [0, 1, 64 * KiB, 64 * KiB + 1, 256 * KiB, 3 * MiB + 17])
def test_a_blob_goes_there_and_comes_back(registry: RegistryServer, tmp_path: Path, size: int) -> None:
    blob = make_blob(tmp_path, size)
    with client(registry.host) as here:
        assert here.ensure_blob("me/model", blob.descriptor, blob.path) == "pushed"
        assert here.has_blob("me/model", blob.descriptor.digest)
        here.download_blob("me/model", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
def test_both_forms_of_locations(tmp_path: Path, relative: bool) -> None:
    blob = make_blob(tmp_path, MiB)
    with registry_server(tmp_path / "r", relative_urls=relative) as server, client(server.host) as here:
        assert here.ensure_blob("me/model", blob.descriptor, blob.path) == "pushed"


def test_what_is_there_is_not_even_opened(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    with client(registry.host) as here:
        here.ensure_blob("me/model", blob.descriptor, blob.path)
        blob.path.unlink()
        assert here.ensure_blob("me/model", blob.descriptor, blob.path) == "present"
        assert here.ensure_blob("me/other", blob.descriptor, blob.path, mount_from=["me/model"]) == "mounted"
        assert here.has_blob("me/other", blob.descriptor.digest)


def test_what_cannot_be_mounted_is_sent(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    with client(registry.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path, mount_from=["me/none", "me/b", "x"]) == "pushed"


def test_a_blob_is_only_made_where_it_is_missing(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    made: list[int] = []

    def make() -> io.BytesIO:
        made.append(1)
        return io.BytesIO(blob.data)

    with client(registry.host) as here:
        assert [here.ensure_blob("me/b", blob.descriptor, make) for _ in range(2)] == ["pushed", "present"]
    assert made == [1]


def test_progress_counts_every_byte(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 3 * MiB)
    told: list[Progress] = []
    with client(registry.host) as here:
        here.ensure_blob("me/b", blob.descriptor, blob.path, name="torch", report=told.append)
    assert {(each.step, each.name, each.total) for each in told} == {("push", "torch", 3 * MiB)}
    assert [each.done for each in told] == sorted(each.done for each in told)
    assert [each.state for each in told] == ["running"] * (len(told) - 1) + ["done"]
    assert told[-1].done == 3 * MiB


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("whole", [64 * KiB, 4 * MiB], ids=["pieces", "whole"])
def test_a_report_that_raises_ends_the_push(registry: RegistryServer, tmp_path: Path, whole: int) -> None:
    blob = make_blob(tmp_path, 3 * MiB)

    def cancel(progress: Progress) -> None:
        if progress.done:
            raise Cancelled

    with client(registry.host, whole=whole) as here:
        with pytest.raises(Cancelled):
            here.ensure_blob("me/b", blob.descriptor, blob.path, report=cancel)
        assert not here.has_blob("me/b", blob.descriptor.digest)
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"


def test_a_report_that_raises_ends_the_pull(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 3 * MiB)

    def cancel(progress: Progress) -> None:
        if progress.done:
            raise Cancelled

    with client(registry.host) as here:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
        with pytest.raises(Cancelled):
            here.download_blob("me/b", blob.descriptor, io.BytesIO(), report=cancel)


def test_a_source_that_is_shorter_than_it_says(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    blob.path.write_bytes(blob.data[:-1])
    with client(registry.host) as here, pytest.raises(RegistryError, match="1 bytes fewer") as caught:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
    assert caught.value.code == "registry-digest"


def test_a_source_that_is_gone(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 100 * KiB)
    blob.path.unlink()
    with client(registry.host) as here, pytest.raises(StorageError, match="No such file"):
        here.ensure_blob("me/b", blob.descriptor, blob.path)


@pytest.mark.parametrize("size", [64 * KiB, MiB], ids=["whole", "pieces"])
def test_a_source_with_other_bytes(registry: RegistryServer, tmp_path: Path, size: int) -> None:
    blob = make_blob(tmp_path, size)
    blob.path.write_bytes(b"x" * size)
    with client(registry.host) as here:
        with pytest.raises(RegistryError) as caught:
            here.ensure_blob("me/b", blob.descriptor, blob.path)
        assert not here.has_blob("me/b", blob.descriptor.digest)
    assert caught.value.code == "registry-digest"


def test_many_at_once_by_one_client(registry: RegistryServer, tmp_path: Path) -> None:
    blobs = [make_blob(tmp_path, 200 * KiB + seed, seed) for seed in range(24)]
    with client(registry.host) as here, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda blob: here.ensure_blob("me/b", blob.descriptor, blob.path), blobs)) == {"pushed"}
        assert all(pool.map(lambda blob: here.has_blob("me/b", blob.descriptor.digest), blobs))


def test_the_same_blob_at_once(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)
    with client(registry.host) as here, ThreadPoolExecutor(8) as pool:
        done = set(pool.map(lambda _: here.ensure_blob("me/b", blob.descriptor, blob.path), range(8)))
        assert done <= {"pushed", "present"}
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


def test_manifests_by_tag_and_digest(registry: RegistryServer, tmp_path: Path) -> None:
    with client(registry.host) as here:
        digest, manifest = push_image(here, "me/model", "1", tmp_path)
        expected = oci.Descriptor(oci.MANIFEST, digest, len(manifest))
        for version in ("1", digest):
            assert here.head_manifest("me/model", version) == expected
            assert here.get_manifest("me/model", version) == (expected, manifest)
        assert here.head_manifest("me/model", "2") is None
        assert here.head_manifest("nobody/knows", "1") is None
        for repository, version in (("me/model", "2"), ("nobody/knows", "1")):
            with pytest.raises(RegistryError) as caught:
                here.get_manifest(repository, version)
            assert caught.value.code == "registry-not-found"


def test_a_manifest_without_its_blobs(registry: RegistryServer, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 10)
    manifest = oci.manifest(blob.descriptor, [], {})
    with client(registry.host) as here, pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        here.put_manifest("me/model", "1", manifest, oci.MANIFEST)


def test_an_index_of_platforms(registry: RegistryServer, tmp_path: Path) -> None:
    with client(registry.host) as here:
        digest, manifest = push_image(here, "me/model", "amd64", tmp_path)
        index = oci.index([oci.Descriptor(oci.MANIFEST, digest, len(manifest))], {})
        stored = here.put_manifest("me/model", "1", index, oci.INDEX)
        assert here.get_manifest("me/model", "1") == (oci.Descriptor(oci.INDEX, stored, len(index)), index)


def test_connections_are_used_again(registry: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda *args, **more: opened.append(args) or connect(*args, **more)
    )
    with client(registry.host) as here:
        _, manifest = push_image(here, "me/model", "1", tmp_path)
        assert here.get_manifest("me/model", "1")[1] == manifest
        assert here.head_manifest("me/model", "2") is None
    assert len(opened) == 1


def test_memory_does_not_grow_with_a_blob(registry: RegistryServer, tmp_path: Path) -> None:
    size = 96 * MiB
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(size)
    with (tmp_path / "zeros").open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    blob = oci.Descriptor(oci.LAYER_TAR, digest, size)
    with client(registry.host, piece=64 * MiB) as here, (tmp_path / "back").open("wb") as out:
        here.check_push("me/model")
        tracemalloc.start()
        try:
            here.ensure_blob("me/model", blob, tmp_path / "zeros")
            here.download_blob("me/model", blob, out)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * MiB


def test_a_tag_that_moved(registry: RegistryServer, tmp_path: Path) -> None:
    with client(registry.host) as here:
        first, one = push_image(here, "me/model", "a", tmp_path, seed=1)
        second, two = push_image(here, "me/model", "b", tmp_path, seed=2)
        assert here.put_manifest("me/model", "1", one, oci.MANIFEST, expected=ABSENT) == first
        assert here.put_manifest("me/model", "1", one, oci.MANIFEST, expected=ABSENT) == first  # it is that already
        with pytest.raises(RegistryError, match="changed by somebody else") as caught:
            here.put_manifest("me/model", "1", two, oci.MANIFEST, expected=ABSENT)
        assert caught.value.code == "registry-moved"
        assert here.put_manifest("me/model", "1", two, oci.MANIFEST, expected=first) == second


def test_what_is_pushed_skopeo_copies(registry: RegistryServer, tmp_path: Path) -> None:
    with client(registry.host) as here:
        digest, _ = push_image(here, "me/model", "1", tmp_path)
    inspected = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{registry.host}/me/model:1"))
    assert inspected["Digest"] == digest
    folder = tmp_path / "layout"
    skopeo(
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        f"docker://{registry.host}/me/model:1",
        f"oci:{folder}:1",
    )
    assert json.loads((folder / "index.json").read_text())["manifests"][0]["digest"] == digest


@pytest.mark.parametrize(
    ("form", "media_type"), [("oci", oci.MANIFEST), ("v2s2", oci.DOCKER_MANIFEST)], ids=["oci", "docker"]
)
def test_what_skopeo_pushes_is_read(registry: RegistryServer, tmp_path: Path, form: str, media_type: str) -> None:
    with client(registry.host) as here:
        push_image(here, "me/model", "1", tmp_path)
        source, target = (f"docker://{registry.host}/me/{name}" for name in ("model:1", "copy:1"))
        skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", f"--format={form}", source, target)
        descriptor, manifest = here.get_manifest("me/copy", "1")
        assert descriptor.media_type == media_type
        layer = oci.Descriptor.from_dict(json.loads(manifest)["layers"][0])
        here.download_blob("me/copy", layer, out := io.BytesIO())
    assert oci.digest_of(out.getvalue()) == layer.digest


def test_a_push_can_be_tried_beforehand(registry: RegistryServer) -> None:
    with fault_proxy(registry.host) as proxy, client(proxy.host) as here:
        here.check_push("me/model")
    assert [seen.method for seen in proxy.seen] == ["GET", "POST", "DELETE"]


def test_a_read_only_registry(tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 10)
    with registry_server(tmp_path / "r", read_only=True) as server, client(server.host) as here:
        attempts: list[Callable[[], object]] = [
            lambda: here.ensure_blob("me/b", blob.descriptor, blob.path),
            lambda: here.put_manifest("me/b", "1", b"{}", oci.MANIFEST),
            lambda: here.check_push("me/b"),
        ]
        for attempt in attempts:
            with pytest.raises(RegistryError) as caught:
                attempt()
            assert caught.value.code == "registry-read-only"
