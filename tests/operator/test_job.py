"""Rules of a batch/v1 Job that the recordings do not reach, and what its pods look like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_mltrain.operator import CreatePod, Decision, DeleteJob, DeletePod, Pod, reconcile
from jupyter_mltrain.operator.job_spec import JobSpec, format_indexes, parse_indexes
from jupyter_mltrain.operator.job_tracking import TRACKING, published

START = datetime(2026, 1, 1, tzinfo=UTC)


def job(name: str = "train", policy: str = "Never", **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": policy, "containers": [{"name": "main", "image": "x:1"}]}
    return {"kind": "Job", "metadata": {"name": name}, "spec": {**spec, "template": {"spec": pod}}}


def seconds(count: float) -> datetime:
    return START + timedelta(seconds=count)


def created(decision: Decision) -> list[Pod]:
    return [Pod(a.name, a.role, a.index, created_at=START) for a in decision.actions if isinstance(a, CreatePod)]


def deleted(decision: Decision) -> list[str]:
    return [action.name for action in decision.actions if isinstance(action, DeletePod)]


def condition(decision: Decision, name: str) -> dict[str, Any] | None:
    return next((c for c in decision.status.get("conditions", []) if c["type"] == name), None)


def ended(pod: Pod, code: int, at: float = 0) -> Pod:
    return replace(
        pod, phase="Failed" if code else "Succeeded", exit_code=code, scheduled=True, finished_at=seconds(at)
    )


@pytest.mark.parametrize(
    ("indexes", "text"), [((), ""), ((3,), "3"), ((0, 1), "0,1"), ((0, 1, 2, 4), "0-2,4"), ((5, 1, 2, 3), "1-3,5")]
)
def test_indexes_are_written_in_runs(indexes: tuple[int, ...], text: str) -> None:
    assert format_indexes(indexes) == text
    assert parse_indexes(text, 10) == frozenset(indexes)


def test_indexes_beyond_the_completions_are_forgotten() -> None:
    assert parse_indexes("0-5,7", 3) == {0, 1, 2}


def test_a_job_without_numbers_has_one_pod_and_six_retries() -> None:
    spec = JobSpec.from_manifest(job())
    assert (spec.completions, spec.parallelism, spec.backoff_limit, spec.indexed) == (1, 1, 6, False)


def test_retries_are_unlimited_where_each_index_has_its_own_limit() -> None:
    spec = JobSpec.from_manifest(job(completions=2, completionMode="Indexed", backoffLimitPerIndex=1))
    assert spec.backoff_limit == 2**31 - 1


def test_the_pod_is_the_template_with_the_names_of_the_job() -> None:
    manifest = job(completions=3, parallelism=2, completionMode="Indexed")
    manifest["spec"]["template"]["metadata"] = {"labels": {"app": "demo"}}
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    decision = reconcile(manifest, [], START, {})
    second = decision.actions[1]
    assert isinstance(second, CreatePod)
    assert (second.name, second.role, second.index) == ("train-1-1", "", 1)
    assert second.manifest == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "train-1-1",
            "namespace": "default",
            "labels": {
                "app": "demo",
                "batch.kubernetes.io/job-name": "train",
                "job-name": "train",
                "batch.kubernetes.io/job-completion-index": "1",
            },
            "annotations": {"batch.kubernetes.io/job-completion-index": "1"},
        },
        "spec": {
            "restartPolicy": "Never",
            "hostname": "train-1",
            "containers": [
                {
                    "name": "main",
                    "image": "x:1",
                    "env": [
                        {"name": "A", "value": "b"},
                        {
                            "name": "JOB_COMPLETION_INDEX",
                            "valueFrom": {
                                "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}
                            },
                        },
                    ],
                }
            ],
        },
    }


def test_names_of_pods_are_never_used_twice_and_fit_a_label() -> None:
    manifest = job(name="n" * 63, completions=1)
    first = reconcile(manifest, [], START, {})
    second = reconcile(manifest, [ended(created(first)[0], 1, -60)], START, first.status)
    names = [pod.name for pod in created(first) + created(second)]
    assert len(set(names)) == 2
    assert all(len(name) <= 63 for name in names)


def test_the_back_off_doubles_with_each_failure_and_a_success_ends_it() -> None:
    manifest = job(completions=9, backoffLimit=9)
    status, pods, waits = {}, [], []
    for number in range(3):
        decision = reconcile(manifest, pods, seconds(100 * number), status)
        pods = [*pods, *created(decision)]
        pods[-1] = ended(pods[-1], 1, 100 * number + 1)
        decision = reconcile(manifest, pods, seconds(100 * number + 1), decision.status)
        waits.append(decision.requeue_after)
        status = decision.status
    assert waits == [10, 20, 40]
    decision = reconcile(manifest, pods, seconds(300), status)
    pods = [*pods, *created(decision)]
    pods[-1] = ended(pods[-1], 0, 301)
    after_success = reconcile(manifest, pods, seconds(301), decision.status)
    assert len(created(after_success)) == 1


def test_the_back_off_ends_at_ten_minutes() -> None:
    manifest = job(completions=1, backoffLimit=99)
    status: dict[str, Any] = {"failed": 20, "startTime": "2026-01-01T00:00:00Z"}
    status[TRACKING] = {"created": 20, "failures": 20, "lastFailureTime": START.isoformat()}
    assert reconcile(manifest, [], seconds(0), status).requeue_after == 600


def test_a_pod_is_counted_once_however_often_one_looks() -> None:
    manifest = job(completions=2, backoffLimit=3)
    decision = reconcile(manifest, [], START, {})
    pod = ended(created(decision)[0], 1)
    for _ in range(3):
        decision = reconcile(manifest, [pod], seconds(1), decision.status)
    assert decision.status["failed"] == 1


def test_without_completions_a_success_lets_the_others_finish() -> None:
    manifest = job(parallelism=3)
    decision = reconcile(manifest, [], START, {})
    pods = created(decision)
    assert len(pods) == 3
    pods[0] = ended(pods[0], 0)
    decision = reconcile(manifest, pods, START, decision.status)
    assert (decision.actions, decision.status["active"]) == ((), 2)
    pods = [ended(pod, 0) for pod in pods]
    assert condition(reconcile(manifest, pods, START, decision.status), "Complete") is not None


def test_time_to_live_counts_from_the_end() -> None:
    manifest = job(ttlSecondsAfterFinished=30)
    decision = reconcile(manifest, [], START, {})
    pods = [ended(created(decision)[0], 0)]
    decision = reconcile(manifest, pods, seconds(5), decision.status)
    waiting = reconcile(manifest, pods, seconds(15), decision.status)
    assert (waiting.actions, waiting.requeue_after) == ((), 20)
    assert reconcile(manifest, pods, seconds(35), decision.status).actions == (DeleteJob(),)


def test_the_deadline_says_when_to_look_again() -> None:
    decision = reconcile(job(activeDeadlineSeconds=60), [], START, {})
    assert decision.requeue_after == 60


def test_a_job_with_fewer_pods_wanted_removes_the_least_advanced() -> None:
    decision = reconcile(job(completions=3, parallelism=3), [], START, {})
    pods = created(decision)
    pods[0] = replace(pods[0], phase="Running", scheduled=True, ready=True)
    pods[1] = replace(pods[1], phase="Running", scheduled=True, ready=False)
    fewer = reconcile(job(completions=3, parallelism=1), pods, START, decision.status)
    assert deleted(fewer) == [pods[2].name, pods[1].name]
    assert "failed" not in fewer.status


def test_pods_with_the_same_index_or_a_useless_one_are_removed() -> None:
    manifest = job(completions=2, parallelism=2, completionMode="Indexed")
    decision = reconcile(manifest, [], START, {})
    strays = [Pod("twin", "", 0), Pod("beyond", "", 7), Pod("none", "", -1)]
    running = [replace(pod, phase="Running", scheduled=True) for pod in created(decision)]
    assert sorted(deleted(reconcile(manifest, [*running, *strays], START, decision.status))) == [
        "beyond",
        "none",
        "twin",
    ]


class TestFailurePolicy:
    def after(self, rule: dict[str, Any], code: int = 42, **changes: Any) -> Decision:
        manifest = job(completions=1, backoffLimit=0, podFailurePolicy={"rules": [rule]})
        decision = reconcile(manifest, [], START, {})
        pod = replace(ended(created(decision)[0], code), **changes)
        return reconcile(manifest, [pod], START, decision.status)

    def exit_codes(self, action: str, operator: str = "In") -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"operator": operator, "values": [42]}}

    def test_fail_job_says_which_rule(self) -> None:
        failed = condition(self.after(self.exit_codes("FailJob")), "Failed")
        assert failed is not None
        assert failed["reason"] == "PodFailurePolicy"
        assert failed["message"] == (
            "Container main for pod default/train-0 failed with exit code 42 matching FailJob rule at index 0"
        )

    def test_ignored_failures_do_not_count(self) -> None:
        decision = self.after(self.exit_codes("Ignore"))
        assert condition(decision, "Failed") is None
        assert "failed" not in decision.status

    def test_codes_outside_the_rule_count(self) -> None:
        failed = condition(self.after(self.exit_codes("Ignore"), code=1), "Failed")
        assert failed is not None
        assert failed["reason"] == "BackoffLimitExceeded"

    def test_not_in_matches_the_others(self) -> None:
        assert condition(self.after(self.exit_codes("Ignore", "NotIn"), code=1), "Failed") is None

    def test_conditions_of_the_pod(self) -> None:
        rule = {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        failed = condition(self.after(rule, conditions=("DisruptionTarget",)), "Failed")
        assert failed is not None
        assert failed["message"] == (
            "Pod default/train-0 has condition DisruptionTarget matching FailJob rule at index 0"
        )

    def test_a_pod_that_is_going_holds_its_place(self) -> None:
        manifest = job(completions=1, podFailurePolicy={"rules": []})
        decision = reconcile(manifest, [], START, {})
        going = replace(created(decision)[0], phase="Running", scheduled=True, deleting=True)
        decision = reconcile(manifest, [going], START, decision.status)
        assert (decision.actions, decision.status["terminating"]) == ((), 1)


class TestLimitPerIndex:
    manifest = job(completions=2, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=1)

    def test_an_index_is_given_up_after_its_own_limit_and_the_job_fails_at_the_end(self) -> None:
        decision = reconcile(self.manifest, [], START, {})
        first, other = created(decision)
        pods = [ended(first, 1), ended(other, 0)]
        decision = reconcile(self.manifest, pods, seconds(11), decision.status)
        (second,) = created(decision)
        assert second.index == first.index
        pods.append(second)
        decision = reconcile(self.manifest, pods, seconds(11), decision.status)
        assert (decision.status["failed"], decision.status["failedIndexes"]) == (1, "")
        pods[-1] = ended(second, 1, 12)
        decision = reconcile(self.manifest, pods, seconds(12), decision.status)
        failed = condition(decision, "Failed")
        assert failed is not None
        assert (failed["reason"], failed["message"]) == ("FailedIndexes", "Job has failed indexes")
        assert (decision.status["failedIndexes"], decision.status["completedIndexes"]) == ("0", "1")

    def test_each_index_waits_for_itself(self) -> None:
        decision = reconcile(self.manifest, [], START, {})
        first, other = created(decision)
        running = replace(other, phase="Running", scheduled=True)
        decision = reconcile(self.manifest, [ended(first, 1, 4), running], seconds(5), decision.status)
        assert (created(decision), decision.requeue_after) == ([], 9)

    def test_too_many_failed_indexes_end_the_job(self) -> None:
        manifest = job(
            completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=0, maxFailedIndexes=0
        )
        decision = reconcile(manifest, [], START, {})
        pods = created(decision)
        pods[1] = ended(pods[1], 1)
        decision = reconcile(manifest, pods, START, decision.status)
        target = condition(decision, "FailureTarget")
        assert target is not None
        assert target["reason"] == "MaxFailedIndexesExceeded"


@pytest.mark.parametrize(
    ("rule", "done"),
    [
        ({"succeededCount": 1}, True),
        ({"succeededCount": 2}, False),
        ({"succeededIndexes": "1"}, True),
        ({"succeededIndexes": "0,1"}, False),
        ({"succeededIndexes": "0,1", "succeededCount": 1}, True),
        ({"succeededIndexes": "2"}, False),
    ],
)
def test_success_policy(rule: dict[str, Any], done: bool) -> None:
    manifest = job(completions=3, parallelism=3, completionMode="Indexed", successPolicy={"rules": [rule]})
    decision = reconcile(manifest, [], START, {})
    pods = created(decision)
    pods[1] = ended(pods[1], 0)
    met = condition(reconcile(manifest, pods, START, decision.status), "SuccessCriteriaMet")
    assert (met is not None) is done
    if met is not None:
        assert (met["reason"], met["message"]) == ("SuccessPolicy", "Matched rules at index 0")


def test_the_published_status_is_kubernetes_own() -> None:
    decision = reconcile(job(), [], START, {})
    assert published(decision.status) == {
        "startTime": "2026-01-01T00:00:00Z",
        "active": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
