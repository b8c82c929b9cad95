"""What an administrator can set: ``c.Mltrain.slots = 4``, or ``jupyter lab --Mltrain.slots=4``."""

from __future__ import annotations

from traitlets import Int, List, Unicode
from traitlets.config import Configurable


class Mltrain(Configurable):
    """Where jobs run, and how much one server does at a time."""

    data_folder = Unicode(
        "",
        help="""Folder with the jobs, programs and outputs of this machine. Default: $MLTRAIN_HOME, else the user's data
        folder. Kernels and terminals of this server use the same.""",
    ).tag(config=True)
    slots = Int(
        None,
        allow_none=True,
        min=1,
        help="How many jobs may run at once on this machine. Default: $MLTRAIN_SLOTS, else as it was set before.",
    ).tag(config=True)
    backends = List(
        Unicode(),
        help="Backends that may be used, the default one first. Default: all that are installed, this machine first.",
    ).tag(config=True)
    max_body = Int(8 << 20, min=1024, help="Bytes that the body of a request may have.").tag(config=True)
    max_plans = Int(
        2, min=1, help="How many notebooks are looked at at the same time; more requests wait for their turn."
    ).tag(config=True)
    max_builds = Int(2, min=1, help="How many images are built at the same time; more builds wait for their turn.").tag(
        config=True
    )
    max_rows = Int(500, min=1, help="Jobs in one page of the list.").tag(config=True)
    max_lines = Int(
        50_000, min=1, help="Lines in one page of a log. A page ends after 8 MiB all the same: lines can be long."
    ).tag(config=True)
    max_subscribers = Int(200, min=1, help="WebSocket connections that are kept at the same time.").tag(config=True)
