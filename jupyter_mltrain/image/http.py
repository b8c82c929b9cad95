"""httpx without its own command line, whose libraries take half of the time that importing it takes.

To be imported before httpx: a build that changes a notebook only takes no longer than such an import.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # httpx says then that it has none

import httpx  # noqa: E402

__all__ = ["httpx"]
