"""How an exported script runs commands, sees to files. ``script_preamble`` copies these definitions into it, as text.

They do what IPython does, as far as it shows in the output, the files, the environment or the notebook's variables.
"""
# ruff: noqa: BLE001, PTH109, PTH110, PTH111, PTH123, PTH207, S102, S307

import codecs
import contextlib
import glob
import io
import os
import pathlib
import pty
import re
import runpy
import shlex
import string
import subprocess
import sys
import termios
import threading
import types
from typing import IO, Any


def expand(text: str, depth: int = 1) -> str:
    """Fill ``{expression}`` and ``$name`` in from the caller's variables; where one fails, leave all as it is."""
    frame = sys._getframe(depth)
    names = {**frame.f_globals, **frame.f_locals}
    formatter = string.Formatter()

    def dollar(match: re.Match[str]) -> str:
        return match[1] if match[1].startswith("$") else format(eval(match[1], names))

    def braces(expression: str | None, rest: str | None, conversion: Any) -> str:
        if expression is None:
            return ""
        value = eval(f"{expression}:{rest}" if rest else expression, names)
        return format(formatter.convert_field(value, conversion))

    outside_quotes = r"(?=(?:[^']*'[^']*')*[^']*$)"
    try:
        return "".join(
            re.sub(r"\$(\$?[\w.]+)" + outside_quotes, dollar, literal) + braces(*field)
            for literal, *field in formatter.parse(text)
        )
    except Exception:
        return text


def read_terminal(terminal: int) -> bytes:
    """Read what is there; at the end, when the other side has been closed, nothing."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def system(command: str) -> None:
    """Run ``!command``, print what it prints while it runs, and leave its exit code in ``_exit_code``.

    It gets a terminal of 80 columns, so that it formats and flushes its output as it does in a notebook.
    """
    if command.rstrip().endswith("&"):
        raise OSError("Background processes not supported.")
    terminal, its_side = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    modes = termios.tcgetattr(its_side)
    modes[1] &= ~termios.OPOST  # a newline stays one character
    termios.tcsetattr(its_side, termios.TCSANOW, modes)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    arguments = [os.environ.get("SHELL", "sh"), "-c", command]
    no_pager = {**os.environ, "PAGER": "cat", "GIT_PAGER": "cat"}
    streams: Any = {"stdin": subprocess.DEVNULL, "stdout": its_side, "stderr": its_side}
    try:
        with subprocess.Popen(arguments, env=no_pager, **streams) as process:
            os.close(its_side)
            while chunk := read_terminal(terminal):
                sys.stdout.write(decoder.decode(chunk))
                sys.stdout.flush()
    finally:
        os.close(terminal)
    code = process.returncode
    globals()["_exit_code"] = 128 - code if code > 128 else code


class Lines(list[Any]):
    """The lines that a command printed; ``.n`` joins them by newlines, ``.s`` by spaces, ``.p`` has the paths."""

    l = list = property(lambda self: self)  # noqa: E741
    n = nlstr = property(lambda self: "\n".join(self))
    s = spstr = property(lambda self: " ".join(self))
    p = paths = property(lambda self: [pathlib.Path(line) for line in self if os.path.exists(line)])

    def grep(self, pattern: Any, prune: bool = False, field: int | None = None) -> "Lines":
        """Return the lines that match a pattern, or with ``prune`` the others; ``field`` is the word to look at."""

        def matches(line: str) -> bool:
            words = line.split()
            if field is not None:
                line = words[field] if -len(words) <= field < len(words) else ""
            found = re.search(pattern, line, re.IGNORECASE) if isinstance(pattern, str) else pattern(line)
            return bool(found) != bool(prune)

        return Lines(filter(matches, self))

    def fields(self, *numbers: int) -> Any:
        """Return the words of each line, or the words with these numbers, joined by spaces."""
        rows = [line.split() for line in self]
        if not numbers:
            return rows
        chosen = [[row[number] for number in numbers if -len(row) <= number < len(row)] for row in rows]
        return Lines(" ".join(row) for row in chosen if row)

    def sort(self, field: int | None = None, nums: bool = False) -> "Lines":  # type: ignore[override]
        """Return the lines in order: by a word, and with ``nums`` by its digits."""

        def key(line: str) -> Any:
            text = line if field is None else Lines([line]).fields(field).s
            return int("".join(filter(str.isdigit, text)) or 0) if nums else text, line

        return Lines(sorted(self, key=key))


def getoutput(command: str) -> Lines:
    """Run a command and return the lines that it printed, errors included: ``x = !command``."""
    if command.rstrip().endswith("&"):
        raise OSError("Background processes not supported.")
    arguments = [os.environ.get("SHELL", "sh"), "-c", command]
    streams: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return Lines(subprocess.run(arguments, **streams).stdout.decode("utf-8", "replace").splitlines())


def copy_stream(source: IO[bytes], sink: Any) -> None:
    """Write to ``sink`` what comes from a process, as it comes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(source.fileno(), 65536):
        sink.write(decoder.decode(chunk))
        sink.flush()


def script(command: str, body: str, *, out: bool = False, err: bool = False, check: bool = True) -> tuple[str, str]:
    """Give the body of a cell to a program: ``%%bash``. Print what it prints; with ``out`` or ``err`` return it."""
    arguments = shlex.split(command)
    streams = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
    sinks = io.StringIO() if out else sys.stdout, io.StringIO() if err else sys.stderr
    try:
        process: Any = subprocess.Popen(arguments, **streams)  # type: ignore[call-overload]
    except FileNotFoundError:
        print(f"Couldn't find program: {arguments[0]!r}")
        return "", ""
    with process:
        pairs = zip((process.stdout, process.stderr), sinks, strict=True)
        copies = [threading.Thread(target=copy_stream, args=pair) for pair in pairs]
        for thread in copies:
            thread.start()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write((body if body.endswith("\n") else body + "\n").encode())
            process.stdin.close()
        for thread in copies:
            thread.join()
    if check and process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    texts = [sink.getvalue() if isinstance(sink, io.StringIO) else "" for sink in sinks]
    return texts[0], texts[1]


def writefile(name: str, text: str, *, append: bool = False) -> None:
    """Write the body of a cell to a file: ``%%writefile``."""
    path = os.path.expanduser(name)
    print("Writing" if not os.path.exists(path) else "Appending to" if append else "Overwriting", path)
    with open(path, "a" if append else "w", encoding="utf-8") as file:
        file.write(text)


visited = [pathlib.Path.cwd()]  # _dh: the folders that the notebook has been in


def cd(line: str) -> None:
    """Go to a folder and print it: ``%cd``. ``-q``: quietly; ``-``: to the last one; ``-3``: to ``_dh[3]``."""
    words = shlex.split(line)
    quiet = words[:1] == ["-q"]
    where = " ".join(words[quiet:]) or "~"
    try:
        if re.fullmatch(r"-\d*", where):
            os.chdir(visited[-2 if where == "-" else int(where[1:])])
        else:
            os.chdir(os.path.expanduser(where))
        visited.append(pathlib.Path.cwd())
    except OSError as error:
        print(error)
    if not quiet:
        print(visited[-1])


def pwd() -> str:
    """Return the folder: ``%pwd``."""
    return os.getcwd()


def env(line: str = "") -> Any:
    """List, get or set environment variables: ``%env``, ``%env NAME``, ``%env NAME=value``."""
    if "=" in line or " " in line.strip():
        return set_env(line)
    if name := line.strip():
        if name not in os.environ:
            raise RuntimeError(f"Environment does not have key: {name}")
        return os.environ[name]
    secret = re.compile("key|token|secret", re.IGNORECASE)
    return {name: "<hidden>" if secret.search(name) else value for name, value in os.environ.items()}


def set_env(line: str) -> None:
    """Set an environment variable and print it: ``%set_env NAME=value``."""
    name, _, value = (part.strip() for part in line.strip().partition("=" if "=" in line else " "))
    if not name or re.search(r"\s", name):
        raise RuntimeError(f"cannot set the environment variable {name!r}")
    os.environ[name] = value
    print(f"env: {name}={value}")


def arguments_of(line: str) -> list[str]:
    """Split a command line into words, with ``~`` and, where not quoted, wildcards expanded."""
    words, written = shlex.split(line), shlex.split(line, posix=False)
    found = []
    for word, as_written in zip(words, written if len(written) == len(words) else words, strict=True):
        path = os.path.expanduser(word)
        found += ([] if {"'", '"'} & set(as_written) else sorted(glob.glob(path))) or [path]
    return found


def run(line: str, *, interactive: bool = False, module: bool = False, named: bool = False, exits: bool = True) -> None:
    """Run a Python file with arguments as a program of its own, then take its variables over: ``%run``.

    ``interactive``: among the notebook's variables (``-i``); ``module``: what is named is a module (``-m``);
    ``named``: with its own ``__name__`` (``-n``); ``exits=False``: its exit code does not matter (``-e``).
    """
    name, *arguments = arguments_of(line)
    path = pathlib.Path(name)
    path = path if module or path.exists() else path.with_name(path.name + ".py")
    program = types.ModuleType(path.stem if named else "__main__")
    names = globals()
    variables = names if interactive else vars(program)
    private = {"__builtins__", "__file__", *vars(program)}
    argv, paths, main, own_name = sys.argv, sys.path[:], sys.modules["__main__"], names["__name__"]
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        if module:
            variables = runpy.run_module(name, run_name=program.__name__, alter_sys=True)
        else:
            sys.modules["__main__"] = main if interactive or named else program
            variables.update(__file__=str(path), __name__=program.__name__)
            exec(compile(path.read_bytes(), str(path), "exec"), variables)
    except SystemExit as status:
        if status.code and exits:
            raise
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], names["__name__"] = argv, paths, main, own_name
    names.update({key: value for key, value in variables.items() if key not in private})


def reset() -> None:
    """Forget the notebook's variables: ``%reset``. What a notebook has without an import stays."""
    names = globals()
    for name in [name for name in names if not name.startswith("_") and name not in ("display", "get_ipython")]:
        del names[name]
