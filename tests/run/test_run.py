"""What notebooks call: harmless alone, heard in a job, clear about mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_mltrain import run
from jupyter_mltrain.errors import InvalidInput, NotFound
from jupyter_mltrain.model import labels
from jupyter_mltrain.runner.records import Rebuilder
from jupyter_mltrain.runner.reports import Mailbox

LIGHT = """
import sys, jupyter_mltrain
before = {name.partition(".")[0] for name in sys.modules}
heavy = before - set(sys.stdlib_module_names) - {"jupyter_mltrain", "__main__", "sitecustomize", "usercustomize"}
heavy = {name for name in heavy if not name.startswith(("_", "zstandard"))} - ALREADY
print(sorted(heavy))
from jupyter_mltrain import run
run.report(loss=1.0); run.progress(1, 2); run.rank; run.output_dir
after = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted({name for name in after if not name.startswith("_")} - ALREADY - {"jupyter_mltrain"}))
"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*(name for name in os.environ if name.startswith("MLTRAIN_")), "TF_CONFIG", "RANK", "WORLD_SIZE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path)
    monkeypatch.setenv(labels.ENV_RECORDS, str(box.path))
    yield box
    box.close()


def test_in_a_plain_notebook_everything_is_harmless(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run.report(step=1, loss=0.5)
    run.progress(1, 10)
    assert run.output_dir == tmp_path / "outputs"
    assert run.output_dir.is_dir()
    assert (run.role, run.index, run.rank, run.world_size, run.leader) == ("Worker", 0, 0, 1, True)
    assert capfd.readouterr() == ("", "")


def test_it_costs_a_notebook_nothing_to_import(tmp_path: Path) -> None:
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print({name.partition('.')[0] for name in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    code = LIGHT.replace("ALREADY", bare.stdout.strip())
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_in_a_job_the_environment_says_who_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.setenv(labels.ENV_OUTPUT_URI, (tmp_path / "results").as_uri())
    assert (run.role, run.index, run.rank, run.world_size, run.leader) == ("Worker", 1, 2, 3, False)
    assert run.output_dir == tmp_path / "results" / "replicas" / "worker-1"
    monkeypatch.setenv(labels.ENV_OUTPUT_DIR, str(tmp_path / "given"))
    assert run.output_dir == tmp_path / "given"


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="'ranks'"):
        run.ranks  # noqa: B018


def test_metrics_are_numbers_of_any_kind(mailbox: Mailbox) -> None:
    torch = pytest.importorskip("torch")
    values: dict[str, Any] = {
        "plain": 1,
        "truth": True,
        "numpy": np.float32(0.5),
        "array": np.array(2.0),
        "tensor": torch.tensor(3.0, requires_grad=True),
        "fraction": Fraction(1, 4),
        "nan": float("nan"),
        "inf": np.inf,
        "minus": -np.inf,
    }
    run.report(np.int64(7), **values)
    (message,) = mailbox.read()
    assert message["step"] == 7
    assert message["time"] > 1e9
    assert message["values"] == {
        "plain": 1.0,
        "truth": 1.0,
        "numpy": 0.5,
        "array": 2.0,
        "tensor": 3.0,
        "fraction": 0.25,
        "nan": "NaN",
        "inf": "Infinity",
        "minus": "-Infinity",
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0.5", "'loss' is a str ('0.5')"),
        (None, "'loss' is a NoneType (None)"),
        ([1.0], "'loss' is a list ([1.0])"),
        (np.zeros((3, 1)), "'loss' is a ndarray of shape (3, 1)"),
        (1j, "'loss' is a complex (1j)"),
        (10**400, "'loss' cannot be made a number"),
    ],
)
def test_what_is_no_number_is_refused_everywhere(value: Any, words: str) -> None:
    with pytest.raises(TypeError) as caught:
        run.report(loss=value)
    assert words in str(caught.value)


def test_other_mistakes_are_refused() -> None:
    with pytest.raises(TypeError, match="whole number"):
        run.report(step=1.5, loss=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="200 characters"):
        run.report(**{"x" * 201: 1.0})
    with pytest.raises(TypeError, match="'done'"):
        run.progress("half", 2)  # type: ignore[arg-type]


def test_very_many_metrics_go_in_several_messages(mailbox: Mailbox) -> None:
    values = {f"layer/{number}/" + "w" * 100: float(number) for number in range(200)}
    run.report(step=3, **values)
    messages = mailbox.read()
    assert len(messages) > 1
    merged: dict[str, float] = {}
    for message in messages:
        assert message["step"] == 3
        merged |= message["values"]
    assert merged == values


def test_progress_is_reported(mailbox: Mailbox) -> None:
    run.progress(3, 10)
    run.progress(4)
    assert mailbox.read() == [
        {"type": "progress", "done": 3.0, "total": 10.0},
        {"type": "progress", "done": 4.0, "total": None},
    ]


def test_a_script_without_a_runner_reports_into_its_log(tmp_path: Path) -> None:
    script = (
        "from jupyter_mltrain import run\nprint('Epoch 1/2 ...', end='')\n"
        "run.report(1, loss=0.5)\nrun.progress(1, 2)\nprint('done')"
    )
    env = {**os.environ, labels.ENV_REPLICA_UID: "x"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    reader = Rebuilder()
    lines = [record.data["text"] for record in reader.feed(done.stdout) if record.type == "line"]
    assert [line for line in lines if line] == ["Epoch 1/2 ...", "done"]
    (point,) = reader.metrics
    assert (point["step"], point["values"]) == (1, {"loss": 0.5})
    assert (reader.progress.done, reader.progress.total) == (1.0, 2.0)


def test_a_channel_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my data").mkdir()
    known = {"train": (tmp_path / "my data").as_uri(), "gone": "/no/such", "far": "s3://bucket/x"}
    monkeypatch.setenv(labels.ENV_CHANNELS, json.dumps(known))
    assert run.channel("train") == tmp_path / "my data"
    assert run.channels == known
    assert run.channel("train", default="other") == tmp_path / "my data"
    with pytest.raises(NotFound, match="no input channel 'test'") as caught:
        run.channel("test")
    assert "far, gone, train" in caught.value.hint
    with pytest.raises(NotFound, match="nothing is there"):
        run.channel("gone")
    with pytest.raises(InvalidInput, match="no folder of this machine"):
        run.channel("far")


def test_without_channels_the_default_counts() -> None:
    assert run.channels == {}
    assert run.channel("train", default="data") == Path("data")
    with pytest.raises(NotFound) as caught:
        run.channel("train")
    assert "none" in caught.value.hint


KERAS = """
import numpy as np, keras
from jupyter_mltrain import run
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
x = np.random.rand(64, 2)
model.fit(x, x[:, :1], validation_split=0.25, epochs=2, batch_size=8, verbose=0, callbacks=[run.keras_callback()])
"""


@pytest.mark.slow
def test_the_keras_callback_reports_epochs_and_progress(mailbox: Mailbox) -> None:
    env = {**os.environ, "KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, "-c", KERAS], env=env, check=True, capture_output=True)
    messages = mailbox.read()
    points = [message for message in messages if message["type"] == "metrics"]
    assert [point["step"] for point in points] == [1, 2]
    assert set(points[0]["values"]) == {"loss", "mae", "val_loss", "val_mae"}
    done = [message["done"] for message in messages if message["type"] == "progress"]
    assert done == sorted(done)
    assert messages[-1] == {"type": "progress", "done": 12.0, "total": 12.0}


def test_the_strategy_that_the_job_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.strategy is None
    monkeypatch.setenv(labels.ENV_STRATEGY, "multi_worker_mirrored")
    assert run.strategy == "multi_worker_mirrored"
