"""A replica knows its role, rank and place from what the operator puts into its environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.runner.replica import Replica, channels, local_path, output_folder


def tf_config(task: str, index: int, **cluster: int) -> dict[str, str]:
    hosts = {part: [f"j-{part}-{number}:2222" for number in range(count)] for part, count in cluster.items()}
    return {"TF_CONFIG": json.dumps({"cluster": hosts, "task": {"type": task, "index": index}, "environment": "cloud"})}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Replica("Worker", 0, 0, 1, True)),
        ({"MLTRAIN_ROLE": "Worker", "MLTRAIN_LEADER": "1"}, Replica("Worker", 0, 0, 1, True)),
        ({"MLTRAIN_ROLE": "Worker", "MLTRAIN_INDEX": "2"}, Replica("Worker", 2, 2, 1, False)),
        ({"JOB_COMPLETION_INDEX": "1"}, Replica("Worker", 1, 1, 1, False)),
        # TFJob: index 0 leads unless there is a Chief or Master; parameter servers and evaluators are no rank of it.
        (tf_config("worker", 0, worker=2), Replica("Worker", 0, 0, 2, True)),
        (tf_config("worker", 1, worker=2, ps=1), Replica("Worker", 1, 1, 2, False)),
        (tf_config("chief", 0, chief=1, worker=2), Replica("Chief", 0, 0, 3, True)),
        (tf_config("worker", 0, chief=1, worker=2), Replica("Worker", 0, 1, 3, False)),
        (tf_config("worker", 1, master=1, worker=2), Replica("Worker", 1, 2, 3, False)),
        (tf_config("ps", 0, ps=2, worker=2), Replica("PS", 0, 0, 2, False)),
        (tf_config("evaluator", 0, chief=1, worker=1), Replica("Evaluator", 0, 0, 2, False)),
        # PyTorchJob: the Master has rank 0, worker i has i + 1.
        ({"MLTRAIN_ROLE": "Master", "RANK": "0", "WORLD_SIZE": "4"}, Replica("Master", 0, 0, 4, True)),
        (
            {"MLTRAIN_ROLE": "Worker", "MLTRAIN_INDEX": "0", "RANK": "1", "WORLD_SIZE": "4"},
            Replica("Worker", 0, 1, 4, False),
        ),
        ({"MLTRAIN_ROLE": "Worker", "MLTRAIN_INDEX": "0", "PET_NNODES": "1:3"}, Replica("Worker", 0, 0, 1, True)),
        ({"MLTRAIN_ROLE": "PS", "MLTRAIN_INDEX": "0"}, Replica("PS", 0, 0, 1, False)),
    ],
)
def test_the_environment_names_the_replica(env: dict[str, str], expected: Replica) -> None:
    assert Replica.from_env(env) == expected


@pytest.mark.parametrize("jobs", [{"worker": 3}, {"chief": 1, "worker": 3, "ps": 2}, {"master": 1, "worker": 1}])
def test_one_replica_leads_and_ranks_are_told_apart(jobs: dict[str, int]) -> None:
    replicas = [
        Replica.from_env(tf_config(part, index, **jobs)) for part, count in jobs.items() for index in range(count)
    ]
    training = [replica for replica in replicas if replica.role != "PS"]
    assert [replica.leader for replica in replicas].count(True) == 1
    assert sorted(replica.rank for replica in training) == list(range(len(training)))
    assert len({replica.folder for replica in replicas}) == len(replicas)


@pytest.mark.parametrize("text", ["{", "[]", '{"task": {}}', '{"cluster": 1, "task": {"type": "worker", "index": 0}}'])
def test_a_broken_tf_config_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="TF_CONFIG"):
        Replica.from_env({"TF_CONFIG": text})


def test_a_rank_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="RANK is 'x'"):
        Replica.from_env({"RANK": "x"})


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a/b", Path("/a/b")),
        ("file:///a%20b", Path("/a b")),
        ("data/x", Path("data/x")),
        ("s3://bucket/x", None),
        ("gs://bucket", None),
    ],
)
def test_a_uri_may_be_a_folder_here(uri: str, path: Path | None) -> None:
    assert local_path(uri) == path


def test_outputs_lie_in_the_output_uri_or_beside_it(tmp_path: Path) -> None:
    leader, other = Replica(), Replica("Worker", 1, 1, 2, leader=False)
    env = {"MLTRAIN_OUTPUT_URI": tmp_path.as_uri()}
    assert output_folder(env, leader) == tmp_path
    assert output_folder(env, other) == tmp_path / "replicas" / "worker-1"
    assert output_folder({"MLTRAIN_OUTPUT_URI": "s3://bucket/x"}, other) == Path("outputs/replicas/worker-1").absolute()
    assert output_folder({}, leader) == Path("outputs").absolute()


def test_channels_are_a_json_object() -> None:
    assert channels({}) == {}
    assert channels({"MLTRAIN_CHANNELS": '{"train": "/data"}'}) == {"train": "/data"}
    with pytest.raises(InvalidInput, match="MLTRAIN_CHANNELS"):
        channels({"MLTRAIN_CHANNELS": '["train"]'})
