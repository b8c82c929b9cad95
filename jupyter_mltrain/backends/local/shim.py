"""The parent of one replica, a small stand-alone program (stub: the body follows)."""

from __future__ import annotations

import errno
import os


def ring(path: str) -> bool:
    """Wake the owner of the bell at ``path``; ``False`` when nobody listens. Never blocks."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(fd, b"\0")
    except OSError as error:
        return error.errno == errno.EAGAIN  # full of rings already: the owner will wake up
    finally:
        os.close(fd)
    return True


def ring_all(folder: str) -> int:
    """Ring every bell in a folder, remove those whose owners are gone, and return how many were heard."""
    raise NotImplementedError
