"""Parameter values as a cell of the notebook: papermill's own code writes the cell and finds its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .read import INJECTED_TAG
from .values import Json

CELL_ID: Final = INJECTED_TAG
"""The id of the injected cell, so that it is the same in every run."""


def injected_source(values: Mapping[str, Json]) -> str:
    """Return the source of the cell that assigns the values, byte for byte as papermill writes it."""
    from papermill.translators import translate_parameters

    source: str = translate_parameters("python3", "python", dict(values), "Parameters")
    return source


def inject(notebook: Mapping[str, Any], values: Mapping[str, Json]) -> dict[str, Any]:
    """Return a copy of an nbformat 4.5 document with a cell that assigns the values.

    The cell comes behind the first one tagged ``parameters``, in the place of one tagged ``injected-parameters``, or
    first of all where there is neither. Without values the copy is equal: papermill injects nothing then.
    """
    import copy

    document = copy.deepcopy(dict(notebook))
    if not values:
        return document
    import nbformat
    from papermill.parameterize import parameterize_notebook

    node = nbformat.from_dict(document)  # type: ignore[no-untyped-call]
    for cell in node.cells:
        cell.metadata.setdefault("tags", [])  # papermill looks for them everywhere
    node.metadata.setdefault("papermill", {})
    injected = parameterize_notebook(node, dict(values), kernel_name=node.metadata.kernelspec.name, language="python")
    taken = {cell.get("id") for cell in injected.cells}
    for cell in injected.cells:
        if INJECTED_TAG in cell.metadata.tags and CELL_ID not in taken:
            cell["id"] = CELL_ID
            break
    plain: dict[str, Any] = _plain(injected)
    return plain


def _plain(value: Any) -> Any:
    """Return plain dicts and lists instead of nbformat's own kinds."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
