"""What is found in images of the kinds that there are."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.inspection import Inspection, inspect
from tests.image.base_files import GLIBC, MUSL, glibc, library, musl, package, python, text
from tests.image.base_image import PATH, File, Folder, Hardlink, Layout, Symlink, elf, tar

Files = Mapping[str, File]


def inspected(*layers: Files, env: Mapping[str, str] | None = None, architecture: str = "amd64") -> Inspection:
    """Return what is in an image of layers that are not compressed."""
    tars = [tar(files) for files in layers]
    opened = [
        (oci.Layer(oci.Descriptor.of(oci.LAYER_TAR, each), oci.digest_of(each)), lambda each=each: BytesIO(each))
        for each in tars
    ]
    found, unpacked = inspect(opened, {"PATH": PATH} if env is None else env, architecture, lambda number, done: None)
    assert [layer.unpacked for layer in unpacked] == [len(each) for each in tars]
    return found


def refusal(*layers: Files, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        inspected(*layers, **options)
    assert caught.value.hint
    return caught.value.message


class TestKinds:
    def test_the_python_projects_own(self) -> None:
        # A small program, and all of Python in a library beside it.
        files = {
            **glibc(version="2.41"),
            **library("usr/local", "3.12"),
            "usr/local/bin/python3.12": elf(),
            "usr/local/bin/python3": Symlink("python3.12"),
            "usr/local/bin/python": Symlink("python3"),
            "usr/local/lib/libpython3.12.so.1.0": elf(interpreter="", content=text("3.12.11")),
            "etc/os-release": b'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\n',
            "etc/passwd": b"root:x:0:0:root:/root:/bin/bash\n",
            "bin/dash": b"program",
            "bin/sh": Symlink("dash"),
            **package("usr/local/lib/python3.12/site-packages", "pip", "25.0"),
        }
        found = inspected(files)
        assert (found.python.path, found.python.version) == ("/usr/local/bin/python3.12", "3.12.11")
        assert (found.python.prefix, found.python.minor) == ("/usr/local", "3.12")
        assert found.python.libc == ("glibc", (2, 41))
        assert found.system == "Debian GNU/Linux 13 (trixie)"
        assert found.passwd == b"root:x:0:0:root:/root:/bin/bash\n"
        assert found.group == b""
        assert found.shell
        assert found.installed == {"pip": "25.0"}

    def test_debians_with_folders_that_are_links(self) -> None:
        files = {
            "bin": Symlink("usr/bin"),
            "lib": Symlink("usr/lib"),
            "lib64": Symlink("usr/lib64"),
            **glibc("usr/lib/x86_64-linux-gnu"),
            "usr/lib64/ld-linux-x86-64.so.2": Symlink("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            **python("usr", "3.11.2"),
            **package("usr/lib/python3/dist-packages", "setuptools", "66.1.1"),
        }
        del files["lib64/ld-linux-x86-64.so.2"]
        # The later layer goes through the link, and the search path too.
        more = package("lib/python3/dist-packages", "Jinja2", "3.1.2")
        found = inspected(files, more, env={"PATH": "/bin:/usr/bin"})
        assert found.python.path == "/usr/bin/python3.11"
        assert found.python.libc == ("glibc", (2, 36))
        assert found.installed == {"setuptools": "66.1.1", "jinja2": "3.1.2"}

    def test_alpine(self) -> None:
        files = {
            **musl(),
            **python("usr", "3.12.9", loader=MUSL),
            "bin/busybox": b"x",
            "bin/sh": Symlink("/bin/busybox"),
        }
        found = inspected(files)
        assert found.python.libc == ("musl", (1, 2))
        assert found.shell

    def test_conda_comes_first_on_the_path(self) -> None:
        files = {**glibc(), **python("usr", "3.11.2"), **python("opt/conda", "3.12.4", links=("python", "python3"))}
        found = inspected(files, env={"PATH": f"/opt/conda/bin:{PATH}"})
        assert (found.python.path, found.python.prefix) == ("/opt/conda/bin/python3.12", "/opt/conda")

    def test_conda_that_no_path_names(self) -> None:
        files = {**glibc(), **python("opt/conda", "3.12.4")}
        assert inspected(files, env={}).python.path == "/opt/conda/bin/python3.12"

    def test_two_of_ubuntu_the_usual_one(self) -> None:
        files = {**glibc(), **python("usr", "3.12.3"), **python("usr", "3.13.1", links=())}
        assert inspected(files).python.version == "3.12.3"

    def test_two_of_ubuntu_where_the_usual_one_is_too_old(self) -> None:
        files = {
            **glibc(),
            **python("usr", "3.10.12"),
            **python("usr", "3.9.1", links=()),
            **python("usr", "3.13.1", links=()),
        }
        found = inspected(files)
        assert (found.python.path, found.python.version) == ("/usr/bin/python3.13", "3.13.1")

    def test_no_python3_without_its_number(self) -> None:
        assert inspected({**glibc(), **python("usr", "3.11.2", links=())}).python.path == "/usr/bin/python3.11"

    def test_python_is_another_one_than_python3(self) -> None:
        files = {
            **glibc(),
            **python("opt/new", "3.13.0"),
            **python("usr", "3.11.2"),
            "usr/bin/python": Symlink("/opt/new/bin/python3"),
        }
        assert inspected(files).python.path == "/opt/new/bin/python3.13"

    def test_python_of_old_means_the_second_version(self) -> None:
        files = {**glibc(), **python("usr", "3.11.2"), "usr/bin/python2.7": elf(content=text("2.7.18"))}
        files["usr/bin/python"] = Symlink("python2.7")
        assert inspected(files).python.version == "3.11.2"

    def test_bitnami(self) -> None:
        files = {**glibc(), **python("opt/bitnami/python", "3.12.8")}
        assert inspected(files, env={"PATH": f"/opt/bitnami/python/bin:{PATH}"}).python.prefix == "/opt/bitnami/python"

    def test_nix_where_every_link_is_absolute(self) -> None:
        store, libc = "nix/store/aaaa-python3-3.12.8", "nix/store/bbbb-glibc-2.40"
        loader = f"/{libc}/lib/ld-linux-x86-64.so.2"
        files = {
            **python(store, "3.12.8", loader=loader),
            f"{libc}/lib/ld-linux-x86-64.so.2": elf(interpreter=""),
            f"{libc}/lib/libc.so.6": elf(content=text("GNU C Library (GNU libc) stable release version 2.40.")),
            "nix/store/cccc-env/bin": Symlink(f"/{store}/bin"),
            "bin": Symlink("/nix/store/cccc-env/bin"),
        }
        found = inspected(files, env={"PATH": "/bin"})
        assert found.python.path == f"/{store}/bin/python3.12"
        assert found.python.libc == ("glibc", (2, 40))
        assert not found.shell

    def test_pyenv(self) -> None:
        files = {
            **glibc(),
            **python("root/.pyenv/versions/3.12.1", "3.12.1", links=("python", "python3")),
            **python("root/.pyenv/versions/3.13.0", "3.13.0"),
            "root/.pyenv/version": b"3.12.1\n",
            "root/.pyenv/shims/python": b"#!/usr/bin/env bash\n",
        }
        found = inspected(files, env={"PATH": f"/root/.pyenv/shims:/root/.pyenv/bin:{PATH}"})
        assert found.python.path == "/root/.pyenv/versions/3.12.1/bin/python3.12"

    def test_fedora_has_it_in_lib64(self) -> None:
        files = {**glibc("usr/lib64"), **python("usr", "3.13.0"), **library("usr", "3.13", "lib64")}
        files["lib64"] = Symlink("usr/lib64")
        del files["lib64/ld-linux-x86-64.so.2"], files["usr/lib/python3.13/os.py"]
        files |= package("usr/lib64/python3.13/site-packages", "numpy", "2.0.0")
        found = inspected(files)
        assert found.python.prefix == "/usr"
        assert found.installed == {"numpy": "2.0.0"}

    def test_distroless_has_neither_shell_nor_users(self) -> None:
        found = inspected({**glibc(), **python("usr", "3.11.2")})
        assert (found.shell, found.passwd, found.group, found.system) == (False, b"", b"", "")

    def test_an_older_glibc_is_known_by_its_name(self) -> None:
        files = {**glibc(), **python(), "lib/x86_64-linux-gnu/libc-2.31.so": elf()}
        files["lib/x86_64-linux-gnu/libc.so.6"] = Symlink("libc-2.31.so")
        assert inspected(files).python.libc == ("glibc", (2, 31))

    def test_the_c_library_of_the_same_architecture_counts(self) -> None:
        old = elf(machine=3, bits=32, content=text("GNU C Library (x) stable release version 2.19."))
        files = {**glibc(), **python(), "lib/i386-linux-gnu/libc.so.6": old}
        assert inspected(files).python.libc == ("glibc", (2, 36))

    def test_arm(self) -> None:
        loader = "/lib/ld-linux-aarch64.so.1"
        files: dict[str, File] = {
            "lib/ld-linux-aarch64.so.1": elf(interpreter="", machine=183),
            "lib/libc.so.6": elf(machine=183, content=text("GNU C Library (x) stable release version 2.39.")),
            **library("usr", "3.12"),
            "usr/bin/python3": elf(interpreter=loader, machine=183, content=text("3.12.3")),
        }
        found = inspected(files, architecture="arm64")
        assert (found.python.path, found.python.version) == ("/usr/bin/python3", "3.12.3")
        assert found.python.libc == ("glibc", (2, 39))


class TestEnvironments:
    FILES: Files = {
        **glibc(),
        **python("usr/local", "3.12.4"),
        **package("usr/local/lib/python3.12/site-packages", "pip", "25.0"),
        **package("opt/venv/lib/python3.12/site-packages", "numpy", "2.1.0"),
        "opt/venv/bin/python": Symlink("/usr/local/bin/python3.12"),
        "opt/venv/bin/python3": Symlink("python"),
        "opt/venv/pyvenv.cfg": b"home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.12.4\n",
    }
    ENV = {"PATH": f"/opt/venv/bin:{PATH}"}

    def test_the_interpreter_is_the_one_that_it_was_made_of(self) -> None:
        found = inspected(self.FILES, env=self.ENV)
        assert (found.python.path, found.python.prefix) == ("/usr/local/bin/python3.12", "/usr/local")
        assert found.python.environment == "/opt/venv"
        assert found.installed == {"numpy": "2.1.0"}

    def test_a_copied_interpreter(self) -> None:
        files = {**self.FILES, "opt/venv/bin/python": elf(content=text("3.12.4"))}
        assert inspected(files, env=self.ENV).python.path == "/usr/local/bin/python3.12"

    def test_one_that_sees_the_packages_below_it(self) -> None:
        config = b"home = /usr/local/bin\ninclude-system-site-packages = true\n"
        found = inspected({**self.FILES, "opt/venv/pyvenv.cfg": config}, env=self.ENV)
        assert found.installed == {"numpy": "2.1.0", "pip": "25.0"}


class TestVersions:
    def test_of_the_headers(self) -> None:
        files = {**glibc(), **python(), "usr/local/bin/python3.11": elf()}
        files["usr/local/include/python3.11/patchlevel.h"] = b'#define PY_VERSION      \t"3.11.7+"\n'
        assert inspected(files).python.version == "3.11.7"

    def test_of_the_environment(self) -> None:
        files = {**glibc(), **python(), "usr/local/bin/python3.11": elf()}
        assert inspected(files, env={"PATH": PATH, "PYTHON_VERSION": "3.11.4"}).python.version == "3.11.4"
        assert inspected(files, env={"PATH": PATH, "PYTHON_VERSION": "3.12.4"}).python.version == "3.11.0"

    def test_of_a_longer_string_that_ends_alike(self) -> None:
        content = text("libother-3.11.1.2") + text("cpython-3.11.6")
        files = {**glibc(), **python(), "usr/local/bin/python3.11": elf(content=content)}
        assert inspected(files).python.version == "3.11.6"

    def test_a_release_candidate(self) -> None:
        assert inspected({**glibc(), **python(version="3.14.0rc2")}).python.version == "3.14.0rc2"


class TestLayers:
    BASE: Files = {**glibc(), **python("usr", "3.11.2"), **python("usr/local", "3.12.4")}

    def test_a_later_layer_takes_python_away(self) -> None:
        assert inspected(self.BASE).python.version == "3.12.4"
        found = inspected(self.BASE, {"usr/local/bin/.wh.python3": b"", "usr/local/bin/.wh.python3.12": b""})
        assert found.python.version == "3.11.2"

    def test_an_opaque_folder(self) -> None:
        assert inspected(self.BASE, {"usr/local/.wh..wh..opq": b""}).python.version == "3.11.2"

    def test_a_file_that_tells_nothing_replaces_one_that_does(self) -> None:
        assert inspected(self.BASE, {"usr/local/bin": b"no folder"}).python.version == "3.11.2"

    def test_all_taken_away(self) -> None:
        layers = self.BASE, {"usr/.wh.local": b""}, {"usr/bin/.wh..wh..opq": b""}
        assert refusal(*layers) == "The base image has no Python."

    def test_hard_links(self) -> None:
        files = {**glibc(), **python("usr", "3.11.2", links=()), "usr/bin/python3": Hardlink("usr/bin/python3.11")}
        assert inspected(files).python.path == "/usr/bin/python3"
        assert inspected(files).python.version == "3.11.2"

    def test_names_as_other_tools_write_them(self) -> None:
        files = {f"./{name}": file for name, file in self.BASE.items()}
        assert inspected({"./": Folder(), **files}, {"/usr/local/bin/.wh.python3": b""}).python.version == "3.11.2"


class TestRefusals:
    def test_no_python(self) -> None:
        assert refusal({**glibc(), "bin/sh": b"x"}) == "The base image has no Python."
        assert refusal({"usr/bin/python3": Symlink("python3.11")}) == "The base image has no Python."
        assert refusal({"usr/bin/python3": Symlink("python3")}) == "The base image has no Python."

    def test_too_old(self) -> None:
        message = refusal({**glibc(), **python("usr", "3.10.12")})
        assert message == "The base image's Python is too old: /usr/bin/python3.10 is 3.10.12."

    @pytest.mark.parametrize(
        ("content", "what"),
        [(b"#!/bin/sh\nexec x\n", "is a script: #!/bin/sh"), (b"\x7fELF", "is no Linux program")],
    )
    def test_no_program(self, content: bytes, what: str) -> None:
        assert (
            refusal({**glibc(), "usr/local/bin/python3": content}) == f"The base image's /usr/local/bin/python3 {what}."
        )

    def test_pypy(self) -> None:
        files = {
            **glibc(),
            **python("usr", "3.11.2"),
            "opt/pypy/bin/pypy3.10": elf(),
            "opt/pypy/bin/python": Symlink("pypy3.10"),
        }
        message = refusal(files, env={"PATH": f"/opt/pypy/bin:{PATH}"})
        assert message == "The base image's Python is PyPy (/opt/pypy/bin/pypy3.10)."

    def test_without_the_gil(self) -> None:
        files = {**glibc(), **library("usr/local", "3.13t"), "usr/local/bin/python3.13t": elf(content=text("3.13.1"))}
        files["usr/local/bin/python3"] = Symlink("python3.13t")
        assert refusal(files) == "The base image's Python is built without the GIL (/usr/local/bin/python3.13t)."

    def test_no_standard_library(self) -> None:
        files = {**glibc(), "usr/bin/python3.11": elf(), "usr/bin/python3": Symlink("python3.11")}
        assert refusal(files) == (
            "The base image's /usr/bin/python3.11 has no standard library (lib/python3.11/os.py)."
        )

    def test_a_part_of_the_standard_library(self) -> None:
        files = {**glibc(), **python("usr", "3.11.2")}
        del files["usr/lib/python3.11/asyncio"]
        assert "only a part of the standard library: asyncio is missing" in refusal(files)

    def test_a_program_of_another_architecture(self) -> None:
        message = refusal({**glibc(), **python()}, architecture="arm64")
        assert message == "The base image says that it is for arm64, but /usr/local/bin/python3.11 is for amd64."

    def test_linked_statically(self) -> None:
        assert "is linked statically" in refusal(python(loader=""))

    def test_another_c_library(self) -> None:
        files = {**python(loader="/lib/ld-uClibc.so.0"), "lib/ld-uClibc.so.0": elf(interpreter="")}
        assert "neither glibc nor musl: its loader is /lib/ld-uClibc.so.0" in refusal(files)

    def test_no_loader(self) -> None:
        assert f"needs the loader {GLIBC}, which the image does not have" in refusal(python())

    def test_no_version_of_the_c_library(self) -> None:
        files = {**glibc(), **python()}
        del files["lib/x86_64-linux-gnu/libc.so.6"]
        assert "version of the C library" in refusal(files)


def test_it_survives_as_a_document() -> None:
    found = inspected(
        {
            **glibc(),
            **python(),
            "etc/passwd": b"\xff\x00",
            **package("usr/local/lib/python3.11/site-packages", "a", "1"),
        }
    )
    assert Inspection.from_dict(found.to_dict()) == found


def test_a_real_image(debian_base: Layout) -> None:
    manifest = debian_base.document()
    config = debian_base.document(manifest["config"]["digest"])
    (layer,) = [
        oci.Layer(oci.Descriptor.from_dict(entry), diff_id)
        for entry, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    found, _ = inspect(
        [(layer, lambda: debian_base.blob(layer.descriptor.digest).open("rb"))],
        {"PATH": PATH},
        config["architecture"],
        lambda *_: None,
    )
    assert (found.python.path, found.python.version) == ("/usr/bin/python3.11", "3.11.2")
    assert found.python.libc == ("glibc", (2, 36))
    assert found.installed["pip"] == "23.0.1"
    assert found.system.startswith("Debian GNU/Linux 12")
    assert found.passwd.startswith(b"root:")
    assert found.shell
