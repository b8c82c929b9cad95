"""What always holds, whatever users and nodes do to a TFJob or PyTorchJob."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jupyter_mltrain.model.job import parse_timestamp
from jupyter_mltrain.operator import CreatePod, CreateService, DeleteJob, DeletePod, DeleteService, Pod, reconcile

POLICIES = ("Always", "OnFailure", "Never", "ExitCode")
KINDS = {
    "TFJob": ("tfReplicaSpecs", "tensorflow", ("Chief", "Master", "PS", "Worker", "Evaluator")),
    "PyTorchJob": ("pytorchReplicaSpecs", "pytorch", ("Master", "Worker")),
}
SETTLES_IN = 10


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    field_name, container, names = KINDS[kind]
    template = {"spec": {"containers": [{"name": container, "image": "x"}]}}
    replica = st.fixed_dictionaries(
        {"template": st.just(template)},
        optional={"replicas": st.integers(1, 3), "restartPolicy": st.sampled_from(POLICIES)},
    )
    run_policy = st.fixed_dictionaries(
        {},
        optional={
            "cleanPodPolicy": st.sampled_from(["All", "Running", "None"]),
            "backoffLimit": st.integers(0, 3),
            "activeDeadlineSeconds": st.integers(0, 20),
            "ttlSecondsAfterFinished": st.integers(0, 20),
            "suspend": st.booleans(),
        },
    )
    spec = {
        field_name: draw(st.dictionaries(st.sampled_from(names), replica, min_size=1, max_size=3)),
        "runPolicy": draw(run_policy),
    }
    if kind == "TFJob":
        spec["successPolicy"] = draw(st.sampled_from(["", "AllWorkers"]))
        spec["enableDynamicWorker"] = draw(st.booleans())
    else:
        if "Master" in spec[field_name]:
            spec[field_name]["Master"]["replicas"] = 1  # the webhook lets no other number pass
        if "Worker" in spec[field_name] and draw(st.booleans()):
            spec["elasticPolicy"] = {}
    return {"kind": kind, "metadata": {"name": "job"}, "spec": spec}


@dataclass
class Cluster:
    """An API server and nodes for one job; each sync is checked for what must hold."""

    manifest: dict[str, Any]
    now: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    status: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    exists: bool = True

    @property
    def conditions(self) -> dict[str, dict[str, Any]]:
        return {condition["type"]: condition for condition in self.status.get("conditions", [])}

    def is_true(self, *types: str) -> bool:
        return any(self.conditions.get(type_, {}).get("status") == "True" for type_ in types)

    @property
    def finished(self) -> bool:
        return self.is_true("Succeeded", "Failed")

    def outline(self) -> Any:
        """What there is, without times: a master that runs and a worker that fails take turns at every look."""
        conditions = [{k: v for k, v in c.items() if "Time" not in k} for c in self.status.get("conditions", [])]
        return conditions, self.status.get("replicaStatuses"), dict(self.pods), set(self.services)

    def settle(self) -> None:
        for _ in range(SETTLES_IN):
            if not self.exists or not self.sync():
                return
        raise AssertionError("the job does not come to rest")

    def sync(self) -> bool:
        """Sync once. Return whether anything changed."""
        manifest, status, pods = copy.deepcopy((self.manifest, self.status, list(self.pods.values())))
        decision = reconcile(self.manifest, pods, self.now, self.status, services=self.services)
        assert (manifest, status, list(self.pods.values())) == (self.manifest, self.status, pods), "inputs are changed"
        again = reconcile(self.manifest, pods[::-1], self.now, self.status, services=self.services)
        assert again.status == decision.status, "the order of the pods matters"
        before, self.status = copy.deepcopy(self), decision.status
        self.check_conditions(before)
        self.check_counts(before)
        for action in decision.actions:
            self.carry_out(action)
        assert decision.requeue_after is None or decision.requeue_after >= 0
        return bool(decision.actions) or self.status != before.status

    def check_conditions(self, before: Cluster) -> None:
        types = [condition["type"] for condition in self.status["conditions"]]
        assert len(set(types)) == len(types)
        assert not (self.is_true("Running") and "Restarting" in types)
        assert not ("Running" in types and self.is_true("Restarting"))
        if before.finished:
            assert self.status["conditions"] == before.status["conditions"], "the end is not final"
        if self.finished:
            assert not self.is_true("Running")
        for type_, condition in self.conditions.items():
            assert condition["lastTransitionTime"] <= condition["lastUpdateTime"]
            assert parse_timestamp(condition["lastUpdateTime"]) <= self.now
            if type_ in before.conditions:
                old = before.conditions[type_]
                assert old["lastTransitionTime"] <= condition["lastTransitionTime"]
                # Running and Restarting may have replaced each other and come back within one sync.
                if type_ not in ("Running", "Restarting") and old["status"] == condition["status"]:
                    assert old["lastTransitionTime"] == condition["lastTransitionTime"]
        if "completionTime" in self.status:
            assert self.finished
            assert self.status["startTime"] <= self.status["completionTime"]

    def check_counts(self, before: Cluster) -> None:
        limit = "limit" in self.conditions.get("Failed", {}).get("message", "")
        deadline = "deadline" in self.conditions.get("Failed", {}).get("message", "")
        if before.finished or self.manifest["spec"]["runPolicy"].get("suspend") or limit or deadline:
            return
        for role, counts in self.status["replicaStatuses"].items():
            pods = [pod for pod in self.pods.values() if pod.role == role]
            seen = {
                "active": sum(pod.phase == "Running" and not pod.deleting for pod in pods),
                "succeeded": sum(pod.phase == "Succeeded" for pod in pods),
                "failed": sum(pod.phase == "Failed" or (pod.phase == "Running" and pod.deleting) for pod in pods),
            }
            assert {k: v for k, v in counts.items() if k != "selector"} == {k: v for k, v in seen.items() if v}

    def carry_out(self, action: Any) -> None:
        match action:
            case CreatePod(name, role, index, manifest):
                assert name not in self.pods
                assert name == f"job-{role.lower()}-{index}" == manifest["metadata"]["name"]
                self.pods[name] = Pod(name, role, index, restart_policy=manifest["spec"]["restartPolicy"])
            case DeletePod(name):
                assert not self.pods[name].deleting
                self.delete(name)
            case CreateService(name):
                assert name not in self.services
                self.services.add(name)
            case DeleteService(name):
                self.services.remove(name)
            case DeleteJob():
                assert self.finished
                self.exists = False

    def delete(self, name: str) -> None:
        pod = self.pods[name]
        if pod.scheduled and not pod.finished:
            self.pods[name] = replace(pod, deleting=True)
        else:
            del self.pods[name]

    def change(self, name: str, **changes: Any) -> None:
        self.pods[name] = replace(self.pods[name], **changes)

    def act(self, data: st.DataObject) -> None:
        """Let the user, a node or time do something."""
        self.now += timedelta(seconds=data.draw(st.sampled_from([0, 0.3, 1, 7])))
        pending = [n for n, p in self.pods.items() if p.phase == "Pending"]
        running = [n for n, p in self.pods.items() if p.phase == "Running"]
        verbs = (
            ["suspend", "resume", "gone"] + ["run"] * 3 * bool(pending) + ["end", "restart", "delete"] * bool(running)
        )
        match data.draw(st.sampled_from(verbs)):
            case "suspend" | "resume" as verb:
                self.manifest["spec"]["runPolicy"]["suspend"] = verb == "suspend"
            case "gone":
                self.pods = {n: p for n, p in self.pods.items() if not p.deleting}
            case "run":
                for name in data.draw(st.lists(st.sampled_from(pending), min_size=1, unique=True)):
                    self.change(name, phase="Running", scheduled=True)
            case "restart":
                self.change(data.draw(st.sampled_from(running)), restart_count=data.draw(st.integers(0, 4)))
            case "delete":
                self.delete(data.draw(st.sampled_from(running)))
            case "end":
                for name in data.draw(st.lists(st.sampled_from(running), min_size=1, unique=True)):
                    code = data.draw(st.sampled_from([0, 0, 1, 127, 128, 137, None]))
                    phase = "Succeeded" if code == 0 else "Failed"
                    self.change(name, phase=phase, exit_code=code)


@settings(max_examples=150, deadline=None)
@given(manifests(), st.data())
def test_every_sync_keeps_the_rules(manifest: dict[str, Any], data: st.DataObject) -> None:
    cluster = Cluster(manifest)
    cluster.settle()
    for _ in range(data.draw(st.integers(1, 12))):
        cluster.act(data)
        if data.draw(st.booleans()):
            cluster.sync()  # the next change comes before the job has come to rest
        else:
            cluster.settle()
        if not cluster.exists:
            return
    cluster.settle()
    if cluster.exists and manifest["spec"]["runPolicy"].get("suspend") and not cluster.finished:
        assert all(pod.deleting for pod in cluster.pods.values()), "a suspended job has pods"


@settings(max_examples=60, deadline=None)
@given(manifests(), st.data())
def test_nothing_is_due_before_requeue_after_and_something_is_then(
    manifest: dict[str, Any], data: st.DataObject
) -> None:
    run_policy = manifest["spec"]["runPolicy"]
    for limit in ("activeDeadlineSeconds", "ttlSecondsAfterFinished"):  # else there is hardly ever anything due
        run_policy[limit] = run_policy.get(limit) or 20
    cluster = Cluster(manifest)
    cluster.settle()
    for _ in range(data.draw(st.integers(0, 4))):
        cluster.act(data)
        cluster.settle()
    assume(cluster.exists)
    due = reconcile(cluster.manifest, list(cluster.pods.values()), cluster.now, cluster.status).requeue_after
    assume(due)
    assert due is not None
    cluster.now += timedelta(seconds=due - 0.001)
    seen = cluster.outline()
    cluster.sync()
    assert cluster.outline() == seen
    cluster.now += timedelta(seconds=0.002)
    assert cluster.sync()
    assert cluster.finished
