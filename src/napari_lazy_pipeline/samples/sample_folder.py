"""Sample folder: files that are made on this computer, all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from napari_lazy_pipeline.errors import FolderError


def write_once(folder: str | os.PathLike[str], files: Mapping[str, Callable[[Path], None]]) -> Path:
    """Write files, each by its function, if they are not there; return the folder.

    A `FolderError` is raised if the folder holds something else, or cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as here:
    ...     folder = write_once(f"{here}/new", {"a.txt": lambda path: path.touch()})
    ...     os.listdir(folder)
    ['a.txt']
    """
    target = Path(folder)
    if target.is_dir() and any(target.iterdir()):
        if _is_complete(target, files):
            return target
        raise FolderError(
            "The folder holds something else than the sample", str(target), "Choose a new folder"
        )
    try:
        _write(target, files)
    except OSError as error:
        what = f"The sample cannot be written: {error.strerror or error}"
        raise FolderError(what, str(target), "Choose a new folder") from error
    return target


def _write(target: Path, files: Mapping[str, Callable[[Path], None]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".sample-", dir=target.parent))
    try:
        for name, write in files.items():
            (part / name).parent.mkdir(exist_ok=True)
            write(part / name)
        part.chmod(0o755)
        _move(part, target, files)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move(part: Path, target: Path, files: Collection[str]) -> None:
    """Give the finished folder its name; if somebody else was quicker, theirs is as good."""
    try:
        if target.is_dir():
            target.rmdir()
        part.rename(target)
    except OSError:
        if not (target.is_dir() and _is_complete(target, files)):
            raise


def _is_complete(folder: Path, files: Collection[str]) -> bool:
    return all((folder / name).exists() for name in files)
