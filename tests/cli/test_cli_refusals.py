"""The command line where the input is wrong, odd, or says one thing twice."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support import Mltrain, NotebookWriter, write_notebook

pytestmark = pytest.mark.slow


def job_manifest(name: str, command: str = "true") -> str:
    container = {"name": "main", "image": "x:1", "command": ["sh", "-c", command]}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


def test_of_two_documents_with_one_name_none_is_created(mltrain: Mltrain) -> None:
    done = mltrain.run("apply", "-f", "-", stdin="---\n".join(f"{job_manifest('twin')}\n" for _ in range(2)), code=3)
    assert "Job 'twin' stands twice" in done.stderr
    assert mltrain.json("list") == []


def test_apply_takes_several_files_or_none_of_them(mltrain: Mltrain) -> None:
    for name in ("one", "two"):
        (mltrain.cwd / f"{name}.yaml").write_text(job_manifest(name))
    (mltrain.cwd / "bad.yaml").write_text(job_manifest("NOT A NAME"))
    mltrain.run("apply", "-f", "one.yaml", "-f", "bad.yaml", code=2)
    assert mltrain.json("list") == []
    both = mltrain.json("apply", "-f", "one.yaml", "-f", "two.yaml", "--wait")
    assert [(job["name"], job["phase"]) for job in both] == [("one", "Succeeded"), ("two", "Succeeded")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n: 1\nn: 2\n", "values.yaml, line 2, column 1: 'n' stands twice"),
        ("n: [1\n", "values.yaml, line 2, column 1"),
        ("[1, 2]", "does not hold a mapping of names to values"),
        ("n: five", "'five' is not a whole number"),
        ("m: 5", "no parameter 'm'"),
    ],
)
def test_a_wrong_parameters_file_is_refused(mltrain: Mltrain, notebook: NotebookWriter, text: str, words: str) -> None:
    (mltrain.cwd / "values.yaml").write_text(text)
    done = mltrain.run("submit", notebook("n", parameters="n: int = 1"), "-f", "values.yaml", code=2)
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2, "an error and a hint"


def test_places_that_cannot_be_used_are_refused(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("1")
    (mltrain.cwd / "file").write_text("")
    for option, word in (
        ("--output=file", "is not a folder"),
        ("--output=file/below", "is not a folder"),
        ("--output=gopher://x/y", "no store for 'gopher'"),
        ("--channel=train=missing", "'train' names"),
    ):
        assert word in mltrain.run("submit", path, option, code=2).stderr
    mltrain.run("check", path, "--output=new/folder", f"--channel=train={mltrain.cwd}")


@pytest.mark.parametrize("include", ["a" * 256, "a/" * 3000, "../*.csv", "/etc/*"])
def test_globs_that_name_nothing_beside_the_notebook_are_refused(
    mltrain: Mltrain, notebook: NotebookWriter, include: str
) -> None:
    done = mltrain.run("submit", notebook("1"), "--include", include, code=2)
    assert "glob" in done.stderr
    assert done.stderr.count("\n") <= 4, "an error and a hint"


def test_check_says_where_as_people_count(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    done = mltrain.run("check", notebook("import os\nprint(later)", "later = 1"))
    said = done.stdout + done.stderr
    assert "cell 1, line 2: The name 'later' is used before anything defines it; cell 2 does so later." in said


def test_wrong_usage_is_json_where_json_was_asked_for(mltrain: Mltrain) -> None:
    for arguments in (["submit"], ["lst"], ["list", "--state", "Runing"]):
        error = json.loads(mltrain.run(*arguments, "--json", code=2).stderr)["error"]
        assert error["code"] == "usage"
    assert "Did you mean 'list'?" in mltrain.run("lst", code=2).stderr
    assert "'running'" in mltrain.run("list", "--state", "Runing", code=2).stderr


def test_no_name_is_no_job(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=job_manifest("here"))
    assert "There is no job ''" in mltrain.run("delete", "", "--yes", code=3).stderr


def test_changing_a_job_that_has_ended_says_so(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=job_manifest("over"))
    assert "had ended: Succeeded" in mltrain.run("cancel", "over").stdout
    assert "deleted" in mltrain.run("delete", "over", "--yes").stdout


def test_a_replica_of_a_batch_job_is_worker_0(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=job_manifest("batch", "printf 'a\\rb\\fc\\n'"))
    done = subprocess.run(
        mltrain.command("logs", "batch", "--raw", "--replica", "worker-0"), env=mltrain.env, capture_output=True
    )
    assert done.stdout == b"a\rb\x0cc\n"


def test_a_file_name_that_is_no_text(mltrain: Mltrain) -> None:
    path = Path(os.fsdecode(os.fsencode(mltrain.cwd) + b"/\xff.ipynb"))
    write_notebook(path, "1")
    assert "is not text in UTF-8" in mltrain.run("submit", path, code=2).stderr


def test_a_deleted_job_ends_its_follower(mltrain: Mltrain, tmp_path: Path) -> None:
    go = tmp_path / "go"
    subprocess.run(["mkfifo", go], check=True)
    (tmp_path / "job.yaml").write_text(job_manifest("short", f"cat '{go}'"))
    follower = mltrain.start("apply", "-f", tmp_path / "job.yaml", "--follow")
    assert follower.stdout is not None
    for line in follower.stdout:
        if "active 1" in line:
            break
    mltrain.run("delete", "short", "--yes")
    rest, errors = follower.communicate()
    assert follower.returncode == 5
    assert "The job was deleted" in rest
    assert errors == ""
