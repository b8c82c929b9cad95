"""Names that Kubernetes accepts, made of what users call their notebooks."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath
from typing import Final

# A job's pods and services are called {job}-{role}-{index}, a DNS label of at most 63 characters.
_LONGEST_POD_SUFFIX: Final = len("-evaluator-999")
_MAX_LABEL: Final = 63
_ID_LENGTH: Final = 8


def notebook_stem(notebook: str) -> str:
    """Return the name of a notebook without folders and suffix."""
    return PurePath(notebook.replace("\\", "/")).stem


def job_name(stem: str, job_id: str) -> str:
    """Return a DNS-1035 label made of a notebook's name and the job's id, such as ``recommender-7f3a91c2``.

    Any text gives a valid name, and the names of the job's pods stay within 63 characters for every role and up to
    1,000 replicas. The last part is the beginning of the job's id: ids that differ in their first eight letters and
    digits give different names.
    """
    suffix = _dashed(job_id).replace("-", "")[:_ID_LENGTH]
    room = _MAX_LABEL - _LONGEST_POD_SUFFIX - len(suffix) - 1
    base = _dashed(stem) or "notebook"
    if not base[0].isalpha():
        base = f"nb-{base}"
    return f"{base[:room].rstrip('-')}-{suffix}".rstrip("-")


def label_value(text: str) -> str:
    """Return a text as a label value: at most 63 letters, digits, ``-``, ``_`` and ``.``, the ends alphanumeric."""
    allowed = re.sub(r"[^A-Za-z0-9_.-]+", "-", _ascii(text))
    return allowed.strip("-_.")[:_MAX_LABEL].rstrip("-_.")


def _dashed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _ascii(text).lower()).strip("-")


def _ascii(text: str) -> str:
    """Return the text without accents, and without what has no ASCII letter at its root."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
