"""Files that hold options: parameter values and specs, as YAML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..errors import InvalidInput

_HINT = "It should look like this, one line for each name: `epochs: 5`."


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: of two values for one name, neither can be taken silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load_mapping(path: Path) -> dict[str, Any]:
    """Return the names and values of a YAML or JSON file; an empty file has none.

    Raises
    ------
    InvalidInput
        The file cannot be read, is not YAML, holds a key twice, or holds anything but a mapping of names.
    """
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise InvalidInput(f"{path}{place}: {problem}", hint=_HINT) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"{path} is not YAML or JSON: {error}", hint=_HINT) from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint="Look at the file's mode.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise InvalidInput(f"{path} does not hold a mapping of names to values", hint=_HINT)
    return loaded
