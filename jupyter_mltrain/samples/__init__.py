"""The sample notebooks: what the gallery lists, and how each is best run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample notebook.

    Attributes
    ----------
    name:
        Stem of the file.
    title, summary:
        For people.
    framework, roles:
        As ``TrainingSpec`` has them.
    extra:
        The extra of this package that it needs.
    data:
        Files that a ``data_dir`` would hold; without one the notebook makes data up.
    """

    name: str
    title: str
    summary: str
    framework: str
    extra: str
    roles: Mapping[str, int] = field(default_factory=lambda: {"Worker": 1})
    data: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the notebook lies."""
        return _folder() / f"{self.name}.ipynb"

    def to_dict(self) -> dict[str, Any]:
        """Return the sample as a JSON object."""
        return {**asdict(self), "path": str(self.path)}


_SAMPLES = (
    Sample(
        "recommender",
        "Recommender",
        "Which product will a customer buy again? Embeddings in Keras, exported as a SavedModel.",
        "tensorflow",
        "tensorflow",
        data=("transactions.csv", "users.csv"),
    ),
    Sample(
        "income",
        "Income, explained",
        "A random forest predicts who earns more than 50,000 dollars, and anchors say why.",
        "none",
        "income",
        data=("adult.data",),
    ),
    Sample(
        "penguins",
        "Penguins",
        "Logistic regression on the penguins of the Palmer Archipelago: the smallest whole training job.",
        "none",
        "income",
        data=("penguins.csv",),
    ),
    Sample(
        "distributed_tensorflow",
        "Distributed TensorFlow",
        "Two workers train one model with MultiWorkerMirroredStrategy.",
        "tensorflow",
        "tensorflow",
        roles={"Worker": 2},
    ),
    Sample(
        "distributed_pytorch",
        "Distributed PyTorch",
        "A master and three workers train one model with DistributedDataParallel, after a check of the collectives.",
        "pytorch",
        "torch",
        roles={"Master": 1, "Worker": 3},
    ),
)


def list_samples() -> list[Sample]:
    """Return all samples, the best first one first."""
    return list(_SAMPLES)


def get_sample(name: str) -> Sample:
    """Return a sample by name. Raises ``NotFound``."""
    for sample in _SAMPLES:
        if sample.name == name:
            return sample
    names = ", ".join(sample.name for sample in _SAMPLES)
    raise NotFound(f"There is no sample {name!r}", hint=f"The samples are {names}.")


def copy_sample(sample: Sample, folder: Path) -> Path:
    """Copy a sample's notebook into a folder, which is made if need be. Raises ``Conflict`` rather than overwrite."""
    target = folder / sample.path.name
    if target.exists():
        raise Conflict(f"{target} exists", hint="Choose another folder, or delete it first.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sample.path, target)
    return target


def _folder() -> Path:
    """Return the notebooks' folder: inside the installed package, or at the top of a checkout."""
    installed = Path(__file__).parent / "notebooks"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "notebooks"
