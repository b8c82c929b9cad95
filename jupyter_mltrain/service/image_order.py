"""What is asked for when a notebook is to become an image: checked, with base, environment and platforms chosen."""

from __future__ import annotations

import os
import platform as machine
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidInput
from ..image import bases, settings, sources
from ..image.blueprint import Payload
from ..image.ground import LAYOUTS, Order
from ..image.oci import Platform
from ..image.reference import Reference
from ..image.requirements_file import name_of
from ..model.findings import Finding, Severity
from .images import ImageRequest
from .request import Request
from .version import package_version

if TYPE_CHECKING:
    from ..notebook import Frozen
    from ..notebook.environment import Environment
    from ..notebook.program import Program

_NVIDIA: Final = "nvidia.com/gpu"
_BESIDE: Final = ("pylock.toml", "requirements.txt", "pyproject.toml", "environment.yml")
_STOPPING: Final = frozenset({"likely-secret"})  # findings that stop a build, though no run
_MISSING: Final = "import-unresolved"
_TAG: Final = 12  # hexadecimal digits of the program's hash
_MINORS: Final = range(10, 20)  # of Python 3
_PATCHES: Final = range(30)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, checked and complete."""

    order: Order
    push: Reference | None
    output: Path | None
    sbom: Path | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def ask(request: Request, wanted: ImageRequest) -> tuple[Asked, settings.Settings]:
    """Freeze the notebook and complete what was asked for, by the settings, which are returned too.

    Raises
    ------
    MltrainError
        Something in the request is wrong, or the notebook cannot be frozen.
    """
    from .. import notebook

    settled = settings.load()
    frozen = notebook.freeze(request.notebook, root=request.root, include=request.include, python=request.python)
    program = replace(frozen.program, requirements=frozen.program.requirements.changed(request.requirements))
    root = Path(request.root) if request.root else Path(request.notebook).absolute().parent
    gpu = _gpu(request)
    named = _named(wanted, root)
    python = _python(program.requirements.python, named.python if named else "")
    base, choice = _base(wanted, settled, frozen, program, request, gpu, python)
    system = tuple(map(str, program.requirements.system))
    order = Order(
        payload=_payload(frozen, program, root),
        base=base,
        wanted=named or _environment(request, program, root, choice),
        platforms=_platforms(wanted, settled),
        compression=wanted.compression or settled.compression,
        system=system,
        variables=choice.environment,
        refresh=wanted.refresh,
    )
    found = [_stopping(each, named=wanted.environment is not None) for each in frozen.findings]
    findings = (*found, *order.wanted.findings)
    asked = Asked(order, _push(wanted, order), wanted.output, wanted.sbom, findings, _notes(wanted, root))
    return asked, settled if not wanted.builder else replace(settled, builder=wanted.builder)


def _payload(frozen: Frozen, program: Program, root: Path) -> Payload:
    return Payload(
        name=program.name,
        notebook=str(PurePosixPath(program.directory, f"{program.name}.ipynb")),
        kernel=program.kernel,
        program=program.content,
        blobs=frozen.blobs,
        version=package_version(),
        commit=_commit(frozen, root),
    )


def _commit(frozen: Frozen, root: Path) -> str:
    """Return the commit that the image's files are of; a commit of other files must not make another image."""
    if frozen.provenance.commit is None:
        return ""
    from ..notebook.provenance import last_change

    notebook = Path(frozen.provenance.source)
    found = last_change(notebook, [root / file.path for file in frozen.program.files])
    return f"{found}-dirty" if found and frozen.provenance.dirty else found


def _base(
    wanted: ImageRequest,
    settled: settings.Settings,
    frozen: Frozen,
    program: Program,
    request: Request,
    gpu: str,
    python: str,
) -> tuple[str, bases.Choice]:
    framework = request.spec.get("framework") or _framework(settled, frozen, program)
    if wanted.base:
        named = not wanted.base.startswith(LAYOUTS)
        reference = Reference.parse(wanted.base) if named else Reference("localhost", "layout")
        variables = bases.choose("none", python, gpu=gpu).environment if gpu.startswith("nvidia.com/") else {}
        return wanted.base, bases.Choice(reference, variables)
    choice = bases.choose(framework, python, gpu=gpu, bases=settled.bases)
    return str(choice.image), choice


def _framework(settled: settings.Settings, frozen: Frozen, program: Program) -> str:
    if all(key.partition("-")[0] == "default" for key in settled.bases):
        return "none"  # no base depends on it, and looking takes its time
    from ..manifests.checks import detect_framework

    return detect_framework(frozen.imports, [cell.source for cell in program.cells if cell.type == "code"]).value


def _gpu(request: Request) -> str:
    """Return the resource of the GPUs that some role asks for, ``""``: none does."""
    asked = [request.roles.get("gpu"), *((role or {}).get("resources", {}).get("gpu") for role in _roles(request))]
    found = [gpu.get("resource") or _NVIDIA for gpu in asked if isinstance(gpu, Mapping)]
    return found[0] if found else ""


def _roles(request: Request) -> Iterable[Any]:
    roles = request.spec.get("roles")
    return roles.values() if isinstance(roles, Mapping) else ()


def _named(wanted: ImageRequest, root: Path) -> sources.Wanted | None:
    """Return the environment of the file that was named, if one was."""
    if wanted.environment is None:
        return None
    return sources.from_file(Path(wanted.environment).absolute(), root.absolute())


def _python(kernel: str, asked: str) -> str:
    """Return the minor version of Python that a base should have: the kernel's, or the first that is asked for."""
    own = ".".join(kernel.split(".")[:2]) or "3.12"
    if not asked:
        return own
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = SpecifierSet(asked)
    except InvalidSpecifier:  # locking says so
        return own
    minors = [own, *(f"3.{minor}" for minor in _MINORS)]
    return next((each for each in minors if any(fits.contains(f"{each}.{patch}") for patch in _PATCHES)), own)


def _environment(request: Request, program: Program, root: Path, choice: bases.Choice) -> sources.Wanted:
    lines = [_replaced(line, choice.requirements) for line in program.requirements.lines()]
    return sources.from_kernel(lines, _kernel(request, program).distributions, root.absolute())


def _replaced(line: str, replacements: Mapping[str, str]) -> str:
    name = name_of(line)
    return replacements[name] + line[len(name) :] if name in replacements else line


def _kernel(request: Request, program: Program) -> Environment:
    import sys

    from ..notebook.environment import Interpreter, inspect, kernel_interpreter

    if request.python is not None:
        return inspect(Interpreter(str(request.python)))
    try:
        return inspect(kernel_interpreter(program.kernel) or Interpreter(sys.executable))
    except InvalidInput:  # freezing the notebook has said so
        return inspect(Interpreter(sys.executable))


def _platforms(wanted: ImageRequest, settled: settings.Settings) -> tuple[Platform, ...]:
    named = wanted.platforms or settled.platforms or (own_platform(),)
    return tuple(dict.fromkeys(map(Platform.parse, named)))


def _push(wanted: ImageRequest, order: Order) -> Reference | None:
    if not wanted.repository:
        return None
    reference = Reference.parse(wanted.repository)
    if reference.digest:
        raise InvalidInput(
            f"{wanted.repository!r} names an image that is there: its digest follows from what is in it.",
            hint="Leave out what begins with '@'.",
            field="repository",
        )
    return reference if reference.tag else reference.tagged(order.payload.digest.partition(":")[2][:_TAG])


def check_builder(builder: str, system: tuple[str, ...]) -> None:
    """Raise ``InvalidInput`` where system packages are needed from a builder that adds none."""
    if builder == "direct" and system:
        raise InvalidInput(
            f"The notebook needs system packages ({', '.join(system)}), which only buildah can add.",
            hint="Build with --builder buildah, take a base image that has them, or export a Dockerfile.",
            field="builder",
        )


def check_target(path: Path | None, field: str) -> None:
    """Raise ``InvalidInput`` where a file cannot be written, before much is done for it."""
    if path is None:
        return
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder.", hint="Name a file.", field=field)
    if not path.parent.is_dir():
        raise InvalidInput(f"{str(path.parent)!r} is no folder.", hint="Make it first, or name another.", field=field)
    if not os.access(path.parent, os.W_OK):
        raise InvalidInput(f"Nothing can be written to {str(path.parent)!r}.", hint="Name another folder.", field=field)


def _stopping(finding: Finding, *, named: bool) -> Finding:
    """Return a finding as a build takes it.

    What looks like a secret must not get into an image by chance. What the kernel lacks an image may have whose
    environment is ``named`` by a file.
    """
    if finding.code in _STOPPING:
        return replace(finding, severity=Severity.ERROR)
    if named and finding.code == _MISSING:
        return replace(finding, severity=Severity.WARNING)
    return finding


def _notes(wanted: ImageRequest, root: Path) -> tuple[str, ...]:
    if wanted.environment is not None:
        return ()
    beside = [name for name in _BESIDE if (root / name).is_file()]
    return tuple(f"{name} is beside the notebook; the packages are the kernel's all the same." for name in beside[:1])


def refuse(name: str, findings: Iterable[Finding], force: bool, *, what: str = "image", done: str = "built") -> None:
    """Raise ``InvalidInput`` where a finding is an error, and nobody forces what would be done."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors and not force:
        place = f"{errors[0].place}: " if errors[0].place else ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidInput(
            f"No {what} was {done} of {name}: {place}{errors[0].message}{more}",
            hint=f"{errors[0].hint or 'Mend it.'} Or have it {done} all the same with --force.",
            findings=[finding.to_dict() for finding in errors],
        )


def own_platform() -> str:
    """Return the platform that images for this machine have."""
    return str(Platform.parse(machine.machine()))
