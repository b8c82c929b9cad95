"""System packages on a base image, by apt in a container of buildah: the one step that layers of files cannot do.

The result is a base image itself, to build upon as upon any other: the base's layers as they were, and one more. What
apt installs depends on the day and on the mirrors, so equal input does not promise equal bytes. Therefore the result is
kept by what was asked for, and pinned by its digest from then on; `refresh` makes it again.

buildah works in a storage of its own below the cache, of which nothing stays. Root needs nothing else; other users need
what rootless containers need: ``newuidmap`` and ranges in ``/etc/subuid``. Commands run in its ``chroot`` isolation,
which works inside of containers too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ..errors import ImageError, MltrainError, NotInstalled, ResolutionError
from . import oci
from .annotations import REF_NAME
from .compress import Compression, codec_version, compressor, media_type
from .files import storage_error
from .layout import INDEX_FILE, VERSION, VERSION_FILE, Layout, blob_path
from .progress import Progress, Report, ignore

# Debian policy 5.6.1 and 5.6.12: nothing that a shell or apt would take for something else.
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?:=[0-9A-Za-z][0-9A-Za-z.+~:-]*)?")
_FORMAT: Final = 1
_SCRIPT: Final = """
set -e
apt-get -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
apt-get -o Acquire::Retries=3 install -y --no-install-recommends -- "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache
rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
"""
_PROXIES: Final = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
Tell = Callable[[str], None]
_TAIL: Final = 20  # lines
_PATIENCE: Final = 10.0  # seconds for buildah to unmount what it mounted
_CHUNK: Final = 1 << 20
_LOG: Final = re.compile(r'time="[^"]*" level=(?!error|fatal)')  # buildah's warnings about the machine
_MISSING: Final = re.compile(
    r"E: (?:Unable to locate package (?P<a>\S+)|Package '(?P<b>[^']+)' has no installation candidate"
    r"|Version '[^']+' for '(?P<c>[^']+)' was not found)"
)


def is_installed() -> bool:
    """Whether buildah is on this machine."""
    return shutil.which("buildah") is not None


def add_packages(
    base: Path,
    packages: Sequence[str],
    folder: Path,
    *,
    compression: Compression = "zstd",
    refresh: bool = False,
    report: Report = ignore,
) -> Path:
    """Return the OCI layout folder of a base image that has Debian packages in addition.

    Of several processes that ask for the same at once one works and the others wait for it.

    Parameters
    ----------
    base:
        OCI layout folder with one image, for one platform.
    packages:
        Names, or ``NAME=VERSION``.
    folder:
        Where results are kept, in the cache.

    Raises
    ------
    NotInstalled
        There is no buildah here.
    ResolutionError
        A name is none of a Debian package, or the base's mirrors do not have it.
    ImageError
        apt cannot work on this base, or failed; the message has its last lines.
    StorageError
        The disk is full.
    """
    _check(packages)
    name = "apt " + " ".join(sorted(set(packages)))
    source = Layout(base)
    key = _key(source.find().digest, packages, compression)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder / f"{key}.lock") as lock:
            done = folder / key
            if refresh or not (done / INDEX_FILE).exists():
                report(Progress("layer", name))
                _make(source, sorted(set(packages)), done, compression, lambda line: report(_line(name, line)), lock)
                report(Progress("layer", name, state="done"))
            else:
                report(Progress("layer", name, state="cached"))
    except OSError as error:
        raise storage_error(folder, error) from error
    return done


def kept(base: str, packages: Sequence[str], folder: Path, *, compression: Compression = "zstd") -> Path | None:
    """Return what `add_packages` made before of the base with a digest; None: it would have to be made."""
    done = folder / _key(base, packages, compression)
    return done if (done / INDEX_FILE).exists() else None


def _line(name: str, line: str) -> Progress:
    return Progress("layer", name, detail=line)


def _check(packages: Sequence[str]) -> None:
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise ResolutionError(f"{package!r} is no name of a Debian package.", hint="Write it like ffmpeg.")
    if not is_installed():
        raise NotInstalled(
            f"The notebook needs system packages ({', '.join(packages)}), and buildah, which adds them, is not here.",
            hint="Install buildah (Debian: apt-get install buildah); or export a Dockerfile and build that elsewhere.",
        )


def _key(base: str, packages: Sequence[str], compression: Compression) -> str:
    """Return what names a result: the digest of the base's manifest tells its platform too."""
    said = {"format": _FORMAT, "base": base, "packages": sorted(set(packages)), "codec": codec_version(compression)}
    return oci.digest_of(oci.to_bytes(said)).removeprefix("sha256:")


@contextmanager
def _exclusive(path: Path) -> Iterator[int]:
    """Let one process in. The lock is buildah's too: if this process is killed, the next one waits for buildah."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


# --- in the container -------------------------------------------------------------------------------------------------


def _make(base: Layout, packages: Sequence[str], target: Path, compression: Compression, tell: Tell, lock: int) -> None:
    work = target.with_name(f"{target.name}.work")
    buildah = _Buildah(work, tell, lock)
    buildah.discard()  # what a killed process left
    try:
        made = buildah.run(base.place, packages)
        draft = work / "result"
        _compose(base, made, packages, draft, compression)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    finally:
        buildah.discard()


class _Buildah:
    """buildah with a storage of its own in a folder, where all its files are."""

    def __init__(self, work: Path, tell: Tell, lock: int) -> None:
        self._work = work
        self._tell = tell
        self._lock = lock

    def run(self, base: Path, packages: Sequence[str]) -> Layout:
        """Install packages in a container of a base and return its image as a layout in the folder."""
        (self._work / "tmp").mkdir(parents=True)
        # By names without colons, which are part of the syntax.
        (self._work / "base").symlink_to(base.absolute())
        self._call("from", "--name", "apt", "oci:base")
        self._call("run", *self._run_options(), "apt", "--", "sh", "-c", _SCRIPT, "sh", *packages)
        self._call("commit", "--format", "oci", "--timestamp", "0", "--disable-compression", "apt", "oci:made")
        return Layout(self._work / "made")

    def discard(self) -> None:
        """Remove the folder. What is mounted in it is unmounted first, by whoever may do so."""
        if not self._work.exists():
            return
        if (self._work / "storage").exists():
            for verb in ("umount", "rm"):
                subprocess.run(
                    self._command(verb, "--all"), cwd=self._work, env=self._environment(), capture_output=True
                )
        if _mounted_below(self._work):
            return  # removing would go through the mounts; the next build of the same tries again
        if os.geteuid():  # files of the container belong to other users, whom only its namespace knows
            subprocess.run(["buildah", "unshare", "rm", "-rf", str(self._work)], capture_output=True)  # noqa: S607
        shutil.rmtree(self._work, ignore_errors=True)

    def _run_options(self) -> list[str]:
        options = ["--isolation", "chroot", "--user", "0:0", "--env", "DEBIAN_FRONTEND=noninteractive"]
        for name in (*_PROXIES, *map(str.upper, _PROXIES)):
            if name in os.environ:
                options += ["--env", f"{name}={os.environ[name]}"]
        return options

    def _call(self, *arguments: str) -> None:
        tail: deque[str] = deque(maxlen=_TAIL)
        with subprocess.Popen(
            self._command(*arguments),
            cwd=self._work,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(self._lock,),
        ) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    if (text := line.strip()) and not _LOG.match(text):
                        tail.append(text)
                        self._tell(text)
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            raise _failure(tail)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        return [
            "buildah",
            "--root",
            str(self._work / "storage"),
            "--runroot",
            str(self._work / "run"),
            verb,
            *arguments,
        ]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self._work / "tmp"), "LC_ALL": "C.UTF-8"}


def _end(process: subprocess.Popen[str]) -> None:
    """End buildah and all that it started."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)


def _mounted_below(folder: Path) -> bool:
    below = f" {folder.resolve()}/"
    with suppress(FileNotFoundError):  # not Linux: no buildah either
        return below in Path("/proc/self/mountinfo").read_text(errors="replace")
    return False


def _failure(tail: Sequence[str]) -> MltrainError:
    """Return what went wrong, by the last lines that buildah or apt printed."""
    said = "\n".join(tail)
    if missing := [match["a"] or match["b"] or match["c"] for match in _MISSING.finditer(said)]:
        return ResolutionError(
            f"The base image's Debian has no package {', '.join(map(repr, missing))}, or not in this version.",
            hint="Look at packages.debian.org how it is called there, or choose another base image.",
            packages=missing,
        )
    if re.search(r"apt-get: (?:command )?not found|\"?sh\"?: executable file not found", said):
        return ImageError(
            "The base image has no apt-get, by which system packages could be added.",
            hint="Choose a base image of Debian or Ubuntu, or one that has what the notebook needs.",
        )
    if "exec format error" in said.lower():
        return ImageError(
            "Programs of the base image do not run here: it is for another processor.",
            hint="Build on such a machine, or install qemu-user-static.",
        )
    if "E: Failed to fetch" in said or "resolving" in said:
        return ImageError(
            f"The base image's package mirrors could not be reached:\n{said}", hint="Look at the network."
        )
    return ImageError(f"System packages could not be added to the base image:\n{said}", hint="See its last lines.")


# --- the result -------------------------------------------------------------------------------------------------------


def _compose(base: Layout, made: Layout, packages: Sequence[str], target: Path, compression: Compression) -> None:
    """Write the new base: documents and layers of the old one, and the one layer that buildah added."""
    manifest = _manifest(base)
    config = _config(base, manifest)
    (target / "blobs" / "sha256").mkdir(parents=True)
    for descriptor in manifest["layers"]:
        _link(base, descriptor["digest"], target)
    layer = _added(made, config, target, compression)
    config["rootfs"]["diff_ids"].append(layer.diff_id)
    if config.get("history"):
        step = {"created": "1970-01-01T00:00:00Z", "created_by": f"apt-get install {' '.join(packages)}"}
        config["history"].append(step)
    manifest["config"] |= _put(target, manifest["config"]["mediaType"], config)
    manifest["layers"].append(layer.descriptor.to_dict() | {"mediaType": _like(manifest, layer.descriptor.media_type)})
    kind = manifest.get("mediaType", oci.MANIFEST)
    image = _put(target, kind, manifest) | {"annotations": {REF_NAME: "latest"}}
    (target / VERSION_FILE).write_bytes(VERSION)
    (target / INDEX_FILE).write_bytes(oci.index([oci.Descriptor.from_dict(image)], {}))


def _manifest(layout: Layout) -> dict[str, Any]:
    descriptor, data = layout.get_manifest()
    if descriptor.media_type in oci.INDEXES:
        raise ImageError(f"{str(layout.place)!r} has images for several platforms.", hint="Name one of them.")
    found: dict[str, Any] = json.loads(data)
    return found


def _config(layout: Layout, manifest: Mapping[str, Any]) -> dict[str, Any]:
    with layout.open_blob(manifest["config"]["digest"]) as file:
        found: dict[str, Any] = json.load(file)
    return found


def _like(manifest: Mapping[str, Any], kind: str) -> str:
    """Return a layer's media type in the words of its manifest, the OCI's or Docker's."""
    if manifest.get("mediaType") == oci.DOCKER_MANIFEST:
        return "application/vnd.docker.image.rootfs.diff.tar." + kind.rpartition("+")[2]
    return kind


def _link(base: Layout, digest: str, target: Path) -> None:
    """Give a blob a second name: both folders are the cache's."""
    path = blob_path(digest)
    source = (base.place / path).resolve()
    try:
        os.link(source, target / path)
    except FileNotFoundError:
        raise ImageError(f"{str(base.place)!r} does not have the layer {digest}.", hint="Pull it again.") from None
    except OSError:  # another file system
        shutil.copyfile(source, target / path)


def _added(made: Layout, config: Mapping[str, Any], target: Path, compression: Compression) -> oci.Layer:
    """Compress the layer that buildah added into a layout and return it."""
    document = _manifest(made)
    diff_ids = _config(made, document)["rootfs"]["diff_ids"]
    if diff_ids[:-1] != config["rootfs"]["diff_ids"]:
        raise ImageError("buildah did not leave the base image's layers as they were.", hint="Update buildah.")
    draft = target / "layer"
    with made.open_blob(document["layers"][-1]["digest"]) as tar, draft.open("wb") as out:
        with compressor(out, compression) as packer:
            while chunk := tar.read(_CHUNK):
                packer.write(chunk)
        unpacked = tar.tell()
    with draft.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    descriptor = oci.Descriptor(media_type(compression), digest, draft.stat().st_size)
    draft.rename(target / blob_path(digest))
    return oci.Layer(descriptor, diff_ids[-1], unpacked=unpacked)


def _put(target: Path, kind: str, document: Mapping[str, Any]) -> dict[str, Any]:
    data = oci.to_bytes(document)
    descriptor = oci.Descriptor.of(kind, data)
    (target / blob_path(descriptor.digest)).write_bytes(data)
    return descriptor.to_dict()
