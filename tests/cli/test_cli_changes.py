"""The command line where it starts, stops and refuses."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import Mltrain, NotebookWriter, processes_of

pytestmark = pytest.mark.slow


def manifest(name: str, script: str, **spec: object) -> str:
    container = {"name": "tensorflow", "image": "x:1", "command": ["sh", "-c", script]}
    replica = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
    return json.dumps(
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "TFJob",
            "metadata": {"name": name},
            "spec": {"tfReplicaSpecs": {"Worker": replica}, **spec},
        }
    )


def test_exit_codes_tell_the_end(mltrain: Mltrain, tmp_path: Path) -> None:
    for name, script, code in (("good", "exit 0", 0), ("bad", "exit 3", 1)):
        (tmp_path / "job.yaml").write_text(manifest(name, script))
        done = mltrain.run("apply", "-f", tmp_path / "job.yaml", "--wait", code=code)
        assert ("Succeeded" if code == 0 else "has failed because 1 Worker replica(s) failed") in done.stdout


@pytest.mark.parametrize("framework", ["none", "tensorflow"])
def test_a_deadline_beyond_the_calendar_never_comes(mltrain: Mltrain, notebook: NotebookWriter, framework: str) -> None:
    path = notebook("print('done')")
    done = mltrain.run("submit", path, "--framework", framework, "--deadline", "999999999999", "--wait")
    assert "Succeeded" in done.stdout


def test_apply_reads_standard_input_and_refuses_a_second_of_the_same_name(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=manifest("once", "true"))
    again = mltrain.run("apply", "-f", "-", stdin=manifest("once", "true"), code=2)
    assert "once" in again.stderr


def test_follow_prints_each_step_in_a_pipe(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print('one')", "x = 1 / 0", "print('never')")
    done = mltrain.run("submit", path, "--framework", "none", "--follow", code=1)
    assert "cell       1/3  print('one')" in done.stdout
    assert "cell       2/3  x = 1 / 0" in done.stdout
    assert "print('never')" not in done.stdout
    assert "Failed" in done.stdout
    assert "notebook" in done.stdout


def test_cancel_ends_the_job_and_every_process(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("open('started', 'w').close()\nimport time\ntime.sleep(600)")
    job = mltrain.json("submit", path)
    follower = mltrain.start("watch", job["id"])
    assert follower.stdout is not None
    for line in follower.stdout:
        if line.startswith("cell"):
            break
    mltrain.run("cancel", job["id"])
    rest, _ = follower.communicate()
    assert follower.returncode == 4, rest
    assert mltrain.json("show", job["id"])["phase"] == "Cancelled"
    assert processes_of(mltrain.home) == []
    assert "--- interrupted, exit code 143" in mltrain.run("logs", job["id"]).stdout


def test_suspend_and_resume(mltrain: Mltrain, tmp_path: Path) -> None:
    ready, go = tmp_path / "ready", tmp_path / "go"
    for fifo in (ready, go):
        subprocess.run(["mkfifo", fifo], check=True)
    mltrain.run("apply", "-f", "-", stdin=manifest("pause", f"echo up > '{ready}'; cat '{go}'"))
    assert ready.read_text() == "up\n"
    mltrain.run("suspend", "pause")
    conditions = {c["type"]: c["status"] for c in mltrain.json("show", "pause")["status"]["conditions"]}
    assert conditions == {"Created": "True", "Running": "False", "Suspended": "True"}
    mltrain.run("resume", "pause")
    assert ready.read_text() == "up\n"
    go.write_text("")
    mltrain.run("watch", "pause")


def test_interrupting_a_follower_leaves_the_job(mltrain: Mltrain, tmp_path: Path) -> None:
    go = tmp_path / "go"
    subprocess.run(["mkfifo", go], check=True)
    (tmp_path / "job.yaml").write_text(manifest("stays", f"cat '{go}'"))
    follower = mltrain.start("apply", "-f", tmp_path / "job.yaml", "--follow")
    assert follower.stdout is not None
    for line in follower.stdout:
        if line.startswith("Running"):
            break
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate()
    assert follower.returncode == 130
    assert "Traceback" not in errors
    assert mltrain.json("show", "stays")["phase"] == "Running"
    go.write_text("")
    mltrain.run("watch", "stays")


def test_resubmit_runs_the_frozen_program_with_other_values(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print('n is', n)", parameters="n: int = 1")
    first = mltrain.json("submit", path, "--wait")
    path.write_text("this is no notebook any more")
    second = mltrain.json("resubmit", first["id"], "-p", "n", "7")
    assert second["id"] != first["id"]
    assert second["name"].rpartition("-")[0] == first["name"].rpartition("-")[0]
    mltrain.run("watch", second["id"])
    assert "n is 7" in mltrain.run("logs", second["id"]).stdout
    assert "'m'" in mltrain.run("resubmit", first["id"], "-p", "m", "7", code=2).stderr
    assert "whole number" in mltrain.run("resubmit", first["id"], "-p", "n", "many", code=2).stderr


def test_delete_forgets_the_job_with_its_folder(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=manifest("gone", "true"))
    job = mltrain.json("show", "gone")
    folder = mltrain.home / "jobs" / job["id"]
    assert folder.is_dir()
    mltrain.run("delete", "gone", "--yes")
    assert mltrain.json("list") == []
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-p", "nn", "3"], "'n'"),
        (["-p", "n", "many"], "whole number"),
        (["--memory", "lots"], "memory"),
        (["--gpu", "NVIDIA-H200:0"], "COUNT"),
        (["--framework", "pytorch", "--ps", "1"], "--ps"),
        (["--name", "Not A Name"], "name"),
        (["--env", "NOTHING"], "NAME=VALUE"),
        (["--secret", "A=b"], "SECRET:KEY"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    mltrain: Mltrain, notebook: NotebookWriter, arguments: list[str], word: str
) -> None:
    path = notebook("print(n)", parameters="n: int = 1")
    done = mltrain.run("submit", path, *arguments, code=2)
    assert word in done.stderr
    assert mltrain.json("list") == []


def test_missing_notebook(mltrain: Mltrain) -> None:
    done = mltrain.run("submit", "nothing here.ipynb", code=3)
    assert "nothing here.ipynb" in done.stderr


def test_dry_run_prints_a_manifest_that_apply_takes(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print('hello')")
    text = mltrain.run("submit", path, "--dry-run").stdout
    assert text.startswith("apiVersion:")
    assert mltrain.json("list") == []
    (mltrain.cwd / "job.yaml").write_text(text)
    mltrain.run("apply", "-f", "job.yaml", code=3)


def test_export_script_runs_under_plain_python(mltrain: Mltrain, notebook: NotebookWriter, tmp_path: Path) -> None:
    path = notebook("!echo from the shell", "print(n + 1)", parameters="n: int = 1")
    mltrain.run("export", path, "--script", "-p", "n", "41", "-o", tmp_path / "out.py")
    done = subprocess.run(["python3", tmp_path / "out.py"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["from the shell", "42"]


def test_export_program(mltrain: Mltrain, notebook: NotebookWriter, tmp_path: Path) -> None:
    done = mltrain.json("export", notebook("1"), "--program", "-o", tmp_path / "programs")
    assert Path(done["path"]).name.startswith("sha256-")
    assert (Path(done["path"]) / "program.json").is_file()


def test_relative_paths_among_parameters_start_from_here(
    mltrain: Mltrain, notebook: NotebookWriter, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a\n1\n")
    path = notebook("print(open(data_dir + '/rows.csv').read())", parameters="data_dir: str = ''")
    done = mltrain.run("submit", path, "-p", "data_dir", "./data", "--wait")
    assert str(tmp_path / "data") in done.stderr


def test_the_end_of_a_job_without_time_to_live_is_seen(mltrain: Mltrain) -> None:
    """A job that is deleted as soon as it has ended still tells its end to whoever waits for it."""
    for name, script, code in (("good", "true", 0), ("bad", "exit 3", 1)):
        text = manifest(name, script, runPolicy={"ttlSecondsAfterFinished": 0})
        mltrain.run("apply", "-f", "-", "--wait", stdin=text, code=code)


def test_a_name_as_long_as_can_be(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print('all of it')", name="n" * 249 + ".ipynb")
    job = mltrain.json("submit", path, "--wait")
    executed = Path(job["outputs"].removeprefix("file://").replace("%20", " ")) / path.name
    assert "all of it" in executed.read_text()
