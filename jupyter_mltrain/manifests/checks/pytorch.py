"""Does a PyTorch notebook's process group fit the job?

Source: https://docs.pytorch.org/docs/stable/distributed.html (environment variable initialization, backends).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...model.findings import Finding, Severity
from ...model.spec import Framework, TrainingSpec
from .evidence import LAUNCHERS, Evidence


def process_group_has_rendezvous(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """``init_process_group`` takes MASTER_ADDR, RANK and WORLD_SIZE, which only a PyTorchJob with a Master sets."""
    if not evidence.process_group or _own_rendezvous(spec, evidence):
        return
    if spec.framework is not Framework.PYTORCH:
        kind = "TFJob" if spec.framework is Framework.TENSORFLOW else "Job"
        yield _no_group(
            f"The notebook calls init_process_group, but a {kind} does not tell its replicas MASTER_ADDR and RANK.",
            "Choose the framework pytorch.",
            "framework",
            {"framework": "pytorch"},
        )
    elif "Master" not in spec.roles and spec.elastic is None:
        yield _no_group(
            "The notebook calls init_process_group, but without a Master no replica learns MASTER_ADDR and RANK.",
            "Add the role Master; it takes part as rank 0.",
            "roles",
            {"roles.Master.replicas": 1},
        )


def _own_rendezvous(spec: TrainingSpec, evidence: Evidence) -> bool:
    given = {"MASTER_ADDR"} & {*evidence.texts, *spec.env} or {"FileStore", "HashStore", "TCPStore"} & evidence.names
    return bool(given) or any(text.startswith(("tcp://", "file://")) for text in evidence.texts)


def processes_are_started(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """``nprocPerNode`` and ``elasticPolicy`` are read by torchrun; a notebook is one process for each replica."""
    if not evidence.known or (evidence.names | evidence.texts) & LAUNCHERS:
        return
    if (spec.nproc_per_node or "").isdigit() and spec.nproc_per_node != "1":
        hangs = evidence.process_group
        yield Finding(
            "nproc-without-torchrun",
            Severity.ERROR if hangs else Severity.WARNING,
            f"{spec.nproc_per_node} processes a replica are announced, but the notebook starts one"
            + (": init_process_group would wait for the others for ever." if hangs else "."),
            "Leave nproc_per_node out, or start torchrun in the notebook.",
            {"field": "nproc_per_node"},
            {"nproc_per_node": None},
        )
    if spec.elastic is not None:
        yield Finding(
            "elastic-without-torchrun",
            Severity.WARNING,
            "Only torchrun heeds an elastic policy; the notebook does not start it.",
            "Leave the elastic policy out, or start torchrun in the notebook.",
            {"field": "elastic"},
            {"elastic": None},
        )


def backend_has_devices(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """NCCL talks between GPUs only."""
    falls_back = "gloo" in evidence.texts or "is_available" in evidence.names
    gpus = any(role.resources.gpu for role in spec.roles.values())
    if evidence.process_group and "nccl" in evidence.texts and not falls_back and not gpus:
        yield _no_group(
            "The backend NCCL needs GPUs, and the job asks for none.", "Use gloo, or ask for GPUs.", "roles"
        )


def _no_group(message: str, hint: str, field: str, fix: Mapping[str, Any] | None = None) -> Finding:
    return Finding("impossible-process-group", Severity.ERROR, message, hint, {"field": field}, dict(fix or {}))
