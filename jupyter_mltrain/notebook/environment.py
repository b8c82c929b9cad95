"""The environment that a notebook will run in, as its own interpreter describes it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidInput

_TIMEOUT: Final = 60.0  # seconds; a cold network file system can take its time
_PYTHON_NAME: Final = re.compile(r"(python|pypy)\d*(\.\d+)*t?(\.exe)?", re.IGNORECASE)
_cached: dict[str, dict[str, Any]] = {}
_locks: dict[str, threading.Lock] = {}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python to ask: its path, and the variables that its kernelspec sets for it."""

    python: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution; ``url`` is set where it came from elsewhere than an index."""

    name: str
    version: str
    url: str = ""
    editable: bool = False

    @property
    def key(self) -> str:
        """The name as PEP 503 normalises it."""
        return normalise(self.name)


@dataclass(frozen=True)
class Environment:
    """What an interpreter has installed.

    Attributes
    ----------
    version:
        e.g. ``"3.11.9"``.
    suffixes:
        File name endings of importable modules.
    stdlib:
        Top-level names of its standard library.
    distributions:
        All that are installed.
    providers:
        Top-level module -> indices of the distributions that have modules below it.
    shared:
        Top-level name -> dotted module -> indices, for namespaces and for names with several providers.
    loose:
        Top-level modules that can be imported but belong to no distribution.
    """

    python: str
    version: str
    suffixes: tuple[str, ...]
    stdlib: frozenset[str]
    distributions: tuple[Distribution, ...]
    providers: Mapping[str, list[int]]
    shared: Mapping[str, Mapping[str, list[int]]]
    loose: frozenset[str]

    def has(self, top: str) -> bool:
        """Whether a top-level module can be imported, wherever it comes from."""
        return top in self.stdlib or top in self.providers or top in self.loose

    def providing(self, module: str) -> list[Distribution]:
        """Return the distributions that bring a dotted module: of a namespace only those with the right part."""
        top = module.partition(".")[0]
        indices = _nearest(module, self.shared[top]) if top in self.shared else self.providers.get(top, [])
        return [self.distributions[index] for index in indices]

    @cached_property
    def by_name(self) -> Mapping[str, Distribution]:
        """Normalised name -> distribution."""
        return {distribution.key: distribution for distribution in self.distributions}


def _nearest(module: str, known: Mapping[str, list[int]]) -> list[int]:
    """Return who brings a module, else the parts of it as a namespace, else the nearest module above it."""
    below = {index for name, indices in known.items() if name.startswith(f"{module}.") for index in indices}
    if module not in known and below:
        return sorted(below)
    while module and module not in known:
        module = module.rpartition(".")[0]
    return known.get(module, [])


def normalise(name: str) -> str:
    """Return a distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def kernel_interpreter(kernel: str) -> Interpreter | None:
    """Return the interpreter of an installed kernel, or ``None`` where it has none or does not say which.

    As jupyter_client does, a bare ``python`` and the kernel ``python3`` mean the interpreter that runs this.
    """
    spec = _kernelspec(kernel)
    if spec is None:
        return Interpreter(sys.executable) if kernel == "python3" else None
    command = str(next(iter(spec.get("argv") or []), ""))
    if not _PYTHON_NAME.fullmatch(Path(command).name):
        return None
    env = {str(name): str(value) for name, value in (spec.get("env") or {}).items()}
    if Path(command).name == command:
        return Interpreter(sys.executable, env)
    return Interpreter(command, env)


def _kernelspec(kernel: str) -> dict[str, Any] | None:
    """Return an installed kernel's ``kernel.json``, looked for where Jupyter looks."""
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("kernels"):
        try:
            entries = [entry for entry in Path(folder).iterdir() if entry.name.lower() == kernel.lower()]
            spec = json.loads((entries[0] / "kernel.json").read_text(encoding="utf-8")) if entries else None
        except (OSError, ValueError):
            continue
        if isinstance(spec, dict):
            return spec
    return None


def inspect(interpreter: Interpreter) -> Environment:
    """Ask an interpreter what it has installed.

    The answer is kept, in memory and in the user's cache folder, until one of the folders that it imports from changes.

    Raises
    ------
    InvalidInput
        It cannot be run, or is no Python from 3.8 on.
    """
    python = shutil.which(interpreter.python) or interpreter.python
    key = _key(python, interpreter.env)
    with _locks.setdefault(key, threading.Lock()):  # who asks the same meanwhile waits for the answer
        answer = _cached.get(key) or _read_cache(key)
        if answer is None or not _is_fresh(answer):
            answer = _ask(python, interpreter.env)
            _write_cache(key, answer)
        _cached[key] = answer
    return _environment(python, answer)


def _environment(python: str, answer: Mapping[str, Any]) -> Environment:
    return Environment(
        python=python,
        version=answer["version"],
        suffixes=tuple(answer["suffixes"]),
        stdlib=frozenset(answer["stdlib"]),
        distributions=tuple(Distribution(*entry) for entry in answer["distributions"]),
        providers=answer["providers"],
        shared=answer["shared"],
        loose=frozenset(answer["loose"]),
    )


def _ask(python: str, env: Mapping[str, str]) -> dict[str, Any]:
    script = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
    try:
        done = subprocess.run(
            [python, "-c", script],
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env, "PYTHONIOENCODING": "utf-8"},
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise _unusable(python, last or f"exit code {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise _unusable(python, f"no answer in {_TIMEOUT:.0f} s") from None
    except OSError as error:
        raise _unusable(python, error.strerror or str(error)) from None
    except ValueError:
        raise _unusable(python, "its answer is no JSON") from None
    return answer


def _unusable(python: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"The interpreter {python!r} could not be asked what it has installed: {why}.",
        hint="Name the Python of the environment that the notebook runs in.",
        field="python",
    )


# --- what was answered before -----------------------------------------------------------------------------------------


def _key(python: str, env: Mapping[str, str]) -> str:
    own = {name: value for name, value in {**os.environ, **env}.items() if name.startswith("PYTHON")}
    return hashlib.sha256(json.dumps([2, os.path.abspath(python), own], sort_keys=True).encode()).hexdigest()  # noqa: PTH100


def _is_fresh(answer: Mapping[str, Any]) -> bool:
    try:
        return all(os.stat(path).st_mtime_ns == changed for path, changed in answer["paths"])  # noqa: PTH116
    except (OSError, KeyError, TypeError, ValueError):
        return False


def _cache_file(key: str) -> Path:
    home = os.environ.get("MLTRAIN_HOME")
    if home:
        return Path(home) / "cache" / "interpreters" / f"{key}.json"
    import platformdirs

    return Path(platformdirs.user_cache_dir("jupyter-mltrain")) / "interpreters" / f"{key}.json"


def _read_cache(key: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(_cache_file(key).read_bytes())
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def _write_cache(key: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer for other processes. Without a place to write it is asked for again, which costs only time."""
    target = _cache_file(key)
    draft = target.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(answer), encoding="utf-8")
        draft.replace(target)
