"""Do the roles fit what the notebook does?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...model.findings import Finding, Severity
from ...model.spec import Framework, TrainingSpec
from .evidence import LAUNCHERS, PYTORCH, TENSORFLOW, Evidence, trainers
from .tensorflow import strategy

_DISTRIBUTING_MODULES: Final = frozenset(
    {"horovod", "accelerate", "lightning", "pytorch_lightning", "deepspeed", "ray"}
)
_INDEX_READERS: Final = frozenset({"TF_CONFIG", "TFConfigClusterResolver", "JOB_COMPLETION_INDEX", "RANK"})


def somebody_trains(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """The operator has no rule by which parameter servers or an evaluator alone would run or succeed."""
    if not trainers(spec):
        yield Finding(
            "nobody-trains",
            Severity.ERROR,
            f"A job with {' and '.join(spec.roles)} alone is never Running and never done.",
            "Add a Worker or a Chief.",
            {"field": "roles"},
            {"roles.Worker.replicas": 1},
        )


def replicas_work_together(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Several replicas whose code knows nothing of one another train several times, not together."""
    if evidence.known and trainers(spec) > 1 and not _cooperates(spec, evidence):
        yield Finding(
            "trains-apart",
            Severity.WARNING,
            f"Nothing in the notebook shares out the work: {trainers(spec)} replicas would each do all of it.",
            "Use one replica, or a distribution strategy (TensorFlow) or process group (PyTorch).",
            {"field": "roles.Worker.replicas"},
            {"roles.Worker.replicas": 1} if set(spec.roles) == {"Worker"} else {},
        )


def _cooperates(spec: TrainingSpec, evidence: Evidence) -> bool:
    return bool(
        strategy(spec, evidence)
        or evidence.strategies
        or evidence.process_group
        or evidence.modules & _DISTRIBUTING_MODULES
        or (evidence.names | evidence.texts) & (_INDEX_READERS | LAUNCHERS)
        or ("jupyter_mltrain" in evidence.modules and "rank" in evidence.names)
    )


def parameter_servers_serve(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Parameter servers are there, but the notebook does not use any."""
    if "PS" in spec.roles and evidence.known and not (strategy(spec, evidence) or evidence.strategies):
        yield Finding(
            "idle-parameter-server",
            Severity.WARNING,
            "Nothing in the notebook uses parameter servers.",
            "Remove the role PS, or use ParameterServerStrategy.",
            {"field": "roles.PS"},
            {"roles.PS.replicas": 0},
        )


def framework_is_imported(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A TFJob for a notebook of PyTorch, or the other way round."""
    frameworks = {Framework.TENSORFLOW: TENSORFLOW, Framework.PYTORCH: PYTORCH}
    own = frameworks.pop(spec.framework, TENSORFLOW | PYTORCH)
    for other, modules in frameworks.items():
        if evidence.modules & modules and not evidence.modules & own:
            yield Finding(
                "other-framework",
                Severity.WARNING,
                f"The job is for {spec.framework.value}, but of the two the notebook imports {other.value} only.",
                "Choose the other framework, or leave it to be found out.",
                {"field": "framework"},
                {"framework": None},
            )
