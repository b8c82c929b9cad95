"""Modules and packages that lie beside a notebook: found as Python finds them, and shipped with what they import."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..model.findings import Finding, Severity
from .environment import Environment
from .files import Root, read_module
from .imports import Import, imports_of
from .source import SHELL, Code, Magic, parse, parse_module, shell_words

_PATH_WORDS: Final = {"os", "sys", "Path", "PurePath", "pathlib", "str"}


@dataclass(frozen=True, slots=True)
class Used:
    """An import and where it stands: ``{"cell": 3, "line": 1}`` or ``{"file": "lib/a.py", "line": 1}``."""

    what: Import
    where: Mapping[str, Any]


@dataclass(slots=True)
class Shipped:
    """What goes with a notebook.

    Attributes
    ----------
    files:
        Path relative to the root -> bytes.
    codes:
        The same modules as parsed.
    external:
        Imports that no local module answers: the environment has to.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    external: list[Used] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def local_modules(root: Root, directory: Path, cells: Mapping[int, Code], environment: Environment) -> Shipped:
    """Follow the imports of a notebook's cells through the modules beside it.

    Only what is imported is shipped, with the ``__init__`` of each package on the way. A folder without ``__init__``
    counts as a package only where nothing of its name is installed, as in Python itself.

    Parameters
    ----------
    directory:
        The notebook's folder, in which its kernel runs.
    cells:
        Index -> parsed code.

    Raises
    ------
    InvalidInput
        A module is a symbolic link that leads out of the root.
    """
    walk = _Walk(root, directory, environment)
    for index, code in cells.items():
        walk.search_in(code, {"cell": index})
    for index, code in cells.items():
        walk.follow(code, {"cell": index}, package=None)
    walk.finish()
    return walk.shipped


class _Walk:
    """One walk from the notebook through its modules; ``queue`` holds files that are shipped but not followed yet."""

    def __init__(self, root: Root, directory: Path, environment: Environment) -> None:
        self.shipped = Shipped()
        self._root = root
        self._directory = directory
        self._search = [directory]
        self._environment = environment
        self._suffixes = environment.suffixes
        self._queue: deque[Path] = deque()
        self._written: set[str] = set()
        self._hiding: set[str] = set()

    def search_in(self, code: Code, where: Mapping[str, Any]) -> None:
        """Take up what the code adds to ``sys.path``, and the modules that it writes itself (``%%writefile``)."""
        for node in ast.walk(code.tree):
            for text, line in _added_paths(node):
                self._add_search(text, {**where, "line": line})
        for magic in code.magics:
            if magic.name in ("writefile", "file") and magic.whole_cell:
                self._written.add(Path(magic.line.split()[-1]).stem if magic.line.split() else "")
                self.follow(parse(magic.body), {**where, "line": magic.lineno}, package=None)

    def _add_search(self, text: str, where: dict[str, Any]) -> None:
        folder = Path(self._directory, text)
        if not folder.is_dir():
            return
        if self._root.contains(folder):
            inside = self._root.path / folder.resolve().relative_to(self._root.real)
            self._search += [inside] if inside not in self._search else []
            return
        self.shipped.findings.append(
            Finding(
                "path-outside",
                Severity.WARNING,
                f"{text!r} is added to sys.path but lies outside of {self._root.path.name!r}: none of it is shipped.",
                "Copy the folder there; on the command line, --root can be a folder that holds it too.",
                where,
            )
        )

    def follow(self, code: Code, where: Mapping[str, Any], *, package: Path | None) -> None:
        """Ship what a piece of code imports and runs, or note it as external. ``package`` is the module's folder."""
        for found in imports_of(code):
            place = {**where, "line": found.lineno + int(where.get("line", 0))}
            if found.level:
                self._relative(found, place, package)
            else:
                self._absolute(found, place)
        for script in _scripts(code.magics):
            self._ship_script(script)

    def finish(self) -> None:
        """Follow the modules that were shipped, and those that they import, until there are no more."""
        while self._queue:
            path = self._queue.popleft()
            name = self._root.relative(path)
            if path.suffix != ".py":
                continue
            code = self.shipped.codes[name] = parse_module(self.shipped.files[name])
            if code.error:
                self.shipped.findings.append(_unparsable(name, code.error))
            self.search_in(code, {"file": name})
            self.follow(code, {"file": name}, package=path.parent)

    # One import

    def _absolute(self, found: Import, where: dict[str, Any]) -> None:
        if found.top in self._written:
            return
        for base in self._search:
            if self._answers(base, found.top):
                self._note_hiding(found.top, where)
                self._descend(base, found, where)
                return
        self.shipped.external.append(Used(found, where))

    def _answers(self, base: Path, name: str) -> bool:
        """Whether a folder answers a top-level import, before or instead of what is installed."""
        if self._module(base, name) is not None:
            return True
        return (base / name).is_dir() and not self._environment.has(name) and self._holds_modules(base / name)

    def _holds_modules(self, folder: Path) -> bool:
        return any(entry.name.endswith(self._suffixes) for entry in folder.rglob("*") if entry.is_file())

    def _note_hiding(self, name: str, where: dict[str, Any]) -> None:
        installed = [one for one in self._environment.providing(name) if not one.editable]
        if name in self._hiding or not (installed or name in self._environment.stdlib):
            return
        self._hiding.add(name)
        other = installed[0].name if installed else "the standard library"
        message = f"The module {name!r} beside the notebook hides the one of {other}, or is hidden by it."
        self.shipped.findings.append(Finding("module-hides", Severity.WARNING, message, "Rename it.", where))

    def _relative(self, found: Import, where: dict[str, Any], package: Path | None) -> None:
        base = package
        for _ in range(found.level - 1):
            base = base.parent if base is not None and base != self._root.path else None
        if base is None or base in self._search:
            self._missing("." * found.level + found.module, found, where, "there is no package to be relative to")
        else:
            self._descend(base, found, where)

    def _descend(self, base: Path, found: Import, where: dict[str, Any]) -> None:
        """Ship each package and module on the way of a dotted name, then what is taken from the last one."""
        folder = base
        for part in filter(None, found.module.split(".")):
            module = self._module(folder, part)
            if module is None and not (folder / part).is_dir():
                self._missing(found.module, found, where, f"{self._root.relative(folder)!r} has no {part!r}")
                return
            if module is not None:
                self._ship(module)
            folder = folder / part
        for name in self._starred(folder) if "*" in found.names else found.names:
            module = self._module(folder, name)
            if module is not None:
                self._ship(module)

    def _starred(self, folder: Path) -> list[str]:
        """Return what ``from package import *`` takes: the names in a literal ``__all__``."""
        init = self._module(folder.parent, folder.name)
        code = parse_module(self.shipped.files.get(self._root.relative(init), b"")) if init else None
        names: list[str] = []
        for statement in code.tree.body if code else []:
            match statement:
                case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elts) | ast.Tuple(elts=elts)):
                    names = [e.value for e in elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
        return names

    def _module(self, folder: Path, name: str) -> Path | None:
        """Return the file that answers ``import name`` in a folder: a package's ``__init__`` before a module."""
        stems = (folder / name / "__init__", folder / name)
        candidates = (stem.with_name(stem.name + suffix) for stem in stems for suffix in self._suffixes)
        return next((path for path in candidates if path.is_file()), None)

    # What comes of it

    def _ship(self, path: Path) -> None:
        name = self._root.relative(path)
        if name not in self.shipped.files:
            self.shipped.files[name] = read_module(self._root, path)
            self._queue.append(path)

    def _ship_script(self, name: str) -> None:
        path = Path(self._directory, name)
        if path.is_file() and path.is_relative_to(self._root.path) and ".." not in path.parts:
            self._ship(path)
            self._search += [path.parent] if path.parent not in self._search else []

    def _missing(self, module: str, found: Import, where: dict[str, Any], why: str) -> None:
        if not found.optional:
            message = f"The import of {module!r} resolves to nothing: {why}."
            self.shipped.findings.append(Finding("import-unresolved", Severity.ERROR, message, "", where))


def _unparsable(name: str, error: SyntaxError) -> Finding:
    where = {"file": name, "line": error.lineno or 1}
    return Finding("does-not-parse", Severity.ERROR, f"{name} does not parse: {error.msg}.", "", where)


def _scripts(magics: Iterable[Magic]) -> list[str]:
    """Return the Python files that magics and shell commands run."""
    found: list[str] = []
    for magic in magics:
        if magic.name == "run" and not magic.whole_cell:
            found += [word for word in shell_words(magic.line) if word.endswith((".py", ".ipynb"))][:1]
        elif magic.name == SHELL:
            for line in magic.line.splitlines():
                found += [word for word in shell_words(line) if word.endswith(".py")]
    return found


def _added_paths(node: ast.AST) -> list[tuple[str, int]]:
    """Return the literal folders that a statement adds to ``sys.path``, each with its line."""
    match node:
        case ast.Call(func=ast.Attribute(value=target, attr="append" | "insert" | "extend"), args=[*_, added]):
            pass
        case ast.AugAssign(target=target, value=added):
            pass
        case _:
            return []
    if ast.unparse(target) != "sys.path":
        return []
    items = added.elts if isinstance(added, (ast.List, ast.Tuple)) else [added]
    return [(text, node.lineno) for item in items if (text := _path_literal(item)) is not None]


def _path_literal(node: ast.expr) -> str | None:
    """Return the path in ``"lib"``, ``str(Path("lib").resolve())`` or ``os.path.join("..", "lib")``; else ``None``."""
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    texts = [inner for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)]
    if not texts or not names <= _PATH_WORDS:
        return None
    return "/".join(str(text.value) for text in sorted(texts, key=lambda text: (text.lineno, text.col_offset)))
