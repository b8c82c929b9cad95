"""``mltrain check`` of a notebook that trains on hardware which no job has."""

import pytest

from tests.support import Mltrain, NotebookWriter

pytestmark = pytest.mark.slow

TPU = "import tensorflow as tf\nstrategy = tf.distribute.TPUStrategy()\nwith strategy.scope():\n    pass"


@pytest.mark.parametrize("workers", [1, 3])
def test_a_strategy_for_tpus_is_refused(workers: int, mltrain: Mltrain, notebook: NotebookWriter) -> None:
    findings = mltrain.json("check", notebook(TPU), "--workers", workers, code=None)["findings"]
    (finding,) = [each for each in findings if each["severity"] == "error"]
    assert finding["code"] == "impossible-strategy"
    assert "TPU" in finding["message"]
    assert ("MirroredStrategy" if workers == 1 else "MultiWorkerMirroredStrategy") in finding["hint"]
    assert "trains-apart" not in {each["code"] for each in findings}
