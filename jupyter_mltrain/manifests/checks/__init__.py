"""What can be known about a job before it runs: ``mltrain check``.

Each rule is a function ``(spec, evidence) -> findings`` and stands alone; ``check`` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from ...model.findings import Finding, Severity
from ...model.spec import TrainingSpec
from . import data, devices, policy, pytorch, roles, tensorflow
from .evidence import Evidence, detect_framework, gather

__all__ = ["check", "detect_framework"]

Rule = Callable[[TrainingSpec, Evidence], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    roles.somebody_trains,
    tensorflow.strategy_has_devices,
    tensorflow.strategy_fits_roles,
    tensorflow.strategy_fits_api,
    tensorflow.strategy_is_used,
    tensorflow.batch_is_divisible,
    pytorch.process_group_has_rendezvous,
    pytorch.processes_are_started,
    pytorch.backend_has_devices,
    roles.framework_is_imported,
    roles.replicas_work_together,
    roles.parameter_servers_serve,
    devices.libraries_use_gpu,
    devices.roles_use_gpu,
    policy.memory_is_limited,
    policy.memory_is_plausible,
    policy.retries_end,
    policy.backoff_limit_counts,
    policy.replicas_end,
    policy.servers_are_cleaned_up,
    policy.success_policy_counts,
    policy.gang_fits,
    policy.job_has_no_run_policy,
    policy.image_is_fixed,
    data.claims_can_be_shared,
    data.read_only_is_read_only,
    data.outputs_do_not_clash,
    data.host_paths_are_portable,
    data.secrets_are_references,
)


def check(
    spec: TrainingSpec,
    *,
    sources: Sequence[str] = (),
    imports: Collection[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Return what is wrong or doubtful about a job, the worst first.

    Parameters
    ----------
    sources:
        Source of the code cells; without them only the spec is looked at.
    imports:
        Modules that the notebook and its local modules import.
    parameters:
        Parameter values of the run.
    """
    evidence = gather(sources, imports, parameters or {})
    findings = [finding for rule in RULES for finding in rule(spec, evidence)]
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
