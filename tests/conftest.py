"""Fixtures that all tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.disks import mounted_disk
from tests.support import Mltrain, NotebookWriter, data_folder, stop_all, write_notebook

# A busy machine is no error: no test asserts wall time, those with random examples neither.
# Continuous integration takes the same examples each time; new ones are found by people, who can look at them.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")

# What a script starts in the background ignores SIGINT, and so would the processes that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    folder = data_folder()
    return f"real data: {folder}" if folder else "real data: none (MLTRAIN_DATA names no folder): its tests are skipped"


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = data_folder()
    if folder is None:
        pytest.skip("no real data: set MLTRAIN_DATA to a folder with recommender/, income/, penguins/")
    return folder


@pytest.fixture
def mltrain(tmp_path: Path) -> Iterator[Mltrain]:
    folder = tmp_path / "home with space"
    yield Mltrain(folder, tmp_path)
    stop_all(folder)


@pytest.fixture(scope="module")
def shared_mltrain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mltrain]:
    """One data folder for the tests of a module that only read."""
    folder = tmp_path_factory.mktemp("shared")
    yield Mltrain(folder / "home", folder)
    stop_all(folder / "home")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    with mounted_disk(tmp_path / "small disk", 1) as disk:
        yield disk


@pytest.fixture
def notebook(tmp_path: Path) -> NotebookWriter:
    def write(*sources: str, name: str = "train.ipynb", parameters: str | None = None) -> Path:
        return write_notebook(tmp_path / name, *sources, parameters=parameters)

    return write
