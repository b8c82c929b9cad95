"""What may stand behind the question mark of a URL. Names that are not known are left alone: front ends add some."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..model.job import Phase


class Query(BaseModel):
    """Base of all queries."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class JobsQuery(Query):
    """Which jobs are wanted."""

    limit: Annotated[int, Field(ge=1)] = 100
    """Rows of the page; the server's own limit may be lower."""
    before: str | None = None
    """``next`` of the page before this one."""
    phase: tuple[Phase, ...] = ()
    """May be repeated."""
    kind: tuple[str, ...] = ()
    """TFJob, PyTorchJob, Job; may be repeated."""
    notebook: str = ""
    """Path of the notebook, or the end of the path: `train`, `train.ipynb`, `work/train.ipynb`."""
    text: str = ""
    """Stands in id, name, namespace, notebook, or in what is said of a failure."""
    backend: str = ""
    """Where; the default backend if left out."""


class LogQuery(Query):
    """Which lines of a log are wanted."""

    replica: str | None = None
    """Pod name, or role and index such as ``worker-0``; left out: the leader."""
    after: str | None = None
    """``cursor`` of the page before this one."""
    tail: Annotated[int, Field(ge=0)] | None = None
    """The newest so many lines instead of those after ``after``."""
    line: Annotated[int, Field(ge=0)] | None = None
    """The lines from this number on, counted from 0, instead of those after ``after``."""
    limit: Annotated[int, Field(ge=1)] = 1000
    """Lines of the page; the server's own limit may be lower."""


class PlaceQuery(Query):
    """Which place is meant."""

    backend: str = ""
    """The default backend if left out."""


class NotebookQuery(Query):
    """Which notebook is meant."""

    notebook: str = ""
    """Path as the contents manager names it; left out: none."""
