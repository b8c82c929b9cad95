"""What breaks on the way is gone on with, or done again, or said in words."""

import io
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.registry import Backoff
from tests.image.fault_proxy import Proxy, fault_proxy
from tests.image.registry_client import KiB, MiB, Pauses, client, make_blob, push_image, quick
from tests.image.registry_server import RegistryServer
from tests.image.small_registry import SmallRegistry, small_registry

OFFSETS = [0, 1, 2, 100 * KiB, 256 * KiB - 1, 256 * KiB]


@pytest.mark.parametrize("cut", OFFSETS)
def test_an_upload_that_breaks_off_goes_on_where_it_was(
    small: SmallRegistry, proxy: Proxy, tmp_path: Path, cut: int
) -> None:
    blob = make_blob(tmp_path, MiB + 3)
    proxy.fails("PATCH", "uploads", after_upload=cut)
    with client(proxy.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert small.blobs[blob.descriptor.digest] == blob.data
    assert small.started == (1 if cut > 1 else 2)  # "0-0" is nothing, or one byte: nobody can tell
    sent = sum(size for method, size in small.received)
    assert sent == len(blob.data) + (cut if small.started == 2 else 0)


def test_an_upload_that_breaks_off_again_and_again(small: SmallRegistry, proxy: Proxy, tmp_path: Path) -> None:
    """There are more faults than tries in a row; but each time it gets further."""
    blob = make_blob(tmp_path, 2 * MiB)
    pauses = Pauses()
    proxy.fails("PATCH", "uploads", after_upload=100 * KiB, times=12)
    with client(proxy.host, backoff=quick(pauses).backoff) as here:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
    assert small.blobs[blob.descriptor.digest] == blob.data
    assert len(pauses.seconds) == 12
    assert max(pauses.seconds) <= 0.5


@pytest.mark.parametrize("cut", OFFSETS)
def test_an_upload_to_debians_registry_that_breaks_off(debian_proxy: Proxy, tmp_path: Path, cut: int) -> None:
    """It forgets what broke off: then it is sent anew."""
    blob = make_blob(tmp_path, MiB + 3)
    debian_proxy.fails("PATCH", "uploads", after_upload=cut)
    with client(debian_proxy.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


@pytest.mark.parametrize("size", [64 * KiB, MiB], ids=["whole", "pieces"])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
@pytest.mark.parametrize("fault", ["lost", "broken", "500", "503", "429"])
def test_any_one_request_may_fail(debian_proxy: Proxy, tmp_path: Path, size: int, method: str, fault: str) -> None:
    blob = make_blob(tmp_path, size)
    if fault.isdecimal():
        debian_proxy.fails(method, "blobs", status=int(fault))
    elif fault == "lost":
        debian_proxy.fails(method, "blobs", lost=True)
    else:
        debian_proxy.fails(method, "blobs", after_upload=0)
    with client(debian_proxy.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


FAULT = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT"]),
    st.sampled_from(
        [{"status": 500}, {"status": 429}, {"lost": True}, {"after_upload": 0}, {"after_upload": 70_000}],
    ),
)


@settings(max_examples=40)
@given(st.lists(FAULT, max_size=4), st.integers(1, 300_000), st.integers(0, 300_000), st.integers(60_000, 300_000))
def test_as_many_faults_as_there_are_tries(
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[tuple[str, dict[str, Any]]],
    size: int,
    whole: int,
    piece: int,
) -> None:
    blob = make_blob(tmp_path_factory.mktemp("blob"), size)
    with small_registry() as small, fault_proxy(small.host) as proxy:
        for method, kind in faults:
            proxy.fails(method, "blobs", **kind)
        with client(proxy.host, whole=whole, piece=piece) as here:
            here.ensure_blob("me/b", blob.descriptor, blob.path)
            here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
        assert small.blobs == {blob.descriptor.digest: blob.data}
        assert out.getvalue() == blob.data


@pytest.mark.parametrize("cut", [0, 1, 100 * KiB, MiB - 1])
def test_a_download_that_breaks_off_goes_on_where_it_was(debian_proxy: Proxy, tmp_path: Path, cut: int) -> None:
    blob = make_blob(tmp_path, MiB)
    debian_proxy.fails("GET", "blobs", after_download=cut, times=2)
    told: list[Progress] = []
    with client(debian_proxy.host) as here:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO(), report=told.append)
    assert out.getvalue() == blob.data
    assert told[-1] == Progress("base", blob.descriptor.digest[:19], MiB, MiB)
    ranges = [seen.headers.get("Range") for seen in debian_proxy.seen if seen.method == "GET" and "blobs" in seen.path]
    start = lambda done: f"bytes={done}-" if done else None  # noqa: E731
    assert ranges[:2] == [None, start(cut)]


def test_a_download_from_a_server_without_ranges(proxy: Proxy, small: SmallRegistry, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)
    small.blobs[blob.descriptor.digest] = blob.data
    proxy.fails("GET", "blobs", after_download=300 * KiB + 1)
    proxy.fails("GET", "blobs", status=200, body=blob.data)
    with client(proxy.host) as here:
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


def test_a_download_that_goes_on_elsewhere_than_asked(proxy: Proxy, small: SmallRegistry, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)
    small.blobs[blob.descriptor.digest] = blob.data
    proxy.fails("GET", "blobs", after_download=1000)
    proxy.fails("GET", "blobs", status=206, headers={"Content-Range": "bytes 999-1048575/1048576"}, body=blob.data)
    with client(proxy.host) as here, pytest.raises(RegistryError, match="bytes from 1000 on") as caught:
        here.download_blob("me/b", blob.descriptor, io.BytesIO())
    assert caught.value.code == "registry-digest"


@pytest.mark.parametrize("change", [b"", b"x" * MiB, b"x" * (MiB + 1), b"x" * (MiB - 1)])
def test_other_bytes_than_the_digest_says(proxy: Proxy, tmp_path: Path, change: bytes) -> None:
    blob = make_blob(tmp_path, MiB)
    proxy.fails("GET", "blobs", status=200, body=change)
    with client(proxy.host) as here, pytest.raises(RegistryError) as caught:
        here.download_blob("me/b", blob.descriptor, io.BytesIO())
    assert caught.value.code == "registry-digest"


def test_a_registry_that_asks_to_wait_is_waited_for(debian_proxy: Proxy) -> None:
    pauses = Pauses()
    in_a_while = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    debian_proxy.fails("HEAD", "blobs", status=429, headers={"Retry-After": "17"})
    debian_proxy.fails("HEAD", "blobs", status=503, headers={"Retry-After": in_a_while})
    debian_proxy.fails("HEAD", "blobs", status=429, headers={"Retry-After": "no time"})
    with client(debian_proxy.host, backoff=quick(pauses).backoff) as here:
        assert not here.has_blob("me/b", "sha256:" + 64 * "0")
    assert pauses.seconds[0] == 17
    assert 20 < pauses.seconds[1] <= 50
    assert 1 <= pauses.seconds[2] <= 2


def test_pauses_double_and_are_bounded(proxy: Proxy) -> None:
    pauses = Pauses()
    proxy.fails("HEAD", "blobs", status=500, times=99)
    with client(proxy.host, backoff=quick(pauses).backoff) as here, pytest.raises(RegistryError, match="500"):
        here.has_blob("me/b", "sha256:" + 64 * "0")
    assert proxy.count("HEAD") == 5
    for pause, longest in zip(pauses.seconds, [0.5, 1, 2, 4], strict=True):
        assert longest / 2 <= pause <= longest


def test_nobody_waits_for_hours(proxy: Proxy) -> None:
    proxy.fails("HEAD", "blobs", status=429, headers={"Retry-After": "21600"})
    with client(proxy.host) as here, pytest.raises(RegistryError, match="429") as caught:
        here.has_blob("me/b", "sha256:" + 64 * "0")
    assert "Too many requests" in caught.value.hint


def test_a_registry_that_does_not_answer_in_time(proxy: Proxy) -> None:
    proxy.fails("HEAD", "blobs", hang=True, times=99)
    with client(proxy.host, timeout=0.05) as here, pytest.raises(RegistryError, match="in time") as caught:
        here.has_blob("me/b", "sha256:" + 64 * "0")
    assert caught.value.code == "registry-unreachable"
    assert proxy.count("HEAD") == 5


def test_an_upload_whose_session_expired(small: SmallRegistry, proxy: Proxy, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)

    def forget(progress: Progress) -> None:
        if progress.done == 512 * KiB and small.started == 1:
            small.uploads.clear()

    with client(proxy.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path, report=forget) == "pushed"
    assert small.started == 2
    assert small.blobs[blob.descriptor.digest] == blob.data


def test_a_piece_out_of_order_is_put_right(small: SmallRegistry, proxy: Proxy, tmp_path: Path) -> None:
    """The registry stored it, and its answer got lost on the way: 416, until it was asked what it has."""
    blob = make_blob(tmp_path, MiB)
    proxy.fails("PATCH", "uploads", lost=True)
    proxy.fails("GET", "uploads", status=204, headers={"Range": "0-99"})
    with client(proxy.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert small.started == 1
    assert small.blobs[blob.descriptor.digest] == blob.data


def test_a_registry_that_kept_something_else(small: SmallRegistry, proxy: Proxy, tmp_path: Path) -> None:
    """Its sum is wrong in the end: then all is sent once more, and not for ever."""
    blob = make_blob(tmp_path, MiB)

    def spoil(seconds: float) -> None:
        if "1" in small.uploads:
            small.uploads["1"][0] ^= 1

    proxy.fails("PATCH", "uploads", after_upload=100 * KiB)
    with client(proxy.host, backoff=Backoff(sleep=spoil)) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert small.started == 2
    assert small.blobs[blob.descriptor.digest] == blob.data


@pytest.mark.parametrize("size", [1, 64 * KiB, MiB])
@pytest.mark.parametrize(("whole", "pieces"), [(True, False), (False, True)], ids=["whole", "pieces"])
def test_registries_that_take_blobs_in_one_way_only(
    small: SmallRegistry, tmp_path: Path, whole: bool, pieces: bool, size: int
) -> None:
    small.whole, small.pieces = whole, pieces
    blob = make_blob(tmp_path, size)
    with client(small.host) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert small.blobs[blob.descriptor.digest] == blob.data


def test_a_registry_that_takes_blobs_in_no_way(small: SmallRegistry, tmp_path: Path) -> None:
    small.whole = small.pieces = False
    blob = make_blob(tmp_path, MiB)
    with client(small.host) as here, pytest.raises(RegistryError, match="UNSUPPORTED"):
        here.ensure_blob("me/b", blob.descriptor, blob.path)


def test_the_smallest_piece_of_a_registry(small: SmallRegistry, tmp_path: Path) -> None:
    small.least = 600 * KiB
    blob = make_blob(tmp_path, MiB)
    with client(small.host) as here:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
    assert [size for method, size in small.received if method == "PATCH"] == [600 * KiB, MiB - 600 * KiB]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("whole", [0, 32 * MiB], ids=["pieces", "whole"])
def test_a_proxy_with_a_limit(small: SmallRegistry, proxy: Proxy, tmp_path: Path, early: bool, whole: int) -> None:
    """It refuses long bodies, at once or when it has read them: then the pieces become smaller."""
    blob = make_blob(tmp_path, 20 * MiB)
    proxy.fails("PATCH|PUT", "uploads", status=413, early=early, over=2 * MiB, times=99)
    with client(proxy.host, whole=whole, piece=20 * MiB) as here:
        assert here.ensure_blob("me/b", blob.descriptor, blob.path) == "pushed"
    assert small.blobs[blob.descriptor.digest] == blob.data


def test_a_limit_below_all_pieces(proxy: Proxy, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 20 * MiB)
    proxy.fails("PATCH|PUT", "uploads", status=413, over=KiB, times=99)
    with client(proxy.host, piece=10 * MiB) as here, pytest.raises(RegistryError) as caught:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
    assert caught.value.code == "registry-full"
    assert "a limit on it" in caught.value.hint


def test_a_registry_that_takes_nothing(proxy: Proxy, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)
    proxy.fails("PATCH", "uploads", status=202, headers={"Range": "0-99"}, times=999)
    with client(proxy.host) as here, pytest.raises(RegistryError):
        here.ensure_blob("me/b", blob.descriptor, blob.path)


def test_a_blob_that_arrives_changed(proxy: Proxy, small: SmallRegistry, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, 1000)
    proxy.fails("PUT", "uploads", change=lambda status, headers: (status, {**headers, "Docker-Content-Digest": "no"}))
    with client(proxy.host) as here, pytest.raises(RegistryError) as caught:
        here.ensure_blob("me/b", blob.descriptor, blob.path)
    assert caught.value.code == "registry-digest"


def test_blobs_from_another_host(small: SmallRegistry, proxy: Proxy, tmp_path: Path) -> None:
    blob = make_blob(tmp_path, MiB)
    small.blobs[blob.descriptor.digest] = blob.data
    there = f"http://{small.host}/v2/me/b/blobs/{blob.descriptor.digest}?signature=x"
    proxy.fails("GET", "blobs", status=307, headers={"Location": there})
    with client(proxy.host) as here:
        here.download_blob("me/b", blob.descriptor, out := io.BytesIO())
    assert out.getvalue() == blob.data


def test_redirects_without_end(proxy: Proxy) -> None:
    proxy.fails("GET", "manifests", status=302, headers={"Location": "/v2/me/b/manifests/1"}, times=99)
    with client(proxy.host) as here, pytest.raises(RegistryError, match="without end"):
        here.get_manifest("me/b", "1")


@pytest.mark.parametrize("location", ["ftp://other/x", "mailto:me"])
def test_redirects_to_nowhere(proxy: Proxy, location: str) -> None:
    proxy.fails("GET", "manifests", status=302, headers={"Location": location})
    with client(proxy.host) as here, pytest.raises(RegistryError, match="cannot be asked"):
        here.get_manifest("me/b", "1")


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        pauses = Pauses()
        with client(host, backoff=quick(pauses).backoff) as here, pytest.raises(RegistryError) as caught:
            here.has_blob("me/b", "sha256:" + 64 * "0")
    assert caught.value.message == f"Connecting to {host} failed: {host} cannot be reached (Connection refused)."
    assert caught.value.code == "registry-unreachable"
    assert pauses.seconds == []


def test_a_registry_that_is_stopped_meanwhile(registry: RegistryServer, tmp_path: Path) -> None:
    pauses = Pauses()
    with client(registry.host, backoff=quick(pauses).backoff) as here:
        push_image(here, "me/b", "1", tmp_path)
        registry.stop()
        with pytest.raises(RegistryError, match="cannot be reached") as caught:
            here.get_manifest("me/b", "1")
    assert caught.value.code == "registry-unreachable"
    assert len(pauses.seconds) == 4


def test_nobody_knows_the_host() -> None:
    with client("registry.invalid") as here, pytest.raises(RegistryError) as caught:
        here.has_blob("me/b", "sha256:" + 64 * "0")
    assert caught.value.code == "registry-unreachable"
    assert "registry.invalid" in caught.value.message
