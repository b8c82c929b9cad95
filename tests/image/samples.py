"""Small images for tests: a few files on layers, with the files that have the layers' bytes."""

import json
from dataclasses import dataclass
from pathlib import Path

from jupyter_mltrain.image import oci
from jupyter_mltrain.image.config import Image, Runtime, image
from jupyter_mltrain.image.layer import Entry, write_layer

RUNTIME = Runtime("sha256:" + "3f9a0c1e" * 8)


@dataclass(frozen=True)
class Sample:
    """Makes images whose layers lie in a folder."""

    folder: Path

    def layer(self, name: str, content: bytes, compression: str = "zstd") -> oci.Layer:
        draft = self.folder / "draft"
        with draft.open("wb") as out:
            layer = write_layer([Entry(name, content)], out, compression)  # type: ignore[arg-type]
        draft.rename(self.blob(layer.descriptor))
        return layer

    def blob(self, descriptor: oci.Descriptor) -> Path:
        return self.folder / descriptor.digest.removeprefix("sha256:")

    def image(self, content: bytes, *, architecture: str = "amd64", title: str = "sample") -> Image:
        """Return an image of two layers; the lower one is the same in all."""
        base = self.layer("etc/os-release", b"ID=sample\n", "gzip")
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [base.diff_id]},
        }
        above = self.layer("opt/file", content)
        return image(config, [base], [above], RUNTIME, annotations={"org.opencontainers.image.title": title})


def names(folder: Path) -> list[dict[str, str]]:
    """Return the annotations of a layout's images, as they are listed."""
    return [entry["annotations"] for entry in json.loads((folder / "index.json").read_bytes())["manifests"]]
