"""Is a GPU asked for where nothing can use it?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from ...model.findings import Finding, Severity
from ...model.spec import RoleName, TrainingSpec
from .evidence import PYTORCH, TENSORFLOW, Evidence
from .tensorflow import strategy

_GPU_LIBRARIES: Final = (
    TENSORFLOW
    | PYTORCH
    | {"jax", "jaxlib", "flax", "cupy", "cudf", "cuml", "cugraph", "numba", "xgboost", "lightgbm", "catboost"}
    | {"mxnet", "paddle", "transformers", "diffusers", "sentence_transformers", "vllm", "ultralytics", "pycuda"}
    | {"onnxruntime", "tensorrt", "ray", "tinygrad", "spacy", "polars", "warp"}
)


def libraries_use_gpu(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A GPU does nothing for scikit-learn and its like."""
    if not evidence.modules or evidence.modules & _GPU_LIBRARIES:
        return
    for name, role in spec.roles.items():
        if role.resources.gpu is not None:
            imported = ", ".join(sorted(evidence.modules - sys.stdlib_module_names))
            yield Finding(
                "gpu-unused",
                Severity.WARNING,
                f"{name} asks for a GPU, but nothing that the notebook imports is known to use one ({imported}).",
                "Run it without a GPU: it will be as fast, and start sooner.",
                {"field": f"roles.{name}.resources.gpu"},
                {f"roles.{name}.resources.gpu": None},
            )


def roles_use_gpu(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Variables live in main memory on a parameter server; a coordinator only hands out work."""
    idle: dict[RoleName, str] = {
        "PS": "keeps variables in main memory",
        "Evaluator": "waits most of the time for a checkpoint to evaluate",
    }
    if strategy(spec, evidence) == "parameter_server":
        idle["Chief"] = idle["Master"] = "only coordinates under ParameterServerStrategy"
    for name, reason in idle.items():
        role = spec.roles.get(name)
        if role is not None and role.resources.gpu is not None:
            yield Finding(
                "gpu-unused",
                Severity.WARNING,
                f"{name} asks for a GPU, but it {reason}.",
                "Ask for GPUs for the Workers.",
                {"field": f"roles.{name}.resources.gpu"},
                {f"roles.{name}.resources.gpu": None},
            )
