"""Fitting the recommender: Keras' defaults against larger batches and fewer calls into TensorFlow, at equal val_loss.

Needs the real data: MLTRAIN_DATA names a folder with ``recommender/transactions.csv``. Aim: 5 times faster.
"""

import json
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from report import heading, row

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "recommender.ipynb"
FAST = {"batch_size": 2048, "learning_rate": 3e-3, "steps_per_execution": 49}


def cells() -> dict[str, str]:
    """Return the notebook's code cells by id."""
    document = json.loads(NOTEBOOK.read_text())
    return {cell["id"]: "".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"}


def prepare(data: Path, **parameters: object) -> dict[str, object]:
    """Run the notebook's cells up to the model."""
    scope: dict[str, object] = {}
    sources = cells()
    with redirect_stdout(StringIO()):
        exec(sources["parameters"], scope)
        scope.update(data_dir=str(data), **parameters)
        for name in ("imports", "data", "ratings", "split", "model"):
            exec(sources[name], scope)
    return scope


def fit_as_keras_does(scope: dict[str, object]) -> tuple[float, float]:
    """Fit on arrays with everything that Keras does by default; return seconds and the last val_loss."""
    from time import perf_counter

    import numpy as np

    def inputs(rows: object) -> dict[str, object]:
        return {"users": rows["customerId"].to_numpy("int32"), "products": rows["productId"].to_numpy("int32")}  # type: ignore[index]

    model, train, valid = scope["model"], scope["train"], scope["valid"]
    model.compile(optimizer="adam", loss="mean_squared_logarithmic_error")  # type: ignore[attr-defined]
    order = np.arange(len(train))  # type: ignore[arg-type]
    train = train.iloc[order]  # type: ignore[attr-defined]
    start = perf_counter()
    history = model.fit(  # type: ignore[attr-defined]
        inputs(train),
        train["rating"].to_numpy("float32"),
        validation_data=(inputs(valid), valid["rating"].to_numpy("float32")),  # type: ignore[index]
        batch_size=64,
        epochs=3,
        verbose=0,
    )
    return perf_counter() - start, history.history["val_loss"][-1]


def fit_as_the_sample_can(scope: dict[str, object]) -> tuple[float, float]:
    """Run the notebook's own fit cell; return seconds and the last val_loss."""
    from time import perf_counter

    start = perf_counter()
    exec(cells()["fit"].replace("verbose=2", "verbose=0"), scope)
    return perf_counter() - start, scope["history"].history["val_loss"][-1]  # type: ignore[attr-defined]


def main() -> None:
    folder = Path(os.environ.get("MLTRAIN_DATA") or "missing") / "recommender"
    if not folder.is_dir():
        print("Recommender: skipped, MLTRAIN_DATA names no folder with recommender/transactions.csv")
        return
    import keras

    heading("Recommender: three epochs", f"Keras {keras.__version__} defaults, batch 64")
    for validation in ("last", "shuffled"):
        peer, peer_loss = fit_as_keras_does(prepare(folder, validation=validation))
        ours, our_loss = fit_as_the_sample_can(prepare(folder, validation=validation, **FAST))
        row(f"fit, validation {validation}", ours, peer=peer, target="aim >= 5x")
        print(f"  last val_loss: ours {our_loss:.5f}, peer {peer_loss:.5f}")


if __name__ == "__main__":
    main()
