from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mltrain.errors import Conflict, InvalidInput, NotFound, StorageError
from jupyter_mltrain.notebook.parameters import parse_parameters
from jupyter_mltrain.notebook.pins import Requirement, Requirements
from jupyter_mltrain.notebook.program import (
    Program,
    ProgramCell,
    ProgramFile,
    find,
    load,
    materialise,
    read,
    save,
)


def entry(path: str, content: bytes, executable: bool = False) -> ProgramFile:
    return ProgramFile(path, hashlib.sha256(content).hexdigest(), len(content), executable)


CONTENTS = {"lib/a.py": b"A = 1\n", "run.sh": b"#!/bin/sh\n", "same.py": b"A = 1\n", "leer zeichen ü.txt": b""}
BLOBS: dict[str, bytes | Path] = {hashlib.sha256(content).hexdigest(): content for content in CONTENTS.values()}
PROGRAM = Program(
    name="train",
    kernel="python3",
    cells=(
        ProgramCell("one", "markdown", "# T", (), {"a.png": {"image/png": "aGk="}}),
        ProgramCell("two", "code", "x: int = 1\nlone = '\ud800'", ("parameters",)),
    ),
    parameters=parse_parameters("x: int = 1  # help"),
    requirements=Requirements("3.11.9", (Requirement("pandas", "==2.3.3", ("pandas",)),)),
    files=tuple(entry(path, content, path == "run.sh") for path, content in CONTENTS.items()),
    directory="work",
)


def test_digest_is_the_hash_of_the_file_and_covers_the_files(tmp_path: Path) -> None:
    folder = save(PROGRAM, BLOBS, tmp_path)
    content = (folder / "program.json").read_bytes()
    assert PROGRAM.digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert folder.name == PROGRAM.digest.replace(":", "-")
    listed = {file["path"]: file["sha256"] for file in json.loads(content)["files"]}
    assert listed == {path: hashlib.sha256(data).hexdigest() for path, data in CONTENTS.items()}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(PROGRAM, BLOBS, tmp_path / "b")
    loaded = load(PROGRAM.digest, [tmp_path / "a", tmp_path / "b"])
    assert loaded == PROGRAM
    assert loaded.digest == PROGRAM.digest


def test_every_part_of_a_program_changes_its_digest() -> None:
    data = PROGRAM.to_dict()
    changes: list[dict[str, Any]] = [
        {"name": "other"},
        {"directory": "."},
        {"kernel": {"name": "k", "language": "python"}},
        {"cells": data["cells"][:1]},
        {"parameters": []},
        {"requirements": {"python": "3.12.0", "distributions": []}},
        {"files": data["files"][:1]},
    ]
    digests = {Program.from_dict({**data, **change}).digest for change in changes}
    assert len(digests | {PROGRAM.digest}) == len(changes) + 1


def test_the_notebook_to_execute_is_valid() -> None:
    document = PROGRAM.to_notebook()
    document["cells"][1]["source"] = "x = 1"  # nbformat cannot write lone surrogates
    nbformat.validate(nbformat.from_dict(document))
    assert [cell["id"] for cell in document["cells"]] == ["one", "two"]
    assert document["cells"][1]["metadata"] == {"tags": ["parameters"]}
    assert document["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_files_have_fixed_modes_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = save(PROGRAM, BLOBS, tmp_path / "store")
        where = materialise(folder, tmp_path / "work")
    finally:
        os.umask(before)
    for place in (folder / "files", tmp_path / "work"):
        assert {path: (place / path).read_bytes() for path in CONTENTS} == CONTENTS
        assert (place / "run.sh").stat().st_mode & 0o777 == 0o755
        assert (place / "lib/a.py").stat().st_mode & 0o777 == 0o644
    assert where == tmp_path / "work" / "work"
    assert where.is_dir()


def test_saving_twice_changes_nothing(tmp_path: Path) -> None:
    folder = save(PROGRAM, BLOBS, tmp_path, provenance={"commit": "first"})
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert save(PROGRAM, {}, tmp_path, provenance={"commit": "second"}) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert json.loads((folder / "provenance.json").read_text()) == {"commit": "first"}


def test_many_save_at_once_and_leave_one_whole_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: save(PROGRAM, BLOBS, tmp_path), range(40)))
    assert len(folders) == 1
    assert [path.name for path in tmp_path.iterdir()] == [folders.pop().name]
    assert load(PROGRAM.digest, [tmp_path]) == PROGRAM


def test_a_file_that_changed_since_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(b"before")
    program = Program("n", "python3", (), files=(entry("data.csv", b"before"),))
    source.write_bytes(b"after!")
    with pytest.raises(Conflict, match=r"data\.csv"):
        save(program, {program.files[0].sha256: source}, tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize("damage", ["change", "remove", "program", "truncate"])
def test_damage_is_noticed_and_repaired_by_saving_again(tmp_path: Path, damage: str) -> None:
    folder = save(PROGRAM, BLOBS, tmp_path)
    target = folder / ("program.json" if damage == "program" else "files/lib/a.py")
    if damage == "remove":
        target.unlink()
    else:
        target.write_bytes(b"" if damage == "truncate" else target.read_bytes() + b" ")
    with pytest.raises(StorageError, match="damaged"):
        load(PROGRAM.digest, [tmp_path])
    assert save(PROGRAM, BLOBS, tmp_path) == folder
    assert load(PROGRAM.digest, [tmp_path]) == PROGRAM
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"sha256:") as caught:
        find(PROGRAM.digest, [tmp_path])
    assert str(tmp_path) in caught.value.hint
    with pytest.raises(NotFound):
        read(tmp_path)
    for text in ("sha256:xyz", "md5:" + "0" * 64, "../../etc", "sha256:" + "A" * 64):
        with pytest.raises(InvalidInput):
            find(text, [tmp_path])


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "", ".", "a\0b", "a/"])
def test_paths_that_lead_out_are_never_followed(tmp_path: Path, path: str) -> None:
    data = PROGRAM.to_dict()
    data["files"][0]["path"] = path
    content = json.dumps(data).encode()
    folder = tmp_path / ("sha256-" + hashlib.sha256(content).hexdigest())
    folder.mkdir()
    (folder / "program.json").write_bytes(content)
    with pytest.raises(StorageError):
        materialise(folder, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    data = {**PROGRAM.to_dict(), "files": [], "directory": "../../out"}
    (tmp_path / "program.json").write_text(json.dumps(data))
    with pytest.raises(StorageError):
        materialise(tmp_path, tmp_path / "work")


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be stored"):
        save(PROGRAM, BLOBS, tmp_path / "file" / "store")


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    script = f"""
import hashlib, resource, signal
from pathlib import Path
from jupyter_mltrain.errors import StorageError
from jupyter_mltrain.notebook.program import Program, ProgramFile, save

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
blobs = {{hashlib.sha256(content).hexdigest(): content for content in (b"", b"x" * 2000)}}
files = tuple(ProgramFile(str(len(content)), digest, len(content)) for digest, content in blobs.items())
try:
    save(Program("n", "python3", (), files=files), blobs, Path({str(tmp_path)!r}))
except StorageError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_killed_processes_are_swept_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".draft-old", 90_000), (".broken-old", 90_000), (".draft-new", 10)):
        (tmp_path / name / "files").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    folder = save(PROGRAM, BLOBS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".draft-new", folder.name}


def test_a_program_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program.json").write_text(json.dumps({**PROGRAM.to_dict(), "format": 99}))
    with pytest.raises(StorageError, match="another version"):
        read(tmp_path)


def test_materialising_overwrites_and_leaves_other_files(tmp_path: Path) -> None:
    folder = save(PROGRAM, BLOBS, tmp_path / "store")
    work = tmp_path / "w"
    (work / "lib").mkdir(parents=True)
    (work / "lib/a.py").write_text("old")
    (work / "mine.txt").write_text("mine")
    materialise(folder, work)
    assert (work / "lib/a.py").read_bytes() == CONTENTS["lib/a.py"]
    assert (work / "mine.txt").read_text() == "mine"


def test_loading_a_program_needs_the_standard_library_only(tmp_path: Path) -> None:
    folder = save(PROGRAM, BLOBS, tmp_path)
    script = (
        "import sys; from pathlib import Path; before = set(sys.modules)\n"
        "from jupyter_mltrain.notebook import program\n"
        f"assert program.read(Path({str(folder)!r})).digest == {PROGRAM.digest!r}\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(tops - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['jupyter_mltrain']"
