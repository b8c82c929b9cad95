"""The same notebook gives the same digest, whoever builds it, where, and with what settings; nothing tells of them."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mltrain.notebook import environment
from tests.image.building import Workshop, workshop_in
from tests.image.fault_proxy import fault_proxy
from tests.support import ROOT, write_notebook

SOURCES = ("import json\nfrom lib.tools import helper\nprint(helper())",)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with workshop_in(tmp_path_factory.mktemp("workshop")) as found:
        found.settings(cache_tags=False)  # each machine makes everything itself
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "Some Body's folder"
    folder.mkdir()
    return folder


def project(folder: Path) -> Path:
    """Write a notebook with a module and data beside it."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "__init__.py").write_text("")
    (folder / "lib" / "tools.py").write_text("def helper():\n    return 1\n")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "requirements.txt").write_text("alpha\n")
    return write_notebook(folder / "train.ipynb", *SOURCES)


def build(
    workshop: Workshop,
    notebook: Path,
    repository: str,
    *options: str,
    user: tuple[str, ...] = (),
    umask: int = 0o022,
    env: dict[str, str] | None = None,
) -> str:
    """Build in a process of its own, on a machine that never built anything, and return the digest."""
    home = notebook.parent.parent / f"home of {Path(repository).name}"
    home.mkdir()
    settings = home / "image.toml"
    shutil.copy(workshop.mltrain.env["MLTRAIN_IMAGE_CONFIG"], settings)
    target = workshop.target(repository)
    command = [sys.executable, "-m", "jupyter_mltrain.cli", "build", notebook.name, "--include", "*.csv"]
    command += ["--environment", "requirements.txt", "--push", target, "--json", *options]
    said = {"HOME": str(home), "MLTRAIN_HOME": str(home / "data"), "UV_CACHE_DIR": str(home / "uv")}
    said |= {"XDG_CONFIG_HOME": str(home / "config"), "MLTRAIN_IMAGE_CONFIG": str(settings)}
    done = subprocess.run(
        [*user, *command],
        cwd=notebook.parent,
        env={**workshop.mltrain.env, **said, **(env or {})},
        umask=umask,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert built["fetched"] > 0
    return str(built["digest"])


def another_user() -> tuple[str, ...]:
    """Return what lets a command believe that it is another user, who may read what this one may."""
    command = ("unshare", "--user", "--map-user=1234", "--map-group=4321")
    possible = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if possible else ()


@pytest.mark.parametrize("compression", ["zstd", pytest.param("gzip", marks=pytest.mark.slow)])
def test_digests_are_equal_on_other_machines(workshop: Workshop, place: Path, compression: str) -> None:
    option = ("--compression", compression)
    first = project(place / "one" / "notebooks")
    (place / "two here").mkdir(mode=0o755)
    second = project(place / "two here" / "дом of others")
    odd = {"TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "POSIX", "PYTHONHASHSEED": "7", "COLUMNS": "40", "USER": "nobody"}
    even = {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1000000000", "USER": "root"}
    here = build(workshop, first, f"{compression}/one", *option, umask=0o077, env=odd)
    there = build(workshop, second, f"{compression}/two", *option, user=another_user(), umask=0o000, env=even)
    assert here == there
    types = {layer["mediaType"].rpartition("+")[2] for layer in workshop.manifest(here)["layers"][2:]}
    assert types == {compression}


def test_the_order_of_installed_packages_counts_for_nothing(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook(tmp_path / "train.ipynb", "import papermill")
    inspect = environment.inspect

    def reversed_inspect(*arguments: object) -> environment.Environment:
        found = inspect(*arguments)  # type: ignore[arg-type]
        return replace(found, distributions=tuple(reversed(found.distributions)))

    installed = environment.inspect(environment.Interpreter(sys.executable)).distributions
    version = next(one.version for one in installed if one.name == "papermill")
    workshop.index.wheel("papermill", version)
    try:
        first = workshop.build(notebook, "--push", workshop.target("order/one"), env=workshop.fresh("one"))
        monkeypatch.setattr(environment, "inspect", reversed_inspect)
        second = workshop.build(notebook, "--push", workshop.target("order/two"), env=workshop.fresh("two"))
    finally:
        del workshop.index.files[f"papermill-{version}-py3-none-any.whl"]
    assert first["digest"] == second["digest"]


def test_nothing_in_an_image_tells_of_who_made_it_and_where(workshop: Workshop, place: Path) -> None:
    notebook = project(place / "secret-place" / "notebooks")
    for arguments in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=Ann Author", "-c", "user.email=ann@example.com", "commit", "-q", "-m", "first words"),
        ("remote", "add", "origin", "https://ann:t0ken@git.example.com/team/project.git"),
    ):
        subprocess.run(["git", *arguments], cwd=notebook.parent, check=True, capture_output=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=notebook.parent, check=True, capture_output=True, text=True
    ).stdout.strip()
    workshop.index.login = "bob:p4ssw0rd"
    try:
        login = {"UV_DEFAULT_INDEX": workshop.index.url_with("bob:p4ssw0rd"), "USER": "carol", "LOGNAME": "carol"}
        digest = build(workshop, notebook, "quiet/one", env=login)
    finally:
        workshop.index.login = ""
    manifest = workshop.manifest(digest)
    documents = {"manifest": json.dumps(manifest).encode()}
    documents["config"] = workshop.blob_file(manifest["config"]["digest"]).read_bytes()
    for number, layer in enumerate(workshop.layers(digest)):
        documents[f"layer {number}"] = layer
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            for member in archive:
                assert (member.uname, member.gname) == ("", "")
                assert member.mtime == 0
    telling = ["Some Body", "secret-place", "home of", "p4ssw0rd", "t0ken", "Ann Author", "ann@example.com", "carol"]
    telling += ["first words", f":{workshop.index.port}", "git.example.com", str(ROOT)]
    for word in telling:
        assert not [name for name, data in documents.items() if word.encode() in data], word
    assert commit.encode() in documents["manifest"]


def test_a_mirror_of_the_index_gives_the_same_image(workshop: Workshop, place: Path) -> None:
    with fault_proxy(f"127.0.0.1:{workshop.index.port}") as mirror:
        here = build(workshop, project(place / "one" / "notebooks"), "mirror/one")
        env = {"UV_DEFAULT_INDEX": f"http://{mirror.host}/simple"}
        there = build(workshop, project(place / "two" / "notebooks"), "mirror/two", env=env)
        assert mirror.count("GET", "whl$") > 0
    assert here == there
