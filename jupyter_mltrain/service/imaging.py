"""From a request to an image: freeze the notebook, choose base and environment, plan, build."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from ..errors import InvalidInput
from ..image import bases, settings, sources
from ..image.blueprint import Blueprint, Payload, Piece
from ..image.build import Builder, Ground, Order
from ..image.cache import Cache
from ..image.oci import Platform
from ..image.progress import Report, ignore
from ..image.reference import Reference
from ..image.requirements_file import name_of
from ..model.findings import Finding, Severity
from .copies import put
from .images import BuiltImage, ImagePlan, ImageRequest, LayerPlan, LayerState, PlatformPlan
from .request import Export, Request
from .version import package_version

if TYPE_CHECKING:
    from ..notebook import Frozen
    from ..notebook.environment import Environment
    from ..notebook.program import Program

_NVIDIA: Final = "nvidia.com/gpu"
_BESIDE: Final = ("pylock.toml", "requirements.txt", "pyproject.toml", "environment.yml")
_STOPPING: Final = frozenset({"likely-secret"})  # findings that stop a build, though no run
_LOOKS: Final = 8  # questions to a registry at a time
_TAG: Final = 12  # hexadecimal digits of the program's hash

OnPlan = Callable[[ImagePlan], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, checked and complete."""

    order: Order
    push: Reference | None
    output: Path | None
    sbom: Path | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def plan_image(request: Request, wanted: ImageRequest, report: Report = ignore) -> ImagePlan:
    """Say what a build would do. Nothing is made but what looking leaves in the cache.

    Raises
    ------
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = _ask(request, wanted)
    _check_builder(settled.builder, asked.order.system)
    with Builder(Cache(), settled, report) as builder:
        return _planned(builder, asked)


def build_image(
    request: Request,
    wanted: ImageRequest,
    *,
    report: Report = ignore,
    force: bool = False,
    on_plan: OnPlan | None = None,
) -> BuiltImage:
    """Make an image and bring it where it is wanted: a repository, a folder, a file; with none of them, the cache.

    Parameters
    ----------
    on_plan:
        Gets the plan before anything is made.

    Raises
    ------
    InvalidInput
        A finding is an error, and ``force`` is not set.
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = _ask(request, wanted)
    _check_builder(settled.builder, asked.order.system)
    cache = Cache()
    with Builder(cache, settled, report) as builder:
        _refuse(asked.order.payload.name, asked.findings, force)
        if on_plan is not None:
            on_plan(_planned(builder, asked))
        grounds = [builder.ground(asked.order, each, push=asked.push) for each in asked.order.platforms]
        done = builder.build(asked.order, grounds, push=asked.push, output=asked.output)
        if asked.sbom is not None:
            put(asked.sbom, builder.bill(asked.order, grounds[0]))
    cache.prune(settled.cache_size << 30)
    return BuiltImage(
        digest=done.digest,
        reference="" if asked.push is None else str(replace(asked.push, tag="").at(done.digest)),
        path=asked.output,
        platforms=dict(done.digests),
        pushed=done.traffic.pushed,
        mounted=done.traffic.mounted,
        present=done.traffic.present,
        fetched=done.traffic.fetched,
        seconds=done.seconds,
    )


def export_dockerfile(request: Request, wanted: ImageRequest, folder: Path | None, report: Report = ignore) -> Export:
    """Write the Dockerfile of a notebook's image, with the folder that it is built in; None: return its text only.

    Raises
    ------
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = _ask(request, wanted)
    with Builder(Cache(), settled, report) as builder:
        made = builder.dockerfile(asked.order, asked.order.platforms[0])
    if folder is not None:
        made.write(folder)
    return Export(made.text, asked.findings, folder)


def current_settings() -> settings.Settings:
    """Return what is set; without platforms, this machine's."""
    found = settings.load()
    return found if found.platforms else replace(found, platforms=(own_platform(),))


def default_repository(name: str) -> str:
    """Return the repository of a notebook's image by the settings, ``""`` where none is set."""
    prefix = settings.load().repository
    return f"{prefix}/{repository_name(name)}" if prefix else ""


def repository_name(name: str) -> str:
    """Return a notebook's name as a repository may be called."""
    from ..image.build import component

    return component(name)


def own_platform() -> str:
    """Return the platform that images for this machine have."""
    return str(Platform.parse(machine.machine()))


# --- what is asked for


def _ask(request: Request, wanted: ImageRequest) -> tuple[_Asked, settings.Settings]:
    from .. import notebook

    settled = settings.load()
    frozen = notebook.freeze(request.notebook, root=request.root, include=request.include, python=request.python)
    program = replace(frozen.program, requirements=frozen.program.requirements.changed(request.requirements))
    root = Path(request.root) if request.root else Path(request.notebook).absolute().parent
    gpu = _gpu(request)
    base, choice = _base(wanted, settled, frozen, program, request, gpu)
    system = tuple(map(str, program.requirements.system))
    order = Order(
        payload=_payload(frozen, program),
        base=base,
        wanted=_environment(request, wanted, program, root, choice),
        platforms=_platforms(wanted, settled),
        compression=wanted.compression or settled.compression,
        system=system,
        variables=choice.environment,
        refresh=wanted.refresh,
    )
    findings = (*map(_stopping, frozen.findings), *order.wanted.findings)
    asked = _Asked(order, _push(wanted, order), wanted.output, wanted.sbom, findings, _notes(wanted, root))
    return asked, settled if not wanted.builder else replace(settled, builder=wanted.builder)


def _payload(frozen: Frozen, program: Program) -> Payload:
    commit = frozen.provenance.commit or ""
    return Payload(
        name=program.name,
        notebook=str(PurePosixPath(program.directory, f"{program.name}.ipynb")),
        kernel=program.kernel,
        program=program.content,
        blobs=frozen.blobs,
        version=package_version(),
        commit=f"{commit}-dirty" if commit and frozen.provenance.dirty else commit,
    )


def _base(
    wanted: ImageRequest,
    settled: settings.Settings,
    frozen: Frozen,
    program: Program,
    request: Request,
    gpu: str,
) -> tuple[str, bases.Choice]:
    python = ".".join(program.requirements.python.split(".")[:2]) or "3.12"
    framework = request.spec.get("framework") or _framework(settled, frozen, program)
    if wanted.base:
        reference = Reference("localhost", "named") if wanted.base.startswith("oci") else Reference.parse(wanted.base)
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


def _environment(
    request: Request, wanted: ImageRequest, program: Program, root: Path, choice: bases.Choice
) -> sources.Wanted:
    if wanted.environment is not None:
        return sources.from_file(Path(wanted.environment).absolute(), root.absolute())
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


def _check_builder(builder: str, system: tuple[str, ...]) -> None:
    if builder == "direct" and system:
        raise InvalidInput(
            f"The notebook needs system packages ({', '.join(system)}), which only buildah can add.",
            hint="Build with --builder buildah, take a base image that has them, or export a Dockerfile.",
            field="builder",
        )


def _stopping(finding: Finding) -> Finding:
    """Return a finding as a build takes it: what looks like a secret must not get into an image by chance."""
    return replace(finding, severity=Severity.ERROR) if finding.code in _STOPPING else finding


def _notes(wanted: ImageRequest, root: Path) -> tuple[str, ...]:
    if wanted.environment is not None:
        return ()
    beside = [name for name in _BESIDE if (root / name).is_file()]
    return tuple(f"{name} is beside the notebook; the packages are the kernel's all the same." for name in beside[:1])


def _refuse(name: str, findings: Iterable[Finding], force: bool) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors and not force:
        place = f"{errors[0].place}: " if errors[0].place else ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InvalidInput(
            f"No image was built of {name}: {place}{errors[0].message}{more}",
            hint=(errors[0].hint + " Or build it all the same with --force.").strip(),
            findings=[finding.to_dict() for finding in errors],
        )


# --- what would be done


def _planned(builder: Builder, asked: _Asked) -> ImagePlan:
    order = asked.order
    found = [builder.ground(order, platform, push=asked.push, look=True) for platform in order.platforms]
    said = [finding for ground in found for finding in ground.lock.findings]
    findings = [finding for number, finding in enumerate(said) if finding not in said[:number]]
    notes = [
        f"{ground.base.name} is another image now: {ground.base.digest}, before {ground.base.before}."
        for ground in found
        if ground.base.before
    ]
    built = sorted({source.name for ground in found for source in ground.lock.sources})
    if order.system:
        notes.append(f"System packages of the base, added by buildah: {', '.join(order.system)}.")
    if built:
        notes.append(f"Built on this machine, since there is no wheel: {', '.join(built)}.")
    return ImagePlan(
        name=asked.order.payload.name,
        program=asked.order.payload.digest,
        repository="" if asked.push is None else str(asked.push),
        platforms=tuple(_platform(builder, asked, ground) for ground in found),
        findings=(*asked.findings, *findings),
        notes=(*asked.notes, *notes),
    )


def _platform(builder: Builder, asked: _Asked, ground: Ground) -> PlatformPlan:
    blueprint = builder.draw(asked.order, replace(ground, lock=replace(ground.lock, sources=())))
    look = _Look(builder, blueprint, asked.push)
    layers = look.layers()
    return PlatformPlan(
        platform=str(ground.base.platform),
        base=asked.order.base,
        base_digest=ground.base.digest,
        python=ground.base.python.version,
        lock=ground.lock.digest,
        packages=tuple(f"{one.name} {one.version}" for one in ground.lock.wheels),
        layers=layers,
        fetch=look.fetch,
        push=_sum(layer.size for layer in layers if layer.state != "present") if asked.push else None,
    )


def _sum(sizes: Iterable[int | None]) -> int | None:
    found = list(sizes)
    return None if None in found else sum(size for size in found if size is not None)


class _Look:
    """Finds out what of an image is where."""

    def __init__(self, builder: Builder, blueprint: Blueprint, push: Reference | None) -> None:
        self.fetch: int | None = 0
        self._builder = builder
        self._blueprint = blueprint
        self._push = push
        self._cache = builder.cache
        self._known = builder.known(blueprint, push) if push else frozenset[str]()

    def layers(self) -> tuple[LayerPlan, ...]:
        """Return all layers, bottom first."""
        with ThreadPoolExecutor(_LOOKS) as pool:
            base = list(pool.map(self._base, range(len(self._blueprint.base.layers))))
            ours = list(pool.map(self._piece, self._blueprint.pieces))
        self.fetch = _sum(size for _, size in ours)
        return (*base, *(layer for layer, _ in ours))

    def _base(self, number: int) -> LayerPlan:
        blob = self._blueprint.base.layers[number].descriptor
        title = self._blueprint.base.name if number == 0 else f"base layer {number + 1}"
        return LayerPlan("base", title, self._state(blob.digest) or "known", blob.digest, blob.size)

    def _piece(self, piece: Piece) -> tuple[LayerPlan, int | None]:
        """Return a layer, and the bytes to download for it."""
        contents = tuple(f"{wheel.name} {wheel.version}" for wheel in piece.wheels)
        layer = self._cache.layer(piece.key)
        if layer is None and not piece.wheels:
            layer = piece.write(cast(Any, _Nowhere()), {})  # so small that making it is the way to know its size
            return self._new(piece, contents, layer.descriptor.digest, layer.descriptor.size), 0
        if layer is None:
            return self._new(piece, contents, "", None), self._missing(piece)
        digest, size = layer.descriptor.digest, layer.descriptor.size
        state = self._state(digest) or "known"
        return LayerPlan(piece.kind, piece.name, state, digest, size, contents), 0

    def _new(self, piece: Piece, contents: tuple[str, ...], digest: str, size: int | None) -> LayerPlan:
        return LayerPlan(piece.kind, piece.name, "new", digest, size, contents)

    def _state(self, digest: str) -> LayerState | None:
        if digest in self._known or (self._push and self._has(digest)):
            return "present"
        return "cached" if self._cache.blob(digest) else None

    def _has(self, digest: str) -> bool:
        assert self._push is not None
        return self._builder.registry(self._push.registry).has_blob(self._push.repository, digest)

    def _missing(self, piece: Piece) -> int | None:
        return _sum(wheel.size for wheel in piece.wheels if self._cache.blob(wheel.digest) is None)


class _Nowhere:
    """An open file that keeps nothing."""

    def write(self, data: bytes) -> int:
        """Take bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""
