"""Regular file: opens what is a file, and never waits for a pipe, a socket or a device."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, BufferedWriter
from typing import Literal, overload

# A pipe would be waited for, and a terminal would become that of the process.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_KINDS = {
    stat.S_IFLNK: "symbolic link", stat.S_IFDIR: "folder", stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
}  # fmt: skip


class NotAFileError(OSError):
    """Something else is where a file should be."""

    @classmethod
    def of(cls, path: str | os.PathLike[str], mode: int) -> NotAFileError:
        """Say what is at a path, by its mode."""
        kind = _KINDS.get(stat.S_IFMT(mode), "device")
        return cls(errno.EINVAL, f"this is a {kind}, not a file", os.fspath(path))


# Bytes read ahead. Headers are small and far apart; Python 3.14 would read 128 KiB at each.
BUFFER = 8192


@overload
def open_regular(
    path: str | os.PathLike[str], mode: Literal["rb"] = "rb", *, follow: bool = True
) -> BufferedReader: ...
@overload
def open_regular(
    path: str | os.PathLike[str], mode: Literal["ab"], *, follow: bool = True
) -> BufferedWriter: ...
def open_regular(
    path: str | os.PathLike[str], mode: Literal["rb", "ab"] = "rb", *, follow: bool = True
) -> BufferedReader | BufferedWriter:
    """Open a file that is there, to read it or to add to it; a link only if it may be followed.

    Raises
    ------
    NotAFileError
        If it is a named pipe, a socket, a device or such a link.
    OSError
        Otherwise as `open` does.
    """
    if not follow:
        refuse_other(path)

    def opened(name: str, flags: int) -> int:
        flags = (flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0))) & ~os.O_CREAT
        return _opened(name, flags)

    return open(path, mode, BUFFER, opener=opened)  # type: ignore[return-value]


def _opened(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | _FLAGS)
    except BlockingIOError:
        # A file, on a share: who has it to himself is asked to hand it out.
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ENXIO, getattr(errno, "EOPNOTSUPP", None)):
            refuse_special(path)
        raise
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # `open` itself refuses a folder
        os.close(descriptor)
        raise NotAFileError.of(path, mode)
    return descriptor


def read_text(path: str | os.PathLike[str], *, follow: bool = True) -> str:
    """Read a file of UTF-8, as `open_regular` opens it."""
    with open_regular(path, follow=follow) as file:
        return file.read().decode("utf-8")


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Raise a `NotAFileError` for what is neither file nor folder, before a library opens it."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # whoever opens it says so
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise NotAFileError.of(path, mode)


def refuse_other(path: str | os.PathLike[str]) -> None:
    """Raise a `NotAFileError` if there is something at a path that is no file, be it a link."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise NotAFileError.of(path, mode)
