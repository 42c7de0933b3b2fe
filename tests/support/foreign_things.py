"""What may lie where a file would be written or read: links, pipes, sockets, folders of others."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

Put = Callable[[Path, Path], None]  # where, and a raw file


def _pipe(place: Path, raw: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes")
    os.mkfifo(place)


def _socket(place: Path, raw: Path) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("there are no sockets with a name")
    before = os.getcwd()
    os.chdir(place.parent)  # a whole path may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(place.name[:90])
        os.replace(place.name[:90], place.name)
    finally:
        os.chdir(before)


def _folder(place: Path, raw: Path) -> None:
    place.mkdir()
    (place / "mine.txt").write_text("mine")


def _file(place: Path, raw: Path) -> None:
    place.write_text("mine")


def _loop(place: Path, raw: Path) -> None:
    other = place.with_name("other")
    place.symlink_to(other)
    other.symlink_to(place)


SPECIAL: dict[str, Put] = {
    "link to a raw file": lambda place, raw: place.symlink_to(raw),
    "link to the raw folder": lambda place, raw: place.symlink_to(raw.parent),
    "link to nothing": lambda place, raw: place.symlink_to(place.with_name("nothing")),
    "link loop": _loop,
    "pipe": _pipe,
    "socket": _socket,
    "folder": _folder,
}
THINGS: dict[str, Put] = {**SPECIAL, "file": _file}


def state(place: Path) -> tuple[object, ...]:
    """What lies there: its kind, number and content, links not followed."""
    status = place.lstat()
    content: object = None
    if place.is_symlink():
        content = os.readlink(place)
    elif place.is_dir():
        content = sorted((path.name, path.read_text()) for path in place.iterdir())
    elif place.is_file():
        content = place.read_bytes()
    return status.st_mode, status.st_ino, content


def content_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
