"""Secrets never get into an image: what is found stops a build, what is known as secret is never shipped."""

import json
from pathlib import Path

import pytest

from tests.image.building import Workshop, names_in, workshop
from tests.support import write_notebook

__all__ = ["workshop"]

KEY = "AKIAIOSFODNN7ABCDEFG"  # as AWS writes them, of nobody
HIDDEN = {
    ".env": "TOKEN=hidden-1",
    "sub/.env.local": "TOKEN=hidden-2",
    "prod.env": "TOKEN=hidden-3",
    "id_rsa": "hidden-4",
    "sub/id_ed25519": "hidden-5",
    "server.pem": "hidden-6",
    "tls/server.key": "hidden-7",
    ".netrc": "hidden-8",
    ".pypirc": "hidden-9",
    ".ssh/config": "hidden-10",
    ".aws/credentials": "hidden-11",
    ".docker/config.json": "hidden-12",
    ".kube/config": "hidden-13",
    ".git/config": "hidden-14",
    "sub/.git/HEAD": "hidden-15",
    ".hg/hgrc": "hidden-16",
    "store.p12": "hidden-17",
    ".git-credentials": "hidden-18",
}


def layers(workshop: Workshop, digest: str) -> list[bytes]:
    return [*workshop.layers(digest), workshop.blob_file(workshop.manifest(digest)["config"]["digest"]).read_bytes()]


def test_a_likely_secret_stops_a_build_unless_it_is_forced(workshop: Workshop) -> None:
    notebook = workshop.notebook(f'key = "{KEY}"')
    error = workshop.build(notebook, "--push", workshop.target(), code=2)
    assert "No image was built of train: cell 1, line 1: This line looks like it holds a secret" in error["message"]
    assert "--force" in error["hint"]
    assert [finding["code"] for finding in error["details"]["findings"]] == ["likely-secret"]
    assert KEY not in json.dumps(error)
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()
    assert workshop.fetched() == []
    plan = json.loads(workshop.run(notebook, "--dry-run", "--json", code=2).stdout)
    assert plan["refused"] is True
    assert workshop.push(notebook, "--force")["digest"]


def test_a_secret_in_a_module_stops_a_build(workshop: Workshop) -> None:
    (workshop.folder / "tools.py").write_text(f'KEY = "{KEY}"\n')
    error = workshop.build(workshop.notebook("import tools"), code=2)
    assert "tools.py, line 1: This line looks like it holds a secret" in error["message"]


@pytest.mark.parametrize("include", ["**", "**/*", "**/.*", "*"])
def test_files_of_secrets_are_never_shipped(workshop: Workshop, include: str) -> None:
    for name, text in {**HIDDEN, "data.csv": "shipped", "sub/data.csv": "shipped"}.items():
        path = workshop.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (workshop.folder / "innocent.csv").symlink_to("id_rsa")
    notebook = workshop.notebook()
    done = workshop.run(notebook, "--include", include, "--push", workshop.target(), "--json", code=None)
    if done.returncode:  # what is linked to a secret may as well stop it
        assert done.returncode == 2
        assert "hidden-" not in done.stderr
        (workshop.folder / "innocent.csv").unlink()
        done = workshop.run(notebook, "--include", include, "--push", workshop.target(), "--json")
    digest = json.loads(done.stdout)["digest"]
    for layer in layers(workshop, digest):
        assert b"hidden-" not in layer
    names = {Path(name).name for name in names_in(workshop.layers(digest)[-1])}
    assert not names & {Path(name).name for name in HIDDEN if not name.endswith("config")}
    if include != "**/.*":
        assert "data.csv" in names


@pytest.mark.parametrize("include", [".env", "id_rsa", "sub/*.pem", ".git/config"])
def test_files_of_secrets_are_not_shipped_when_they_are_named(workshop: Workshop, include: str) -> None:
    for name in (".env", "id_rsa", "sub/x.pem", ".git/config"):
        path = workshop.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("hidden-1")
    done = workshop.run(
        workshop.notebook(), "--include", include, "--push", workshop.target(), "--json", "--force", code=None
    )
    if done.returncode == 0:
        assert all(b"hidden-" not in layer for layer in layers(workshop, json.loads(done.stdout)["digest"]))
    else:
        assert done.returncode == 2


def test_passwords_of_indexes_stay_here(workshop: Workshop) -> None:
    workshop.index.login = "bob:p4ssw0rd"
    url = workshop.index.url_with("bob:p4ssw0rd")
    notebook = workshop.notebook(requirements=f"--index-url {url}\nalpha\n")
    done = workshop.run(notebook, "--push", workshop.target())
    assert "p4ssw0rd" not in done.stdout + done.stderr
    digest = workshop.inspect(workshop.target())["Digest"]
    for layer in layers(workshop, digest):
        assert b"p4ssw0rd" not in layer
        assert f":{workshop.index.port}".encode() not in layer
    kept = [path for path in workshop.cache.rglob("*") if path.is_file() and b"p4ssw0rd" in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize("login", ["bob:hunter2/x", "bob:hunter2#x", "bob:hunter2?x", "bob:hunter2[x"])
@pytest.mark.parametrize("line", ["--index-url {}\nalpha\n", "--find-links {}\nalpha\n", "alpha @ {}\n"])
def test_passwords_that_make_an_address_none_are_not_repeated(workshop: Workshop, login: str, line: str) -> None:
    notebook = workshop.notebook(requirements=line.format(f"http://{login}@localhost:1/simple"))
    done = workshop.run(notebook, "--push", workshop.target(), code=None)
    assert done.returncode in (2, 3), done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_variables_of_this_machine_stay_here(workshop: Workshop) -> None:
    env = {"AWS_SECRET_ACCESS_KEY": "hidden-1", "HTTPS_PROXY_TOKEN": "hidden-2", "PIP_INDEX_URL": "http://u:hidden-3@x"}
    digest = workshop.push(workshop.notebook(), env=env)["digest"]
    assert all(b"hidden-" not in layer for layer in layers(workshop, digest))


def test_outputs_of_cells_stay_here(workshop: Workshop) -> None:
    notebook = write_notebook(workshop.folder / "train.ipynb", "print(1)")
    document = json.loads(notebook.read_text())
    document["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hidden-1"}]
    notebook.write_text(json.dumps(document))
    (workshop.folder / "requirements.txt").write_text("alpha\n")
    digest = workshop.push(notebook)["digest"]
    assert all(b"hidden-" not in layer for layer in layers(workshop, digest))
