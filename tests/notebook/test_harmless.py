"""Lines that are known to hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mltrain.notebook import secrets
from jupyter_mltrain.notebook.harmless import Harmless

LONG = "result = some_function_with_a_long_name(value)"
SECRET = 'aws = "AKIAIOSFODNN7EXAMPLE"  # not real'  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTRAIN_HOME", str(tmp_path / "home"))


def test_known_lines_are_not_scanned_again_and_secrets_always_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [({"cell": 0}, f"{LONG}\n{SECRET.partition('#')[0]}")]
    first = secrets.likely_secrets(pieces)
    assert [finding.where for finding in first] == [{"cell": 0, "line": 2}]
    scanned: list[str] = []
    scan = secrets._scan
    monkeypatch.setattr(secrets, "_scan", lambda text: scanned.append(text) or scan(text))
    assert secrets.likely_secrets(pieces) == first
    assert LONG not in "".join(scanned)
    assert "AKIA" in "".join(scanned)


def test_nothing_of_a_secret_is_kept(tmp_path: Path) -> None:
    line = SECRET.partition("#")[0]
    secrets.likely_secrets([({"cell": 0}, f"{LONG}\n{line}")])
    kept = [file.read_text().split() for file in (tmp_path / "home" / "cache" / "harmless").iterdir()]
    assert [len(hashes) for hashes in kept] == [1]


def test_another_scanner_knows_nothing() -> None:
    Harmless("detect_secrets", "a").keep([LONG])
    assert Harmless("detect_secrets", "a").without([LONG, "other"]) == ["other"]
    assert Harmless("detect_secrets", "b").without([LONG]) == [LONG]


def test_a_place_that_cannot_be_written_or_read_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    Harmless("detect_secrets", "").keep([LONG])
    assert Harmless("detect_secrets", "").without([LONG]) == [LONG]


def test_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mltrain.notebook.harmless._KEPT", 2)
    for line in ("a", "b", "c"):
        Harmless("detect_secrets", "").keep([line])
    assert Harmless("detect_secrets", "").without(["a", "b", "c"]) == ["a"]
