"""File formats of exports: one module each, behind one base class."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.image import Stack

FormatName = Literal["tiff", "ome-zarr"]
Dtype = Literal["uint8", "uint16", "float32"]


@dataclass(frozen=True)
class Format(ABC):
    """Writes volumes so that others can open them; stateless, and the same in any process.

    Its methods get the folder to write to, and how all file names begin.
    """

    title: str  # in menus
    summary: str  # a sentence without its full stop
    dtypes: tuple[str, ...] = get_args(Dtype)  # of the pixels it can hold
    overhead: float = 1.01  # bytes on disk for each byte of pixels, at most
    states_interval: bool = True  # whether each file states the time between two time points

    def unavailable(self) -> str | None:
        """Return in one line why it cannot be used here; None if it can."""
        return None

    @abstractmethod
    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        """Path of the file that exists once a volume is finished, unless it is empty."""

    @abstractmethod
    def result(self, folder: Path, name: str) -> Path:
        """Path that a person opens: the folder of files, or the one store in it."""

    @abstractmethod
    def existing(self, folder: Path, name: str) -> list[Path]:
        """Paths that exist already under the names that would be written."""

    def create(  # noqa: B027 - files that stand for themselves need nothing before
        self, folder: Path, name: str, stack: Stack, dtype: str, about: Any
    ) -> None:
        """Make what has to exist before the first volume, or fit it to a stack that grew.

        ``about`` tells, in JSON, what the volumes are made from.
        """

    def has_room(self, folder: Path, name: str, stack: Stack) -> bool:
        """Return whether what `create` made holds all volumes of a stack that may have grown."""
        return True

    def encode(self, folder: Path, name: str, stack: Stack, volume: np.ndarray) -> Any:
        """Make what `write` needs of a volume (z, y, x) of the right type, while it writes others.

        It may share the memory of the volume.
        """
        return volume

    @abstractmethod
    def write(
        self,
        folder: Path,
        name: str,
        stack: Stack,
        t: int,
        c: int,
        encoded: Any,
        replace: bool,
    ) -> None:
        """Write one volume, as `encode` made it; it appears when it is complete.

        What is there is only written over if ``replace`` says that it is of this export.
        """

    def finish(  # noqa: B027 - nor after
        self, folder: Path, name: str, t: int, c: int
    ) -> None:
        """Add what needs a finished volume; called in the process that called `create`."""


_FORMATS = {"tiff": "imagej_tiff:TiffFiles", "ome-zarr": "ome_zarr:OmeZarr"}


def format_names() -> tuple[FormatName, ...]:
    """Names of all formats, the default first."""
    return get_args(FormatName)


@cache
def get_format(name: str = "tiff") -> Format:
    """Return the format of that name, whether or not it can be used here."""
    if name not in _FORMATS:
        hint = f"Choose one of: {', '.join(_FORMATS)}"
        raise ExportError(f"There is no format {name!r}", hint=hint)
    module, attribute = _FORMATS[name].split(":")
    format_: Format = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)()
    return format_


def channel_name(stack: Stack, c: int) -> str:
    """Name of a channel, or its number if it has none."""
    return stack.channel_names[c] if c < len(stack.channel_names) else str(c)
