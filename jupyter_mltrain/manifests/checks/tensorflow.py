"""Does the strategy of TensorFlow that the notebook uses fit the job's roles and the training API?

Sources: https://www.tensorflow.org/guide/distributed_training (the table of strategies and training APIs) and
https://www.tensorflow.org/tutorials/distribute/parameter_server_training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...model.findings import Finding, Severity
from ...model.spec import Framework, TrainingSpec
from .evidence import STRATEGIES, Evidence, trainers

_CLASSES: Final = {word: cls for cls, word in reversed(STRATEGIES.items())}


def strategy(spec: TrainingSpec, evidence: Evidence) -> str | None:
    """Return the strategy that the run will use, as far as it can be known before it runs."""
    if spec.strategy is not None:
        return None if spec.strategy == "none" else spec.strategy
    if len(evidence.strategies) > 1:
        chosen = evidence.parameters.get("strategy")
        return chosen if isinstance(chosen, str) and chosen in evidence.strategies else None
    return next(iter(evidence.strategies), None)


def strategy_has_devices(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A manifest asks for CPUs and GPUs; ``TPUStrategy`` fails at its first call where there is no TPU."""
    used, others = strategy(spec, evidence), evidence.strategies - {"tpu"}
    if "tpu" not in evidence.strategies or (others and used not in (None, "tpu")):
        return
    may_choose = used is None if others else "get_strategy" in evidence.names
    fitting = "MultiWorkerMirroredStrategy" if trainers(spec) > 1 else "MirroredStrategy"
    yield Finding(
        "impossible-strategy",
        Severity.WARNING if may_choose else Severity.ERROR,
        "The notebook uses TPUStrategy, but the job has no TPU: its manifest can ask for CPUs and GPUs only.",
        f"Use {fitting}, which fits {'several Workers' if trainers(spec) > 1 else 'one Worker'} with or without GPUs.",
        {"field": "strategy"},
    )


def strategy_fits_roles(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Each strategy of TensorFlow needs certain roles and cannot use others."""
    used = strategy(spec, evidence)
    if used in ("mirrored", "central_storage"):
        yield from _one_machine(spec, used)
    elif used in ("multi_worker_mirrored", "parameter_server") and spec.framework is not Framework.TENSORFLOW:
        if spec.replicas > 1:
            yield _impossible(
                f"{_CLASSES[used]} finds its peers in TF_CONFIG, which only a TFJob sets.",
                "Choose the framework tensorflow.",
                "framework",
                {"framework": "tensorflow"},
            )
    elif used == "multi_worker_mirrored":
        yield from _multi_worker(spec)
    elif used == "parameter_server":
        yield from _parameter_server(spec, evidence)


def _one_machine(spec: TrainingSpec, used: str) -> Iterator[Finding]:
    if trainers(spec) > 1 or "PS" in spec.roles:
        yield _impossible(
            f"{_CLASSES[used]} works on one machine: {trainers(spec)} training replicas and "
            f"{spec.roles['PS'].replicas if 'PS' in spec.roles else 0} parameter servers would not work together.",
            "Use one Worker (with several GPUs), or MultiWorkerMirroredStrategy for several Workers.",
        )


def _multi_worker(spec: TrainingSpec) -> Iterator[Finding]:
    if "PS" in spec.roles:
        yield _impossible(
            "MultiWorkerMirroredStrategy has no parameter servers: the Workers exchange gradients themselves.",
            "Remove the role PS, or use ParameterServerStrategy.",
            "roles.PS",
            {"roles.PS.replicas": 0},
        )
    if trainers(spec) < 2:
        yield Finding(
            "one-worker",
            Severity.WARNING,
            "MultiWorkerMirroredStrategy with one worker gains nothing over MirroredStrategy.",
            "Ask for two Workers or more.",
            {"field": "roles.Worker.replicas"},
            {"roles.Worker.replicas": 2},
        )


def _parameter_server(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    missing = [role for role in ("Chief", "PS", "Worker") if role not in spec.roles]
    if "Master" in spec.roles and "Chief" in missing:
        missing.remove("Chief")
    if missing:
        absent = " and no ".join(missing)
        yield _impossible(
            f"ParameterServerStrategy needs a Chief that coordinates, PS and Workers; there is no {absent}.",
            "Add the missing roles.",
            fix={f"roles.{role}.replicas": 1 for role in missing},
        )
    if evidence.known and "Server" not in evidence.names:
        yield Finding(
            "no-server",
            Severity.WARNING,
            "With ParameterServerStrategy every PS and Worker must run tf.distribute.Server; the notebook starts none.",
            "Start tf.distribute.Server(...).join() where the role is PS or Worker.",
            {"field": "strategy"},
        )


def strategy_fits_api(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """The table of strategies and training APIs in TensorFlow's guide, as it is for Keras 3."""
    used = strategy(spec, evidence)
    if "estimator" in evidence.names and "tensorflow" in evidence.modules:
        yield _impossible("The Estimator API is gone since TensorFlow 2.16.", "Use Keras or a loop of your own.")
    if used == "parameter_server" and _fits_with_keras_3(spec, evidence):
        yield _impossible(
            "Model.fit of Keras 3 does not work under ParameterServerStrategy.",
            "Write the loop with tf.distribute.coordinator.ClusterCoordinator, or use tf_keras.",
        )
    if used in ("parameter_server", "central_storage"):
        yield Finding(
            "experimental-strategy",
            Severity.INFO,
            f"TensorFlow calls its support of {_CLASSES[used]} experimental.",
            where={"field": "strategy"},
        )


def _fits_with_keras_3(spec: TrainingSpec, evidence: Evidence) -> bool:
    legacy = "tf_keras" in evidence.modules or "TF_USE_LEGACY_KERAS" in {*evidence.texts, *spec.env}
    return "fit" in evidence.names and "ClusterCoordinator" not in evidence.names and not legacy


def strategy_is_used(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """The spec says one strategy, the source another."""
    if evidence.strategies and spec.strategy is not None and spec.strategy not in evidence.strategies:
        found = " and ".join(sorted(_CLASSES[word] for word in evidence.strategies))
        yield Finding(
            "other-strategy",
            Severity.WARNING,
            f"The job says strategy {spec.strategy}; the notebook uses {found}.",
            "Make them agree.",
            {"field": "strategy"},
            {"strategy": None},
        )


def batch_is_divisible(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Mirrored strategies split each batch; a remainder gives replicas unequal work."""
    used = strategy(spec, evidence)
    if used not in ("mirrored", "multi_worker_mirrored"):
        return
    gpus = max((role.resources.gpu.count for role in spec.roles.values() if role.resources.gpu), default=1)
    shares = gpus * (trainers(spec) if used == "multi_worker_mirrored" else 1)
    for name in ("batch_size", "global_batch_size"):
        size = evidence.parameters.get(name)
        if type(size) is int and size % shares:
            yield Finding(
                "uneven-batch",
                Severity.WARNING,
                f"{name} {size} cannot be split evenly over {shares} replicas.",
                f"Use {size - size % shares + shares}.",
                {"parameter": name},
                {f"parameters.{name}": size - size % shares + shares},
            )


def _impossible(message: str, hint: str, field: str = "strategy", fix: Mapping[str, Any] | None = None) -> Finding:
    return Finding("impossible-strategy", Severity.ERROR, message, hint, {"field": field}, dict(fix or {}))
