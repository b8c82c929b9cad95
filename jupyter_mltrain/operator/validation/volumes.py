"""Volumes of a pod (``ValidateVolumes``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...model.quantity import parse_quantity
from .names import config_key, dns_1123_label
from .verdict import FieldError, duplicate, forbidden, invalid, not_supported, required

Value = dict[str, Any]

# In the order in which the server looks: of several sources the first one counts.
_SOURCES = (
    *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi"),
    *("glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc"),
    *("flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk"),
    *("storageos", "projected", "scaleIO", "csi", "ephemeral", "image"),
)
# Sources whose fields the server calls otherwise in its messages.
_PATHS = {"gcePersistentDisk": "persistentDisk", "cephfs": "cephFS"}
_NEEDED = {
    "awsElasticBlockStore": ("volumeID",),
    "azureFile": ("secretName", "shareName"),
    "configMap": ("name",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "secret": ("secretName",),
}
_HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def check_volumes(volumes: list[Value], path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the volumes of a pod."""
    seen: set[str] = set()
    for number, volume in enumerate(volumes):
        yield from _check_volume(volume, seen, f"{path}[{number}]")


def sound_names(volumes: list[Value]) -> set[str]:
    """Return the names that containers can mount: a volume with an error is not there for them."""
    seen: set[str] = set()
    for volume in volumes:
        list(_check_volume(volume, seen, ""))
    return seen


def _check_volume(volume: Value, seen: set[str], path: str) -> Iterator[FieldError]:
    name = volume.get("name") or ""
    errors = [*_check_sources(volume, path), *check_name(volume, seen, path)]
    if not errors:
        seen.add(name)
    yield from errors


def check_name(item: Value, seen: set[str], path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the name of an item of a list in which each name may stand once."""
    name = item.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    for line in dns_1123_label(name) if name else ():
        yield invalid(f"{path}.name", name, line)
    if name in seen:
        yield duplicate(f"{path}.name", name)


def _check_sources(volume: Value, path: str) -> Iterator[FieldError]:
    kinds = [kind for kind in _SOURCES if volume.get(kind) is not None]
    for kind in kinds[:1]:
        yield from _check_source(kind, volume[kind], f"{path}.{_PATHS.get(kind, kind)}")
    for kind in kinds[1:]:
        yield forbidden(f"{path}.{_PATHS.get(kind, kind)}", "may not specify more than 1 volume type")


def _check_source(kind: str, source: Value, path: str) -> Iterator[FieldError]:
    for field in _NEEDED.get(kind, ()):
        if not source.get(field):
            yield required(f"{path}.{field}")
    if kind == "emptyDir" and parse_quantity(source.get("sizeLimit") or 0) < 0:
        yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    elif kind == "hostPath":
        yield from _check_host_path(source, path)
    elif kind == "nfs" and not (source.get("path") or "").startswith("/"):
        yield invalid(f"{path}.path", source.get("path") or "", "must be an absolute path")
    elif kind in ("secret", "configMap"):
        yield from _check_files(source, path)


def _check_host_path(source: Value, path: str) -> Iterator[FieldError]:
    if not source.get("path"):
        yield required(f"{path}.path")
        return
    yield from check_no_backsteps(source["path"], f"{path}.path")
    if (source.get("type") or "") not in _HOST_PATHS:
        yield not_supported(f"{path}.type", source["type"], _HOST_PATHS)


def _check_files(source: Value, path: str) -> Iterator[FieldError]:
    yield from _check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for number, item in enumerate(source.get("items") or ()):
        yield from _check_item(item or {}, f"{path}.items[{number}]")


def _check_item(item: Value, path: str) -> Iterator[FieldError]:
    where = item.get("path") or ""
    if not item.get("key"):
        yield required(f"{path}.key")
    if not where:
        yield required(f"{path}.path")
    yield from check_descending(where, f"{path}.path")
    if where.startswith("..") and not where.startswith("../"):
        yield invalid(f"{path}.path", where, "must not start with '..'")
    yield from _check_mode(item.get("mode"), f"{path}.mode")


def _check_mode(mode: int | None, path: str) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, _MODE)


def check_descending(text: str, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a path that is to stay within a folder."""
    if text.startswith("/"):
        yield invalid(path, text, "must be a relative path")
    yield from check_no_backsteps(text, path)


def check_no_backsteps(text: str, path: str) -> Iterator[FieldError]:
    """Yield an error for a path with a part ``..``."""
    if ".." in text.split("/"):
        yield invalid(path, text, "must not contain '..'")


def check_key(reference: Value, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the key of a config map or secret."""
    key = reference.get("key") or ""
    if not key:
        yield required(f"{path}.key")
    for line in config_key(key) if key else ():
        yield invalid(f"{path}.key", key, line)
