"""What a program's source tells about how it trains."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...model.spec import Framework, TrainingSpec

TENSORFLOW: Final = frozenset({"tensorflow", "keras", "tf_keras", "tensorflow_datasets", "tensorflow_probability"})
PYTORCH: Final = frozenset(
    {"torch", "torchvision", "torchaudio", "lightning", "pytorch_lightning", "accelerate", "fastai", "deepspeed"}
)

STRATEGIES: Final = {
    "MirroredStrategy": "mirrored",
    "MultiWorkerMirroredStrategy": "multi_worker_mirrored",
    "CollectiveAllReduceStrategy": "multi_worker_mirrored",
    "ParameterServerStrategy": "parameter_server",
    "ParameterServerStrategyV2": "parameter_server",
    "CentralStorageStrategy": "central_storage",
    "TPUStrategy": "tpu",
}
"""The classes of ``tf.distribute`` and what a spec calls them; it has no word for the one that no job can use."""

LAUNCHERS: Final = frozenset({"torchrun", "elastic_launch", "torch.distributed.run", "notebook_launcher"})
"""What starts the processes of a PyTorch job."""

# Line magics, shell lines, and their use as a value: the rest of the cell is Python.
_MAGIC_LINE: Final = re.compile(r"^(\s*)[%!](.*)$", re.MULTILINE)
_MAGIC_VALUE: Final = re.compile(r"=\s*[%!].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found in a program.

    Attributes
    ----------
    modules:
        Top-level names of the imported modules.
    names:
        Every name and attribute that the source uses: ``fit``, ``MirroredStrategy`` ...
    texts:
        Every string literal, and every word of a shell line or magic.
    parameters:
        Parameter values of the run.
    """

    modules: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether there was a program to look at."""
        return bool(self.modules or self.names)

    @property
    def strategies(self) -> frozenset[str]:
        """The distribution strategies of TensorFlow that the source names."""
        return frozenset(word for cls, word in STRATEGIES.items() if cls in self.names)

    @property
    def process_group(self) -> bool:
        """Whether the source sets up a process group of PyTorch."""
        return "init_process_group" in self.names


def trainers(spec: TrainingSpec) -> int:
    """Return the number of replicas that compute gradients."""
    return sum(role.replicas for name, role in spec.roles.items() if name in ("Chief", "Master", "Worker"))


def gather(sources: Sequence[str], imports: Collection[str], parameters: Mapping[str, Any]) -> Evidence:
    """Look at the source of a program's cells; a cell that does not parse tells nothing."""
    trees = [tree for tree in map(_parse, sources) if tree is not None]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return Evidence(
        modules=frozenset(name.partition(".")[0] for name in imports),
        names=frozenset(name for node in nodes for name in _names(node)),
        texts=frozenset([*_literals(nodes), *_shell_words(sources)]),
        parameters=parameters,
    )


def detect_framework(imports: Collection[str], sources: Sequence[str]) -> Framework:
    """Return the kind of job that a notebook asks for, by what it imports.

    Where both frameworks are imported, the one whose distribution code the source uses decides, else TensorFlow.
    Keras on PyTorch is PyTorch.
    """
    evidence = gather(sources, imports, {})
    if {"KERAS_BACKEND", "torch"} <= evidence.texts:
        return Framework.PYTORCH
    if not evidence.modules & PYTORCH:
        return Framework.TENSORFLOW if evidence.modules & TENSORFLOW else Framework.NONE
    tensorflow = evidence.modules & TENSORFLOW and (evidence.strategies or not evidence.process_group)
    return Framework.TENSORFLOW if tensorflow else Framework.PYTORCH


def _parse(source: str) -> ast.Module | None:
    plain = _MAGIC_VALUE.sub("= None", _MAGIC_LINE.sub(r"\1pass", source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a notebook's own "\d"
            return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _literals(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _shell_words(sources: Iterable[str]) -> Iterator[str]:
    return (word for source in sources for _, line in _MAGIC_LINE.findall(source) for word in line.split())


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.name.rpartition(".")[2] for alias in aliases)
