"""What an image says of itself."""

from dataclasses import replace

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.image.annotations import Origin, describe, shared
from jupyter_mltrain.image.reference import Reference

DIGEST = "sha256:" + "ba5e" * 16
ORIGIN = Origin(
    program="sha256:" + "3f9a0c1e" * 8,
    name="recommender",
    notebook="notebooks/recommender.ipynb",
    lock="sha256:" + "10c4" * 16,
    base=None,
    base_digest=DIGEST,
    version="0.1.0",
)


def test_only_what_is_known() -> None:
    assert describe(ORIGIN) == {
        "org.opencontainers.image.title": "recommender",
        "org.opencontainers.image.base.digest": DIGEST,
        "jupyter-mltrain/program": "sha256:" + "3f9a0c1e" * 8,
        "jupyter-mltrain/notebook": "notebooks/recommender.ipynb",
        "jupyter-mltrain/lock": "sha256:" + "10c4" * 16,
        "jupyter-mltrain/version": "0.1.0",
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
        (f"quay.io/a/b:1@{DIGEST}", "quay.io/a/b:1"),
        (f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}"),
        ("quay.io/a/b", "quay.io/a/b"),
    ],
)
def test_name_of_the_base(name: str, said: str) -> None:
    assert describe(replace(ORIGIN, base=Reference.parse(name)))["org.opencontainers.image.base.name"] == said


@pytest.mark.parametrize("notebook", ["/home/me/train.ipynb", "~/train.ipynb", "../train.ipynb"])
def test_paths_of_this_machine_are_refused(notebook: str) -> None:
    with pytest.raises(InvalidInput):
        replace(ORIGIN, notebook=notebook)


def test_an_index_says_what_all_its_images_say() -> None:
    first = describe(ORIGIN)
    other = describe(replace(ORIGIN, base_digest="sha256:" + "1" * 64, commit="abc"))
    assert shared(first) == first
    assert shared(first, other) == {key: value for key, value in first.items() if "base" not in key}
