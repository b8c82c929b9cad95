"""Builds the front end into what is distributed, so that who installs it needs no Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "jupyter_mltrain/labextension"
INSTALLED = "share/jupyter/labextensions/jupyter-mltrain"


class FrontEndHook(BuildHookInterface[Any]):
    """Runs `jlpm build:prod`, always: what lies there may be old. A source distribution brings it built.

    An editable installation gets none: `make frontend` builds it, and links to it.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and name what goes into the wheel beside the package."""
        if version == "editable":
            return
        if not Path(self.root, "PKG-INFO").is_file():
            self._build()
        if self.target_name == "wheel":
            build_data["shared_data"] |= {BUILT: INSTALLED, "install.json": f"{INSTALLED}/install.json"}
        else:
            build_data["artifacts"].append(f"/{BUILT}/")

    def _build(self) -> None:
        jlpm = shutil.which("jlpm")
        if jlpm is None or not (shutil.which("node") or shutil.which("nodejs")):
            raise RuntimeError("The front end is built with Node.js 20.19 or newer, which was not found on the PATH")
        for arguments in (["install", "--immutable"], ["build:prod"]):
            subprocess.run([jlpm, *arguments], cwd=self.root, check=True)
