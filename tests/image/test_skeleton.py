"""What is around the wheels: a frame in which Python starts, kernels, the user, the program."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import skeleton
from jupyter_mltrain.image.layer import Entry, write_layer
from jupyter_mltrain.image.venv import Venv
from jupyter_mltrain.notebook.program import Program, ProgramCell, ProgramFile, load, save

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VENV = Venv(PYTHON, os.path.realpath(sys.executable), "/env")


def unpack(entries: Iterable[Entry], folder: Path) -> Path:
    """Put a layer of entries into a folder."""
    out = io.BytesIO()
    write_layer(entries, out, "zstd")
    tar = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(out.getvalue())).read()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return folder


def by_path(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


# --- the environment --------------------------------------------------------------------------------------------------


def test_python_starts_in_the_environment(tmp_path: Path) -> None:
    root = unpack(skeleton.environment(VENV), tmp_path)
    (root / VENV.site_packages[1:] / "here.py").write_text("x = 1")
    code = "import here, json, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.path[-1], here.__file__]))"
    for name in ("python", "python3", f"python{PYTHON}"):
        done = subprocess.run([root / "env/bin" / name, "-I", "-c", code], capture_output=True, text=True, check=True)
        site = str(root / VENV.site_packages[1:])
        assert json.loads(done.stdout) == [str(root / "env"), sys.base_prefix, site, f"{site}/here.py"]


def test_it_is_what_pythons_own_venv_makes_without_what_people_type(tmp_path: Path) -> None:
    unpack(skeleton.environment(VENV), tmp_path)
    subprocess.run([VENV.interpreter, "-m", "venv", "--without-pip", str(tmp_path / "real")], check=True)

    def tree(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in root.rglob("*") if not path.name.lower().startswith("activate")}

    assert tree(tmp_path / "real") - tree(tmp_path / "env") <= {"include", f"include/python{PYTHON}", ".gitignore"}
    assert tree(tmp_path / "env") <= tree(tmp_path / "real")
    assert (tmp_path / "env/lib64").readlink() == (tmp_path / "real/lib64").readlink()


def test_the_settings_of_the_environment() -> None:
    entries = by_path(skeleton.environment(Venv("3.12", "/usr/local/bin/python3.12")))
    assert entries["opt/mltrain/venv/pyvenv.cfg"].source == (
        b"home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.12\n"
    )
    assert entries["opt/mltrain/venv/bin/python"].link == "/usr/local/bin/python3.12"
    assert entries["opt/mltrain/venv/bin/python3.12"].link == "python"


# --- kernels ----------------------------------------------------------------------------------------------------------


def test_kernels_are_found_by_jupyter(tmp_path: Path) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    unpack(skeleton.kernels(VENV, ["my-kernel", "conda.env_1"]), tmp_path)
    manager = KernelSpecManager(kernel_dirs=[str(tmp_path / VENV.kernels[1:])], ensure_native_kernel=False)
    for name in ("python3", "my-kernel", "conda.env_1"):
        spec = manager.get_kernel_spec(name)
        assert spec.argv == ["/env/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        assert spec.language == "python"
    assert set(manager.find_kernel_specs()) == {"python3", "my-kernel", "conda.env_1"}


@pytest.mark.parametrize("name", ["../../etc", "", ".", "..", "a/b", "Ünïcode", "with space", "UPPER"])
def test_names_that_jupyter_does_not_find_get_no_kernel(name: str) -> None:
    assert [entry.path for entry in skeleton.kernels(VENV, [name])] == ["env/share/jupyter/kernels/python3/kernel.json"]


# --- the user ---------------------------------------------------------------------------------------------------------

DEBIAN_PASSWD = b"root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
DEBIAN_GROUP = b"root:x:0:\nusers:x:100:\n"
LINE = b"mltrain:x:1000:100:mltrain:/home/mltrain:/bin/sh\n"


def user_files(passwd: bytes | None, group: bytes | None) -> tuple[object, object]:
    """Return the two files that the image gets, None for one that stays as it is."""
    entries = by_path(skeleton.user(passwd, group))
    assert entries.pop("home/mltrain") == Entry("home/mltrain", mode=0o1777, owner=(1000, 100))
    users, groups = entries.pop("etc/passwd", None), entries.pop("etc/group", None)
    assert entries == {}
    return users and users.source, groups and groups.source


def test_the_user_of_a_usual_base() -> None:
    assert user_files(DEBIAN_PASSWD, DEBIAN_GROUP) == (DEBIAN_PASSWD + LINE, None)


def test_a_base_without_users() -> None:
    assert user_files(None, None) == (b"root:x:0:0:root:/root:/bin/sh\n" + LINE, b"root:x:0:\nmltrain:x:100:\n")


def test_empty_files() -> None:
    assert user_files(b"", b"") == (LINE, b"mltrain:x:100:\n")


def test_whoever_has_the_number_or_the_name_stays() -> None:
    assert user_files(b"ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n", b"mltrain:x:7:\n") == (None, None)


def test_a_file_without_an_end_of_its_last_line() -> None:
    passwd, _ = user_files(b"root:x:0:0::/root:/bin/sh", None)
    assert passwd == b"root:x:0:0::/root:/bin/sh\n" + LINE


@given(st.binary(), st.binary())
def test_what_the_base_has_is_kept_and_one_line_is_added(passwd: bytes, group: bytes) -> None:
    users, groups = user_files(passwd, group)
    assert users in (None, passwd + LINE, passwd + b"\n" + LINE)
    assert groups in (None, group + b"mltrain:x:100:\n", group + b"\nmltrain:x:100:\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
@pytest.mark.parametrize(("user", "group"), [(1000, 100), (1_000_680_000, 0), (65_534, 65_534)])
def test_every_user_can_write_into_the_home(user: int, group: int) -> None:
    """Kubernetes may let containers run as any user; OpenShift takes high numbers and group 0."""
    with tempfile.TemporaryDirectory() as folder:  # not below pytest's folder, which is private
        Path(folder).chmod(0o755)
        home = unpack(skeleton.user(None, None), Path(folder)) / "home/mltrain"
        script = 'cd "$1" && mkdir -p .local/share && echo x > .local/share/a && mv .local/share/a b && rm b'
        subprocess.run(["/bin/sh", "-c", script, "sh", str(home)], user=user, group=group, extra_groups=[], check=True)


# --- the program ------------------------------------------------------------------------------------------------------

BLOBS = {hashlib.sha256(data).hexdigest(): data for data in (b"import os\n", b"#!/bin/sh\n", b"")}
HASHES = list(BLOBS)
PROGRAM = Program(
    "train",
    "python3",
    (ProgramCell("a", "code", "print('ü')"),),
    files=(
        ProgramFile("library/__init__.py", HASHES[2], 0),
        ProgramFile("library/ä b.py", HASHES[0], 10),
        ProgramFile("run.sh", HASHES[1], 10, executable=True),
    ),
)


def test_a_program_lies_as_it_does_in_a_store(tmp_path: Path) -> None:
    stored = save(PROGRAM, BLOBS, tmp_path / "store")
    root = unpack(skeleton.program(PROGRAM.content, BLOBS), tmp_path / "image") / "opt/mltrain/programs"
    assert load(PROGRAM.digest, [root]) == PROGRAM

    def tree(folder: Path) -> dict[str, object]:
        return {
            str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes() if path.is_file() else None)
            for path in folder.rglob("*")
        }

    assert tree(root / stored.name) == tree(stored)


def test_files_of_a_program_may_lie_on_the_disk(tmp_path: Path) -> None:
    blobs: dict[str, bytes | Path] = {}
    for digest, data in BLOBS.items():
        blobs[digest] = tmp_path / digest
        (tmp_path / digest).write_bytes(data)
    root = unpack(skeleton.program(PROGRAM.content, blobs, programs="/elsewhere"), tmp_path / "image")
    assert load(PROGRAM.digest, [root / "elsewhere"]) == PROGRAM
    (tmp_path / HASHES[0]).write_bytes(b"import io\n")
    with pytest.raises(ImageError, match="changed"):
        unpack(skeleton.program(PROGRAM.content, blobs), tmp_path / "other")


def test_a_program_whose_file_is_missing() -> None:
    with pytest.raises(ImageError, match=r"'library/ä b\.py' is not here"):
        skeleton.program(PROGRAM.content, {digest: data for digest, data in BLOBS.items() if digest != HASHES[0]})
