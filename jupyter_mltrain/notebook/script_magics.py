"""What each magic and shell command becomes in plain Python.

What only changes how a notebook looks or is edited becomes a comment with a finding. What has no counterpart stops the
script at that place with a clear error, and is a finding of severity error.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Final

from ..model.findings import Severity
from .script_parts import Block, Call, Comment, Magic, Notes, Refusal, Replacement, Statements
from .script_source import literal, parse


def translate(magic: Magic, notes: Notes) -> Replacement:
    """Say what a magic becomes, and add to ``notes`` what the user should know about it."""
    table = _LINE if magic.body is None else _CELL
    if magic.name in table:
        return table[magic.name](magic, notes)
    sign = "%" if magic.body is None else "%%"
    return Refusal(f"{sign}{magic.name} needs IPython or an extension of it")


def _ignored(why: str, code: str = "magic-ignored") -> Callable[[Magic, Notes], Replacement]:
    def translate(magic: Magic, notes: Notes) -> Replacement:
        notes.note(code, Severity.INFO, f"{str(magic).splitlines()[0]!r} is a comment in the script: {why}.")
        return Comment()

    return translate


def _system(command: str, notes: Notes) -> Replacement:
    if _is_install(command):
        return _install(command, notes)
    return Call(f"{notes.use('system')}({notes.text(command)})", returns=False)


def _output(command: str, notes: Notes) -> Replacement:
    return Call(f"{notes.use('getoutput')}({notes.text(command)})")


def _alias(command: str) -> Callable[[Magic, Notes], Replacement]:
    """Return the translation of IPython's alias for a command, without the colours."""

    def translate(magic: Magic, notes: Notes) -> Replacement:
        text = command.replace("%l", magic.line) if "%l" in command else f"{command} {magic.line}"
        return Call(f"{notes.use('system')}({notes.text(text.strip())})", returns=False)

    return translate


def _plain(name: str, *, returns: bool, argument: bool = True) -> Callable[[Magic, Notes], Replacement]:
    """Return the translation of a magic into a call of the runtime's function with the line."""

    def translate(magic: Magic, notes: Notes) -> Replacement:
        text = notes.text(magic.line) if argument and magic.line.strip() else ""
        return Call(f"{notes.use(name)}({text})", returns)

    return translate


def _env(magic: Magic, notes: Notes) -> Replacement:
    sets = "=" in magic.line or " " in magic.line.strip()
    return _plain("set_env" if sets else "env", returns=not sets)(magic, notes)


_INSTALLER: Final = re.compile(
    r"\s*(?:\S*python[\d.]*\s+-m\s+|\{sys\.executable\}\s+-m\s+|\$sys\.executable\s+-m\s+)?"
    r"(?:uv\s+)?(?:pip[\d.]*|conda|mamba|micromamba|uv)\s+(?:install|uninstall|add|remove|update|upgrade)\b"
)
_SILENT: Final = re.compile(r"(?:\d?>|&>)\s*/dev/null|2>&1")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPERATOR: Final = re.compile(r"[;&|`]|\$\(|(?<![\w\]])[<>]|[<>](?![=\d])")


def _is_install(command: str) -> bool:
    """Say whether a shell command installs packages and does nothing else."""
    rest = _QUOTED.sub("", _SILENT.sub("", command))
    return bool(_INSTALLER.match(command)) and not _OPERATOR.search(rest)


def _install(command: str, notes: Notes) -> Replacement:
    # A script that installs at each start is slow, needs a network, and may run with other versions each time.
    notes.installs.append(command.strip())
    notes.note(
        "install-not-run",
        Severity.WARNING,
        f"{command.strip()!r} is a comment in the script.",
        "Install the packages once, before the script runs.",
    )
    return Comment()


def _package_manager(program: str) -> Callable[[Magic, Notes], Replacement]:
    def translate(magic: Magic, notes: Notes) -> Replacement:
        name = program if program.startswith("conda") else f"python -m {program}"
        if _is_install(f"{program} {magic.line}"):
            return _install(f"{name} {magic.line}", notes)
        return Call(f"{notes.use('system')}({notes.text(f'{name} {magic.line}')})", returns=False)

    return translate


def _options(line: str, flags: str, valued: str = "") -> tuple[dict[str, str], str]:
    """Split ``-q -n10 statement`` into its options and the untouched rest, as ``getopt`` would."""
    options: dict[str, str] = {}
    value = rf"(?:([{valued}])\s*(\S+))?" if valued else "()()"
    pattern = re.compile(rf"\s*-([{flags}]*){value}(?:\s+|$)")
    while line.lstrip().startswith("-") and (match := pattern.match(line)) and (match[1] or match[2]):
        options |= dict.fromkeys(match[1], "")
        options |= {match[2]: match[3]} if match[2] else {}
        line = line[match.end() :]
    return options, line


_KEEP_GOING: Final = re.compile(r"\A\s*--no-raise-error\b\s*")


def _timeit_options(line: str) -> tuple[dict[str, str], str]:
    return _options(line, "tcqo", "nrpv")


def _time(magic: Magic, notes: Notes) -> Replacement:
    keep_going = _KEEP_GOING.match(magic.line)
    line = _KEEP_GOING.sub("", magic.line)
    if line.strip() and magic.body:
        return Refusal("a statement stands directly after %%time")
    opening = f"with {notes.use('timed')}({'raise_error=False' if keep_going else ''}):"
    return Block(opening, line if magic.body is None else magic.body)


def _timeit(magic: Magic, notes: Notes) -> Replacement:
    options, rest = _timeit_options(magic.line)
    statement, setup = (rest, "") if magic.body is None else (magic.body.rstrip("\n"), rest)
    arguments = [literal(statement)] + ([literal(setup)] if setup.strip() else [])
    for letter, name in (("n", "number"), ("r", "repeat"), ("p", "precision")):
        if letter in options:
            arguments.append(f"{name}={int(options[letter])}")
    if "q" in options:
        arguments.append("quiet=True")
    if "c" in options or _has_magics(statement) or _has_magics(setup):
        return Refusal("%timeit with -c, or of another magic, needs IPython")
    code = f"{notes.use('timeit')}({', '.join(arguments)})"
    return Call(code, returns="o" in options, assigns=options.get("v", ""))


def timed_code(magic: Magic) -> str:
    """Return the code that ``%time``, ``%timeit`` or ``%%capture`` runs."""
    if magic.body is not None:
        return magic.body
    if magic.name == "timeit":
        return _timeit_options(magic.line)[1]
    return _KEEP_GOING.sub("", magic.line)


def _has_magics(code: str) -> bool:
    try:
        return parse(code).text.strip() != code.strip()
    except SyntaxError:
        return False  # the script then shows the same error as the notebook, at the same place


def _run(magic: Magic, notes: Notes) -> Replacement:
    options, line = _options(magic.line, "inemG")
    target = line.split()[:1]
    if not target or target[0].startswith("-") or "G" in options:
        return Refusal("%run with these options needs IPython")
    if target[0].strip("'\"").endswith((".ipynb", ".ipy")):
        return Refusal("%run of a notebook needs IPython; export that notebook and run its script")
    names = {"i": "interactive=True", "m": "module=True", "n": "named=True", "e": "exits=False"}
    arguments = [notes.text(line), *(names[each] for each in options)]
    return Call(f"{notes.use('run')}({', '.join(arguments)})", returns=False)


def _pylab(magic: Magic, notes: Notes) -> Replacement:
    notes.note("magic-ignored", Severity.INFO, "%pylab is replaced by the imports that it makes.")
    lines = [
        "import numpy",
        "import matplotlib",
        "from matplotlib import mlab, pylab, pyplot",
        "np, plt = numpy, pyplot",
        *([] if "--no-import-all" in magic.line else ["from pylab import *", "from numpy import *"]),
    ]
    return Statements("\n".join(lines))


def _reset(magic: Magic, notes: Notes) -> Replacement:
    if set(magic.line.split()) - {"-f", "-s", "-sf"}:
        return Refusal("%reset of a part of IPython needs IPython")
    return Call(f"{notes.use('reset')}()", returns=False)


def _capture(magic: Magic, notes: Notes) -> Replacement:
    words = magic.line.split()
    options = {"--no-stdout": "stdout=False", "--no-stderr": "stderr=False", "--no-display": "display=False"}
    names = [word for word in words if word not in options]
    if len(names) > 1 or not all(name.isidentifier() for name in names):
        return Refusal("these options of %%capture are not known")
    arguments = ", ".join(options[word] for word in words if word in options)
    target = f" as {names[0]}" if names else ""
    return Block(f"with {notes.use('capture')}({arguments}){target}:", magic.body or "", is_cell=True)


def _writefile(magic: Magic, notes: Notes) -> Replacement:
    words = _words(magic.line)
    append = [word for word in words if word in ("-a", "--append")]
    names = [word for word in words if word not in append]
    if len(names) != 1:
        return Refusal("%%writefile takes one file name")
    arguments = [notes.text(names[0]), literal(magic.body or "")] + (["append=True"] if append else [])
    return Call(f"{notes.use('writefile')}({', '.join(arguments)})", returns=False)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _program(program: str) -> Callable[[Magic, Notes], Replacement]:
    """Return the translation of a cell that is given to a program."""

    def translate(magic: Magic, notes: Notes) -> Replacement:
        command = f"{program} {magic.line}".strip()
        words = _words(command)
        if {"--bg", "--proc"} & {word.partition("=")[0] for word in words}:
            return Refusal("a program in the background needs IPython")
        targets, flags, rest = _streams(words)
        if len(rest) != len(words):
            command = shlex.join(rest)
        arguments = [notes.text(command), literal(magic.body or ""), *flags]
        pair = f"{targets.get('out', '_')}, {targets.get('err', '_')}" if len(targets) == 2 else ""
        one = "".join(targets.values())
        index = "" if pair or not one else f"[{0 if 'out' in targets else 1}]"
        return Call(f"{notes.use('script')}({', '.join(arguments)}){index}", returns=False, assigns=pair or one)

    return translate


def _streams(words: list[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Split the words after ``%%script`` into variables for the output, arguments for them, and the command."""
    targets: dict[str, str] = {}
    flags: list[str] = []
    rest: list[str] = []
    pending = iter(words)
    for word in pending:
        option, has_value, value = word.partition("=")
        if option in ("--out", "--err"):
            targets[option[2:]] = value if has_value else next(pending, "")
        elif word == "--no-raise-error":
            flags.append("check=False")
        else:
            rest.append(word)
    return targets, [*(f"{each}=True" for each in targets), *flags], rest


_looks = _ignored("it only changes how the notebook looks or is edited")
_help = _ignored("it shows help to the one who edits the notebook")
_lists = _ignored("it lists what the notebook has; the list is not printed")
_viewer = _ignored("it opens a viewer beside the notebook")
_figures = _ignored("figures are drawn without a window, and shown as text")
_markup = _ignored("it shows markup, which has no meaning in a terminal", "markup-ignored")

_LINE: Final[Mapping[str, Callable[[Magic, Notes], Replacement]]] = {
    "!": lambda magic, notes: _system(magic.line, notes),
    **dict.fromkeys(["!!", "sx", "system"], lambda magic, notes: _output(magic.line, notes)),
    **{name: _alias(name) for name in ("cat", "cp", "mkdir", "mv", "rm", "rmdir")},
    "ls": _alias("ls -F"),
    "ll": _alias("ls -F -o"),
    "lf": _alias("ls -F -o %l | grep ^-"),
    "lk": _alias("ls -F -o %l | grep ^l"),
    "ldir": _alias("ls -F -o %l | grep /$"),
    "lx": _alias("ls -F -o %l | grep ^-..x"),
    "cd": lambda magic, notes: Call(f"{notes.use('cd')}({notes.text(magic.line)})", returns=False),
    "pwd": _plain("pwd", returns=True, argument=False),
    "env": _env,
    "set_env": _plain("set_env", returns=False),
    **{name: _package_manager(name) for name in ("pip", "uv", "conda", "mamba", "micromamba")},
    "time": _time,
    "timeit": _timeit,
    "run": _run,
    "pylab": _pylab,
    "reset": _reset,
    "matplotlib": _figures,
    **dict.fromkeys(
        ["autoreload", "load_ext", "reload_ext", "unload_ext", "config", "precision", "colors", "xmode"], _looks
    ),
    **dict.fromkeys(
        ["autosave", "automagic", "autocall", "autoawait", "gui", "pdb", "debug", "doctest_mode", "pprint"], _looks
    ),
    **dict.fromkeys(["load", "loadpy", "clear", "cls", "edit", "ed", "killbgscripts", "code_wrap"], _looks),
    **dict.fromkeys(
        ["pinfo", "pinfo2", "psearch", "pdoc", "pdef", "psource", "pfile", "quickref", "magic", "lsmagic", "page"],
        _help,
    ),
    **dict.fromkeys(["who", "whos", "history", "hist", "dhist"], _lists),
    **dict.fromkeys(
        ["tensorboard", "watermark", "man", "less", "more", "pycat", "connect_info", "qtconsole", "subshell"], _viewer
    ),
}

_CELL: Final[Mapping[str, Callable[[Magic, Notes], Replacement]]] = {
    **dict.fromkeys(["!", "sx", "system"], lambda magic, notes: _output(magic.body or "", notes)),
    "time": _time,
    "timeit": _timeit,
    "capture": _capture,
    **dict.fromkeys(["writefile", "file"], _writefile),
    "script": _program(""),
    **{name: _program(name) for name in ("bash", "sh", "perl", "ruby", "python", "python2", "python3", "pypy")},
    **dict.fromkeys(["html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG"], _markup),
}

AUTOMAGIC: Final = frozenset(name for name in _LINE if name.isidentifier())
"""Line magics that IPython also takes without ``%``, where nothing else has that name."""
