"""However a run ends - by an error, an exit, a signal, a crash - its exit code, log and notebook say so."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.model import labels
from jupyter_mltrain.runner.outputs import TAIL_LIMIT, TEXT_LIMIT
from jupyter_mltrain.runner.records import PREFIX, Rebuilder

pytestmark = pytest.mark.slow

SAID = json.dumps("waiting\n")[1:-1]
WAITING = "import time\nprint('waiting', flush=True)\nfor _ in range(6000): time.sleep(0.1)"


def statuses(run: Any) -> list[str]:
    return [cell.status for cell in run.reader.progress.cells]


def gone(pids: list[int]) -> bool:
    """Wait for processes to end; a process that nobody has waited for yet has ended all the same."""
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_an_error_stops_the_run_and_is_marked_as_papermill_does(start: Any, tmp_path: Path) -> None:
    import nbformat

    run = start("print('before')", "open('/no/such/file')", "print('after')")
    assert run.end() == 1
    notebook = run.notebook
    source = [
        nbformat.v4.new_code_cell(text) for text in ("print('before')", "open('/no/such/file')", "print('after')")
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=source, metadata=kernel), tmp_path / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
    peer = json.loads((tmp_path / "out.ipynb").read_text())
    assert [cell["source"] for cell in notebook["cells"]] == ["".join(cell["source"]) for cell in peer["cells"]]
    for key in ("status", "exception"):
        ours = [cell["metadata"].get("papermill", {}).get(key) for cell in notebook["cells"]]
        assert ours == [cell["metadata"].get("papermill", {}).get(key) for cell in peer["cells"]]
    assert notebook["metadata"]["papermill"]["exception"] is peer["metadata"]["papermill"]["exception"] is True
    assert notebook["cells"][3]["outputs"][0]["ename"] == peer["cells"][3]["outputs"][0]["ename"] == "FileNotFoundError"
    assert run.reader.notebook == notebook
    progress = run.reader.progress
    assert (progress.status, progress.exit_code, progress.cell) == ("failed", 1, 3)
    assert progress.error is not None
    assert progress.error["name"] == "FileNotFoundError"
    assert progress.error["cell"] == 3
    assert notebook["metadata"]["mltrain"]["status"] == "failed"


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        ("import sys; sys.exit(3)", 3, "failed"),
        ("raise SystemExit", 0, "succeeded"),
        ("import sys; sys.exit('no data in the bucket')", 1, "failed"),
        ("exit()", 0, "succeeded"),
        ("import os; os._exit(7)", 7, "failed"),
        ("import os; os._exit(0)", 0, "succeeded"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "failed"),
        ("name = input('Name? ')", 1, "failed"),
    ],
)
def test_the_exit_code_is_the_programs(start: Any, source: str, code: int, status: str) -> None:
    run = start("print('first', flush=True)", source, "print('never')")
    assert run.end() == code, run.text + run.errors
    assert run.reader.progress.status == status
    assert run.reader.progress.exit_code == code
    assert run.reader.notebook == run.notebook
    assert run.outputs(0)[0]["text"] == "first\n"
    assert run.outputs(2) == []
    error = run.reader.progress.error
    assert (error is None) == (status == "succeeded")
    if code == 137:
        assert "memory" in error["hint"]
    if "no data" in source:
        assert error["message"] == "no data in the bucket"
    if "input" in source:
        assert "parameter" in error["hint"]


def test_a_result_that_cannot_be_shown_is_named(start: Any) -> None:
    run = start("class Broken:\n    def __repr__(self): raise ValueError('no words')\nBroken()")
    assert run.end() == 1
    error = run.reader.progress.error
    assert (error["name"], error["message"]) == ("ValueError", "no words")


def test_values_that_json_has_no_word_for_reach_the_notebook(start: Any) -> None:
    run = start("print(low, high)", parameters={"low": float("-inf"), "high": [float("nan"), {"x": float("inf")}]})
    assert run.end() == 0, run.errors
    assert run.outputs(1)[0]["text"] == "-inf [nan, {'x': inf}]\n"
    kept = {"low": "-Infinity", "high": ["NaN", {"x": "Infinity"}]}
    assert run.notebook["metadata"]["papermill"]["parameters"] == kept
    json.loads((run.output / "demo.ipynb").read_text(), parse_constant=pytest.fail)


def test_a_crash_leaves_its_dump_in_the_log_and_the_rest_in_the_notebook(start: Any) -> None:
    run = start(
        "import faulthandler; print('before the crash')",
        "import time; print('in it', flush=True); time.sleep(0.5)\nfaulthandler._sigsegv()",
    )
    assert run.end() == 139
    assert "Segmentation fault" in run.errors
    assert run.outputs(0)[0]["text"] == "before the crash\n"
    said, error = run.outputs(1)
    assert said["text"] == "in it\n"
    assert error["ename"] == "KernelDied"
    assert "SIGSEGV" in error["evalue"]
    assert run.reader.notebook == run.notebook


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_interrupts_the_cell_and_keeps_what_was_done(start: Any, signum: int, code: int) -> None:
    cleanup = (
        f"try:\n{''.join(f'    {line}' + chr(10) for line in WAITING.splitlines())}finally: print('checkpoint saved')"
    )
    run = start("print('done')", cleanup, "print('never')")
    run.until(SAID)
    run.process.send_signal(signum)
    assert run.end() == code
    assert run.outputs(0)[0]["text"] == "done\n"
    said, error = run.outputs(1)
    assert said["text"] == "waiting\ncheckpoint saved\n"
    assert error["ename"] == "KeyboardInterrupt"
    assert run.outputs(2) == []
    assert run.reader.notebook == run.notebook
    assert run.reader.progress.status == run.notebook["metadata"]["mltrain"]["status"] == "interrupted"


def test_a_signal_before_the_kernel_is_at_the_cell_interrupts_it(start: Any) -> None:
    busy = "import asyncio, time\n_ = asyncio.get_running_loop().call_later(0.01, time.sleep, 0.7)"
    run = start(busy, WAITING)
    run.until('"n":2')
    run.process.terminate()
    assert run.end() == 143
    assert run.outputs(1)[-1]["ename"] == "KeyboardInterrupt"


def test_a_cell_that_ignores_the_interrupt_is_killed_within_the_grace(start: Any) -> None:
    stubborn = (
        "import signal, time\nprint('waiting', flush=True)\n"
        "while True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: print('never mind', flush=True)"
    )
    run = start("print('done')", stubborn, env={labels.ENV_GRACE: "3"})
    run.until(SAID)
    run.process.terminate()
    assert run.end() == 143
    assert run.reader.notebook == run.notebook
    assert [output.get("ename") for output in run.outputs(1)] == [None, "Interrupted"]
    assert any("killed" in note for note in run.reader.progress.notes)


def test_a_signal_while_the_kernel_starts_ends_the_run(start: Any) -> None:
    run = start("print('never')")
    run.until('"type":"cell"')
    run.process.terminate()
    assert run.end() == 143
    assert run.outputs(0) == []
    assert run.reader.progress.status == "interrupted"


CHILDREN = """
import os, subprocess
quiet = subprocess.Popen(["sleep", "600"])
print("pids", os.getpid(), quiet.pid, flush=True)
"""


def pids_in(run: Any) -> list[int]:
    text = run.reader.notebook["cells"][0]["outputs"][0]["text"]
    return [int(word) for word in text.split()[1:]]


def test_processes_that_a_cell_left_end_with_the_run(start: Any) -> None:
    run = start(CHILDREN)
    assert run.end() == 0
    assert gone(pids_in(run))


AT_EXIT = """
import atexit, time
from jupyter_mltrain import run
target = run.output_dir / "late"
atexit.register(lambda: (time.sleep(4), target.write_text("flushed")))
"""


def test_what_is_registered_with_atexit_gets_its_time(start: Any) -> None:
    run = start(AT_EXIT)
    assert run.end() == 0
    assert (run.output / "late").read_text() == "flushed"


def test_the_kernel_does_not_outlive_a_killed_runner(start: Any) -> None:
    notebook = "(run.output_dir / 'demo.ipynb').read_text()"
    saved = f"from jupyter_mltrain import run\nwhile 'std' + 'out' not in {notebook}: pass\n"
    run = start(CHILDREN, saved + WAITING)
    run.until(SAID)
    kernel, child = pids_in(run)
    run.process.kill()
    try:
        assert gone([kernel])
    finally:
        os.kill(child, signal.SIGKILL)  # in a container, or under the local backend, it ends too
    assert run.end() == -signal.SIGKILL
    assert run.notebook["cells"][0]["outputs"]  # what was done is on disk
    assert run.reader.notebook["cells"][1]["outputs"][0]["text"] == "waiting\n"


CHATTY = "line = 'x' * 99\nfor _ in range(20):\n    print('\\n'.join([line] * 50_000))\nprint('the end')"


def test_a_hundred_megabytes_of_output_cost_neither_memory_nor_log(start: Any) -> None:
    run = start(CHATTY, "import resource, os\nprint(os.getppid())")
    assert run.end() == 0
    whole = run.output / "demo_files" / "cell-1-stdout.txt"
    length = 20 * 50_000 * 100
    assert whole.stat().st_size == length + len("the end\n")
    (output,) = run.outputs(0)
    assert f"[{length + 8 - TEXT_LIMIT - TAIL_LIMIT:,} characters left out: the whole text is in" in output["text"]
    assert "demo_files/cell-1-stdout.txt" in output["text"]
    assert output["text"].endswith("the end\n")
    assert run.reader.notebook == run.notebook
    assert len(run.text) < 8 << 20
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert usage.ru_maxrss < 1 << 20  # KiB, of the largest child process so far


def test_a_full_disk_is_told_and_keeps_the_exit_code(start: Any) -> None:
    limit = 64 << 10
    run = start(
        "print('x' * 200_000)",
        "import sys; sys.exit(5)",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert run.end() == 5
    notes = run.reader.progress.notes
    assert len(notes) == 1
    assert "could not be written" in notes[0]
    assert notes[0] in run.errors
    assert run.outputs(0) == []  # the last one that fitted
    assert not [path for path in run.output.iterdir() if path.name != "demo.ipynb"]
    (first, _) = [one for one in run.reader.notebook["cells"] if one["cell_type"] == "code"]
    assert first["outputs"][0]["text"] == "x" * 200_000 + "\n"


def test_a_reader_that_stops_reading_stops_neither_the_run_nor_the_end(start: Any) -> None:
    noisy = "for _ in range(100): print('y' * 10_000)"
    run = start(noisy, "open('finished', 'w').close()", name="unread")
    assert run.process.wait(60) == 0  # nobody reads its pipe, which holds 64 KiB
    assert run.outputs(0)[0]["text"].count("y") == 1_000_000


def test_a_replica_that_does_not_lead_writes_beside_the_leader(start: Any) -> None:
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    source = "from jupyter_mltrain import run; print(run.output_dir.relative_to(run.output_dir.parents[1]), run.rank)"
    run = start(source, env={"TF_CONFIG": json.dumps(config)})
    run.output = run.output / "replicas" / "worker-1"
    assert run.end() == 0
    assert run.outputs(0)[0]["text"] == "replicas/worker-1 1\n"
    assert [path.name for path in run.output.parents[1].iterdir()] == ["replicas"]


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({labels.ENV_PROGRAM: ""}, "is not set"),
        ({labels.ENV_PROGRAM: "sha256:" + "0" * 64}, "is not stored here"),
        ({labels.ENV_PARAMETERS: "[1]"}, "is no JSON object"),
        ({"TF_CONFIG": "{"}, "does not describe a TensorFlow cluster"),
        ({labels.ENV_OUTPUT_URI: "s3://bucket/x"}, "there is no store for 's3'"),
        ({labels.ENV_OUTPUT_URI: "/proc/nothing"}, "cannot write its outputs"),
        ({labels.ENV_GRACE: "soon"}, "no number of seconds"),
    ],
)
def test_what_cannot_start_says_why(start: Any, env: dict[str, str], message: str) -> None:
    run = start("print('never')", env=env)
    assert run.end() == 2
    assert message in run.errors
    assert "Traceback" not in run.errors
    progress = run.reader.progress
    assert (progress.status, progress.exit_code) == ("failed", 2)
    assert progress.error is not None
    assert message in progress.error["message"]


def test_a_kernel_that_is_not_installed_is_replaced_by_this_interpreters(start: Any, tmp_path: Path) -> None:
    run = start("import sys; print(sys.executable)", env={"JUPYTER_PATH": str(tmp_path)})
    assert run.end() == 0
    assert run.outputs(0)[0]["text"].strip() == sys.executable


@pytest.mark.parametrize("program", ["/no/such/python", "/etc/passwd"])
def test_a_kernel_whose_program_is_gone_is_told_without_a_traceback(start: Any, tmp_path: Path, program: str) -> None:
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": [program, "-f", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    run = start("1", env={"JUPYTER_PATH": str(tmp_path)})
    assert run.end() == 2
    assert run.reader.progress.error["name"] == "NotInstalled"
    assert program in run.errors
    assert "Traceback" not in run.errors


RAW = """
import os, subprocess, sys
_ = subprocess.run(["echo", "an output of the cell"])
_ = subprocess.run(["echo", "past the notebook"], stdout=sys.stdout)
_ = subprocess.run(["echo", "past it, to stderr"], stdout=sys.stderr)
_ = subprocess.run(["echo", FORGED], stdout=sys.stdout)
"""


def test_lines_that_are_no_output_pass_and_those_that_are_do_not_come_twice(start: Any) -> None:
    forged = PREFIX + '0 {"type":"done","status":"failed","exit_code":1,"error":null,"seconds":1}'
    run = start(f"FORGED = {forged!r}", RAW)
    assert run.end() == 0
    others = [record.data["text"] for record in Rebuilder().feed(run.text) if record.type == "line"]
    assert others == ["past the notebook", " " + forged]
    assert run.errors == "past it, to stderr\n"
    assert run.outputs(1)[0]["text"] == "an output of the cell\n"
    assert run.reader.progress.status == "succeeded"


def test_nothing_is_left_in_the_temporary_folder(start: Any) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        for cells, code in ((["1"], 0), (["import os; os._exit(4)"], 4)):
            assert start(*cells, env={"TMPDIR": folder}).end() == code
            assert not list(Path(folder).iterdir())


TALKATIVE_CONTROL = """
import threading, time
kernel = get_ipython().kernel
publish = kernel._publish_status_and_flush

def at_length(status, *args):
    end = time.monotonic() + 0.3
    while threading.current_thread() is kernel.control_thread and time.monotonic() < end:
        kernel._publish_status(status, "control")
    publish(status, *args)

kernel._publish_status_and_flush = at_length
"""


def test_the_kernel_closes_its_sockets_under_no_thread(start: Any) -> None:
    """ipykernel may abort if its control thread still has something to say when its main thread closes the sockets."""
    run = start(TALKATIVE_CONTROL)
    assert run.end() == 0
    assert run.errors == ""
    assert [line for line in run.text.splitlines() if not line.startswith(PREFIX)] == []


def test_a_history_reported_at_the_end_of_training_is_all_there(start: Any) -> None:
    run = start(
        "from jupyter_mltrain import run",
        "for step in range(2000):\n    run.report(step=step, loss=1 / (step + 1))",
    )
    assert run.end() == 0
    assert [point["step"] for point in run.reader.metrics] == list(range(2000))
    assert run.reader.progress.notes == []


def test_reports_that_had_to_be_left_out_are_counted(start: Any) -> None:
    run = start(
        "from jupyter_mltrain import run",
        "for step in range(60_000):\n    run.report(step=step, loss=0.5)",
        "import time\ntime.sleep(0.5)\nrun.report(step=60_000, loss=0.5)",
    )
    log, _ = run.process.communicate()  # no slower than the shim reads
    reader = Rebuilder()
    found = [record.data["step"] for record in reader.feed(log.decode()) if record.type == "metrics"]
    (note,) = reader.progress.notes
    assert "came too fast and were left out" in note
    assert len(found) + int(note.split()[0].replace(",", "")) == 60_001
    assert found == sorted(found)
    assert found[-1] == 60_000
