"""The command line and what it is connected to: pipes, terminals, full disks, closed streams, Ctrl-C."""

import errno
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import Mltrain, NotebookWriter

pytestmark = pytest.mark.slow


def batch_job(name: str, *command: str) -> str:
    container = {"name": "main", "image": "x:1", "command": list(command)}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}, "backoffLimit": 0}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


def on_terminal(mltrain: Mltrain, *arguments: object, typed: str = "", **env: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal of its own; return its exit code and all that it showed."""
    ours, theirs = pty.openpty()
    environment = {**mltrain.env, "TERM": "xterm-256color", "COLUMNS": "60", **env}
    process = subprocess.Popen(
        mltrain.command(*arguments), env=environment, cwd=mltrain.cwd, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    return process.wait(), shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # Linux says so when nobody has the other end any more
            raise
        return b""


def test_colours_are_for_terminals_that_want_them(mltrain: Mltrain) -> None:
    code, shown = on_terminal(mltrain, "show", "nobody", NO_COLOR="")
    assert (code, "\x1b[" in shown) == (3, True)
    code, shown = on_terminal(mltrain, "show", "nobody", NO_COLOR="1")
    assert (code, "\x1b[" in shown) == (3, False)
    assert "\x1b" not in mltrain.run("show", "nobody", code=3).stderr


def test_delete_asks_on_a_terminal_and_names_what_it_means(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job("over", "true"))
    [job] = mltrain.json("list")
    code, shown = on_terminal(mltrain, "delete", job["id"][:4], typed="n\n")
    assert code == 130
    assert f"Delete over ({job['id']}) with logs and outputs?" in shown
    assert len(mltrain.json("list")) == 1
    code, _ = on_terminal(mltrain, "delete", "over", typed="y\n")
    assert (code, mltrain.json("list")) == (0, [])


def test_several_jobs_are_changed_or_none(mltrain: Mltrain) -> None:
    for name in ("one", "two", "three"):
        mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job(name, "true"))
    mltrain.run("delete", "one", "nobody", "two", "--yes", code=3)
    assert len(mltrain.json("list")) == 3
    done = mltrain.json("delete", "one", "two", "one")
    assert [(job["name"], job["done"]) for job in done] == [("one", "deleted"), ("two", "deleted")]
    assert [job["name"] for job in mltrain.json("list")] == ["three"]


def test_a_full_disk_under_the_output_is_said(mltrain: Mltrain) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            mltrain.command("devices"), env=mltrain.env, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3
    assert done.stderr == f"Error: The output was not written: {os.strerror(errno.ENOSPC)}\n"


def test_closed_streams_are_no_fault(mltrain: Mltrain) -> None:
    shell = ["sh", "-c", '"$@" <&-', "sh", *mltrain.command("apply", "-f", "-")]
    done = subprocess.run(shell, env=mltrain.env, capture_output=True, text=True)
    assert (done.returncode, "which is closed" in done.stderr) == (2, True)
    shell = ["sh", "-c", '"$@" >&-', "sh", *mltrain.command("list")]
    done = subprocess.run(shell, env=mltrain.env, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_a_reader_that_goes_away_is_no_fault(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job("long", "seq", "100000"))
    shell = '{ "$@"; echo "rc $?" >&2; } | head -1'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *mltrain.command("logs", "long")], env=mltrain.env, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("1\n", "rc 141\n")


@pytest.mark.parametrize("option", ["--follow", "--wait"])
def test_who_stops_looking_is_told_that_the_job_goes_on(mltrain: Mltrain, tmp_path: Path, option: str) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    (tmp_path / "job.json").write_text(batch_job("stays", "sh", "-c", f"echo up > '{go}'; cat '{go}'"))
    looking = mltrain.start("apply", "-f", tmp_path / "job.json", option)
    assert go.read_text() == "up\n"
    assert looking.stdout is not None
    if option == "--follow":
        while "active" not in looking.stdout.readline():
            pass
    looking.send_signal(signal.SIGINT)
    _, errors = looking.communicate()
    assert looking.returncode == 130
    [job] = mltrain.json("list")
    assert f"The job goes on. Look again: mltrain watch {job['id']}" in errors
    go.write_text("")
    assert "state      Succeeded" in mltrain.run("watch", "stays").stdout


def test_the_last_line_of_a_log_needs_no_end(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job("short", "printf", "a\\nb"))
    assert mltrain.run("logs", "short").stdout == "a\nb\n"


def test_a_list_in_pages(mltrain: Mltrain) -> None:
    assert mltrain.run("list").stderr == "No jobs. Run one: mltrain submit NOTEBOOK\n"
    for name in ("first", "second", "third"):
        mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job(name, "true"))
    page = mltrain.run("list", "--limit", "2")
    assert [line.split()[1] for line in page.stdout.splitlines()[1:]] == ["third", "second"]
    found = re.search(r"--before (\w+)", page.stderr)
    assert found is not None
    rest = mltrain.run("list", "--limit", "2", "--before", found[1])
    assert [line.split()[1] for line in rest.stdout.splitlines()[1:]] == ["first"]
    assert rest.stderr == ""
    assert [job["name"] for job in mltrain.json("list", "--search", "SEC", "--kind", "job")] == ["second"]
    assert mltrain.run("list", "--kind", "TFJob").stderr == "No such jobs.\n"


def test_the_beginning_of_a_name_is_answered_with_the_jobs_that_have_it(mltrain: Mltrain) -> None:
    mltrain.run("apply", "-f", "-", "--wait", stdin=batch_job("income-7f3a", "true"))
    [job] = mltrain.json("list")
    assert f"Did you mean {job['id']} (income-7f3a)?" in mltrain.run("show", "income", code=3).stderr


def test_resubmit_with_other_values_and_replicas(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    path = notebook("print('n is', n)", parameters="n: int = 1")
    job = mltrain.json("submit", path, "--framework", "none", "--wait")
    again = ("resubmit", job["id"], "-p", "n", "4", "--replicas", "Worker", "2", "--memory", "1Gi", "--name", "more")
    mltrain.run(*again)
    mltrain.run("watch", "more")
    assert "n is 4" in mltrain.run("logs", "more", "--replica", "worker-1").stdout.splitlines()
    assert mltrain.json("show", "more")["manifest"]["spec"]["completions"] == 2
    assert "whole number" in mltrain.run("resubmit", "more", "--replicas", "Worker", "x", code=2).stderr
    assert "roles.Chief" in mltrain.run("resubmit", "more", "--replicas", "Chief", "1", code=2).stderr


def test_a_failed_wait_names_the_cell(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    done = mltrain.run("submit", notebook("1 / 0"), "--framework", "none", "--wait", code=1)
    assert "cell 1: ZeroDivisionError: division by zero" in done.stdout


def test_a_folder_for_no_sample_is_refused(mltrain: Mltrain) -> None:
    assert "name it" in mltrain.run("samples", "--to", "new", code=2).stderr
    assert "size such as 20Gi" in mltrain.run("recover", "--disk-budget", "much", code=2).stderr
