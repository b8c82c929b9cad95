"""The two builders, this project and buildah: each builds and pushes the image of a project, and says what it took."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

from image_inputs import BASE, TARGET, Project
from report import timed

from jupyter_mltrain.image.base import look
from jupyter_mltrain.image.base_sources import FromRegistry
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.fetch import fetch
from jupyter_mltrain.image.reference import Reference
from jupyter_mltrain.image.registry import Registry

_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # of this machine, which may trust a proxy of its site
_DOCKERFILE = """\
FROM {base}
RUN mkdir /home/mltrain && chown 1000:100 /home/mltrain && python3 -m venv --without-pip /opt/mltrain/venv
COPY requirements.txt /opt/mltrain/requirements.txt
RUN python3 -m pip --python /opt/mltrain/venv/bin/python install {options} \\
    --no-deps --require-hashes --no-compile --no-cache-dir --disable-pip-version-check --quiet \\
    -r /opt/mltrain/requirements.txt
ENV PATH=/opt/mltrain/venv/bin:$PATH
USER 1000:100
WORKDIR /home/mltrain
ENTRYPOINT ["/opt/mltrain/venv/bin/papermill"]
COPY penguins.ipynb /opt/mltrain/program/
"""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of processors by the programs that were run; the registry's are not counted."""

    wall: float
    processor: float


class Ours:
    """This project, with all that it keeps in a folder.

    The lock says all, but an index may be asked whether what the runner needs goes with it: one on loopback.
    """

    def __init__(self, project: Project, host: str, index: str, folder: Path) -> None:
        self._project = project
        self._host = host
        self._cache = Cache(folder / "cache" / "images")
        settings = folder / "image.toml"
        folder.mkdir(parents=True)
        settings.write_text(f'[bases]\ndefault = "{host}/{BASE}"\n')
        self.environment = {
            "MLTRAIN_HOME": str(folder),
            "MLTRAIN_IMAGE_CONFIG": str(settings),
            "UV_CACHE_DIR": str(folder / "uv"),
            **({"UV_DEFAULT_INDEX": index} if project.local else {}),
        }

    @property
    def repository(self) -> str:
        return f"{self._host}/me/ours"

    def look_at_base(self) -> None:
        """Find out what is in the base image."""
        with Registry(self._host) as registry:
            look(FromRegistry(registry, Reference.parse(f"{self._host}/{BASE}")), TARGET.platform, self._cache)

    def take_wheels(self) -> None:
        """Copy all wheels into the cache, as if they had been downloaded."""
        wheels = {one.sha256: one for made in self._project.locks.values() for one in made.wheels}
        fetch(
            (replace(one, url=(self._project.wheels / one.filename).as_uri()) for one in wheels.values()), self._cache
        )

    def command(self, lock: str) -> list[str]:
        """Return the command line that builds and pushes."""
        program = Path(sys.executable).with_name("mltrain")
        return [
            *(str(program), "build", str(self._project.notebook), "--push", f"{self.repository}:latest"),
            *("--environment", str(self._project.pylock(lock))),
        ]

    def build(self, lock: str) -> Spent:
        """Build and push by command line."""
        return spent(lambda: run(self.command(lock), self.environment))

    def build_here(self, lock: str) -> float:
        """Build and push in this process; return the seconds."""
        from jupyter_mltrain.service import Request
        from jupyter_mltrain.service.images import ImageRequest
        from jupyter_mltrain.service.imaging import build_image

        request = Request(self._project.notebook)
        wanted = ImageRequest(repository=f"{self.repository}:latest", environment=self._project.pylock(lock))
        with patch.dict(os.environ, self.environment):
            return timed(lambda: build_image(request, wanted))


class Buildah:
    """buildah with a storage in a folder: overlay, chroot isolation, layers kept, pushed with the same compression.

    What it remembers of registries' blobs is kept in ``/var/lib/containers/cache``, beside any storage.
    """

    def __init__(self, project: Project, host: str, folder: Path) -> None:
        self._project = project
        self._host = host
        self._folder = folder
        self._context = folder / "context"
        self._context.mkdir(parents=True)
        options = "--no-index --find-links /wheels" if project.local else f"--cert {_CERTIFICATES}"
        (self._context / "Dockerfile").write_text(_DOCKERFILE.format(base=f"{host}/{BASE}", options=options))
        self._global = [
            *("buildah", "--root", str(folder / "storage"), "--runroot", str(folder / "run")),
            *("--storage-driver", "overlay"),
        ]

    @property
    def repository(self) -> str:
        return f"{self._host}/me/peer"

    @property
    def _cache(self) -> str:
        return f"{self._host}/me/peer-cache"

    def prepare(self, lock: str) -> None:
        """Put into the context what Dockerfiles copy."""
        (self._context / "requirements.txt").write_text(self._project.requirements(lock))
        shutil.copy(self._project.notebook, self._context)

    def pull_base(self) -> None:
        self._run("pull", "--tls-verify=false", f"{self._host}/{BASE}")

    def commands(self, *more: str, compression: str = "zstd") -> list[list[str]]:
        """Return the command lines that build and push."""
        build = [
            *("bud", "--layers", "--isolation", "chroot", "--tls-verify=false"),
            *("--volume", f"{self._project.wheels}:/wheels:ro", "--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"),
            *(*more, "-t", "peer", str(self._context)),
        ]
        push = [
            "push",
            "--tls-verify=false",
            "--compression-format",
            compression,
            "peer",
            f"docker://{self.repository}",
        ]
        return [[*self._global, *build], [*self._global, *push]]

    def build(self, lock: str, *, shared: bool = False, compression: str = "zstd") -> Spent:
        """Build and push. ``shared``: take steps from the repository that another machine left them in."""
        self.prepare(lock)
        more = ("--cache-from", self._cache) if shared else ()
        return spent(lambda: [run(one) for one in self.commands(*more, compression=compression)])

    def share(self, lock: str) -> None:
        """Push every step for machines that have none of them."""
        self.prepare(lock)
        run(self.commands("--cache-from", self._cache, "--cache-to", self._cache)[0])

    def distributions(self, reference: str) -> set[str]:
        """Return the names and versions of what an image has in its environment, by its files."""
        name = self._run("from", "--tls-verify=false", f"docker://{reference}").strip()
        root = Path(self._run("mount", name).strip())
        found = {path.name for path in root.glob("opt/mltrain/venv/lib/python3*/site-packages/*.dist-info")}
        self._run("rm", name)
        return found

    def discard(self) -> None:
        """Remove the storage."""
        self._run("rm", "--all")
        self._run("rmi", "--all", "--force")
        shutil.rmtree(self._folder)

    def _run(self, *arguments: str) -> str:
        return run([*self._global, *arguments])


def buildah_version() -> str:
    """Return buildah's version, ``""`` where it cannot be measured: it is missing, or needs to be root's."""
    if shutil.which("buildah") is None or os.geteuid():
        return ""
    return run(["buildah", "--version"]).split()[2]


def spent(work: Callable[[], object]) -> Spent:
    """Run programs to their end and return what they took."""
    before, start = _processor(), perf_counter()
    work()
    return Spent(perf_counter() - start, _processor() - before)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; what it wrote is shown where it failed."""
    environment = {**os.environ, **(variables or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its modules compiled
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
