"""Files that base images of various kinds are made of: what the inspection of an image goes by, and no more."""

from tests.image.base_image import File, Folder, Symlink, elf

GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"


def text(version: str) -> bytes:
    """Return a string as programs have it: between the bytes that end strings."""
    return b"\0" + version.encode() + b"\0"


def glibc(folder: str = "lib/x86_64-linux-gnu", version: str = "2.36") -> dict[str, File]:
    banner = f"GNU C Library (Debian GLIBC {version}-9) stable release version {version}.\n"
    return {
        f"{folder}/libc.so.6": elf(content=text(banner)),
        f"{folder}/ld-linux-x86-64.so.2": elf(interpreter=""),
        "lib64/ld-linux-x86-64.so.2": Symlink(f"/{folder}/ld-linux-x86-64.so.2"),
    }


def musl(version: str = "1.2.5") -> dict[str, File]:
    return {
        "lib/ld-musl-x86_64.so.1": elf(interpreter="", content=text(version)),
        "lib/libc.musl-x86_64.so.1": Symlink("ld-musl-x86_64.so.1"),
    }


def library(prefix: str, minor: str, lib: str = "lib") -> dict[str, File]:
    folder = f"{prefix}/{lib}/python{minor}"
    return {f"{folder}/os.py": b"", f"{folder}/encodings": Folder(), f"{folder}/asyncio": Folder()}


def python(
    prefix: str = "usr/local", version: str = "3.11.9", *, loader: str = GLIBC, links: tuple[str, ...] = ("python3",)
) -> dict[str, File]:
    """Return an interpreter, its standard library, and links to it in the same folder."""
    minor = ".".join(version.split(".")[:2])
    name = f"python{minor}"
    return {
        f"{prefix}/bin/{name}": elf(interpreter=loader, content=text("3.2.0") + text(version)),
        **{f"{prefix}/bin/{link}": Symlink(name) for link in links},
        **library(prefix, minor),
    }


def package(folder: str, name: str, version: str) -> dict[str, File]:
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: Version: 9\n\nName: other\n"
    return {f"{folder}/{name}-{version}.dist-info/METADATA": metadata.encode()}
