"""``mltrain build``: what it plans, makes and writes, and where it takes everything from."""

import json
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.image import oci
from tests.image.base_image import tar, write_layout
from tests.image.building import BASE, LARGE, Workshop, base_tar, both_bases, names_in, workshop
from tests.image.package_index import make_sdist, project_files, write_project
from tests.image.registry_server import registry_server
from tests.support import write_notebook

__all__ = ["workshop"]


def skopeo(name: str, *options: str) -> Any:
    done = subprocess.run(["skopeo", "inspect", *options, name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def packages(built: Any) -> list[str]:
    return [name for name in built["platforms"][0]["packages"] if not name.endswith("99.1")]


# --- the plan


def test_a_plan_has_no_effect_but_what_looking_keeps(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    before = sorted(workshop.folder.rglob("*"))
    plan = workshop.build(notebook, "--dry-run", "--push", workshop.target(), "--output", workshop.folder / "out")
    assert sorted(workshop.folder.rglob("*")) == before
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()
    assert workshop.fetched() == []
    assert list((workshop.cache / "blobs").rglob("*.*")) == []
    assert plan["repository"] == workshop.target()
    assert plan["refused"] is False
    assert [layer["kind"] for layer in plan["platforms"][0]["layers"]] == [
        *("base", "base", "wheel", "wheels", "environment", "program")
    ]
    assert {layer["state"] for layer in plan["platforms"][0]["layers"]} == {"known", "new"}
    assert packages(plan) == ["alpha 1.0", "beta 1.5"]


def test_what_was_planned_is_what_happens(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.build(notebook, "--dry-run", "--push", workshop.target())["platforms"][0]
    built = workshop.push(notebook)
    assert first["push"] is None, "nobody knows before a layer is made"
    assert first["fetch"] == built["fetched"] > 600_000
    config = workshop.manifest(built["digest"])["config"]["size"]
    known = workshop.build(workshop.notebook("print(2)"), "--dry-run", "--push", workshop.target())["platforms"][0]
    again = workshop.push(workshop.notebook("print(2)"))
    assert known["fetch"] == again["fetched"] == 0
    assert known["push"] == again["pushed"] - workshop.manifest(again["digest"])["config"]["size"]
    assert config
    nothing = workshop.build(notebook, "--dry-run", "--push", workshop.target())["platforms"][0]
    assert nothing["push"] == 0
    assert {layer["state"] for layer in nothing["layers"]} == {"present"}


def test_an_index_that_tells_no_sizes_makes_no_other_image(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    workshop.index.sizes = False
    fresh = workshop.fresh()
    plan = workshop.build(notebook, "--dry-run", env=fresh)["platforms"][0]
    assert plan["fetch"] == first["fetched"]
    assert workshop.push(notebook, env=fresh, to="me/other:latest")["digest"] == first["digest"]


def test_the_plan_is_shown_before_anything_is_done(workshop: Workshop) -> None:
    done = workshop.run(workshop.notebook(), "--push", workshop.target())
    digest = workshop.inspect(workshop.target())["Digest"]
    assert done.stdout == f"{workshop.registry.host}/me/train@{digest}\n"
    assert "train for linux/amd64, Python 3.11.9" in done.stderr
    assert done.stderr.index("LAYER") < done.stderr.index("build beta 1.5: done")
    assert "○ to build" in done.stderr
    assert "to download: 60" in done.stderr
    again = workshop.run(workshop.notebook(), "--push", workshop.target())
    assert again.stdout == done.stdout
    assert "✓ in registry" in again.stderr
    assert "nothing had to travel" in again.stderr


def test_without_a_target_the_image_stays_in_the_cache(workshop: Workshop) -> None:
    built = workshop.build(workshop.notebook())
    assert (built["reference"], built["path"], built["pushed"]) == ("", None, 0)
    assert built["platforms"] == {"linux/amd64": built["digest"]}


def test_the_repository_of_the_settings(workshop: Workshop) -> None:
    workshop.settings(repository=f"{workshop.registry.host}/team")
    built = workshop.build(workshop.notebook(name="My Model — 模型 🚀.ipynb"), "--push")
    assert built["reference"] == f"{workshop.registry.host}/team/my-model@{built['digest']}"
    other = workshop.build(workshop.notebook(name="模型 🚀.ipynb"), "--push")
    assert "/team/notebook@" in other["reference"]
    tags = workshop.inspect(built["reference"])["RepoTags"]
    assert len([tag for tag in tags if not tag.startswith(("cache-", "base-"))]) == 1


# --- folders and files


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_folder_and_archive_have_the_same_image_as_the_registry(workshop: Workshop, compression: str) -> None:
    notebook, folder, archive = workshop.notebook(), workshop.folder / "an image", workshop.folder / "image.tar"
    option = ("--compression", compression)
    pushed = workshop.push(notebook, "--output", folder, *option)
    written = workshop.build(notebook, "--output", archive, *option)
    assert pushed["digest"] == written["digest"]
    assert (pushed["path"], written["path"]) == (str(folder), str(archive))
    for name in (f"oci:{folder}", f"oci-archive:{archive}"):
        found = skopeo(name)
        assert found["Digest"] == pushed["digest"]
        assert found["Layers"] == workshop.inspect(workshop.target())["Layers"]
    copied = workshop.folder / "copy"
    subprocess.run(["skopeo", "copy", "-q", f"oci-archive:{archive}", f"dir:{copied}"], check=True)
    assert oci.digest_of((copied / "manifest.json").read_bytes()) == pushed["digest"]


def test_an_archive_without_a_registry_ever(workshop: Workshop) -> None:
    workshop.registry.stop()
    base = f"oci:{workshop.base.folder}:latest"
    built = workshop.build(workshop.notebook(), "--base", base, "--output", workshop.folder / "image.tar")
    assert skopeo(f"oci-archive:{workshop.folder / 'image.tar'}")["Digest"] == built["digest"]
    base_digest = skopeo(f"oci-archive:{workshop.folder / 'image.tar'}", "--raw")["annotations"]
    assert base_digest["org.opencontainers.image.base.digest"] == workshop.base.digest


# --- base images


def test_a_base_by_digest_and_by_folder_differ_only_in_name(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    by_digest = f"{workshop.registry.host}/library/python@{workshop.base.digest}"
    for base in (by_digest, f"oci:{workshop.base.folder}"):
        plan = workshop.build(notebook, "--base", base, "--dry-run")["platforms"][0]
        assert (plan["base"], plan["base_digest"]) == (base, workshop.base.digest)
        assert workshop.build(notebook, "--base", base)["digest"]


def test_a_tag_is_pinned_until_it_is_refreshed(workshop: Workshop, tmp_path: Path) -> None:
    notebook = workshop.notebook()
    first = workshop.push(notebook)
    newer = write_layout(tmp_path / "newer", [base_tar(), tar({"etc/motd": b"news\n"})])
    newer.push(f"{workshop.registry.host}/{BASE}")
    assert workshop.push(notebook)["digest"] == first["digest"]
    plan = workshop.build(notebook, "--dry-run", "--refresh")
    assert plan["platforms"][0]["base_digest"] == newer.digest
    assert plan["notes"] == [
        f"{workshop.registry.host}/{BASE} is another image now: {newer.digest}, before {workshop.base.digest}."
    ]
    second = workshop.push(notebook)
    assert second["digest"] != first["digest"]
    assert workshop.build(notebook, "--dry-run")["notes"] == []


def test_an_image_for_two_platforms_is_an_index(workshop: Workshop, tmp_path: Path) -> None:
    workshop.index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    workshop.index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_aarch64", size=1)
    both_bases(tmp_path / "bases").push(f"{workshop.registry.host}/{BASE}")
    options = ("--platform", "linux/amd64", "--platform", "linux/arm64")
    notebook = workshop.notebook(requirements="alpha\nnative\n")
    built = workshop.push(notebook, *options, "--output", workshop.folder / "out")
    index = workshop.manifest(built["digest"])
    assert index["mediaType"] == oci.INDEX
    assert set(built["platforms"]) == {"linux/amd64", "linux/arm64"}
    assert [each["digest"] for each in index["manifests"]] == list(built["platforms"].values())
    amd, arm = (workshop.manifest(digest) for digest in built["platforms"].values())
    shared = {each["digest"] for each in amd["layers"]} & {each["digest"] for each in arm["layers"]}
    assert arm["layers"][-1]["digest"] in shared, "the program has no platform"
    for platform, digest in built["platforms"].items():
        config = workshop.manifest(digest)["config"]["digest"]
        assert workshop.manifest(config)["architecture"] == platform.partition("/")[2]
        names = " ".join(name for layer in workshop.layers(digest)[1:] for name in names_in(layer))
        assert "native.py" in names
    assert workshop.push(notebook, *options)["digest"] == built["digest"]
    assert skopeo(f"oci:{workshop.folder / 'out'}", "--raw") == index


def test_a_package_that_one_platform_lacks(workshop: Workshop, tmp_path: Path) -> None:
    workshop.index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    both_bases(tmp_path / "bases").push(f"{workshop.registry.host}/{BASE}")
    options = ("--platform", "linux/amd64", "--platform", "linux/arm64", "--push", workshop.target())
    _, message, hint = workshop.refused(workshop.notebook(requirements="native\n"), *options)
    assert "linux/arm64" in message
    assert "no wheel for the image's platform" in hint
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()


def test_a_base_of_docker_becomes_an_oci_image(workshop: Workshop, tmp_path: Path) -> None:
    base = write_layout(tmp_path / "of docker", [base_tar()], docker=True, config={"Env": ["A=1"], "Cmd": ["sh"]})
    built = workshop.push(workshop.notebook(), "--base", base.name)
    manifest = workshop.manifest(built["digest"])
    types = {each["mediaType"] for each in (manifest, manifest["config"], *manifest["layers"])}
    assert types == {oci.MANIFEST, oci.CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip", oci.LAYER_TAR + "+zstd"}
    config = workshop.inspect(workshop.target(), "--config")["config"]
    assert "A=1" in config["Env"]
    assert "Cmd" not in config


@pytest.mark.slow
def test_many_large_packages_make_no_more_than_60_layers(workshop: Workshop) -> None:
    names = [f"large{number}" for number in range(64)]
    for number, name in enumerate(names):
        workshop.index.wheel(name, "1.0", size=LARGE + number)
    notebook = workshop.notebook(requirements="\n".join(names))
    digest = workshop.push(notebook)["digest"]
    layers = workshop.layers(digest)
    assert len(layers) == 60
    found = {name.rpartition("/")[2] for layer in layers for name in names_in(layer)}
    assert {f"{name}.py" for name in names} <= found


# --- environments


def test_environments_of_every_kind(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    wheel = "gamma-2.0-py3-none-any.whl"
    pylock = (
        'lock-version = "1.0"\ncreated-by = "by hand"\n[[packages]]\nname = "gamma"\nversion = "2.0"\n'
        f'wheels = [{{name = "{wheel}", url = "{workshop.index.url_of(wheel)}"'
        f', hashes = {{sha256 = "{workshop.index.sha256(wheel)}"}}}}]\n'
    )
    for name, content in {
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["gamma"]\n',
        "environment.yml": "dependencies:\n  - python=3.11\n  - pip:\n    - gamma==2.0\n",
        "pylock.toml": pylock,
        "needs.txt": "gamma>=1  # large\n",
    }.items():
        (workshop.folder / name).write_text(content)
        plan = workshop.build(notebook, "--dry-run", "--environment", workshop.folder / name)
        assert packages(plan) == ["gamma 2.0"], name
    built = workshop.build(notebook, "--environment", workshop.folder / "pylock.toml")
    assert built["fetched"] > 600_000


def test_the_kernels_packages_are_taken_unless_a_file_is_named(workshop: Workshop) -> None:
    workshop.notebook()
    notebook = write_notebook(workshop.folder / "own.ipynb", "print(1)")
    done = workshop.mltrain.json("build", notebook, "--dry-run")
    assert packages(done) == []
    assert done["notes"] == ["requirements.txt is beside the notebook; the packages are the kernel's all the same."]


def test_what_the_kernel_lacks_may_come_from_a_file(workshop: Workshop) -> None:
    notebook = workshop.notebook("import alpha\nprint(alpha.VALUE)")
    plan = workshop.build(notebook, "--dry-run")
    assert plan["refused"] is False
    assert [(each["code"], each["severity"]) for each in plan["findings"]] == [("import-unresolved", "warning")]
    own = json.loads(workshop.mltrain.run("build", notebook, "--dry-run", "--json", code=2).stdout)
    assert own["refused"] is True


def test_packages_without_wheels_are_built_here(workshop: Workshop) -> None:
    workshop.index.add(make_sdist("source", "1.0", project_files("source", "1.0")))
    write_project(workshop.folder / "mine", project_files("mine", "3.0"))
    notebook = workshop.notebook(requirements="source\n./mine\n")
    plan = workshop.build(notebook, "--dry-run")
    assert plan["notes"] == ["Built on this machine, since there is no wheel: mine, source."]
    first = workshop.push(notebook)
    names = [name for layer in workshop.layers(first["digest"]) for name in names_in(layer)]
    assert [name for name in names if name.endswith(("source/other.py", "mine/other.py"))]
    assert workshop.push(notebook, env=workshop.fresh(), to="other/train:latest")["digest"] == first["digest"]
    workshop.settings(build_packages=False)
    _, message, _ = workshop.refused(notebook)
    assert "source" in message


def test_an_editable_package_of_the_kernel(workshop: Workshop, tmp_path: Path) -> None:
    write_project(tmp_path / "mine", project_files("mine", "3.0"))
    kernel, env = tmp_path / "kernel", workshop.mltrain.env
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, kernel], env=env, check=True)
    site = next(kernel.glob("lib/python*/site-packages"))
    (site / "mine.pth").write_text(str(tmp_path / "mine"))
    info = site / "mine-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 3.0\n")
    (info / "RECORD").write_text("mine.pth,,\n")
    (info / "top_level.txt").write_text("mine\n")
    direct = {"url": (tmp_path / "mine").as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(direct))
    notebook = write_notebook(workshop.folder / "own.ipynb", "import mine\nprint(mine.VALUE)")
    done = workshop.mltrain.json("build", notebook, "--python", kernel / "bin" / "python", "--push", workshop.target())
    layers = workshop.layers(done["digest"])
    assert any(name.endswith("mine/other.py") for layer in layers for name in names_in(layer))
    assert not [layer for layer in layers if str(tmp_path).encode() in layer]


def test_what_was_built_once_is_built_again_offline(workshop: Workshop) -> None:
    notebook, archive = workshop.notebook(), workshop.folder / "image.tar"
    first = workshop.build(notebook, "--output", archive)
    workshop.registry.stop()
    workshop.index.status = 503
    archive.unlink()
    assert workshop.build(notebook, "--output", archive)["digest"] == first["digest"]
    assert skopeo(f"oci-archive:{archive}")["Digest"] == first["digest"]


# --- the cache


def blobs(workshop: Workshop) -> list[Path]:
    return sorted((workshop.cache / "blobs").rglob("*.*"))


@pytest.mark.parametrize("harm", ["gone", pytest.param("cut", marks=pytest.mark.slow), "changed"])
def test_every_single_blob_of_the_cache_may_be_damaged(workshop: Workshop, harm: str) -> None:
    workshop.settings(cache_tags=False)
    notebook = workshop.notebook()
    digest = workshop.push(notebook)["digest"]
    found = blobs(workshop)
    assert len(found) > 8
    for number, blob in enumerate(found):
        data = blob.read_bytes()
        if harm == "gone":
            blob.unlink()
        else:
            blob.write_bytes(data[:-1] if harm == "cut" else bytes([data[0] ^ 1]) + data[1:])
        built = workshop.push(notebook, to=f"me/train{number}:latest")
        assert built["digest"] == digest
        workshop.build(notebook, "--output", workshop.folder / "image.tar")
        if blob.exists():
            blob.write_bytes(data)
    assert skopeo(f"oci-archive:{workshop.folder / 'image.tar'}")["Digest"] == digest


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_what_layers_are_made_of_may_be_damaged(workshop: Workshop, harm: str) -> None:
    """Layers that nobody has any more are made of what the cache has of wheels and of the base."""
    workshop.settings(cache_tags=False)
    notebook, base = workshop.notebook(), f"oci:{workshop.base.folder}"
    digest = workshop.push(notebook, "--base", base)["digest"]
    layers = {layer["digest"].partition(":")[2] for layer in workshop.manifest(digest)["layers"][2:]}
    for blob in blobs(workshop):
        if blob.name.partition(".")[0] in layers or harm == "gone":
            blob.unlink()
        else:
            blob.write_bytes(bytes([blob.read_bytes()[0] ^ 1]) + blob.read_bytes()[1:])
    with registry_server(workshop.folder.parent / "other") as other:
        built = workshop.build(notebook, "--base", base, "--push", f"{other.host}/me/train")
    assert built["digest"] == digest
    assert built["fetched"] > 600_000


def test_facts_of_the_cache_may_be_lost_or_damaged(workshop: Workshop) -> None:
    workshop.settings(cache_tags=False)
    notebook = workshop.notebook()
    digest = workshop.push(notebook)["digest"]
    for number, path in enumerate(sorted(each for each in (workshop.cache / "documents").rglob("*") if each.is_file())):
        path.write_bytes(b"") if number % 2 else path.write_bytes(path.read_bytes()[:-1])
        assert workshop.push(notebook)["digest"] == digest


# --- odd names


def test_unusual_names_of_notebooks_modules_and_data(workshop: Workshop) -> None:
    folder = workshop.folder / "My Project (ö)" / ("x" * 120)
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "größe.py").write_text("VALUE = 1\n")
    (folder / "real").mkdir()
    (folder / "real" / "daten 数据.csv").write_text("1")
    (folder / "link.csv").symlink_to("real/daten 数据.csv")
    (folder / ("n" * 240 + ".csv")).write_text("2")
    (folder / "requirements.txt").write_text("alpha\n")
    notebook = write_notebook(folder / "Mein Heft 📓.ipynb", "from pkg.größe import VALUE\nprint(VALUE)")
    built = workshop.push(notebook, "--include", "**/*.csv")
    names = names_in(workshop.layers(built["digest"])[-1])
    ends = {name.partition("/files/")[2] for name in names if "/files/" in name}
    assert {"pkg/größe.py", "real/daten 数据.csv", "link.csv", "n" * 240 + ".csv"} <= ends
    config = workshop.inspect(workshop.target(), "--config")
    assert config["config"]["Labels"]["org.opencontainers.image.title"] == "Mein Heft 📓"


def test_a_name_that_is_too_long_for_a_repository(workshop: Workshop) -> None:
    workshop.settings(repository=f"{workshop.registry.host}/team")
    notebook = workshop.notebook(name="x" * 248 + ".ipynb")
    _, message, hint = workshop.refused(notebook, "--push")
    assert "is not the name of an image" in message
    assert "longer than 255 characters" in hint
    assert workshop.push(notebook)["digest"]


def test_links_that_lead_out_of_the_root_are_not_followed(workshop: Workshop, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("private")
    notebook = workshop.notebook()
    (workshop.folder / "link.csv").symlink_to(outside)
    done = workshop.run(notebook, "--include", "*.csv", "--push", workshop.target(), "--json", code=None)
    if done.returncode == 0:
        digest = json.loads(done.stdout)["digest"]
        assert all(b"private" not in layer for layer in workshop.layers(digest))
    else:
        assert done.returncode == 2
        assert "link.csv" in done.stderr


def test_a_module_folder_with_spaces(workshop: Workshop) -> None:
    folder = workshop.folder / "a folder"
    folder.mkdir()
    (folder / "requirements.txt").write_text("alpha\n")
    (folder / "tools.py").write_text("def f():\n    return 1\n")
    notebook = write_notebook(folder / "train.ipynb", "from tools import f\nf()")
    built = workshop.push(notebook, "--root", workshop.folder)
    names = names_in(workshop.layers(built["digest"])[-1])
    assert any(name.endswith("files/a folder/tools.py") for name in names)


def test_the_python_that_a_file_asks_for_chooses_the_base(workshop: Workshop) -> None:
    workshop.settings(bases={"default": f"{workshop.registry.host}/library/python:{{python}}-slim"})
    notebook, file = workshop.notebook(), workshop.folder / "environment.yml"

    def base(asked: str) -> str:
        file.write_text(f"dependencies:\n  - python{asked}\n  - pip:\n    - gamma\n")
        error = workshop.build(notebook, "--dry-run", "--environment", file, code=3)
        return str(error["message"] + error["hint"])

    assert "python:3.10-slim" in base("=3.10")
    assert "python:3.12-slim" in base(">=3.12")
    file.write_text("dependencies:\n  - python>=3.9\n  - numpy\n  - pip:\n    - gamma\n")
    plan = workshop.build(notebook, "--dry-run", "--environment", file)
    assert plan["platforms"][0]["base"].endswith("python:3.11-slim"), "the kernel's, where it fits"
    assert [finding["code"] for finding in plan["findings"]].count("conda-packages") == 1


def test_what_the_base_adds_to_the_search_path_comes_behind_the_environment(workshop: Workshop, tmp_path: Path) -> None:
    config = {"Env": ["PYTHONPATH=/srv/pp:relative:/srv/more", "A=1"]}
    base = write_layout(tmp_path / "with a path", [base_tar()], config=config)
    digest = workshop.push(workshop.notebook(), "--base", base.name)["digest"]
    variables = workshop.inspect(workshop.target(), "--config")["config"]["Env"]
    assert "A=1" in variables
    assert not [variable for variable in variables if variable.startswith("PYTHONPATH")]
    with tarfile.open(fileobj=BytesIO(workshop.layers(digest)[-2])) as layer:
        file = layer.extractfile("opt/mltrain/venv/lib/python3.11/site-packages/mltrain-base.pth")
        assert file is not None
        assert file.read() == b"/srv/pp\n/srv/more\n"


def test_each_platform_has_its_bill(workshop: Workshop, tmp_path: Path) -> None:
    for machine in ("x86_64", "aarch64"):
        workshop.index.wheel("native", "1.0", tag=f"cp311-cp311-manylinux_2_17_{machine}", size=len(machine))
    both_bases(tmp_path / "bases").push(f"{workshop.registry.host}/{BASE}")
    options = ("--platform", "linux/amd64", "--platform", "linux/arm64", "--sbom", tmp_path / "bill.json")
    workshop.build(workshop.notebook(requirements="native\n"), *options)
    bills = sorted(path.name for path in tmp_path.glob("bill*"))
    assert bills == ["bill.linux-amd64.json", "bill.linux-arm64.json"]
    hashes = set()
    for name in bills:
        found = {each["name"]: each for each in json.loads((tmp_path / name).read_text())["components"]}
        hashes.add(found["native"]["hashes"][0]["content"])
        assert f"arch={name.split('-')[1].split('.')[0]}" in found["python"]["purl"]
    assert len(hashes) == 2


def test_a_package_of_no_index_is_not_said_to_be_of_one(workshop: Workshop, tmp_path: Path) -> None:
    write_project(workshop.folder / "my own", project_files("mine", "3.0"))
    notebook = workshop.notebook(requirements="./my own\nalpha\n")
    workshop.push(notebook, "--sbom", tmp_path / "bill.json")
    purls = {each["name"]: each["purl"] for each in json.loads((tmp_path / "bill.json").read_text())["components"]}
    assert purls["mine"] == "pkg:generic/mine@3.0"
    assert purls["alpha"] == "pkg:pypi/alpha@1.0"
