"""A disk that is full while the test wants it so, for every process that the library is loaded into."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_full(int fd) {
    struct stat file;
    return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && access(getenv("FULL_DISK"), F_OK) == 0;
}

ssize_t write(int fd, const void *data, size_t size) {
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(fd, data, size, offset);
}
"""


class Disk:
    """The disk of all processes that run with `env`: writing to a file fails while it is full."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler to make a full disk with")
        source, library = folder / "full_disk.c", folder / "full_disk.so"
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self._flag = folder / "full"
        self.env = {"LD_PRELOAD": str(library), "FULL_DISK": str(self._flag)}

    def fill(self) -> None:
        """Leave no byte."""
        self._flag.touch()

    def free(self) -> None:
        """Make room."""
        self._flag.unlink(missing_ok=True)
