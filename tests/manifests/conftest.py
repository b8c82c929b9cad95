"""Building manifests of a spec, and golden files.

``UPDATE_GOLDEN=1 pytest tests/manifests`` writes the golden files anew; look at the difference before committing it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain import manifests
from jupyter_mltrain.model.job import Manifest
from jupyter_mltrain.model.spec import parse_spec

GOLDEN = Path(__file__).parents[1] / "golden" / "manifests"
PROGRAM = "sha256:" + "3f9a0c1e" * 8

Build = Callable[..., Manifest]


@pytest.fixture(scope="session")
def build() -> Build:
    """Build a manifest of a spec as JSON, the rest of the arguments having defaults."""

    def build(spec: dict[str, Any], **arguments: Any) -> Manifest:
        defaults: dict[str, Any] = {
            "job_id": "7f3a91c2d4e5",
            "name": None,
            "program": PROGRAM,
            "notebook": "notebooks/recommender.ipynb",
            "kernel": "python3",
            "parameters": {},
            "image": None,
            "commit": None,
            "version": "0.1.0",
        }
        return manifests.build(parse_spec(spec), **{**defaults, **arguments})

    return build


@pytest.fixture
def matches_golden() -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, whole."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
