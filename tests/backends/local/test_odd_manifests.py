"""Manifests that the API server lets pass and that still mean trouble, and data folders with odd names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import ManifestError
from jupyter_mltrain.model.job import Phase


@pytest.mark.parametrize("home", ["My Files", "Über ✓ home", 'it\'s "$(quoted)"', "/".join(["deep" * 10] * 7)])
def test_any_name_of_the_data_folder_will_do(make_machine, tmp_path: Path, home: str) -> None:
    (tmp_path / home).parent.mkdir(parents=True, exist_ok=True)
    machine = make_machine(home=home)
    ref = machine.run(
        "homed",
        "echo kept > /claim/a.txt && cat /claim/a.txt && echo x > /empty/b && cat /host/there",
        container={"volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("claim", "empty", "host")]},
        pod={
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "kept"}},
                {"name": "empty", "emptyDir": {}},
                {"name": "host", "hostPath": {"path": str(_folder(tmp_path / "on the; host"))}},
            ]
        },
    )
    assert machine.ended(ref).phase is Phase.SUCCEEDED
    assert machine.log(ref, "homed-worker-0") == "kept\nthere\n"
    assert (machine.home / "volumes" / "kept" / "a.txt").read_text() == "kept\n"


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "there").write_text("there\n")
    return path


@pytest.mark.parametrize("limits", [{"memory": "0"}, {"cpu": "0"}])
def test_a_limit_of_nothing_is_none(machine, manifest, limits: dict[str, str]) -> None:
    job = manifest("free", "exit 0", container={"resources": {"limits": limits}})
    assert machine.call(machine.backend.preflight, job) == []
    assert machine.ended(machine.submit(job)).phase is Phase.SUCCEEDED


def test_a_limit_that_nothing_can_keep_is_refused(machine, manifest) -> None:
    job = manifest("tiny", "exit 0", container={"resources": {"limits": {"memory": "300m"}}})
    with pytest.raises(ManifestError) as caught:
        machine.submit(job)
    assert "300Mi" in caught.value.message
    [finding] = machine.call(machine.backend.preflight, job)
    assert finding.where["field"] == "resources.limits.memory"


@pytest.mark.parametrize("annotation", ["\ud83d"])
def test_half_a_character_is_refused_with_words(machine, manifest, annotation: str) -> None:
    job = manifest("half", "exit 0")
    job["metadata"]["annotations"] = {"note": annotation}
    with pytest.raises(ManifestError) as caught:
        machine.submit(job)
    assert "surrogate" in caught.value.message


def in_env(**source: Any) -> dict[str, Any]:
    return {"container": {"env": [{"name": "A", "valueFrom": source}]}}


def in_volume(**source: Any) -> dict[str, Any]:
    return {
        "container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        "pod": {"volumes": [{"name": "v", **source}]},
    }


@pytest.mark.parametrize(
    "options",
    [
        in_env(secretKeyRef={"key": "k"}),
        in_env(configMapKeyRef={"key": "k"}),
        in_volume(secret={}),
        in_volume(configMap={}),
    ],
)
def test_a_reference_without_a_name_is_refused_with_words(machine, manifest, options: dict[str, Any]) -> None:
    with pytest.raises(ManifestError) as caught:
        machine.submit(manifest("nameless", "exit 0", **options))
    assert "is not known on this machine" in caught.value.message


def test_a_host_path_that_cannot_be_made_ends_the_replica_with_words(machine, tmp_path) -> None:
    (tmp_path / "file").touch()
    volume = {"hostPath": {"path": str(tmp_path / "file" / "below"), "type": "DirectoryOrCreate"}}
    job = machine.ended(machine.run("blocked", "exit 0", **in_volume(**volume)))
    assert job.replicas[0].reason == "StartError"
    assert "cannot be made: Not a directory" in job.message


def test_what_is_tried_again_and_again_is_told(machine) -> None:
    (machine.home / "volumes").write_text("a file where a folder should be")
    ref = machine.run("barred", "exit 0", **in_volume(persistentVolumeClaim={"claimName": "data"}))
    machine.until(ref, lambda job: "Retrying" in {reason for reason, _ in machine_events(machine, ref)})
    (machine.home / "volumes").unlink()
    assert machine.ended(ref).phase is Phase.SUCCEEDED


def machine_events(machine, ref) -> set[tuple[str, str]]:
    with machine.backend.store.read() as connection:
        rows = connection.execute("SELECT reason, message FROM events WHERE job = ?", (ref.id,)).fetchall()
    return {(row[0], row[1]) for row in rows}
