"""Wheels as files of a layer: where what goes, and which wheels are refused."""

from __future__ import annotations

import csv
import io
import random
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image.layer import LayerWriter
from jupyter_mltrain.image.venv import Venv
from jupyter_mltrain.image.wheel import add_wheel
from tests.image.wheels import make_wheel, record_of
from tests.support import ROOT

VENV = Venv("3.11", "/usr/bin/python3.11")
SITE = "opt/mltrain/venv/lib/python3.11/site-packages"
INFO = f"{SITE}/sample-1.0.dist-info"


def layer_of(*wheels: Path, venv: Venv = VENV, filename: str = "") -> bytes:
    """Return the tar of a layer of some wheels."""
    out = io.BytesIO()
    writer = LayerWriter(out, "zstd")
    for wheel in wheels:
        add_wheel(writer, wheel, venv, filename=filename)
    writer.finish()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(out.getvalue())).read()


def tree(tar: bytes) -> dict[str, tuple[int, bytes]]:
    """Return the files of a tar: path -> mode and content."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            if not member.isdir():
                assert member.isreg()
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = (member.mode, file.read())
    return found


def installed(folder: Path, files: Mapping[str, bytes], **options: Any) -> dict[str, tuple[int, bytes]]:
    return tree(layer_of(make_wheel(folder, "sample", files, **options)))


# --- where what goes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pure", [True, False])
def test_packages_and_metadata(tmp_path: Path, pure: bool) -> None:
    found = installed(tmp_path, {"sample/__init__.py": b"x = 1\n", "sample/empty": b""}, pure=pure)
    assert set(found) == {
        f"{SITE}/sample/__init__.py",
        f"{SITE}/sample/empty",
        *(f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER")),
    }
    assert found[f"{SITE}/sample/__init__.py"] == (0o644, b"x = 1\n")
    assert found[f"{SITE}/sample/empty"] == (0o644, b"")
    assert found[f"{INFO}/INSTALLER"] == (0o644, b"jupyter_mltrain\n")


def test_every_scheme_has_its_place(tmp_path: Path) -> None:
    schemes = ("purelib", "platlib", "headers", "scripts", "data")
    found = installed(
        tmp_path,
        {f"sample-1.0.data/{scheme}/a/b.txt": scheme.encode() for scheme in schemes[:3]}
        | {"sample-1.0.data/scripts/tool": b"\x7fELF", "sample-1.0.data/data/share/jupyter/x.json": b"{}"}
        | {"sample-1.0.data/data/lib64/python3.11/site-packages/by_lib64.py": b""},
        replaced={"sample-1.0.data/platlib/a/b.txt": None},
    )  # both are the same folder
    assert {path for path in found if "dist-info" not in path} == {
        f"{SITE}/a/b.txt",
        "opt/mltrain/venv/include/site/python3.11/sample/a/b.txt",
        "opt/mltrain/venv/bin/tool",
        "opt/mltrain/venv/share/jupyter/x.json",
        f"{SITE}/by_lib64.py",
    }


def test_scripts_of_entry_points_name_the_environment(tmp_path: Path) -> None:
    found = installed(
        tmp_path, {"sample.py": b""}, scripts={"tool": "sample:main", "sub": "sample.cli:App.run [extra]"}
    )
    mode, content = found["opt/mltrain/venv/bin/tool"]
    assert mode == 0o755
    assert content.startswith(b"#!/opt/mltrain/venv/bin/python\n")
    assert b"from sample import main" in content
    assert b"sys.exit(App.run())" in found["opt/mltrain/venv/bin/sub"][1]


def test_a_long_path_of_the_environment_gets_a_script_that_can_start(tmp_path: Path) -> None:
    venv = Venv("3.11", "/usr/bin/python3.11", "/opt/" + "long/" * 40 + "venv")
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b""}, scripts={"tool": "sample:main"})
    content = tree(layer_of(wheel, venv=venv))[f"{venv.bin[1:]}/tool"][1]
    assert content.startswith(b"#!/bin/sh\n'''exec' /opt/long/")


@pytest.mark.parametrize("first", [b"#!python\n", b"#!python\r\n", b"#!pythonw -E\n", b"#!python"])
def test_scripts_with_the_wheel_formats_first_line_get_another(tmp_path: Path, first: bytes) -> None:
    rest = b"import sample\n" * 10_000 if first.endswith(b"\n") else b""
    found = installed(tmp_path, {"sample-1.0.data/scripts/tool": first + rest})
    assert found["opt/mltrain/venv/bin/tool"] == (0o755, b"#!/opt/mltrain/venv/bin/python\n" + rest)


@pytest.mark.parametrize("content", [b"", b"#!", b"#!/bin/sh\n#!python\n", b"\x7fELF" + bytes(100_000), b"#!pytho\n"])
def test_other_scripts_stay_as_they_are(tmp_path: Path, content: bytes) -> None:
    found = installed(tmp_path, {"sample-1.0.data/scripts/tool": content})
    assert found["opt/mltrain/venv/bin/tool"] == (0o755, content)


def test_what_looks_like_a_script_elsewhere_stays_as_it_is(tmp_path: Path) -> None:
    assert installed(tmp_path, {"sample/tool": b"#!python\n"})[f"{SITE}/sample/tool"] == (0o644, b"#!python\n")


def test_executable_files_stay_executable(tmp_path: Path) -> None:
    found = installed(tmp_path, {"sample/run": b"", "sample/read": b""}, executable=("sample/run",))
    assert (found[f"{SITE}/sample/run"][0], found[f"{SITE}/sample/read"][0]) == (0o755, 0o644)


def test_a_link_becomes_a_file_as_pip_makes_it(tmp_path: Path) -> None:
    name = "sample-1.0.data/data/lib/libx.so"
    assert installed(tmp_path, {name: b"libx.so.1"}, links=(name,))["opt/mltrain/venv/lib/libx.so"] == (
        0o644,
        b"libx.so.1",
    )


def test_names_of_all_kinds(tmp_path: Path) -> None:
    names = ["sample/ü 漢字.txt", "sample/" + "l" * 200, 'sample/a,b".txt', "sample/-", "sample/~", "a" * 250]
    found = installed(tmp_path, dict.fromkeys(names, b"x"))
    assert {f"{SITE}/{name}" for name in names} <= set(found)


def test_caches_of_bytecode_are_left_out(tmp_path: Path) -> None:
    found = installed(tmp_path, {"sample/__pycache__/a.cpython-311.pyc": b"", "sample/__pycache__.py": b""})
    assert [path for path in found if "__pycache__" in path] == [f"{SITE}/sample/__pycache__.py"]


def test_record_tells_what_was_written(tmp_path: Path) -> None:
    files = {
        "sample/__init__.py": b"x\n",
        "sample-1.0.data/scripts/tool": b"#!python\n",
        "sample-1.0.data/data/etc/a": b"",
    }
    found = installed(tmp_path, files, scripts={"main": "sample:main"})
    rows = {row[0]: row[1:] for row in csv.reader(found[f"{INFO}/RECORD"][1].decode().splitlines())}
    assert rows.pop("sample-1.0.dist-info/RECORD") == ["", ""]
    for path, (_, content) in found.items():
        if not path.endswith("/RECORD"):
            short = path.removeprefix(f"{SITE}/")
            short = short if short != path else "../../../" + path.removeprefix("opt/mltrain/venv/")
            expected = next(csv.reader([record_of({"x": content}, "y").decode().splitlines()[0]]))
            assert rows.pop(short) == expected[1:]
    assert rows == {}


def test_a_wheel_in_a_cache_is_known_by_the_name_that_it_had(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b""})
    expected = layer_of(wheel)
    blob = wheel.rename(tmp_path / "0123456789abcdef.1234")
    assert layer_of(blob, filename="sample-1.0-py3-none-any.whl") == expected


def test_files_are_in_order_and_their_order_in_the_wheel_does_not_matter(tmp_path: Path) -> None:
    names = ["sample/z.py", "sample/a/b.py", "sample/a.py", "sample/A.py"]
    one = layer_of(make_wheel(tmp_path, "sample", dict.fromkeys(names, b"")))
    record = tmp_path / "record"
    with zipfile.ZipFile(tmp_path / "sample-1.0-py3-none-any.whl") as archive:
        record.write_bytes(archive.read("sample-1.0.dist-info/RECORD"))
    other = make_wheel(
        tmp_path,
        "sample",
        dict.fromkeys(reversed(names), b""),
        replaced={"sample-1.0.dist-info/RECORD": record.read_bytes()},
    )
    assert layer_of(other) == one
    paths = [path for path in tree(one) if "dist-info" not in path]
    assert paths == sorted(paths, key=lambda path: path.split("/"))


def test_of_two_wheels_with_the_same_file_the_first_counts(tmp_path: Path) -> None:
    first = make_wheel(tmp_path, "first", {"shared/__init__.py": b"first"})
    second = make_wheel(tmp_path, "second", {"shared/__init__.py": b"second", "shared/more.py": b""})
    found = tree(layer_of(first, second))
    assert found[f"{SITE}/shared/__init__.py"][1] == b"first"
    assert f"{SITE}/shared/more.py" in found


@pytest.mark.slow
def test_memory_does_not_depend_on_the_size_of_a_file(tmp_path: Path) -> None:
    """Half a gigabyte: what is held of it at once shows in the most that a process ever had."""
    code = """
import resource, sys, zipfile
from pathlib import Path
folder = Path(sys.argv[1])
wheel = folder / "big-1.0-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    archive.writestr("big-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
    archive.writestr("big-1.0.dist-info/RECORD", "")
    with archive.open("big/data", "w", force_zip64=True) as member:
        for _ in range(512):
            member.write(bytes(1 << 20))
from jupyter_mltrain.image.layer import LayerWriter
from jupyter_mltrain.image.wheel import add_wheel
from jupyter_mltrain.image.venv import Venv
with open(folder / "layer", "wb") as out:
    writer = LayerWriter(out, "zstd")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    add_wheel(writer, wheel, Venv("3.11", "/usr/bin/python3.11"))
    assert writer.finish().unpacked > 512 << 20
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 128 << 10  # KiB


def test_threads_at_once(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {f"sample/{index}.py": bytes(index) for index in range(50)})
    expected, found = layer_of(wheel), []
    threads = [threading.Thread(target=lambda: found.append(layer_of(wheel) == expected)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(wheel: Path) -> str:
    with pytest.raises(ImageError) as caught:
        layer_of(wheel)
    assert caught.value.message.startswith(wheel.name)
    assert caught.value.details["wheel"] == wheel.name
    return caught.value.message


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "sample/../../x", "sample-1.0.data/scripts/../../x", ".."])
def test_files_outside_of_the_environment(tmp_path: Path, name: str) -> None:
    assert f"{name!r} would lie outside" in refused(make_wheel(tmp_path, "sample", {name: b""}))


def test_scripts_outside_of_the_environment(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b""}, scripts={"../../../usr/bin/python": "sample:main"})
    assert "would lie outside" in refused(wheel)


def test_names_that_delete_files_of_other_layers(tmp_path: Path) -> None:
    assert "deletes files" in refused(make_wheel(tmp_path, "sample", {"sample/.wh.numpy": b""}))


def test_a_file_that_is_not_what_record_says(tmp_path: Path) -> None:
    for other in (b"x = 2\n", b"x = 10\n"):
        wheel = make_wheel(tmp_path, "sample", {"sample/a.py": b"x = 1\n"}, replaced={"sample/a.py": other})
        assert "'sample/a.py' is not what its RECORD says" in refused(wheel)


def test_a_script_that_is_not_what_record_says(tmp_path: Path) -> None:
    name = "sample-1.0.data/scripts/tool"
    wheel = make_wheel(tmp_path, "sample", {name: b"#!python\nprint(1)\n"}, replaced={name: b"#!python\nprint(2)\n"})
    assert f"{name!r} is not what its RECORD says" in refused(wheel)


def test_files_that_record_does_not_list_are_installed(tmp_path: Path) -> None:
    found = installed(tmp_path, {"sample/a.py": b""}, replaced={"sample/b.py": b"unlisted", "sample/a.py": None})
    assert found[f"{SITE}/sample/b.py"] == (0o644, b"unlisted")


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        ({"sample-1.0.dist-info/RECORD": None}, "RECORD"),
        ({"sample-1.0.dist-info/WHEEL": None}, "WHEEL"),
        ({"sample-1.0.dist-info/WHEEL": b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"}, "2.0"),
        ({"sample-1.0.dist-info/WHEEL": b""}, "Wheel-Version"),
        ({"sample-1.0.dist-info/RECORD": b"a,b\n"}, "expected 3 elements"),
        ({"sample-1.0.dist-info/RECORD": b"\xff"}, "decode"),
        ({"sample-1.0.dist-info/RECORD": b"sample.py,nonsense,5\n"}, "hash"),
        ({"sample-1.0.dist-info/RECORD": b"sample.py,sha256=abc,many\n"}, "size"),
        ({"sample-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntool\n"}, "no valid wheel"),
        ({"sample-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntool = sample\n"}, "no valid wheel"),
        ({"sample-1.0.data/elsewhere/a": b""}, "elsewhere"),
        ({"sample-1.0.data/purelib": b""}, "no valid wheel"),
        ({"other-1.0.dist-info/WHEEL": b""}, "dist-info"),
    ],
)
def test_what_is_no_wheel_by_its_metadata(tmp_path: Path, replaced: dict[str, bytes | None], said: str) -> None:
    assert said in refused(make_wheel(tmp_path, "sample", {"sample.py": b""}, replaced=replaced))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_the_same_name(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b"1"})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("sample.py", b"2")
    assert "Two of its files have the name 'sample.py'" in refused(wheel)


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    assert "at once" in refused(make_wheel(tmp_path, "sample", {"sample": b"", "sample/a.py": b""}))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    wheel = tmp_path / "sample-1.0-py3-none-any.whl"
    wheel.write_bytes(content)
    assert "wheel" in refused(wheel)


def test_a_wheel_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "sample-1.0-py3-none-any.whl")


def test_a_file_that_is_named_like_no_wheel(tmp_path: Path) -> None:
    assert "Not a valid wheel filename" in refused(make_wheel(tmp_path, "sample", {}).rename(tmp_path / "sample.zip"))


@pytest.mark.parametrize("position", range(0, 100, 7))
def test_a_damaged_archive_is_never_installed(tmp_path: Path, position: int) -> None:
    """One byte turned over somewhere: either it is noticed, or it was of no account for the files."""
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b"print('hello')\n" * 20})
    expected = layer_of(wheel)
    data = bytearray(wheel.read_bytes())
    data[len(data) * position // 100] ^= 0xFF
    wheel.write_bytes(data)
    try:
        assert layer_of(wheel) == expected
    except ImageError as error:
        assert error.message.startswith(wheel.name)  # noqa: PT017


def test_a_truncated_archive(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {"sample.py": b"print('hello')\n" * 20})
    wheel.write_bytes(wheel.read_bytes()[:-10])
    assert "cannot be read as a wheel" in refused(wheel)


class Cancelling(io.BytesIO):
    """Ends the work by an error that a wheel could have raised too, as soon as compressed bytes come."""

    is_cancelled = False

    def write(self, data: Any) -> int:
        if self.is_cancelled:
            raise ValueError("cancelled")
        return super().write(data)


def test_what_the_writer_raises_is_not_the_wheels_fault(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sample", {"sample.py": random.Random(0).randbytes(1_000_000)})
    out = Cancelling()
    writer = LayerWriter(out, "gzip")
    out.is_cancelled = True
    with pytest.raises(ValueError, match=r"\Acancelled\Z"):
        add_wheel(writer, wheel, VENV)
