"""From a request to a plan: freeze the notebook, complete the spec, build the manifest, gather the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, ParameterError
from ..model.spec import Framework, TrainingSpec, parse_spec
from ..notebook.program import Program
from ..notebook.provenance import Provenance
from .places import check_places
from .request import Plan, Request, new_job_id
from .version import package_version

_TRAINING_ROLES = ("Chief", "Master", "Worker")
_PATH_ENDINGS = ("_dir", "_path", "_file", "_folder")


def make_roles(framework: Framework, wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``spec.roles`` from counts.

    Parameters
    ----------
    wanted:
        ``workers``, ``ps``, ``chief``, ``evaluator``, ``master`` (counts and flags, absent or None: the default),
        ``resources`` and ``restart_policy`` for every role, ``gpu`` for those that train.
    given:
        Roles from a spec file; they stay unless a count says otherwise.

    Raises
    ------
    InvalidInput
        A role that the framework does not have was asked for.
    """
    counts = _counts(framework, wanted, given)
    roles: dict[str, Any] = {}
    for role, count in counts.items():
        entry = dict(given.get(role) or {})
        entry.setdefault("replicas", 1)
        if count is not None:
            entry["replicas"] = count
        resources = {**(entry.get("resources") or {}), **(wanted.get("resources") or {})}
        if wanted.get("gpu") and role in _TRAINING_ROLES:
            resources["gpu"] = wanted["gpu"]
        entry["resources"] = resources
        if wanted.get("restart_policy"):
            entry["restart_policy"] = wanted["restart_policy"]
        roles[role] = entry
    return roles


def _counts(framework: Framework, wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the count of each role that the job has; None keeps what the spec file says."""
    asked = {word for word in ("ps", "chief", "evaluator", "master") if wanted.get(word)}
    allowed = {Framework.TENSORFLOW: {"ps", "chief", "evaluator", "master"}, Framework.PYTORCH: {"master"}}
    foreign = asked - allowed.get(framework, set())
    if foreign:
        words = ", ".join(f"--{word}" for word in sorted(foreign))
        what = "a job without framework" if framework is Framework.NONE else f"a {framework.value} job"
        raise InvalidInput(f"{words}: {what} has no such role", hint="Choose another --framework.")
    counts: dict[str, int | None] = dict.fromkeys(given)
    counts |= {role: 1 for word, role in (("chief", "Chief"), ("evaluator", "Evaluator")) if wanted.get(word)}
    counts |= {"PS": wanted["ps"]} if wanted.get("ps") else {}
    if wanted.get("master") or (framework is Framework.PYTORCH and wanted.get("master") is None and not given):
        counts["Master"] = 1
    if wanted.get("workers") is not None:
        counts["Worker"] = wanted["workers"]
    elif "Worker" not in counts and "Master" not in counts:
        counts["Worker"] = 1
    return {role: count for role, count in counts.items() if count != 0}


def absolute_paths(parameters: Mapping[str, Any], base: Path) -> tuple[dict[str, Any], list[str]]:
    """Make relative paths among parameter values absolute, since a job runs in a folder of its own.

    Only text that exists as a path from ``base`` is touched, and only where it looks like a path: it begins with a dot
    or holds a separator, or the parameter is named ``..._dir``, ``..._path``, ``..._file`` or ``..._folder``.
    Returns the values and a note for each change.
    """
    values, notes = dict(parameters), []
    for name, value in parameters.items():
        if not isinstance(value, str) or not value or "://" in value or Path(value).is_absolute():
            continue
        looks = value.startswith(".") or "/" in value or name.endswith(_PATH_ENDINGS)
        if looks and (base / value).exists():
            values[name] = str((base / value).resolve())
            notes.append(f"{name}: {value} is {values[name]}")
    return values, notes


def make_plan(request: Request, *, job_id: str | None = None, local: bool) -> Plan:
    """Freeze the notebook and build the manifest, without any effect.

    Parameters
    ----------
    local:
        Whether the job will run on this machine, so that paths of this machine mean something to it.
    """
    from .. import manifests, notebook
    from ..manifests import checks
    from ..model.findings import Finding, Severity

    _require_text(request.notebook)
    job_id = job_id or new_job_id()
    frozen = notebook.freeze(request.notebook, root=request.root, include=request.include, python=request.python)
    program = replace(frozen.program, requirements=frozen.program.requirements.changed(request.requirements))
    notes: list[str] = []
    values = _values(program, request)
    if local:
        values, notes = absolute_paths(values, request.base or Path.cwd())
    sources = [cell.source for cell in program.cells if cell.type == "code"]
    spec = complete_spec(request, checks.detect_framework(frozen.imports, sources), notes)
    manifest = manifests.build(
        spec,
        job_id=job_id,
        name=spec.name or manifests.job_name(program.name, job_id),
        program=program.digest,
        notebook=request.noted_as or str(request.notebook),
        kernel=program.kernel,
        parameters=values,
        image=spec.image,
        commit=_commit(frozen.provenance),
        version=package_version(),
    )
    findings: list[Finding] = [
        *frozen.findings,
        *checks.check(spec, sources=sources, imports=frozen.imports, parameters=program.parameters.defaults | values),
        *(check_places(spec) if local else ()),
    ]
    findings.sort(key=lambda finding: list(Severity).index(finding.severity))
    return Plan(
        job_id=job_id,
        program=program,
        blobs=frozen.blobs,
        provenance=frozen.provenance.to_dict() | ({"source": request.noted_as} if request.noted_as else {}),
        parameters=values,
        manifest=manifest,
        findings=tuple(findings),
        spec=spec,
        notes=tuple(notes),
    )


def _values(program: Program, request: Request) -> dict[str, Any]:
    """Return the checked values. The error has the form with it: without a plan, nobody else would show it."""
    from .. import notebook

    try:
        return notebook.check_values(program.parameters, request.parameters, texts=request.parameter_texts)
    except ParameterError as error:
        error.details["form"] = program.parameters.to_dict()
        raise


def _require_text(path: Path) -> None:
    """Raise ``InvalidInput`` for a file name that is no text: it could stand in no manifest."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="replace").decode()
        hint = "Rename the file, or set a UTF-8 locale: LC_ALL=C.UTF-8."
        raise InvalidInput(f"The name of {shown!r} is not text in UTF-8", hint=hint) from None


def complete_spec(request: Request, detected: Framework, notes: list[str]) -> TrainingSpec:
    """Check the spec, with framework and roles filled in where the request leaves them open."""
    data = dict(request.spec)
    if "framework" not in data:
        data["framework"] = detected.value
        notes.append(f"framework: {detected.value}, found out from the imports")
    try:
        framework = Framework(data["framework"])
    except ValueError:
        return parse_spec(data)  # raises, and names the field
    if request.roles or "roles" not in data:
        data["roles"] = make_roles(framework, request.roles, data.get("roles") or {})
    return parse_spec(data)


def _commit(provenance: Provenance) -> str | None:
    if provenance.commit is None:
        return None
    return f"{provenance.commit}-dirty" if provenance.dirty else provenance.commit
