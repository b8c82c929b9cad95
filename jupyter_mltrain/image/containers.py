"""Images that run on this machine, by podman or docker, as a pod of a job would run them.

The container's user is the pod's, 1000:100, without capabilities. What it writes into the output folder belongs to the
caller afterwards:

========================= ============================================================================================
podman, not as root       The caller is that user inside of the container (``--userns keep-id``, podman from 4.3 on).
podman or docker as root  The folder is lent to that user while the container runs, and taken back at its end.
docker, not as root       The container runs as the caller; an image of this builder has a home for any user.
========================= ============================================================================================

How podman works is podman's own matter: storage, OCI runtime, limits are set in its ``containers.conf`` and
``storage.conf``, which ``$CONTAINERS_CONF`` and ``$CONTAINERS_STORAGE_CONF`` name.

Tested with podman 4.3 as root. Of docker only the command lines are tested: it loads OCI layouts from version 25 on.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import ImageError, InvalidInput, MltrainError, NotFound, NotInstalled, StorageError
from .config import GID, UID
from .layout import INDEX_FILE
from .reference import Reference

Name = Literal["podman", "docker"]

GRACE: Final = 30
"""Seconds between SIGTERM and SIGKILL, as for a pod."""
_LOADED: Final = ("Loaded image ID: ", "Loaded image: ")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_CANNOT_RUN: Final = 125  # of podman and docker themselves; 126 and 127: the command cannot be run, is not there
_CANNOT_START: Final = (126, 127)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine, and where the container sees it."""

    source: Path
    target: str
    read_only: bool = False

    def __post_init__(self) -> None:
        if ":" in f"{self.source}{self.target}" or not self.target.startswith("/"):
            raise InvalidInput(
                f"{str(self.source)!r} cannot be mounted at {self.target!r}.",
                hint="Paths have no colons, and the container's begins with /.",
            )

    def __str__(self) -> str:
        """Return it as ``--volume`` takes it."""
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, slots=True)
class Container:
    """What is to run.

    Attributes
    ----------
    name, image:
        Of the container; of the image as `Engine.pull` returned it.
    private:
        Environment that appears on no command line.
    environment:
        ``NAME=VALUE``, or ``NAME`` for the value that it has here.
    gpus:
        ``all``, or numbers: ``0,1``; ``""``: none.
    cpus, memory:
        Cores and bytes; 0: no limit.
    network:
        ``none``, ``host`` or what else the engine knows; ``""``: its own default.
    """

    name: str
    image: str
    private: Mapping[str, str] = field(default_factory=dict)
    environment: Sequence[str] = ()
    mounts: Sequence[Mount] = ()
    gpus: str = ""
    cpus: float = 0
    memory: int = 0
    network: str = ""


class Engine:
    """podman or docker on this machine."""

    def __init__(self, name: Name, *, root: bool | None = None) -> None:
        self.name = name
        self._root = os.geteuid() == 0 if root is None else root

    @classmethod
    def find(cls, name: Name | None = None) -> Engine:
        """Return what is installed, podman before docker. Raises ``NotInstalled``."""
        wanted: tuple[Name, ...] = ("podman", "docker") if name is None else (name,)
        for one in wanted:
            if shutil.which(one):
                return cls(one)
        raise NotInstalled(
            f"No image can be run here: {' or '.join(wanted)} is not installed.",
            hint="Install podman (Debian: apt-get install podman), or run the notebook itself: mltrain submit.",
        )

    def pull(self, image: str, *, plain_http: Sequence[str] = ()) -> str:
        """Make an image known to the engine and return its id.

        Parameters
        ----------
        image:
            A reference, an OCI layout folder or an OCI archive. A registry that cannot be asked is no matter where the
            engine has the image.
        plain_http:
            Registries without TLS, beside those of this machine. docker has a list of its own.

        Raises
        ------
        NotFound, ImageError, InvalidInput
            There is no such image, it cannot be read, or this is no name of one.
        """
        path = Path(image)
        if path.exists() and (path.is_file() or (path / INDEX_FILE).exists()):
            return self._load(path)
        reference = str(Reference.parse(image))
        pulled = self._call("pull", "--quiet", *self._insecure(reference, plain_http), reference)
        if pulled.returncode and self._call("image", "inspect", reference).returncode:
            raise NotFound(
                f"{self.name} cannot get the image {image!r}: {_last_line(pulled.stderr)}",
                hint="It is a reference, an OCI layout folder, or an OCI archive.",
            )
        return str(self._inspect(reference)["Id"])

    def environment(self, image: str) -> dict[str, str]:
        """Return the environment variables that an image sets."""
        texts = self._inspect(image)["Config"].get("Env") or ()
        return {name: value for name, _, value in (text.partition("=") for text in texts)}

    def read_file(self, image: str, path: str) -> bytes:
        """Return a file of an image, of which nothing is run for that. Raises ``NotFound``."""
        container = self._checked("create", "--network", "none", image, "-").strip()
        try:
            copied = subprocess.run(
                self._command("cp", f"{container}:{path}", "-"), capture_output=True, stdin=subprocess.DEVNULL
            )
        finally:
            self._call("rm", "--force", container)
        with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            for member in archive:
                if (file := archive.extractfile(member)) is not None:
                    return file.read()
        raise NotFound(f"The image has no file {path!r}.")

    def start(self, container: Container) -> subprocess.Popen[bytes]:
        """Start a container; the process ends with its exit code, and its output has all that it prints.

        The container is removed when it ends. If this process is killed, it goes on to its end.
        """
        return subprocess.Popen(
            self.command(container),
            env={**os.environ, **container.private},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the caller, who stops the container in order
        )

    def command(self, container: Container) -> list[str]:
        """Return the command line that runs a container."""
        return self._command(
            "run",
            *("--rm", "--name", container.name, "--pull", "never"),
            *self._user(),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "label=disable"),
            # Data loaders' workers share tensors there; 64 MiB, the default, is soon full.
            *("--shm-size", str(container.memory or _half_of_memory())),
            *(("--network", container.network) if container.network else ()),
            *(("--cpus", f"{container.cpus:g}") if container.cpus else ()),
            *(("--memory", str(container.memory)) if container.memory else ()),
            *self._gpus(container.gpus),
            *(part for mount in container.mounts for part in ("--volume", str(mount))),
            *(part for name in (*container.private, *container.environment) for part in ("--env", name)),
            container.image,
        )

    def stop(self, name: str, *, at_once: bool = False) -> subprocess.Popen[bytes]:
        """Let a container end by SIGTERM, and after `GRACE`, or at once, by SIGKILL; returns what does so."""
        return subprocess.Popen(
            self._command("stop", "--time", "0" if at_once else str(GRACE), name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @contextmanager
    def lent(self, folder: Path) -> Iterator[None]:
        """Let the container's user write into a folder, where that is another user than the caller."""
        owner = folder.stat()
        if not self._root or owner.st_uid == UID:
            yield
            return
        _require_small(folder)
        _hand_over(folder, owner.st_uid, UID, GID)
        try:
            yield
        finally:
            _hand_over(folder, UID, owner.st_uid, owner.st_gid)

    def _load(self, path: Path) -> str:
        return self._load_by_podman(path) if self.name == "podman" else self._load_by_docker(path)

    def _load_by_podman(self, path: Path) -> str:
        """podman makes a name of the path, which not every path can be; a link has one that always can."""
        with tempfile.TemporaryDirectory(prefix="mltrain-") as folder:
            Path(folder, "mltrain").symlink_to(path.absolute())
            kind = "oci" if path.is_dir() else "oci-archive"
            loaded = self._checked("pull", "--quiet", f"{kind}:mltrain", cwd=folder, image=str(path))
        return loaded.strip().splitlines()[-1]

    def _load_by_docker(self, path: Path) -> str:
        command = self._command("load", *(() if path.is_dir() else ("--input", str(path))))
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if path.is_dir():
                with suppress(BrokenPipeError), tarfile.open(fileobj=process.stdin, mode="w|") as archive:
                    archive.add(path, "")
            with suppress(BrokenPipeError):
                process.stdin.close()
            said = process.stdout.read().decode(errors="replace")
        for line in said.splitlines():
            for words in _LOADED:
                if line.startswith(words):
                    return line.removeprefix(words).strip()
        raise ImageError(f"docker cannot load {str(path)!r}: {_last_line(said)}", hint="It needs docker 25 or later.")

    def _inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._checked("image", "inspect", image))[0]
        return found

    def _user(self) -> tuple[str, ...]:
        if self._root:
            return ("--user", f"{UID}:{GID}")
        if self.name == "podman":
            return ("--userns", f"keep-id:uid={UID},gid={GID}", "--user", f"{UID}:{GID}")
        return ("--user", f"{os.geteuid()}:{os.getegid()}")

    def _gpus(self, gpus: str) -> tuple[str, ...]:
        if not gpus:
            return ()
        if self.name == "podman":  # by the names of the container device interface: nvidia-ctk cdi generate
            return tuple(part for gpu in gpus.split(",") for part in ("--device", f"nvidia.com/gpu={gpu}"))
        return ("--gpus", gpus if gpus == "all" else f'"device={gpus}"')

    def _insecure(self, reference: str, plain_http: Sequence[str]) -> tuple[str, ...]:
        """podman insists on TLS also of a registry on this machine; docker does not."""
        host = Reference.parse(reference).registry
        loopback = any(host == name or host.startswith(f"{name}:") for name in _LOOPBACK)
        return ("--tls-verify=false",) if self.name == "podman" and (loopback or host in plain_http) else ()

    def _command(self, *arguments: str) -> list[str]:
        quiet = ("--log-level", "error") if self.name == "podman" else ()
        return [self.name, *quiet, *arguments]

    def _call(self, *arguments: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )

    def _checked(self, *arguments: str, cwd: str | None = None, image: str = "") -> str:
        done = self._call(*arguments, cwd=cwd)
        if done.returncode:
            what = f"{self.name} {arguments[0]}" + (f" of {image!r}" if image else "")
            raise ImageError(f"{what} failed: {_last_line(done.stderr)}", hint=f"Does `{self.name} info` work?")
        return done.stdout


def refusal(engine: Engine, exit_code: int, said: Sequence[str]) -> MltrainError | None:
    """Return why a container could not be started at all, None if it was; ``said`` is what was printed last."""
    if exit_code == _CANNOT_RUN:
        return MltrainError(
            f"{engine.name} could not run the container: {_last_line(chr(10).join(said))}",
            hint=f"Does `{engine.name} run` work otherwise? --network none needs no network of containers.",
            code="container",
        )
    if exit_code in _CANNOT_START:
        return ImageError(f"The image cannot be started: {_last_line(chr(10).join(said))}", hint="Build it again.")
    return None


def _half_of_memory() -> int:
    """Return what Linux itself gives to shared memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _require_small(folder: Path) -> None:
    """Refuse to hand over what is more than a folder of outputs."""
    resolved = folder.resolve()
    if any(place.resolve().is_relative_to(resolved) for place in (Path.home(), Path.cwd(), Path("/etc"))):
        raise InvalidInput(
            f"{str(folder)!r} is no folder for outputs: it has more in it.", hint="Name a new one.", field="output"
        )


def _hand_over(folder: Path, of: int, uid: int, gid: int) -> None:
    """Give a folder, and what in it belongs to one user, to another; links are not followed."""
    try:
        os.chown(folder, uid, gid)
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(place, name)
                if path.lstat().st_uid == of:
                    os.chown(path, uid, gid, follow_symlinks=False)
    except OSError as error:
        raise StorageError(f"The owner of {str(folder)!r} cannot be changed: {error.strerror}.") from None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ").strip() if lines else "it said nothing"
