"""What an exported script has of ``get_ipython()``. ``script_preamble`` copies these definitions into it, as text."""

import types
from collections.abc import Callable
from typing import Any

from .script_runtime_display import DisplayHandle, clear_output, display, markup, update_display
from .script_runtime_shell import cd, env, expand, getoutput, pwd, run, script, set_env, system, writefile


class NotInScript(RuntimeError, AttributeError):
    """Something of IPython that a plain script does not have."""


LINE_MAGICS: dict[str, Callable[[str], Any]] = {
    "cd": cd,
    "env": env,
    "pwd": lambda line: pwd(),
    "run": run,
    "set_env": set_env,
    "sx": getoutput,
    "system": getoutput,
    **dict.fromkeys(["autoreload", "config", "load_ext", "matplotlib", "reload_ext"], lambda line: None),
}


def write_cell(line: str, cell: str) -> None:
    """Do what ``%%writefile`` does."""
    *options, path = line.split()
    writefile(path, cell, append=bool(options))


CELL_MAGICS: dict[str, Callable[[str, str], Any]] = {
    "bash": lambda line, cell: script(f"bash {line}", cell),
    "script": script,
    "sh": lambda line, cell: script(f"sh {line}", cell),
    "writefile": write_cell,
}


class Shell:
    """The part of IPython's shell that needs no IPython."""

    user_ns = user_global_ns = property(lambda self: globals())

    def system(self, cmd: str) -> None:
        """Run a command and print what it prints."""
        system(expand(cmd, 2))

    def getoutput(self, cmd: str, split: bool = True) -> Any:
        """Run a command and return its lines, or with ``split=False`` its text."""
        lines = getoutput(expand(cmd, 2))
        return lines if split else "".join(f"{line}\n" for line in lines)

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run one of ``LINE_MAGICS``."""
        if magic_name not in LINE_MAGICS:
            raise NotInScript(f"%{magic_name} needs IPython, which a plain script does not have")
        return LINE_MAGICS[magic_name](expand(line, _stack_depth + 1))

    def magic(self, line: str) -> Any:
        """Run one of ``LINE_MAGICS``, given as one text."""
        name, _, rest = line.lstrip("%").partition(" ")
        return self.run_line_magic(name, rest, 2)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> None:
        """Run one of ``CELL_MAGICS``."""
        if magic_name not in CELL_MAGICS:
            raise NotInScript(f"%%{magic_name} needs IPython, which a plain script does not have")
        CELL_MAGICS[magic_name](expand(line, 2), cell)

    def __getattr__(self, name: str) -> Any:
        raise NotInScript(f"get_ipython().{name} needs IPython, which a plain script does not have")


shell = Shell()


def get_ipython() -> Shell:
    """Return the stand-in for IPython's shell."""
    return shell


class DisplayModule:
    """A stand-in for ``IPython.display``."""

    def __getattr__(self, name: str) -> Any:
        own = (display, update_display, clear_output, DisplayHandle)
        return next((each for each in own if each.__name__ == name), None) or markup(name)


display_module = DisplayModule()


ipython_module = types.SimpleNamespace(display=display_module, get_ipython=get_ipython)
