"""The sample notebooks as jobs on this machine: what the executed notebooks say, and that their models live on."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.samples import list_samples
from tests.support import Mltrain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SUCCEEDED = [("Created", "True"), ("Running", "False"), ("Succeeded", "True")]


class Run:
    """A finished sample: its job, its executed notebook, its outputs."""

    def __init__(self, mltrain: Mltrain, sample: str, *arguments: object) -> None:
        notebook = next(entry.path for entry in list_samples() if entry.name == sample)
        self.outputs = mltrain.cwd / f"outputs of {sample}"
        self.job: dict[str, Any] = mltrain.json(
            "submit", notebook, *arguments, "--output", self.outputs, "--wait", code=None
        )
        self.log = mltrain.run("logs", self.job["id"], code=None).stdout
        assert self.job["phase"] == "Succeeded", self.log[-3000:]
        self.executed = json.loads((self.outputs / notebook.name).read_text())

    def text(self, cell: str) -> str:
        """Return what a cell printed and displayed."""
        outputs = next(entry["outputs"] for entry in self.executed["cells"] if entry["id"] == cell)
        parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
        return "".join("".join(part) for part in parts)

    @property
    def conditions(self) -> list[tuple[str, str]]:
        return [(c["type"], c["status"]) for c in self.job["status"]["conditions"]]


@pytest.fixture(scope="module")
def recommender(shared_mltrain: Mltrain, real_data: Path) -> Run:
    arguments = ["-p", "data_dir", real_data / "recommender", "--framework", "tensorflow"]
    return Run(shared_mltrain, "recommender", *arguments)


def test_recommender_ends_as_the_operator_says(recommender: Run) -> None:
    assert recommender.job["kind"] == "TFJob"
    assert recommender.conditions == SUCCEEDED
    assert recommender.job["status"]["replicaStatuses"] == {"Worker": {"succeeded": 1}}


def test_recommender_reads_what_the_book_reads(recommender: Run) -> None:
    assert "133,585 ratings, 28,606 customers, 300 products" in recommender.text("ratings")
    assert "100,188 rows to train on, 33,397 to validate" in recommender.text("split")


def test_recommender_learns_as_in_the_book(recommender: Run) -> None:
    """The book: loss .0105, .0092, .0078; val_loss .0186, .0188, .0192. The dice are others, so near is enough."""
    epochs = re.findall(r"loss: ([\d.]+) - val_loss: ([\d.]+)", recommender.text("fit"))
    losses, validation = ([float(epoch[i]) for epoch in epochs] for i in (0, 1))
    assert losses == pytest.approx([0.0105, 0.0092, 0.0078], abs=0.0005)
    assert validation == pytest.approx([0.0186, 0.0188, 0.0192], abs=0.0007)
    assert "mean of each product: 0.01" in recommender.text("split")


def test_recommender_rates_numbers_texts_and_lists(recommender: Run) -> None:
    """K4: the notebook itself compares them; it would have failed."""
    assert re.search(r"customer \d+: products \d+(, \d+){4}", recommender.text("rate"))


def test_recommender_model_predicts_in_a_fresh_process(recommender: Run) -> None:
    """K5: users and products in, predictions out, by TensorFlow alone."""
    folder = recommender.outputs / "models" / "recommender" / "1"
    code = (
        "import sys, json, tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "ids = lambda *n: tf.constant(n, tf.int32)\n"
        "found = serve(users=ids(1553, 1553), products=ids(1, 125))\n"
        "print(json.dumps({name: value.numpy().reshape(-1).tolist() for name, value in found.items()}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    predictions = json.loads(done.stdout)
    assert list(predictions) == ["predictions"]
    assert len(predictions["predictions"]) == 2
    assert all(-0.5 < value < 1.5 for value in predictions["predictions"])


def test_recommender_makes_its_own_data_and_says_so(shared_mltrain: Mltrain) -> None:
    run = Run(shared_mltrain, "recommender", "-p", "epochs", "1", "-p", "batch_size", "2048", "--name", "made-up")
    assert "made up, since no data_dir was given" in run.text("data")
    assert "customers, 300 products" in run.text("ratings")


@pytest.fixture(scope="module")
def income(shared_mltrain: Mltrain, real_data: Path) -> Run:
    return Run(shared_mltrain, "income", "-p", "data_dir", real_data / "income")


def test_income_accuracies_are_the_books(income: Run) -> None:
    assert income.job["kind"] == "Job"
    assert "Train accuracy: 0.9655333333333334" in income.text("model")
    assert "Test accuracy:  0.855859375" in income.text("model")


def test_income_anchor_of_idx_0(income: Run) -> None:
    text = income.text("explain").split("idx 6")[0]
    assert "Anchor: Marital Status = Separated AND Sex = Female" in text
    assert "Precision: 0.9548" in text
    assert "Coverage:  0.1083" in text


def test_income_idx_6_says_that_no_anchor_qualifies(income: Run) -> None:
    """K21."""
    text = income.text("explain").split("idx 6")[1]
    assert "No anchor: no rule reaches a precision of 0.95. The best one found, of 7 terms, does not qualify" in text
    assert "Precision: 0.7164" in text
    assert "Coverage:  0.0145" in text


def test_income_model_predicts_raw_rows_in_a_fresh_process(income: Run) -> None:
    """K22: the preprocessor is part of what was saved."""
    code = (
        "import sys, joblib\n"
        "model = joblib.load(sys.argv[1])\n"
        "print(list(model.named_steps), model.predict([[39, 7, 1, 1, 0, 1, 4, 1, 2174, 0, 40, 9]]).tolist())"
    )
    path = income.outputs / "models" / "income" / "1" / "model.joblib"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "['preprocess', 'forest'] [0]\n"


def test_income_makes_its_own_data_and_says_so(shared_mltrain: Mltrain) -> None:
    run = Run(shared_mltrain, "income", "--name", "income-made-up", "-p", "n_estimators", "5")
    assert "made up, since no data_dir was given" in run.text("data")


def test_penguins_by_channel(shared_mltrain: Mltrain, real_data: Path) -> None:
    """S1, S3: the data comes in as a named input."""
    run = Run(shared_mltrain, "penguins", "--channel", f"train={real_data / 'penguins'}")
    assert "344 penguins, 333 without gaps and repeats" in run.text("data")
    found = re.search(r"Test accuracy: ([\d.]+)", run.text("fit"))
    assert found is not None
    assert float(found[1]) > 0.9


def test_penguins_made_up(shared_mltrain: Mltrain) -> None:
    run = Run(shared_mltrain, "penguins", "--name", "penguins-made-up")
    assert "made up, since neither" in run.text("data")


def test_two_tensorflow_workers_train_one_model(shared_mltrain: Mltrain, tmp_path: Path) -> None:
    """K12: learning rate and batch size of the book, checkpoints on a claim."""
    arguments = ["--workers", "2", "--volume", "train:/train", "-p", "log_dir", "/train/logs"]
    arguments += ["-p", "learning_rate", "0.01", "-p", "batch_size", "150"]
    run = Run(shared_mltrain, "distributed_tensorflow", *arguments)
    assert run.conditions == SUCCEEDED
    assert run.job["status"]["replicaStatuses"] == {"Worker": {"succeeded": 2}}
    assert "All 2 workers hold the same weights." in run.text("same")
    other = shared_mltrain.run("logs", run.job["id"], "--replica", "worker-1").stdout
    assert "worker 1 of 2, chief: False" in other
    losses = [re.findall(r"epoch (\d+): loss ([\d.]+)", text) for text in (run.text("fit"), other)]
    assert losses[0] == losses[1] != []
    assert (shared_mltrain.home / "volumes" / "train" / "logs" / "checkpoint").is_file()
    assert (run.outputs / "models" / "spirals" / "1" / "saved_model.pb").is_file()


def test_master_and_three_pytorch_workers(shared_mltrain: Mltrain) -> None:
    """K17 and the smoke test of the collectives (B20)."""
    run = Run(shared_mltrain, "distributed_pytorch", "--workers", "3", "--restart-policy", "OnFailure")
    assert run.job["kind"] == "PyTorchJob"
    counts = {role: status["succeeded"] for role, status in run.job["status"]["replicaStatuses"].items()}
    assert counts == {"Master": 1, "Worker": 3}
    assert "rank 0 of 4, gloo on cpu" in run.text("group")
    assert "all_reduce, broadcast, send and receive work among 4" in run.text("collectives")
    assert "All 4 processes hold the same weights." in run.text("same")
    assert (run.outputs / "models" / "two_moons" / "1" / "model.pt").is_file()


def test_every_sample_exports_as_a_script(shared_mltrain: Mltrain, tmp_path: Path) -> None:
    for sample in list_samples():
        target = tmp_path / f"{sample.name}.py"
        shared_mltrain.run("export", sample.path, "--script", "-o", target)
        compile(target.read_text(), str(target), "exec")


def test_penguins_script_runs_under_plain_python(shared_mltrain: Mltrain, tmp_path: Path) -> None:
    """K6."""
    notebook = next(sample.path for sample in list_samples() if sample.name == "penguins")
    shared_mltrain.run("export", notebook, "--script", "-o", tmp_path / "penguins.py")
    command = [sys.executable, tmp_path / "penguins.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Test accuracy:" in done.stdout
