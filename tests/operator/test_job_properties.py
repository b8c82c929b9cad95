"""What always holds of a batch/v1 Job, whatever users and nodes do to it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.operator import CreatePod, Decision, DeleteJob, DeletePod, Pod, reconcile
from jupyter_mltrain.operator.job_spec import parse_indexes
from jupyter_mltrain.operator.job_tracking import published

SETTLES_IN = 10


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    policy = draw(st.sampled_from(["Never", "OnFailure"]))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "completions": st.integers(0, 4),
        "parallelism": st.integers(0, 3),
        "backoffLimit": st.integers(0, 3),
        "activeDeadlineSeconds": st.integers(0, 60),
        "ttlSecondsAfterFinished": st.integers(0, 60),
        "suspend": st.booleans(),
        "podReplacementPolicy": st.sampled_from(["Failed", "TerminatingOrFailed"]),
    }
    spec = draw(st.fixed_dictionaries({}, optional=optional))
    if "completions" in spec and draw(st.booleans()):
        spec["completionMode"] = "Indexed"
        if policy == "Never" and draw(st.booleans()):
            spec["backoffLimitPerIndex"] = draw(st.integers(0, 2))
    if policy == "Never" and draw(st.booleans()):
        action = draw(st.sampled_from(["Ignore", "Count", "FailJob"]))
        spec["podFailurePolicy"] = {"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": [42]}}]}
    spec["template"] = {"spec": {"restartPolicy": policy, "containers": [{"name": "main", "image": "x"}]}}
    return {"kind": "Job", "metadata": {"name": "job"}, "spec": spec}


@dataclass
class Cluster:
    """An API server and nodes for one job; each look is checked for what must hold."""

    manifest: dict[str, Any]
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    status: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    made: int = 0
    gone: bool = False

    def settle(self) -> None:
        for _ in range(SETTLES_IN):
            decision = self._look()
            if not decision.actions and decision.status == self.status:
                return
            self._apply(decision)
            if self.gone:
                return
        raise AssertionError(f"not at rest after {SETTLES_IN} looks: {self.status}")

    def _look(self) -> Decision:
        inputs = (self.manifest, list(self.pods.values()), self.now, self.status)
        before = copy.deepcopy(inputs)
        decision = reconcile(*inputs)
        assert inputs == before
        assert reconcile(*inputs) == decision
        self._check(decision)
        return decision

    def _check(self, decision: Decision) -> None:
        status, spec = decision.status, self.manifest["spec"]
        types = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
        assert not {"Complete", "Failed"} <= types
        was = {c["type"] for c in self.status.get("conditions", []) if c["status"] == "True"}
        if was & {"Complete", "Failed"}:
            assert published(status) == published(self.status)
            assert all(isinstance(action, DeleteJob) for action in decision.actions)
            return
        for count in ("succeeded", "failed"):
            assert status.get(count, 0) >= self.status.get(count, 0)
            assert status.get(count, 0) <= self.made
        assert status["ready"] <= status.get("active", 0)
        assert (types & {"Complete", "Failed"}) == set() or (status.get("active", 0), status["terminating"]) == (0, 0)
        completions = spec.get("completions")
        if completions is not None:
            assert status.get("active", 0) <= max(spec.get("parallelism", 1), 0) or spec.get("suspend")
        if spec.get("completionMode") == "Indexed":
            done = parse_indexes(status.get("completedIndexes", ""), completions)
            assert len(done) == status.get("succeeded", 0)
            assert done >= parse_indexes(self.status.get("completedIndexes", ""), completions)
        if types == {"Suspended"}:
            assert (status.get("active", 0), "startTime" in status) == (0, False)

    def _apply(self, decision: Decision) -> None:
        self.status = decision.status
        for action in decision.actions:
            match action:
                case CreatePod(name, _, index):
                    assert name not in self.pods
                    self.pods[name] = Pod(name, "", index, created_at=self.now)
                    self.made += 1
                case DeletePod(name):
                    self._delete(name)
                case DeleteJob():
                    self.gone, self.pods = True, {}
                case _:
                    raise AssertionError(action)

    def _delete(self, name: str) -> None:
        pod = self.pods[name]
        if pod.scheduled and not pod.finished:
            self.pods[name] = replace(pod, deleting=True)
        else:
            del self.pods[name]

    def act(self, action: str, pod: Pod | None) -> None:
        match action, pod:
            case "suspend" | "resume", _:
                self.manifest["spec"]["suspend"] = action == "suspend"
            case "run", Pod(phase="Pending", deleting=False):
                self._change(pod, phase="Running", scheduled=True, ready=True)
            case "ok", Pod(phase="Running"):
                self._change(pod, phase="Succeeded", exit_code=0, ready=False, finished_at=self.now)
            case "fail" | "fail 42", Pod(phase="Running"):
                code = 42 if action == "fail 42" else 1
                self._change(pod, phase="Failed", exit_code=code, ready=False, finished_at=self.now)
            case "restart", Pod(phase="Running"):
                self._change(pod, restart_count=pod.restart_count + 1)
            case "delete", Pod(scheduled=True, finished=False):
                self._change(pod, deleting=True)
            case "gone", Pod(deleting=True):
                del self.pods[pod.name]

    def _change(self, pod: Pod, **changes: Any) -> None:
        self.pods[pod.name] = replace(pod, **changes)


ACTIONS = ["suspend", "resume", *["run"] * 4, *["ok"] * 3, "fail", "fail 42", "restart", "delete", "gone", "wait"]
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 9), st.integers(0, 30)), max_size=15)


@settings(max_examples=300, deadline=None)
@given(manifest=manifests(), steps=STEPS)
def test_whatever_happens(manifest: dict[str, Any], steps: list[tuple[str, int, int]]) -> None:
    cluster = Cluster(manifest)
    cluster.settle()
    for action, choice, pause in steps:
        if cluster.gone:
            return
        cluster.now += timedelta(seconds=pause)
        pods = list(cluster.pods.values())
        cluster.act(action, pods[choice % len(pods)] if pods else None)
        cluster.settle()


@settings(max_examples=100, deadline=None)
@given(manifest=manifests())
def test_pods_that_all_succeed_complete_the_job(manifest: dict[str, Any]) -> None:
    for limit in ("activeDeadlineSeconds", "ttlSecondsAfterFinished", "suspend"):
        manifest["spec"].pop(limit, None)
    if manifest["spec"].get("parallelism") == 0:
        manifest["spec"]["parallelism"] = 1
    cluster = Cluster(manifest)
    cluster.settle()
    while active := [pod for pod in cluster.pods.values() if not pod.finished]:
        for pod in active:
            cluster.act("run", pod)
            cluster.act("ok", cluster.pods[pod.name])
        cluster.settle()
    assert [c["type"] for c in cluster.status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert "completionTime" in cluster.status
