"""What the live views draw, without a terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from jupyter_mltrain.cli.panel import elapsed, jobs_table
from jupyter_mltrain.cli.watch import _Plain
from jupyter_mltrain.model.job import JobRef, JobStatus
from jupyter_mltrain.service import RunProgress, Update


def job(name: str, **fields: Any) -> JobStatus:
    return JobStatus(JobRef("local", "0123456789ab", "PyTorchJob", "default", name), {}, **fields)


def test_a_narrow_table_keeps_what_names_a_job_whole() -> None:
    console = Console(file=io.StringIO(), width=64)
    status = {"replicaStatuses": {"Master": {"succeeded": 1}, "Worker": {"succeeded": 3}}}
    console.print(jobs_table([job("a-very-long-name-" * 3, status=status)], 64))
    assert isinstance(console.file, io.StringIO)
    _, row = console.file.getvalue().splitlines()
    assert len(row) <= 64
    assert row.startswith("0123456789ab  a-")
    assert "PyTorchJob" in row
    assert "Created" in row


def test_a_cell_is_named_once_though_cells_are_put_in_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    view = _Plain()
    for index in (0, 2):  # papermill puts its notes on an error before the cell
        view.show(Update(job("x"), RunProgress(0, 1, index, "1 / 0")))
    assert capsys.readouterr().out.count("1 / 0") == 1


def test_a_job_that_has_failed_gets_no_older() -> None:
    """A failed batch/v1 Job has no completionTime."""
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:41Z"}
    assert elapsed(job("x", status={"startTime": "2026-01-01T00:00:00Z", "conditions": [failed]})) == "41s"
