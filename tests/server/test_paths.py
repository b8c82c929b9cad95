"""Notebooks come through the contents manager: what it hides stays hidden, wherever it keeps things."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.contents.manager import ContentsManager
from tornado.web import HTTPError

from jupyter_mltrain.errors import MltrainError
from jupyter_mltrain.server.paths import notebook_file
from tests.server._api import Api
from tests.support import write_notebook

Finished = Callable[[str], Awaitable[Any]]


@pytest.mark.parametrize(
    "path",
    [
        "train.ipynb",
        "my work/mein Heft ü.ipynb",
        "100%/50%25.ipynb",
        "a+b/c&d=e#f?.ipynb",
        "日本/ノート.ipynb",
        "x'\".ipynb",
    ],
)
async def test_odd_names_are_names(api: Api, path: str) -> None:
    api.write(path, "print(1)")
    plan = await api.json("plans", "POST", {"notebook": path})
    assert plan["manifest"]["metadata"]["annotations"]["jupyter-mltrain/notebook"] == path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 400),
        ("/", 400),
        ("/etc/passwd", 400),
        ("../outside.ipynb", 400),
        ("work/../../outside.ipynb", 400),
        ("work/../work/train.ipynb", 400),
        ("..", 400),
        ("..\\outside.ipynb", 400),
        ("train.ipynb\0", 400),
        ("//train.ipynb", 400),
        ("%2e%2e/outside.ipynb", 404),
        ("work%2Ftrain.ipynb", 404),
        ("nowhere.ipynb", 404),
        ("work", 404),
        ("work/", 404),
        (".hidden/train.ipynb", 403),
        (".train.ipynb", 403),
        ("link.ipynb", 403),
        ("linked/outside.ipynb", 403),
        ("~/train.ipynb", 404),
        ("notes.txt", 400),
        ("x" * 5000, 400),
        ("a/" * 3000 + "b.ipynb", 400),
        ("circle.ipynb", 400),
    ],
)
async def test_what_is_no_notebook_below_the_root_is_refused(api: Api, path: str, status: int, tmp_path: Path) -> None:
    outside = write_notebook(tmp_path / "outside.ipynb", "print(1)")
    api.write("work/train.ipynb", "print(1)")
    api.write(".hidden/train.ipynb", "print(1)")
    api.write(".train.ipynb", "print(1)")
    (api.root / "link.ipynb").symlink_to(outside)
    (api.root / "linked").symlink_to(tmp_path)
    (api.root / "circle.ipynb").symlink_to("circle.ipynb")
    (api.root / "notes.txt").write_text("no notebook")
    for route in ("plans", "jobs"):
        error = await api.json(route, "POST", {"notebook": path}, status=status)
        assert str(outside) not in json.dumps(error)
    assert (await api.json("jobs"))["total"] == 0


async def test_links_within_the_root_are_fine(api: Api) -> None:
    api.write("work/train.ipynb", "print(1)")
    (api.root / "link.ipynb").symlink_to(api.root / "work" / "train.ipynb")
    assert (await api.json("plans", "POST", {"notebook": "link.ipynb"}))["name"].startswith("link-")


async def test_hidden_files_can_be_allowed(api: Api, jp_serverapp: Any) -> None:
    jp_serverapp.contents_manager.allow_hidden = True
    api.write(".train.ipynb", "print(1)")
    await api.json("plans", "POST", {"notebook": ".train.ipynb"})


async def test_a_module_that_leads_out_of_the_notebooks_folder_is_not_shipped(api: Api, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("KEY = 1\n")
    path = api.write("work/train.ipynb", "import secret")
    (api.root / "work" / "secret.py").symlink_to(tmp_path / "secret.py")
    answer = await api.fetch("plans", "POST", {"notebook": path})
    assert b"KEY" not in answer.body
    assert answer.code == 400 or "secret.py" not in json.loads(answer.body)["files"]


# Contents that are no files


class Shelf(ContentsManager):
    """Keeps notebooks in memory, as a manager for a database or a bucket would."""

    books: dict[str, Any]

    async def get(self, path: str, content: bool = True, type: str | None = None, **_: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        if path not in self.books:
            raise HTTPError(404, f"No such book: {path}")
        return {"type": "notebook", "path": path, "name": path, "format": "json", "content": self.books[path]}

    async def save(self, model: dict[str, Any], path: str) -> dict[str, Any]:
        self.books[path] = model["content"]
        return {"type": "notebook", "path": path, "name": path}

    async def file_exists(self, path: str = "") -> bool:
        return path in self.books

    async def dir_exists(self, path: str) -> bool:
        return path in ("", "/")

    async def is_hidden(self, path: str) -> bool:
        return path.startswith("_")

    async def increment_filename(self, filename: str, path: str = "", insert: str = "") -> str:
        return filename if filename not in self.books else f"new {filename}"

    async def delete_file(self, path: str) -> None:
        del self.books[path]

    async def rename_file(self, old_path: str, new_path: str) -> None:
        self.books[new_path] = self.books.pop(old_path)


@pytest.fixture
def shelf(jp_serverapp: Any, tmp_path: Path) -> Shelf:
    manager = Shelf(parent=jp_serverapp)
    document = json.loads(write_notebook(tmp_path / "x.ipynb", "print('from the shelf')").read_text())
    manager.books = {"drive:books/first.ipynb": document, "_hidden.ipynb": document, "broken.ipynb": {"a": object()}}
    jp_serverapp.web_app.settings["jupyter_mltrain"].contents = manager
    return manager


async def test_a_notebook_that_is_no_file_is_run_and_keeps_its_path(api: Api, shelf: Shelf, finished: Finished) -> None:
    job = await api.submit("drive:books/first.ipynb")
    assert job["notebook"] == "drive:books/first.ipynb"
    assert job["name"].startswith("first-")
    await finished(job["id"])
    assert "from the shelf" in (await api.json(f"jobs/{job['id']}/logs"))["lines"]
    assert (await api.json(f"jobs/{job['id']}/provenance"))["notebook"] == "drive:books/first.ipynb"
    again = await api.json(f"jobs/{job['id']}/resubmit", "POST", {}, status=201)
    assert again["notebook"] == "drive:books/first.ipynb"


class Library(Shelf):
    """The same with folders and files, which it counts."""

    files: dict[str, bytes]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.read: list[str] = []

    async def get(self, path: str, content: bool = True, type: str | None = None, **_: Any) -> dict[str, Any]:
        if type == "directory":
            return {"type": "directory", "path": path, "content": self._entries(path)}
        if type == "file":
            self.read.append(path)
            text = base64.b64encode(self.files[path]).decode()
            return {"type": "file", "path": path, "format": "base64", "content": text}
        return await super().get(path, content, type)

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for path in [*self.files, *self.books]:
            if path.startswith(f"{folder}/"):
                name, slash, _ = path.removeprefix(f"{folder}/").partition("/")
                kind = "directory" if slash else "notebook" if path in self.books else "file"
                found[name] = {"name": name, "path": f"{folder}/{name}", "type": kind}
        return [*found.values(), {"name": "../evil.py", "path": "evil.py", "type": "file"}]


@pytest.fixture
def library(jp_serverapp: Any, tmp_path: Path) -> Library:
    manager = Library(parent=jp_serverapp)
    source = "import helper\nfrom package.part import WORD\nprint(helper.WORD, WORD, open('data/a b.csv').read())"
    document = json.loads(write_notebook(tmp_path / "x.ipynb", source).read_text())
    manager.books = {"drive:my books/über mein.ipynb": document}
    manager.files = {
        "drive:my books/helper.py": b"WORD = 'helped'",
        "drive:my books/package/__init__.py": b"",
        "drive:my books/package/part.py": b"from . import other\nWORD = other.WORD",
        "drive:my books/package/other.py": b"WORD = 'in part'",
        "drive:my books/data/a b.csv": b"1,2",
        "drive:my books/data/large.bin": b"\xff\x00",
        "drive:elsewhere/other.py": b"",
        "evil.py": b"",
    }
    jp_serverapp.web_app.settings["jupyter_mltrain"].contents = manager
    return manager


async def test_modules_and_data_that_are_no_files_are_shipped(api: Api, library: Library, finished: Finished) -> None:
    job = await api.submit("drive:my books/über mein.ipynb", include=["data/*.csv"])
    await finished(job["id"])
    lines = (await api.json(f"jobs/{job['id']}/logs"))["lines"]
    assert "helped in part 1,2" in lines, lines
    assert job["notebook"] == "drive:my books/über mein.ipynb"
    assert not {"drive:my books/data/large.bin", "drive:elsewhere/other.py", "evil.py"} & set(library.read)


async def test_globs_do_not_leave_the_notebooks_folder(api: Api, library: Library) -> None:
    body = {"notebook": "drive:my books/über mein.ipynb", "include": ["../elsewhere/*"]}
    assert (await api.json("plans", "POST", body, status=400))["details"]["field"] == "include"


@pytest.mark.parametrize(
    ("include", "status"), [("a" * 256, 400), ("a/" * 3000, 400), (".dot.csv", 403), (".priv/*", 403)]
)
async def test_globs_are_refused_as_where_contents_are_files(
    api: Api, library: Library, include: str, status: int
) -> None:
    body = {"notebook": "drive:my books/über mein.ipynb", "include": [include]}
    assert (await api.json("plans", "POST", body, status=status))["details"]["field"] == "include"


async def test_hidden_files_of_another_manager_are_shipped_only_where_they_are_allowed(
    api: Api, library: Library
) -> None:
    names = (".dot.csv", ".priv/notes.csv", ".other/x.csv")
    library.files |= {f"drive:my books/{name}": b"1" for name in names}
    plan = await api.json("plans", "POST", {"notebook": "drive:my books/über mein.ipynb", "include": ["**"]})
    assert not set(names) & set(plan["files"])
    library.allow_hidden = True
    body = {"notebook": "drive:my books/über mein.ipynb", "include": [".priv/*", "**/.dot.csv"]}
    plan = await api.json("plans", "POST", body)
    assert set(names) & set(plan["files"]) == {".dot.csv", ".priv/notes.csv"}


async def test_what_another_manager_calls_hidden_is_not_shipped(
    api: Api, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_hidden(path: str) -> bool:
        return path.endswith("large.bin")

    monkeypatch.setattr(library, "is_hidden", is_hidden)
    plan = await api.json("plans", "POST", {"notebook": "drive:my books/über mein.ipynb", "include": ["data/*"]})
    assert [name for name in plan["files"] if name.startswith("data/")] == ["data/a b.csv"]
    assert "drive:my books/data/large.bin" not in library.read


@pytest.mark.parametrize(("path", "status"), [("_hidden.ipynb", 403), ("none.ipynb", 404), ("broken.ipynb", 400)])
async def test_what_another_manager_refuses(api: Api, shelf: Shelf, path: str, status: int) -> None:
    await api.json("plans", "POST", {"notebook": path}, status=status)


async def test_a_sample_goes_where_the_contents_manager_keeps_things(api: Api, shelf: Shelf) -> None:
    paths = [(await api.json("samples/income/open", "POST", status=201))["path"] for _ in range(2)]
    assert paths == ["income.ipynb", "new income.ipynb"]
    assert shelf.books["income.ipynb"]["nbformat"] == 4


async def test_a_manager_that_fails_is_no_mystery(api: Api, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise HTTPError(500, "the shelf fell over at 100%")

    monkeypatch.setattr(shelf, "get", fail)
    error = await api.json("plans", "POST", {"notebook": "drive:books/first.ipynb"}, status=507)
    assert "the shelf fell over at 100%" in error["message"]


@given(st.text(max_size=40))
def test_no_path_leads_to_a_file_outside_of_the_root(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

    root = tmp_path_factory.getbasetemp() / "root"
    root.mkdir(exist_ok=True)
    manager = AsyncLargeFileManager(root_dir=str(root))

    async def look() -> Path:
        async with notebook_file(manager, path) as file:
            return file

    try:
        file = asyncio.run(look())
    except MltrainError:
        return
    assert file.resolve().is_relative_to(root)
