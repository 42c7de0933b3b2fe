"""Fresh file: written under a name that nobody has, which becomes its own once it is complete."""

from __future__ import annotations

import errno
import filecmp
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISLNK
from time import monotonic, sleep, time
from typing import BinaryIO

from napari_lazy_pipeline._runtime.regular_file import NotAFileError, refuse_other

# Hidden: nobody takes it for an image.
_PART = re.compile(r"\.napari-lazy-pipeline-[0-9a-f]{16}\.part")
_DAY = 86400  # s
_PATIENCE = 2.0  # s
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT, which only Python for Windows has


class ForeignFileError(FileExistsError):
    """Another file has the name that a new one should get."""

    @classmethod
    def at(cls, path: Path) -> ForeignFileError:
        """Say that it is there."""
        return cls(errno.EEXIST, "another file is there already", str(path))


@contextmanager
def fresh_file(
    path: Path, *, within: Path | None = None, replace: bool = True
) -> Iterator[BinaryIO]:
    """Open a new file, which gets its name, on the disk, when all went well; else nothing is left.

    Parameters
    ----------
    path
        Its name. What has that name and is no file, such as a link, is never touched.
    within
        Folder that it is written in meanwhile; the folders on the way from there are made, and
        none of them may be a link. None: that of the path.
    replace
        Whether it may take the place of a file. Else one of the same bytes is as good as it.

    Raises
    ------
    NotAFileError, ForeignFileError
        If something else has that name.
    OSError
        If it cannot be written.
    """
    refuse_other(path)
    if within is not None:
        make_folder(path.parent, within)
    part = new_part(within or path.parent)
    try:
        with open(part, "x+b") as file:
            _lock(file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform != "win32":  # which cannot rename what is open
                _give_name(part, path, replace)
        if sys.platform == "win32":
            _give_name(part, path, replace)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, within: Path | None = None, replace: bool = True) -> None:
    """Write a file of UTF-8, all of it or nothing; see `fresh_file`."""
    with fresh_file(path, within=within, replace=replace) as file:
        file.write(text.encode("utf-8"))


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Return a path for a new folder, which gets its name when all went well, if nobody has it."""
    holder = new_part(path.parent)
    holder.mkdir()
    descriptor = None
    try:
        if sys.platform != "win32":
            descriptor = os.open(holder, os.O_RDONLY)
            _lock(descriptor)
        yield holder / path.name
        if os.path.lexists(path):
            raise ForeignFileError.at(path)
        _rename(os.rename, holder / path.name, path)
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(holder, ignore_errors=True)


def make_folder(folder: Path, within: Path) -> None:
    """Make the folders on the way from one to another; none of them may be a link."""
    refuse_links(folder, within)
    os.makedirs(folder, exist_ok=True)


def refuse_links(folder: Path, within: Path) -> None:
    """Raise a `NotAFileError` if a link is on the way from one folder to another."""
    place = str(within)
    for name in folder.relative_to(within).parts:
        place = os.path.join(place, name)
        try:
            found = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return
        # What Windows has for a link of a folder is a junction.
        if S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION:
            what = "this folder is a link, which leads elsewhere"
            raise NotAFileError(errno.ELOOP, what, place)


def new_part(folder: Path) -> Path:
    """Path of what is not complete yet, unlike any other."""
    return folder / f".napari-lazy-pipeline-{secrets.token_hex(8)}.part"


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of ours that were killed had begun to write in a folder."""
    with os.scandir(folder) as entries:
        parts = [entry for entry in entries if _PART.fullmatch(entry.name)]
    for entry in parts:
        is_folder = entry.is_dir(follow_symlinks=False)
        ours = is_folder or entry.is_file(follow_symlinks=False)
        if ours and _is_abandoned(entry.path, is_folder):
            with suppress(OSError):  # somebody else may remove it, too
                (shutil.rmtree if is_folder else os.unlink)(entry.path)


def _give_name(part: Path, path: Path, replace: bool) -> None:
    if replace:
        refuse_other(path)
        _rename(os.replace, part, path)
        return
    try:
        _rename_new(part, path)
    except FileExistsError as error:
        refuse_other(path)
        if not filecmp.cmp(part, path, shallow=False):
            raise ForeignFileError.at(path) from error


def _rename_new(part: Path, path: Path) -> None:
    """Rename a file, but never over another one."""
    if sys.platform == "win32":
        _rename(os.rename, part, path)
        return
    try:
        os.link(part, path)  # the other name goes in the end
    except FileExistsError:
        raise
    except OSError as error:  # not every file system has two names for a file
        if os.path.lexists(path):
            raise ForeignFileError.at(path) from error
        os.rename(part, path)


def _rename(rename: Callable[[Path, Path], object], part: Path, path: Path) -> None:
    """Rename; Windows refuses while a virus scanner, say, has a new file open for a moment."""
    end = monotonic() + (_PATIENCE if sys.platform == "win32" else 0)
    while True:
        try:
            rename(part, path)
            return
        except PermissionError:
            if monotonic() >= end:
                raise
        sleep(0.02)


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        """Nothing to do: what is open cannot be removed."""

    def _is_abandoned(path: str, is_folder: bool) -> bool:
        """Return whether nobody writes to it; a file that is open cannot be removed anyway."""
        return not is_folder or time() - os.stat(path).st_mtime > _DAY
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        """Show other processes that somebody writes to it; the lock ends with the process."""
        with suppress(OSError):  # some shares know no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _is_abandoned(path: str, is_folder: bool) -> bool:
        """Return whether nobody writes to it; on a share without locks, nobody since yesterday."""
        flags = os.O_RDONLY if is_folder else os.O_RDWR
        try:
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return time() - os.fstat(descriptor).st_mtime > _DAY
        finally:
            os.close(descriptor)
        return True
