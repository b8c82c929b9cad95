"""What a manifest may say and what becomes of it here: volumes, secrets, init containers, peers, kernels."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.backends.local.store import put_setting
from jupyter_mltrain.errors import InvalidInput, ManifestError
from jupyter_mltrain.model.job import Phase
from jupyter_mltrain.model.labels import ANNOTATION_KERNEL

SHOW_ENV = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]


def env_of(machine, ref, replica: str) -> dict[str, str]:
    machine.ended(ref)
    env: dict[str, str] = json.loads(machine.log(ref, replica))
    return env


def test_init_containers_run_first_and_share_the_volumes(machine) -> None:
    volumes = {
        "volumes": [{"name": "work", "emptyDir": {}}, {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}]
    }
    mounts = [{"name": "work", "mountPath": "/work"}, {"name": "data", "mountPath": "/data"}]
    inits = [
        {"name": name, "image": "x", "command": ["sh", "-c", f"echo {name} >> /work/order"], "volumeMounts": mounts}
        for name in ("first", "second")
    ]
    ref = machine.run(
        "steps",
        "cat /work/order; pwd; cp /work/order /data/kept",
        container={"volumeMounts": mounts, "workingDir": "/work"},
        pod={"initContainers": inits, **volumes},
    )
    assert machine.ended(ref).phase is Phase.SUCCEEDED
    assert machine.log(ref, "steps-worker-0").split()[:2] == ["first", "second"]
    assert (machine.home / "volumes" / "d" / "kept").read_text() == "first\nsecond\n"


def test_each_replica_has_the_folder_that_an_expression_names(machine) -> None:
    env = [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    mount = {"name": "data", "mountPath": "/data", "subPathExpr": "of/$(POD)"}
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}
    ref = machine.run(
        "own", "pwd > /data/here", container={"env": env, "volumeMounts": [mount]}, pod={"volumes": [claim]}
    )
    assert machine.ended(ref).phase is Phase.SUCCEEDED
    assert [path.name for path in (machine.home / "volumes" / "d" / "of").iterdir()] == ["own-worker-0"]


def test_an_init_container_that_fails_is_seen(machine) -> None:
    init = {"name": "setup", "image": "x", "command": ["sh", "-c", "exit 9"]}
    job = machine.ended(machine.run("broken", "true", pod={"initContainers": [init]}))
    assert (job.phase, job.replicas[0].exit_code, job.replicas[0].started_at) == (Phase.FAILED, 9, "")


def test_a_secret_comes_only_from_where_the_user_has_said(machine, tmp_path, monkeypatch) -> None:
    reference = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
    with pytest.raises(ManifestError) as caught:
        machine.run("secret", SHOW_ENV, container={"env": [reference]})
    assert "hub" in caught.value.message
    assert "MLTRAIN_SECRETS" in caught.value.hint
    (tmp_path / "secrets" / "hub").mkdir(parents=True)
    (tmp_path / "secrets" / "hub" / "token").write_text("s3cret\n")
    monkeypatch.setenv("MLTRAIN_SECRETS", str(tmp_path / "secrets"))
    ref = machine.run("secret", SHOW_ENV, container={"env": [reference]})
    assert env_of(machine, ref, "secret-worker-0")["TOKEN"] == "s3cret"
    kept = [path for path in machine.home.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert [path.parent.name for path in kept] == ["log"]  # only where the replica itself has printed it


def test_a_secret_that_has_gone_since_fails_the_replica_with_words(make_machine, tmp_path, monkeypatch) -> None:
    machine = make_machine(slots=1)
    machine.running(first := machine.submit(machine.waiting("first")))
    folder = tmp_path / "secrets" / "hub"
    folder.mkdir(parents=True)
    (folder / "token").write_text("x")
    monkeypatch.setenv("MLTRAIN_SECRETS", str(tmp_path / "secrets"))
    reference = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
    ref = machine.run("late", "true", container={"env": [reference]})
    (folder / "token").unlink()
    machine.cue("first-worker-0", 0)
    machine.ended(first)
    job = machine.ended(ref)
    assert (job.replicas[0].exit_code, job.replicas[0].reason) == (128, "StartError")
    assert "'hub'" in job.message


@pytest.mark.parametrize(("seconds", "told"), [(None, "30"), (7, "7"), (0, "0")])
def test_a_replica_is_told_how_long_its_grace_is(machine, seconds: int | None, told: str) -> None:
    pod = {} if seconds is None else {"terminationGracePeriodSeconds": seconds}
    ref = machine.run("graced", "echo $MLTRAIN_GRACE", pod=pod)
    machine.ended(ref)
    assert machine.log(ref, "graced-worker-0").strip() == told


def test_without_grace_a_replica_is_killed_at_once(machine) -> None:
    deaf = "trap '' TERM; while :; do sleep 0.1; done"
    ref = machine.run("ungraced", deaf, pod={"terminationGracePeriodSeconds": 0})
    machine.running(ref)
    machine.call(machine.backend.cancel, ref)
    [replica] = machine.ended(ref).replicas
    assert replica.exit_code == 137


def test_replicas_are_told_of_each_other_on_this_machine(machine) -> None:
    ref = machine.run("team", SHOW_ENV, replicas={"Worker": 2}, successPolicy="AllWorkers")
    first, second = (json.loads(env_of(machine, ref, f"team-worker-{n}")["TF_CONFIG"]) for n in (0, 1))
    assert first["cluster"] == second["cluster"]
    hosts = [address.split(":") for address in first["cluster"]["worker"]]
    assert [host for host, _ in hosts] == ["127.0.0.1"] * 2
    assert len({port for _, port in hosts}) == 2
    assert [first["task"]["index"], second["task"]["index"]] == [0, 1]
    machine.at_rest()
    assert list((machine.home / "ports").iterdir()) == []


def test_pytorch_replicas_have_a_master(machine) -> None:
    ref = machine.run("ddp", SHOW_ENV, kind="PyTorchJob", replicas={"Master": 1, "Worker": 1})
    env = env_of(machine, ref, "ddp-master-0")
    assert (env["MASTER_ADDR"], env["RANK"], env["WORLD_SIZE"]) == ("127.0.0.1", "0", "2")
    assert env["MASTER_PORT"] == env["PET_MASTER_PORT"] != "23456"


def test_processors_are_shared_out(machine) -> None:
    ref = machine.run("threads", SHOW_ENV, container={"resources": {"limits": {"cpu": "1500m"}}})
    env = env_of(machine, ref, "threads-worker-0")
    assert {env[name] for name in ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "TF_NUM_INTRAOP_THREADS")} == {"2"}


def test_the_kernels_interpreter_leads(machine, manifest, tmp_path, monkeypatch) -> None:
    kernel = tmp_path / "jupyter" / "kernels" / "special"
    kernel.mkdir(parents=True)
    python = tmp_path / "special" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    spec = {
        "argv": [str(python), "-m", "ipykernel"],
        "display_name": "x",
        "language": "python",
        "env": {"KERNEL": "yes"},
    }
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    job = manifest("kernel", "command -v python; echo $KERNEL")
    job["metadata"]["annotations"] = {ANNOTATION_KERNEL: "special"}
    assert machine.call(machine.backend.preflight, job) == []
    ref = machine.submit(job)
    machine.ended(ref)
    assert machine.log(ref, "kernel-worker-0").split() == [str(python), "yes"]
    job["metadata"] = {"name": "other", "annotations": {ANNOTATION_KERNEL: "nowhere"}}
    [finding] = machine.call(machine.backend.preflight, job)
    assert (finding.code, finding.severity) == ("kernel-missing", "warning")


def test_only_the_main_container_runs_and_preflight_says_so(machine, manifest) -> None:
    job = manifest("pair", "echo main")
    containers = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "proxy", "image": "x", "command": ["sh", "-c", "echo proxy"]})
    [finding] = machine.call(machine.backend.preflight, job)
    assert (finding.code, finding.severity) == ("sidecar", "warning")
    ref = machine.submit(job)
    machine.ended(ref)
    assert machine.log(ref, "pair-worker-0") == "main\n"


def test_a_taken_name_and_too_much_memory_are_findings(machine, manifest) -> None:
    machine.submit(machine.waiting("taken"))
    container = {"resources": {"limits": {"memory": "1Pi", "amd.com/gpu": 1}}}
    found = machine.call(machine.backend.preflight, manifest("taken", "true", container=container))
    assert {finding.code for finding in found} == {"name-taken", "memory-missing", "resource-unknown"}


def test_outputs_go_where_the_manifest_says(machine, manifest) -> None:
    variable = {"name": "MLTRAIN_OUTPUT_URI", "value": "file:///elsewhere"}
    ref = machine.submit(manifest("named", SHOW_ENV, container={"env": [variable]}))
    assert env_of(machine, ref, "named-worker-0")["MLTRAIN_OUTPUT_URI"] == "file:///elsewhere"
    assert machine.status(ref).outputs == "file:///elsewhere"
    other = machine.run("unnamed", "true")
    assert machine.status(other).outputs == f"file://{machine.home}/jobs/{other.id}/outputs"


def test_generated_names(machine, manifest) -> None:
    job = manifest("x", "true", kind="Job")
    job["metadata"] = {"generateName": "batch-"}
    ref = machine.submit(job)
    assert ref.name.startswith("batch-")
    assert machine.ended(ref).phase is Phase.SUCCEEDED


def test_prune_removes_the_oldest_finished_runs(machine, manifest) -> None:
    refs = []
    for n in range(3):
        ref = machine.submit(
            manifest(f"run-{n}", f"head -c 1000000 /dev/zero > {machine.home}/jobs/id-{n}/outputs/x"), f"id-{n}"
        )
        machine.ended(ref)
        refs.append(ref)
    waiting = machine.submit(machine.waiting("alive"))
    machine.running(waiting)
    assert machine.call(machine.backend.prune, 10 * 2**20) == []
    assert machine.call(machine.backend.prune, 1_500_000) == refs[:2]
    assert [job.ref for job in machine.call(machine.backend.jobs)] == [waiting, refs[2]]
    assert machine.call(machine.backend.prune, 0) == [refs[2]]
    assert not (machine.home / "jobs" / "id-2").exists()
    assert machine.status(waiting).phase is Phase.RUNNING


def test_a_disk_budget_is_kept_without_being_asked(machine, monkeypatch) -> None:
    monkeypatch.setenv("MLTRAIN_DISK_BUDGET", "1500k")
    LocalBackend(machine.home)
    refs = []
    for n in range(3):
        refs.append(machine.run(f"run-{n}", 'head -c 1000000 /dev/zero > "${MLTRAIN_OUTPUT_URI#file://}/x"'))
        assert machine.ended(refs[-1]).phase is Phase.SUCCEEDED
    machine.at_rest()
    assert [job.ref for job in machine.call(machine.backend.jobs)] == refs[2:]
    monkeypatch.setenv("MLTRAIN_DISK_BUDGET", "much")
    with pytest.raises(InvalidInput):
        LocalBackend(machine.home)


def test_crash_loops_keep_their_last_logs_only(machine) -> None:
    with machine.backend.store.write() as connection:
        put_setting(connection, "backoff", {"restart": 0.0, "recreation": 0.0})
    ref = machine.run("loop", "echo again; exit 1", restart="OnFailure", kind="PyTorchJob", replicas={"Master": 1})
    machine.until(ref, lambda job: job.replicas and job.replicas[0].restarts >= 15)
    machine.call(machine.backend.cancel, ref)
    machine.at_rest()
    runs = [
        path for path in (machine.home / "jobs" / ref.id / "replicas" / "loop-master-0").iterdir() if "-" in path.name
    ]
    assert len([path for path in runs if not path.name.startswith("volumes")]) <= 10


def test_a_replica_runs_in_a_folder_of_its_own(machine) -> None:
    ref = machine.run("place", "pwd; touch here")
    machine.ended(ref)
    assert Path(machine.log(ref, "place-worker-0").strip()).is_relative_to(machine.home / "jobs" / ref.id)
    assert not Path("here").exists()


def test_a_text_that_is_a_pods_name_stays_in_a_job_whose_pods_nobody_can_call(machine) -> None:
    ref = machine.run("fold", ["echo", "fold-0"], kind="Job")
    [replica] = machine.ended(ref).replicas
    assert replica.name == "fold-0"
    assert machine.log(ref, "fold-0") == "fold-0\n"
