"""The same input gives the same digests, whoever makes the layer, where and with what settings."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.wheels import make_wheel
from tests.support import ROOT

PROGRAM = b'{"cells":[],"files":[{"path":"a b/data.csv","sha256":"%s","size":4}],"format":1}\n'

# Makes every kind of layer from what lies in the folder of the first argument, after taking on the user of the second.
CHILD = """
import hashlib, io, json, os, sys
from pathlib import Path
folder, user, umask = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
os.umask(umask)
from jupyter_mltrain.image import own, skeleton
from jupyter_mltrain.image.layer import Entry, LayerWriter, codec_version, fingerprint, write_layer
from jupyter_mltrain.image.venv import Venv
from jupyter_mltrain.image.wheel import add_wheel
venv = Venv("3.11", "/usr/bin/python3.11")
data = folder / "a b" / "data.csv"
program = (folder / "program.json").read_bytes()


def make():
    entries = [
        *skeleton.environment(venv), *skeleton.kernels(venv, {"c", "b", "a"}), *skeleton.user(None, b""),
        *own.own_package(venv), *skeleton.program(program, {hashlib.sha256(b"a,b\\n").hexdigest(): data}),
        *(Entry(f"opt/{name}", data) for name in {"x", "y", "z", "\\xfc", "\\u6f22"}),
    ]
    found = {"fingerprint": fingerprint(entries)}
    for compression in ("zstd", "gzip"):
        writer = LayerWriter(io.BytesIO(), compression)
        add_wheel(writer, next(folder.glob("*.whl")), venv)
        layers = [write_layer(entries, io.BytesIO(), compression), writer.finish()]
        found[compression] = [codec_version(compression), *(layer.descriptor.digest for layer in layers)]
    return found


if user:
    make()  # imports what another user may be unable to read
    os.setgid(user)
    os.setuid(user)
print(json.dumps(make(), sort_keys=True))
"""


@pytest.fixture(scope="module")
def places() -> Iterator[list[Path]]:
    """Two folders with the same files, of other times and modes, which every user may read."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        yield [make_place(Path(root, name), index) for index, name in enumerate(("one", "another place ü"))]


def make_place(folder: Path, index: int) -> Path:
    (folder / "a b").mkdir(parents=True)
    (folder / "a b" / "data.csv").write_bytes(b"a,b\n")
    (folder / "program.json").write_bytes(PROGRAM % hashlib.sha256(b"a,b\n").hexdigest().encode())
    make_wheel(folder, "sample", {"sample/__init__.py": b"x = 1\n"}, scripts={"tool": "sample:main"})
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (index * 1e9, index * 1e9))
        path.chmod(0o755 if path.is_dir() else (0o644, 0o755)[index])
    return folder


def digests(folder: Path, *, user: int = 0, umask: int = 0o022, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(user), str(umask)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def expected(places: list[Path]) -> str:
    found = digests(places[0], PYTHONHASHSEED="0", TZ="UTC", LC_ALL="C.UTF-8")
    assert set(json.loads(found)) == {"fingerprint", "zstd", "gzip"}
    return found


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu"},
        {"TZ": "America/St_Johns", "SOURCE_DATE_EPOCH": "1000000000"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "HOME": "/nowhere", "USER": "somebody", "LOGNAME": "somebody", "HOSTNAME": "else"},
        {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "tr_TR.UTF-8"},
        {"ZSTD_NBTHREADS": "4", "ZSTD_CLEVEL": "9", "GZIP": "-9"},
    ],
    ids=lambda environment: "-".join(environment),
)
def test_digests_do_not_depend_on_the_environment(
    places: list[Path], expected: str, environment: dict[str, str]
) -> None:
    assert digests(places[0], **environment) == expected


@pytest.mark.parametrize("umask", [0, 0o027, 0o077])
def test_digests_do_not_depend_on_place_times_modes_and_umask(places: list[Path], expected: str, umask: int) -> None:
    assert digests(places[1], umask=umask) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_digests_do_not_depend_on_the_user(places: list[Path], expected: str) -> None:
    assert digests(places[1], user=12345) == expected


def test_digests_do_not_depend_on_the_number_of_processors(places: list[Path], expected: str) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert digests(places[0]) == expected
    finally:
        os.sched_setaffinity(0, before)
