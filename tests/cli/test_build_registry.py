"""``mltrain build`` and what registries have, lose, refuse and share."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from jupyter_mltrain.image import oci
from tests.image.building import BASE, Workshop, workshop
from tests.image.fault_proxy import Proxy, fault_proxy
from tests.image.registry_server import PASSWORD, USER, registry_server

__all__ = ["workshop"]


def through(workshop: Workshop, proxy: Proxy) -> str:
    """Return a target behind a proxy; the base image comes from there too."""
    workshop.settings(bases={"default": f"{proxy.host}/{BASE}"})
    return f"{proxy.host}/me/train:latest"


def refused_uploads(workshop: Workshop, method: str, status: int, body: bytes) -> tuple[str, str, str]:
    """Return code, message and hint of a push to a registry that answers all uploads so."""
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        proxy.fails(method, "me/train/blobs/uploads", status=status, body=body, times=1000)
        return workshop.refused(workshop.notebook(), "--push", target, code=3)


def layers_of(workshop: Workshop, digest: str) -> list[str]:
    return [layer["digest"] for layer in workshop.manifest(digest)["layers"]]


def test_the_second_push_finds_everything(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first, second = workshop.push(notebook), workshop.push(notebook)
    assert first["digest"] == second["digest"]
    assert first["reference"] == f"{workshop.registry.host}/me/train@{first['digest']}"
    assert second["pushed"] == second["mounted"] == second["fetched"] == 0
    assert second["present"] == first["pushed"] + first["mounted"]
    assert workshop.inspect(workshop.target())["Digest"] == first["digest"]


def test_manifest_config_and_history_agree(workshop: Workshop) -> None:
    built = workshop.push(workshop.notebook())
    manifest = workshop.manifest(built["digest"])
    config = workshop.inspect(workshop.target(), "--config")
    told = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == len(told) == 6
    assert config["config"]["User"] == "1000:100"
    assert [oci.digest_of(layer) for layer in workshop.layers(built["digest"])] == config["rootfs"]["diff_ids"]


def test_a_changed_notebook_sends_its_layer_alone(workshop: Workshop) -> None:
    first = workshop.push(workshop.notebook("print(1)"))
    second = workshop.push(workshop.notebook("print(2)"))
    before, after = layers_of(workshop, first["digest"]), layers_of(workshop, second["digest"])
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
    sizes = [layer["size"] for layer in workshop.manifest(second["digest"])["layers"]]
    config = workshop.manifest(second["digest"])["config"]["size"]
    assert second["pushed"] == sizes[-1] + config


def test_a_fresh_machine_neither_fetches_packages_nor_reads_the_base(workshop: Workshop) -> None:
    first = workshop.push(workshop.notebook("print(1)"))
    workshop.fetched()
    base_layers = layers_of(workshop, first["digest"])[:2]
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        # The base's name has the proxy in it, which goes into the SBOM: that layer is another one.
        once = workshop.build(workshop.notebook("print(1)"), "--push", target, env=workshop.fresh("first"))
        proxy.seen.clear()
        workshop.fetched()
        second = workshop.build(workshop.notebook("print(2)"), "--push", target, env=workshop.fresh("second"))
        assert workshop.fetched() == []
        assert not any(proxy.count("GET", f"blobs/{layer}") for layer in base_layers)
        assert second["fetched"] == 0
        assert layers_of(workshop, once["digest"])[:-1] == layers_of(workshop, second["digest"])[:-1]
        blobs = sum(seen.method == "HEAD" and "/blobs/" in seen.path for seen in proxy.seen)
        assert blobs <= 2, "only the program and the config are asked for"


def test_another_repository_takes_layers_from_the_first(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook, to="me/one")
    second = workshop.push(notebook, to="me/two")
    assert second["digest"] == first["digest"]
    manifest = workshop.manifest(second["digest"])
    # What only this notebook has is so small that nobody asks other repositories for it.
    assert second["pushed"] == manifest["layers"][-1]["size"] + manifest["config"]["size"]
    assert second["mounted"] == first["pushed"] + first["mounted"] - second["pushed"]


def test_layers_that_may_not_be_mounted_are_sent(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        proxy.fails("POST", "mount=.*from=library", status=403, times=100, body=b'{"errors":[{"code":"DENIED"}]}')
        built = workshop.build(notebook, "--push", target)
    assert built["mounted"] == 0
    sizes = [layer["size"] for layer in workshop.manifest(built["digest"])["layers"]]
    assert built["pushed"] == sum(sizes) + workshop.manifest(built["digest"])["config"]["size"]


def test_a_registry_that_lost_blobs_gets_them_again(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    lost = layers_of(workshop, first["digest"])
    for digest in lost:
        workshop.blob_file(digest).unlink()
    workshop.base.push(f"{workshop.registry.host}/{BASE}")  # its layers were lost there too
    second = workshop.push(notebook)
    assert second["digest"] == first["digest"]
    assert all(workshop.blob_file(digest).exists() for digest in lost)
    assert second["pushed"] > 0
    workshop.inspect(workshop.target())
    third = workshop.push(notebook)
    assert third["pushed"] == third["mounted"] == 0


def test_a_registry_that_lost_the_base_cannot_be_helped(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    for digest in layers_of(workshop, workshop.push(notebook)["digest"]):
        workshop.blob_file(digest).unlink()
    code, message, hint = workshop.refused(notebook, "--push", workshop.target(), code=3)
    assert code == "registry-not-found"
    assert "of 'library/python' failed" in message
    assert "has lost it" in hint


def test_a_fresh_machine_makes_what_the_registry_lost(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    own = layers_of(workshop, first["digest"])[2:]
    for digest in own:
        workshop.blob_file(digest).unlink()
    second = workshop.push(notebook, env=workshop.fresh())
    assert second["digest"] == first["digest"]
    assert all(workshop.blob_file(digest).exists() for digest in own)


@pytest.mark.parametrize(
    ("tag", "what"),
    [
        ("cache-", "gone"),
        ("base-", "gone"),
        ("base-", "changed"),
        pytest.param("cache-", "changed", marks=pytest.mark.slow),  # an error 500 is worth some more tries
    ],
)
def test_what_the_registry_knew_of_builds_may_be_lost(workshop: Workshop, tag: str, what: str) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    found = next(name for name in workshop.inspect(workshop.target())["RepoTags"] if name.startswith(tag))
    manifest = workshop.inspect(workshop.target(f"me/train:{found}"), "--raw")
    digest = manifest["layers"][0]["digest"] if tag == "base-" else _tag_digest(workshop, found)
    file = workshop.blob_file(digest)
    file.unlink() if what == "gone" else file.write_bytes(file.read_bytes().replace(b"a", b"b"))
    second = workshop.push(notebook, env=workshop.fresh())
    assert second["digest"] == first["digest"]


def _tag_digest(workshop: Workshop, tag: str) -> str:
    folder = workshop.registry.storage / "docker/registry/v2/repositories/me/train/_manifests/tags"
    return (folder / tag / "current" / "link").read_text()


def test_without_cache_tags_nothing_but_the_image_is_pushed(workshop: Workshop) -> None:
    workshop.settings(cache_tags=False)
    workshop.push(workshop.notebook())
    assert workshop.inspect(workshop.target())["RepoTags"] == ["latest"]


def test_a_tag_that_moved_meanwhile_is_left_alone(workshop: Workshop) -> None:
    """A proxy lets another build through just before this one's tag is set."""
    workshop.push(workshop.notebook("print(1)"))
    theirs = workshop.notebook("print('theirs')", name="theirs.ipynb")
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        moved: list[str] = []

        def move(status: int, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
            if not moved:
                moved.append("")
                moved[0] = _push_here(workshop, theirs)
            return status, headers

        mine = workshop.notebook("print(2)")
        proxy.fails("HEAD", "manifests/latest", change=move)
        code, message, hint = workshop.refused(mine, "--push", target, code=3)
    assert code == "registry-moved"
    assert "was changed by somebody else meanwhile" in message
    assert "push again" in hint
    assert workshop.inspect(workshop.target())["Digest"] == moved[0]


def _push_here(workshop: Workshop, notebook: Path) -> str:
    """Push from another process, since this one is at it."""
    done = workshop.mltrain.json(*workshop.arguments(notebook, "--push", workshop.target()))
    return str(done["digest"])


def test_a_registry_with_passwords(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    auth = Path(workshop.mltrain.env["REGISTRY_AUTH_FILE"])
    with registry_server(workshop.folder.parent / "closed", basic=True) as closed:
        target = f"{closed.host}/me/train"
        code, message, hint = workshop.refused(notebook, "--push", target, code=3)
        assert (code, "401" in message) == ("registry-unauthorised", True)
        assert "login" in hint
        for password, expected in (("wrong", 3), (PASSWORD, 0)):
            login = b64encode(f"{USER}:{password}".encode()).decode()
            auth.write_text(json.dumps({"auths": {closed.host: {"auth": login}}}))
            done = workshop.build(notebook, "--push", target, code=expected)
            if expected:
                assert done["code"] == "registry-unauthorised"
                assert password not in json.dumps(done)
        assert done["digest"].startswith("sha256:")


def test_a_registry_that_is_read_only(workshop: Workshop) -> None:
    with registry_server(workshop.folder.parent / "still", read_only=True) as still:
        code, _, hint = workshop.refused(workshop.notebook(), "--push", f"{still.host}/me/train", code=3)
    assert code == "registry-read-only"
    assert "takes no images now" in hint


def test_a_registry_that_has_become_read_only_may_have_it_all(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    workshop.registry.stop()
    with registry_server(workshop.registry.storage, read_only=True, port=workshop.registry.port):
        code, _, hint = workshop.refused(workshop.notebook("print(2)"), "--push", workshop.target(), code=3)
        assert code == "registry-read-only"
        assert "takes no images now" in hint
        plan = workshop.build(workshop.notebook(), "--dry-run", "--push", workshop.target())
        assert plan["platforms"][0]["push"] == 0
        assert workshop.inspect(workshop.target())["Digest"] == first["digest"]


def test_a_registry_where_the_repository_must_be_made_first(workshop: Workshop) -> None:
    body = b'{"errors":[{"code":"NAME_UNKNOWN","message":"project me not found"}]}'
    code, message, hint = refused_uploads(workshop, "POST", 404, body)
    assert code == "registry-not-found"
    assert "project me not found" in message
    assert "want a repository to be made before the first push" in hint
    assert workshop.fetched() == [], "that is found out before anything is made"


def test_a_web_server_that_is_no_registry(workshop: Workshop) -> None:
    target = f"127.0.0.1:{workshop.index.port}/me/train"
    code, message, hint = workshop.refused(workshop.notebook(), "--push", target, code=3)
    assert code.startswith("registry")
    assert f"127.0.0.1:{workshop.index.port}" in message
    assert hint


def test_a_registry_that_is_down(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    workshop.push(notebook)
    workshop.registry.stop()
    code, message, hint = workshop.refused(notebook, "--push", workshop.target(), code=3)
    assert code == "registry-unreachable"
    assert "cannot be reached" in message
    assert hint


@pytest.mark.parametrize(("status", "method"), [(507, "POST"), (507, "PUT"), (413, "PUT")])
def test_a_registry_that_is_full(workshop: Workshop, status: int, method: str) -> None:
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        proxy.fails("POST", "mount=", status=403, times=100)
        proxy.fails(method, "blobs/uploads/", status=status, times=1000)
        code, message, hint = workshop.refused(workshop.notebook(), "--push", target, code=3)
    assert code == "registry-full"
    assert str(status) in message
    assert "room" in hint


def test_bytes_that_change_on_the_way(workshop: Workshop) -> None:
    """The registry's answer names another digest than was sent."""
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)

        def other(status: int, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
            return status, {**headers, "Docker-Content-Digest": "sha256:" + "0" * 64}

        proxy.fails("PUT", "manifests/latest", change=other)
        code, message, _ = workshop.refused(workshop.notebook(), "--push", target, code=3)
    assert code == "registry-digest"
    assert "0" * 64 in message


def test_bytes_that_arrive_changed(workshop: Workshop) -> None:
    body = b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}'
    code, message, hint = refused_uploads(workshop, "PUT", 400, body)
    assert code == "registry-digest"
    assert "DIGEST_INVALID" in message
    assert "arrived changed" in hint
    assert workshop.push(workshop.notebook())["digest"], "the cache is sound"


def test_a_base_layer_with_other_bytes(workshop: Workshop) -> None:
    base = workshop.inspect(f"{workshop.registry.host}/{BASE}")
    workshop.blob_file(base["Layers"][0]).write_bytes(b"x" * 480)
    code, _, hint = workshop.refused(workshop.notebook(), "--push", workshop.target(), code=3)
    assert code == "registry-digest"
    assert hint
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()


def test_a_repository_that_fails_for_a_moment(workshop: Workshop) -> None:
    with fault_proxy(workshop.registry.host) as proxy:
        target = through(workshop, proxy)
        proxy.fails("HEAD", "blobs/", status=503, headers={"Retry-After": "0"})
        proxy.fails("PUT", "manifests/latest", status=429, headers={"Retry-After": "0"})
        assert workshop.build(workshop.notebook(), "--push", target)["pushed"] > 0
