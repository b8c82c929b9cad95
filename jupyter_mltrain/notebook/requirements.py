"""From imports and install lines to distributions with exact versions, by what the kernel's environment has."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..model.findings import Finding, Severity
from .environment import Distribution, Environment, normalise
from .imports import Import
from .installs import Install
from .modules import Used
from .names import DISTRIBUTION_OF_MODULE, MISSPELLED
from .pins import Requirement, Requirements

_OWN: Final = "jupyter-mltrain"


def resolve(
    used: Iterable[Used], installs: Sequence[Install], environment: Environment
) -> tuple[Requirements, list[Finding]]:
    """Return what a notebook needs, and findings on what does not resolve.

    Parameters
    ----------
    used:
        Imports that no local module answers.
    installs:
        What the notebook's install lines name.
    environment:
        The environment that the notebook runs in; versions are the ones that it has.
    """
    resolver = _Resolver(installs, environment)
    for one in used:
        resolver.add(one)
    for install in installs:
        resolver.install(install)
    return resolver.requirements(), resolver.findings


class _Resolver:
    def __init__(self, installs: Sequence[Install], environment: Environment) -> None:
        self.findings: list[Finding] = []
        self._environment = environment
        self._installs = {install.name: install for install in installs}
        self._found: dict[str, Distribution] = {}
        self._modules: dict[str, set[str]] = {}
        self._specifiers: dict[str, str] = {}
        self._reported: set[str] = set()

    def requirements(self) -> Requirements:
        """Return everything found so far, sorted by name."""
        specifiers = {name: _specifier(one) for name, one in self._found.items()} | self._specifiers
        distributions = (
            Requirement(name, specifiers[name], tuple(sorted(self._modules.get(name, ()))))
            for name in sorted(specifiers)
        )
        return Requirements(self._environment.version, tuple(distributions))

    # Imports

    def add(self, used: Used) -> None:
        """Resolve one import."""
        top = used.what.top
        if top in self._environment.stdlib or top in sys.builtin_module_names:
            return
        self._warn_of_misspelling(top, used)
        distributions = self._providing(used.what)
        for distribution in distributions:
            self._found[distribution.key] = distribution
            self._modules.setdefault(distribution.key, set()).add(top)
            self._note_folder(distribution, used.where)
        if distributions or self._installed_by_line(top) or used.what.optional:
            return
        if top in self._environment.loose:
            self._report(top, _loose(top, used.where))
        else:  # of a namespace that is there in part, the part that is missing
            name = used.what.module if top in self._environment.providers else top
            self._report(name, self._unresolved(name, used.where))

    def _providing(self, wanted: Import) -> list[Distribution]:
        """Return the distributions behind an import: ``from google.cloud import storage`` asks for the submodule."""
        if not wanted.names or "*" in wanted.names:
            return self._environment.providing(wanted.module)
        found = {
            one.key: one for name in wanted.names for one in self._environment.providing(f"{wanted.module}.{name}")
        }
        return list(found.values())

    def _installed_by_line(self, top: str) -> bool:
        """Whether an install line names what an import needs, as far as the names tell."""
        names = {normalise(top), normalise(DISTRIBUTION_OF_MODULE.get(top, top))}
        for name in names & self._installs.keys():
            self._modules.setdefault(name, set()).add(top)
        return bool(names & self._installs.keys())

    def _report(self, key: str, finding: Finding) -> None:
        if key not in self._reported:
            self._reported.add(key)
            self.findings.append(finding)

    def _warn_of_misspelling(self, top: str, used: Used) -> None:
        """Warn of a misspelt name even where it resolves: somebody may have registered it."""
        meant = MISSPELLED.get(top)
        if meant and self._environment.has(top):
            self._report(f"{top}!", _misspelled(top, meant, used.where))

    def _unresolved(self, name: str, where: Mapping[str, Any]) -> Finding:
        message = f"The import of {name!r} resolves to nothing in the kernel's environment."
        # With an install line for something unknown the module may come from there.
        severity = Severity.WARNING if self._unknown_installs() else Severity.ERROR
        return Finding("import-unresolved", severity, message, self._suggestion(name), dict(where))

    def _unknown_installs(self) -> bool:
        return any(name not in self._environment.by_name for name in self._installs)

    def _suggestion(self, name: str) -> str:
        if name in MISSPELLED:
            return f"Did you mean {MISSPELLED[name]!r}? {name!r} is a known misspelling; do not install it."
        distribution = DISTRIBUTION_OF_MODULE.get(name)
        if distribution:
            return f"It is in the distribution {distribution!r}: install that into the kernel's environment."
        known = [top for top in (*self._environment.providers, *self._environment.stdlib) if not top.startswith("_")]
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
        if near:
            return f"Did you mean {near[0]!r}?"
        return f"If {name!r} is right, install {normalise(name)!r} into the kernel's environment, or ship the module."

    def _note_folder(self, distribution: Distribution, where: Mapping[str, Any]) -> None:
        if not distribution.url.startswith("file:") or distribution.key == _OWN:
            return
        message = f"{distribution.name} is installed from a folder of this machine; no index may have this version."
        hint = "Ship it beside the notebook, or publish it."
        self._report(
            f"{distribution.key}/", Finding("local-distribution", Severity.WARNING, message, hint, dict(where))
        )

    # Install lines

    def install(self, install: Install) -> None:
        """Take up one install line: the version that is installed if it fits, else what the line says."""
        if install.name in MISSPELLED and install.name not in DISTRIBUTION_OF_MODULE.values():
            self._report(f"{install.name}!", _misspelled(install.name, MISSPELLED[install.name], install.where))
        installed = self._environment.by_name.get(install.name)
        if install.url:
            self._specifiers[install.name] = f"{install.extras} @ {install.url}"
        elif installed is None:
            self._specifiers[install.name] = install.extras + install.specifier
            self._note_open(install)
        elif _fits(installed.version, install.specifier):
            self._specifiers[install.name] = install.extras + _specifier(installed)
        else:
            self._specifiers[install.name] = install.extras + install.specifier
            message = (
                f"An install line asks for {install.name}{install.specifier}, "
                f"but the kernel's environment has {installed.version}."
            )
            hint = "The job gets what the line says; make both agree."
            self.findings.append(Finding("install-differs", Severity.WARNING, message, hint, dict(install.where)))

    def _note_open(self, install: Install) -> None:
        if not install.specifier.startswith("=="):
            message = f"The kernel's environment does not have {install.name}, so that its version stays open."
            hint = f"Install it there, or write {install.name}==VERSION."
            self.findings.append(Finding("install-open", Severity.INFO, message, hint, dict(install.where)))


def _specifier(distribution: Distribution) -> str:
    """Return what pins a distribution: its version, or the address of the commit or archive that it came from."""
    if distribution.url and not distribution.url.startswith("file:"):
        return f" @ {distribution.url}"
    return f"=={distribution.version}"


def _fits(version: str, specifier: str) -> bool:
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return not specifier


def _loose(top: str, where: Mapping[str, Any]) -> Finding:
    message = (
        f"The import of {top!r} resolves to a module that belongs to no distribution; elsewhere it will be missing."
    )
    return Finding("import-unpackaged", Severity.WARNING, message, "Put it beside the notebook.", dict(where))


def _misspelled(name: str, meant: str, where: Mapping[str, Any]) -> Finding:
    message = f"{name!r} is a known misspelling of {meant!r}; whoever registers it can run code in your jobs."
    return Finding("name-misspelled", Severity.WARNING, message, f"Use {meant!r}.", dict(where))
