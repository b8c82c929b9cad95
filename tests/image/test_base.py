"""Base images of registries and layouts: found, looked into, pinned."""

import gzip
import json
import multiprocessing
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import ImageError, MltrainError, RegistryError
from jupyter_mltrain.image import layout, oci
from jupyter_mltrain.image.base import Source, look
from jupyter_mltrain.image.base_sources import FromLayout, FromRegistry, Kept
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.reference import Reference
from jupyter_mltrain.image.registry import Registry
from tests.image.base_files import glibc, python
from tests.image.base_image import File, Layout, elf, tar, write_index, write_layout
from tests.image.registry_server import RegistryServer

AMD, ARM = oci.Platform("amd64"), oci.Platform("arm64")


def files(version: str = "3.12.4") -> list[bytes]:
    return [tar(glibc()), tar(python(version=version))]


def arm_files() -> list[bytes]:
    loader = "/lib/ld-linux-aarch64.so.1"
    made: dict[str, File] = {
        **python("usr", loader=loader),
        "usr/bin/python3.11": elf(machine=183, interpreter=loader),
        "lib/ld-linux-aarch64.so.1": elf(machine=183, interpreter=""),
        "lib/libc.so.6": elf(machine=183, content=b"GNU C Library (x) stable release version 2.39."),
    }
    return [tar(made)]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def from_layout(made: Layout) -> FromLayout:
    return FromLayout(layout.Layout(made.folder), made.tag)


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return write_layout(tmp_path / "layout", files())


@dataclass
class Watched:
    """A source that notes what it was asked for."""

    source: Source
    asked: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def version(self) -> str:
        return self.source.version

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        self.asked.append(version)
        return self.source.get_manifest(version)

    def open_blob(self, blob: oci.Descriptor) -> Any:
        self.asked.append(blob.digest)
        return self.source.open_blob(blob)


class TestOneImage:
    def test_it_is_found_with_all_that_is_in_it(self, made: Layout, cache: Cache) -> None:
        found = look(from_layout(made), AMD, cache)
        assert found.digest == made.digest
        assert found.python.version == "3.12.4"
        assert found.environment["PATH"].startswith("/usr/local/sbin:")
        assert [layer.descriptor.to_dict() for layer in found.layers] == made.document()["layers"]
        assert [layer.diff_id for layer in found.layers] == found.config["rootfs"]["diff_ids"]
        assert [layer.unpacked for layer in found.layers] == [len(each) for each in files()]
        assert [layer.history for layer in found.layers] == [{"created_by": "layer 0"}, {"created_by": "layer 1"}]

    @pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
    @pytest.mark.parametrize("docker", [False, True])
    def test_formats(self, tmp_path: Path, cache: Cache, compression: str, docker: bool) -> None:
        made = write_layout(tmp_path / "layout", files(), compression=compression, docker=docker)
        assert look(from_layout(made), AMD, cache).python.version == "3.12.4"

    def test_the_second_look_asks_nobody(self, made: Layout, cache: Cache) -> None:
        first = look(from_layout(made), AMD, cache)
        again = Watched(from_layout(made))
        assert look(again, AMD, Cache(cache.folder)) == first
        assert again.asked == []

    def test_another_name_of_the_image_reads_no_layer(self, made: Layout, cache: Cache) -> None:
        look(from_layout(made), AMD, cache)
        other = Watched(FromLayout(layout.Layout(made.folder)))
        assert look(other, AMD, cache).python.version == "3.12.4"
        assert other.asked == [""]

    def test_progress(self, made: Layout, cache: Cache) -> None:
        told: list[Progress] = []
        found = look(from_layout(made), AMD, cache, told.append)
        total = sum(layer.descriptor.size for layer in found.layers)
        assert told[-1] == Progress("base", found.name, total, total, "done")
        assert [each.done for each in told] == sorted(each.done for each in told)
        told.clear()
        look(from_layout(made), AMD, cache, told.append)
        assert told == [Progress("base", found.name, state="cached")]

    def test_what_a_report_raises_ends_it_and_leaves_nothing_half_done(self, made: Layout, cache: Cache) -> None:
        class Cancelled(Exception):
            pass

        def cancel(progress: Progress) -> None:
            raise Cancelled

        with pytest.raises(Cancelled):
            look(from_layout(made), AMD, cache, cancel)
        watched = Watched(from_layout(made))
        assert look(watched, AMD, cache).digest == made.digest
        assert made.digest not in watched.asked  # by its tag: nothing was pinned
        assert watched.asked[0] == "latest"

    def test_a_damaged_memory_is_looked_up_again(self, made: Layout, cache: Cache) -> None:
        look(from_layout(made), AMD, cache)
        cache.put_document("bases", made.digest, b'{"format": 0}')
        assert look(from_layout(made), AMD, cache).python.version == "3.12.4"

    def test_without_a_config_of_its_own(self, tmp_path: Path, cache: Cache) -> None:
        made = write_layout(tmp_path / "layout", files(), config={})
        assert look(from_layout(made), AMD, cache).environment == {}

    def test_it_keeps_blobs_where_they_are_wanted(self, made: Layout, cache: Cache) -> None:
        source = Watched(from_layout(made))
        kept = Kept(source, cache)
        found = look(kept, AMD, cache)
        for layer in found.layers:
            assert kept.path(layer.descriptor).read_bytes() == made.blob(layer.descriptor.digest).read_bytes()
            assert source.asked.count(layer.descriptor.digest) == 1


class TestSeveralPlatforms:
    @pytest.fixture
    def index(self, tmp_path: Path) -> Layout:
        images = {
            "linux/amd64": write_layout(tmp_path / "amd", files()),
            "linux/arm64/v8": write_layout(tmp_path / "arm", arm_files(), architecture="arm64"),
            "unknown/unknown": write_layout(tmp_path / "attestation", []),
        }
        return write_index(tmp_path / "index", images)

    @pytest.mark.parametrize(("wanted", "libc"), [(AMD, (2, 36)), (ARM, (2, 39))])
    def test_each_has_its_own(self, index: Layout, cache: Cache, wanted: oci.Platform, libc: tuple[int, int]) -> None:
        found = look(from_layout(index), wanted, cache)
        assert found.python.libc == ("glibc", libc)
        assert found.digest != index.digest
        assert found.platform == wanted

    def test_one_that_is_missing(self, index: Layout, cache: Cache) -> None:
        with pytest.raises(ImageError, match="is not for linux/riscv64") as caught:
            look(from_layout(index), oci.Platform("riscv64"), cache)
        assert caught.value.hint == "It is for linux/amd64, linux/arm64/v8."

    def test_a_single_image_for_another_one(self, made: Layout, cache: Cache) -> None:
        with pytest.raises(ImageError, match="is for linux/amd64, not for linux/arm64"):
            look(from_layout(made), ARM, cache)


class TestPins:
    @pytest.fixture
    def server(self, registry: RegistryServer) -> Iterator[tuple[RegistryServer, Registry]]:
        with Registry(registry.host) as client:
            yield registry, client

    def push(self, server: tuple[RegistryServer, Registry], folder: Path, version: str) -> tuple[Layout, FromRegistry]:
        made = write_layout(folder, files(version))
        name = f"{server[0].host}/library/python:3.12-slim"
        made.push(name)
        return made, FromRegistry(server[1], Reference.parse(name))

    def test_a_tag_goes_on_meaning_what_it_meant(
        self, server: tuple[RegistryServer, Registry], tmp_path: Path, cache: Cache
    ) -> None:
        one, source = self.push(server, tmp_path / "one", "3.12.4")
        assert look(source, AMD, cache).digest == one.digest
        two, source = self.push(server, tmp_path / "two", "3.12.5")
        assert look(source, AMD, cache).digest == one.digest

        fresh = look(source, AMD, cache, refresh=True)
        assert (fresh.digest, fresh.python.version, fresh.before) == (two.digest, "3.12.5", one.digest)
        assert (look(source, AMD, cache).digest, look(source, AMD, cache, refresh=True).before) == (two.digest, "")
        assert look(source, AMD, Cache(tmp_path / "other")).digest == two.digest

    def test_without_pins_it_means_what_it_means_now(
        self, server: tuple[RegistryServer, Registry], tmp_path: Path, cache: Cache
    ) -> None:
        _, source = self.push(server, tmp_path / "one", "3.12.4")
        look(source, AMD, cache)
        two, source = self.push(server, tmp_path / "two", "3.12.5")
        assert look(source, AMD, cache, pinned=False).digest == two.digest

    def test_a_digest_is_taken_as_it_is(
        self, server: tuple[RegistryServer, Registry], tmp_path: Path, cache: Cache
    ) -> None:
        one, source = self.push(server, tmp_path / "one", "3.12.4")
        self.push(server, tmp_path / "two", "3.12.5")
        source = FromRegistry(server[1], source.reference.at(one.digest))
        watched = Watched(source)
        assert look(watched, AMD, cache).digest == one.digest
        watched.asked.clear()
        assert look(watched, AMD, cache, refresh=True).digest == one.digest
        assert watched.asked == []

    def test_the_image_is_gone(self, server: tuple[RegistryServer, Registry], tmp_path: Path, cache: Cache) -> None:
        one, source = self.push(server, tmp_path / "one", "3.12.4")
        look(source, AMD, cache)
        cache.put_document("bases", one.digest, b"{}")
        gone = FromRegistry(server[1], Reference.parse(f"{server[0].host}/library/other:3.12-slim"))
        with pytest.raises(RegistryError) as caught:
            look(Renamed(gone, source.name), AMD, cache)
        assert caught.value.code == "registry-not-found"
        assert f"meant at the first look, {one.digest}, is no longer in the registry" in caught.value.message
        assert "--refresh" in caught.value.hint

    def test_no_such_image(self, server: tuple[RegistryServer, Registry], cache: Cache) -> None:
        source = FromRegistry(server[1], Reference.parse(f"{server[0].host}/library/nothing:1"))
        with pytest.raises(RegistryError) as caught:
            look(source, AMD, cache)
        assert caught.value.code == "registry-not-found"
        assert "first look" not in caught.value.message


class Renamed(Watched):
    """A source that goes by another's name."""

    def __init__(self, source: Source, name: str) -> None:
        super().__init__(source)
        self._name = name

    @property
    def name(self) -> str:
        return self._name


class TestDamage:
    """What others may have put together wrongly: each is told, none ends in a traceback."""

    def look(self, made: Layout, cache: Cache) -> MltrainError:
        with pytest.raises(MltrainError) as caught:
            look(from_layout(made), AMD, cache)
        assert caught.value.hint
        return caught.value

    def rewritten(self, made: Layout, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Layout:
        """Return the layout with manifest and config changed, and digests that fit."""
        manifest = made.document()
        config = made.document(manifest["config"]["digest"])
        change(manifest, config)
        blobs = made.folder / "blobs" / "sha256"

        def add(data: bytes) -> str:
            digest = oci.digest_of(data)
            (blobs / digest.removeprefix("sha256:")).write_bytes(data)
            return digest

        if isinstance(manifest.get("config"), dict):
            manifest["config"]["digest"] = add(json.dumps(config).encode())
        data = json.dumps(manifest).encode()
        index = {"schemaVersion": 2, "manifests": [{"mediaType": oci.MANIFEST, "digest": add(data), "size": len(data)}]}
        (made.folder / "index.json").write_text(json.dumps(index))
        return Layout(made.folder, "", oci.digest_of(data))

    @pytest.mark.parametrize(
        ("media_type", "said"),
        [
            (f"{oci.LAYER_GZIP}+encrypted", "has a layer that is encrypted"),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "has a layer that may not be copied"),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "has a layer that may not be copied"),
            ("application/vnd.wasm.content.layer.v1+wasm", "has a layer of an unknown type"),
        ],
    )
    def test_kinds_of_layers(self, made: Layout, cache: Cache, media_type: str, said: str) -> None:
        error = self.look(self.rewritten(made, lambda m, c: m["layers"][1].update(mediaType=media_type)), cache)
        assert said in error.message

    def test_no_image(self, made: Layout, cache: Cache) -> None:
        kind = "application/vnd.cncf.helm.config.v1+json"
        error = self.look(self.rewritten(made, lambda m, c: m["config"].update(mediaType=kind)), cache)
        assert "is not a container image" in error.message

    @pytest.mark.parametrize(
        "change",
        [
            lambda m, c: m.pop("layers"),
            lambda m, c: m.pop("config"),
            lambda m, c: m.update(config=None),
            lambda m, c: m.update(layers=3),
            lambda m, c: m["layers"][0].pop("digest"),
            lambda m, c: m["layers"][0].update(digest="sha256:../../x"),
            lambda m, c: m["layers"][0].update(digest=7),
            lambda m, c: m["layers"][0].update(size="1"),
            lambda m, c: m["layers"].pop(),
            lambda m, c: c.pop("rootfs"),
            lambda m, c: c.update(rootfs=[]),
            lambda m, c: c.update(history=3),
            lambda m, c: c.update(history=["x"]),
            lambda m, c: c.pop("architecture"),
            lambda m, c: c.update(config=[1]),
            lambda m, c: c.update(config={"Env": 3}),
            lambda m, c: c.update(config={"Env": [3]}),
        ],
    )
    def test_documents(self, made: Layout, cache: Cache, change: Callable[[Any, Any], object]) -> None:
        assert "damaged" in self.look(self.rewritten(made, change), cache).message

    def test_an_old_format(self, cache: Cache) -> None:
        data = b'{"schemaVersion":1}'

        class Old(Watched):
            def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
                return oci.Descriptor.of("application/vnd.docker.distribution.manifest.v1+prettyjws", data), data

        with pytest.raises(ImageError, match="schema 1"):
            look(Old(Named()), AMD, cache)

    def test_indexes_without_end(self, cache: Cache) -> None:
        entry = {"mediaType": oci.INDEX, "digest": f"sha256:{'0' * 64}", "size": 1, "platform": AMD.to_dict()}
        data = oci.to_bytes({"schemaVersion": 2, "manifests": [entry]})

        class Endless(Watched):
            def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
                return oci.Descriptor.of(oci.INDEX, data), data

        with pytest.raises(ImageError, match="its indexes list indexes"):
            look(Endless(Named()), AMD, cache)

    def test_a_layer_is_not_what_the_registry_says(self, registry: RegistryServer, made: Layout, cache: Cache) -> None:
        name = f"{registry.host}/library/python:1"
        made.push(name)
        digest = made.document()["layers"][1]["digest"].removeprefix("sha256:")
        stored = next(registry.storage.rglob(f"{digest}/data"))
        stored.write_bytes(gzip.compress(files("3.12.9")[1]))
        with Registry(registry.host) as client, pytest.raises(RegistryError):
            look(FromRegistry(client, Reference.parse(name)), AMD, cache)


class Named:
    """A source that has nothing."""

    name = "r.example/a:1"
    version = "1"

    def get_manifest(self, version: str) -> tuple[oci.Descriptor, bytes]:
        raise NotImplementedError

    def open_blob(self, blob: oci.Descriptor) -> Any:
        raise NotImplementedError


def look_in_a_process(made: Layout, folder: Path) -> tuple[str, list[str]]:
    watched = Watched(from_layout(made))
    return look(watched, AMD, Cache(folder)).digest, watched.asked


def test_of_many_at_once_one_does_the_work(made: Layout, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.starmap(look_in_a_process, [(made, tmp_path / "cache")] * 8)
    assert {digest for digest, _ in found} == {made.digest}
    assert len([asked for _, asked in found if asked]) == 1


def test_a_real_image_of_a_registry(debian_base: Layout, debian_in_registry: str, cache: Cache) -> None:
    reference = Reference.parse(debian_in_registry)
    here = oci.Platform.parse(platform.machine())
    with Registry(reference.registry) as client:
        found = look(FromRegistry(client, reference), here, cache)
    assert found.digest == debian_base.digest
    assert found.python.path == "/usr/bin/python3.11"
