"""Manifests as text: YAML for people to read, YAML and JSON files to take in.

Kubernetes reads YAML as JSON, with Go's rules for what is a number. Python's differ: to PyYAML ``1e3`` is text and
``22:22`` a number, and a label such as ``12e34567`` written bare would reach the API server as a number. So both
directions here follow Go (https://pkg.go.dev/sigs.k8s.io/yaml, and ``resolve.go`` of the go-yaml v2 beneath it).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from ..errors import ManifestError, NotFound
from ..model.job import Manifest

SUPPORTED: Final = {"TFJob": "kubeflow.org/v1", "PyTorchJob": "kubeflow.org/v1", "Job": "batch/v1"}
"""The kinds that can be run, with their API versions."""

# What a document may expand to through aliases. The API server takes at most 3 MiB.
_MAX_NODES: Final = 100_000

_TAG: Final = "tag:yaml.org,2002:"
_JSON_TAGS: Final = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
_BOOLS: Final = {**yaml.SafeLoader.bool_values, "y": True, "n": False}

_INT: Final = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OTHER_LINE_ENDS: Final = frozenset("\x85\u2028\u2029")  # PyYAML writes them bare, and reads them as a space
_MAX_EXACT: Final = 2**53  # up to here a float is the integer that it looks like


def _number(word: str) -> int | float | None:
    """Return the number that Go takes a bare word for, ``None`` where it is text. Infinity and NaN are such numbers."""
    plain = word.replace("_", "")
    if word[:1] not in "-+.0123456789" or not plain:
        return None
    if _INT.fullmatch(plain):
        integer = int(re.sub(r"^([-+]?0)(?=[0-7])", r"\1o", plain), base=0)
        if -(2**63) <= integer < 2**64:
            return integer
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return int(number) if number.is_integer() and abs(number) < _MAX_EXACT else number
    return math.nan if _NOT_FINITE.fullmatch(plain) else None


class _Loader(yaml.SafeLoader):
    """Takes JSON's types only."""

    bool_values = _BOOLS

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Return the tag of a node."""
        if kind is yaml.ScalarNode and implicit[0]:
            if _number(value) is not None:
                return _TAG + "float"
            if value.lower() in ("y", "n"):
                return _TAG + "bool"
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Read a number as JSON has it."""
        number = _number(node.value)
        if number is None or math.isnan(number):
            _refuse(node, f"{node.value} is not a number that JSON has")
        return number


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in entries if tag.removeprefix(_TAG) in ("bool", "null", "merge")]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind in ("int", "float"):
    _Loader.add_constructor(_TAG + _kind, _Loader.construct_number)


class _Dumper(yaml.SafeDumper):
    """Puts into quotes what PyYAML, Go or YAML 1.2 would take for something other than text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal parts out each time: no anchors."""
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write several lines as a block."""
        style = "|" if "\n" in text else None
        if _number(text) is not None or _FLOAT.fullmatch(text) or text in ("y", "Y", "n", "N"):
            style = "'"
        elif set(text) & _OTHER_LINE_ENDS:
            style = '"'
        return self.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def to_yaml(manifest: Manifest) -> str:
    """Return a manifest as YAML for people: block style, the fields in the manifest's own order."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf)


def read_manifests(source: Path | str) -> list[Manifest]:
    """Read manifests from a file (a ``Path``) or from text (a ``str``): YAML with one or more documents, or JSON.

    A ``List`` is unpacked.

    Raises
    ------
    NotFound
        There is no such file.
    ManifestError
        The text is not YAML or JSON, a key stands twice, an object is not of a kind that can be run, or there is
        none. ``details`` has ``line`` and ``column``, counted from 1, where a place in the text is at fault.
    """
    origin = str(source) if isinstance(source, Path) else "The manifest"
    text = _read(source) if isinstance(source, Path) else source
    manifests = [item for document in _documents(text, origin) for item in _unpack(document, origin)]
    if not manifests:
        raise ManifestError(f"{origin} holds no object", hint=_supported())
    return manifests


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from None


def _documents(text: str, origin: str) -> list[Any]:
    try:
        return _json_document(text) or list(_yaml_documents(text))
    except yaml.MarkedYAMLError as error:
        raise _marked(error, origin) from None
    except yaml.YAMLError as error:
        raise ManifestError(f"{origin} is not YAML: {error}") from None
    except RecursionError:
        raise ManifestError(f"{origin} is nested too deeply") from None


def _json_document(text: str) -> list[Any]:
    """Return the one document of a JSON text, nothing where it is none.

    A flow mapping looks like JSON and is YAML; and the YAML parser points at what is wrong with either.
    """
    if not text.lstrip().startswith("{"):
        return []
    try:
        return [json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)]
    except json.JSONDecodeError:
        return []


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ManifestError(f"The key {twice!r} stands twice in one object", hint="Keep one of them.")
    return fields


def _no_constant(word: str) -> NoReturn:
    raise ManifestError(f"{word} is not a number that JSON has")


def _yaml_documents(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None and _count(node, {}) > _MAX_NODES:
                _refuse(node, f"the document expands to more than {_MAX_NODES:,} values")
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: yaml.Node, counts: dict[yaml.Node, int]) -> int:
    """Return the number of values that a node expands to; refuse what JSON has not, and keys that stand twice."""
    if node in counts:
        return counts[node] or _refuse(node, "an alias stands within what it refers to")
    if node.tag not in _JSON_TAGS:
        _refuse(node, f"the tag {node.tag} has no place in a manifest")
    counts[node] = 0
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        children = [value for _, value in node.value]
    else:
        children = node.value if isinstance(node, yaml.SequenceNode) else []
    counts[node] = 1 + sum(_count(child, counts) for child in children)
    return counts[node]


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if key.tag == _TAG + "merge":
            continue
        if key.tag != _TAG + "str":
            _refuse(key, "a key must be text: put it into quotes")
        if key.value in seen:
            _refuse(key, f"the key {key.value!r} stands twice in one object")
        seen.add(key.value)


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _marked(error: yaml.MarkedYAMLError, origin: str) -> ManifestError:
    mark = error.problem_mark or error.context_mark
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return ManifestError(f"{origin} is not YAML: {problem}")
    line, column = mark.line + 1, mark.column + 1
    return ManifestError(
        f"{origin}, line {line}, column {column}: {problem}",
        hint="Look at the indentation and the colons there and in the line before.",
        line=line,
        column=column,
    )


def _unpack(document: Any, origin: str) -> Iterator[Manifest]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise ManifestError(
            f"{origin} is not a Kubernetes object but {type(document).__name__} {str(document)[:40]!r}",
            hint="It must begin with apiVersion and kind.",
        )
    if document.get("kind") == "List" and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _unpack(item, origin)
        return
    _check_kind(document, origin)
    yield document


def _check_kind(document: dict[str, Any], origin: str) -> None:
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or kind not in SUPPORTED:
        raise ManifestError(f"{origin}: an object of kind {kind!r} cannot be run", hint=_supported(), kind=kind)
    if version != SUPPORTED[kind]:
        raise ManifestError(
            f"{origin}: a {kind} of apiVersion {version!r} cannot be run; it must be {SUPPORTED[kind]!r}",
            hint=_supported(),
            kind=kind,
        )


def _supported() -> str:
    return "These can be run: " + ", ".join(f"{kind} ({version})" for kind, version in SUPPORTED.items()) + "."
