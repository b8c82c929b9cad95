"""The part of an exported script that stands in for IPython: exactly the definitions that the script uses.

They are copied out of the ``script_runtime_*`` modules into one function. So the script's helpers have names of their
own, and a notebook that calls a variable ``list`` or ``time`` does not break them.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_MODULES: Final = ("printer", "display", "shell", "time", "loop", "ipython")
_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_LINT: Final = re.compile(r"  # (?:noqa|type: ignore).*$", re.M)
_DOC: Final = '"""What this notebook asks of IPython, in plain Python."""'


@dataclass(frozen=True, slots=True)
class _Definition:
    source: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Library:
    definitions: Mapping[str, _Definition]  # in an order in which they can stand
    imports: Mapping[str, tuple[str, str]]  # name -> (module or "", name there), "" for a plain import


def preamble(uses: Collection[str], *, name: str) -> str:
    """Return the definition of ``name``, an object whose attributes are the runtime's ``uses``.

    Raises ``KeyError`` for a name that the runtime does not have.
    """
    library = _library()
    wanted = _closure(uses, library)
    needs = set().union(*(library.definitions[each].uses for each in wanted))
    imports = {each: library.imports[each] for each in needs & set(library.imports)} | {"types": ("", "types")}
    parts = [
        "\n".join(_import_lines(imports, needs & _BUILTINS)),
        *(definition.source for each, definition in library.definitions.items() if each in wanted),
        f"return types.SimpleNamespace({', '.join(f'{each}={each}' for each in sorted(uses))})",
    ]
    body = textwrap.indent("\n\n".join([_DOC, *parts]), "    ")
    return f"def {name}():\n{body}\n\n\n{name} = {name}()\n"


def _closure(uses: Collection[str], library: _Library) -> set[str]:
    wanted: set[str] = set()
    todo = list(uses)
    while todo:
        each = todo.pop()
        if each not in wanted:
            wanted.add(each)
            todo += library.definitions[each].uses & set(library.definitions)
    return wanted


def _import_lines(imports: Mapping[str, tuple[str, str]], of_builtins: set[str]) -> Iterator[str]:
    for name, (module, original) in sorted(imports.items()):
        if not module:
            yield f"import {original}" + (f" as {name}" if name != original else "")
    modules = {module: sorted(name for name in imports if imports[name][0] == module) for module, _ in imports.values()}
    for module, names in sorted((modules | {"builtins": sorted(of_builtins)}).items()):
        line = f"from {module} import {', '.join(names)}"
        if module and names:
            yield line if len(line) < 100 else _wrapped(module, names)


def _wrapped(module: str, names: list[str]) -> str:
    lines = textwrap.fill(", ".join(names) + ",", 100, initial_indent="    ", subsequent_indent="    ")
    return f"from {module} import (\n{lines}\n)"


@cache
def _library() -> _Library:
    definitions: dict[str, _Definition] = {}
    imports: dict[str, tuple[str, str]] = {}
    for module in _MODULES:
        text = resources.files(__package__).joinpath(f"script_runtime_{module}.py").read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            match node:
                case ast.Import():
                    imports.update({each.asname or each.name: ("", each.name) for each in node.names})
                case ast.ImportFrom(level=0, module=str(origin)):
                    imports.update({each.name: (origin, each.name) for each in node.names})
                case ast.FunctionDef() | ast.ClassDef() | ast.Assign() | ast.AnnAssign():
                    definitions[_defined(node)] = _Definition(_source(node, text), _names(node))
    return _Library(definitions, imports)


def _defined(node: ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    raise TypeError(f"cannot copy line {node.lineno} into a script")


def _source(node: ast.stmt, text: str) -> str:
    first = min(each.lineno for each in [node, *getattr(node, "decorator_list", ())])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    return _LINT.sub("", "\n".join(lines))


def _names(node: ast.stmt) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
