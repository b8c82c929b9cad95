"""Imports of IPython in a script that has none: bound to the runtime's stand-ins instead."""

from __future__ import annotations

import ast
from typing import Final

from ..model.findings import Severity
from .script_parts import Notes

_FUNCTIONS: Final = frozenset(["display", "update_display", "clear_output", "DisplayHandle", "get_ipython"])
_DISPLAY_MODULES: Final = frozenset(
    ["IPython.display", "IPython.core.display", "IPython.core.display_functions", "IPython.lib.display"]
)
_OTHER_MODULES: Final = frozenset(["IPython", "IPython.core.getipython", "IPython.core.interactiveshell"])
_IN_LIB: Final = frozenset(
    ["Audio", "Code", "FileLink", "FileLinks", "IFrame", "ScribdDocument", "VimeoVideo", "YouTubeVideo"]
)


def replaced_import(node: ast.stmt, notes: Notes) -> str | None:
    """Return a simple statement that binds what an import of IPython binds, or ``None`` to leave the import alone."""
    match node:
        case ast.ImportFrom(level=0, module=str(module), names=names) if module.split(".")[0] == "IPython":
            values = [_stand_in(module, each.name, notes) for each in names]
        case ast.Import(names=names) if any(each.name.split(".")[0] == "IPython" for each in names):
            return _replaced_modules(names, notes)
        case _:
            return None
    if None in values:
        _note_ipython(ast.unparse(node), notes)
        return None
    targets = [each.asname or each.name for each in names]
    return f"{', '.join(targets)} = {', '.join(value for value in values if value)}"


def _stand_in(module: str, name: str, notes: Notes) -> str | None:
    if name == "display" and module == "IPython":
        return notes.use("display_module")
    if name in _FUNCTIONS and module in _DISPLAY_MODULES | _OTHER_MODULES:
        return notes.use(name)
    if name == "InteractiveShell" or (name[0].isupper() and module in _DISPLAY_MODULES):
        origin = ', "IPython.lib.display"' if name in _IN_LIB else ""
        return f'{notes.use("markup")}("{name}"{origin})'
    return None


def _replaced_modules(names: list[ast.alias], notes: Notes) -> str | None:
    statements = []
    for each in names:
        top = each.name.split(".")[0]
        if top != "IPython":
            statements.append(ast.unparse(ast.Import([each])))
        elif each.name == "IPython" or (each.name in _DISPLAY_MODULES and not each.asname):
            statements.append(f"{each.asname or top} = {notes.use('ipython_module')}")
        elif each.name in _DISPLAY_MODULES:
            statements.append(f"{each.asname} = {notes.use('display_module')}")
        else:
            _note_ipython(f"import {each.name}", notes)
            return None
    return "; ".join(statements)


def _note_ipython(statement: str, notes: Notes) -> None:
    hint = "Install IPython where the script runs, or leave out what needs it."
    notes.note("needs-ipython", Severity.WARNING, f"the script keeps {statement!r}, which needs IPython.", hint)
