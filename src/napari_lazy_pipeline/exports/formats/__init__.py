"""File formats of exports: one module each, behind one protocol."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np

from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.image.stack import Stack

FormatName = Literal["tiff", "ome-zarr"]


class Format(Protocol):
    """Writes volumes so that others can open them; stateless, and the same in any process.

    Attributes
    ----------
    title
        What it is called in menus.
    dtypes
        Types of pixels it can hold.
    overhead
        Bytes on disk for each byte of pixels, at most.
    """

    title: str
    dtypes: tuple[str, ...]
    overhead: float

    def unavailable(self) -> str | None:
        """Say in one line why it cannot be used here; None if it can."""

    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        """The file that is there once a volume is finished, unless it is empty."""

    def place(self, folder: Path, name: str) -> Path:
        """What a person opens: the folder of files, or the one store in it."""

    def strangers(self, folder: Path, name: str) -> list[Path]:
        """What is there already under the names that would be written."""

    def create(self, folder: Path, name: str, stack: Stack, dtype: str, about: Any) -> None:
        """Make what has to be there before the first volume, or fit it to a stack that grew.

        ``about`` tells, in JSON, what the volumes are made from.
        """

    def write(
        self, folder: Path, name: str, stack: Stack, t: int, c: int, volume: np.ndarray
    ) -> None:
        """Write one volume (z, y, x), of the right type; it appears when it is complete."""

    def finished(self, folder: Path, name: str, t: int, c: int) -> None:
        """Take note of a finished volume; called in the process that called `create`."""


_FORMATS = {"tiff": "imagej_tiff:TiffFiles", "ome-zarr": "ome_zarr:OmeZarr"}


def format_names() -> tuple[FormatName, ...]:
    """Names of all formats, the default first."""
    return get_args(FormatName)


@cache
def get_format(name: str = "tiff") -> Format:
    """Return the format of that name, whether or not it can be used here.

    Raises
    ------
    ExportError
        If there is none.
    """
    if name not in _FORMATS:
        raise ExportError(
            f"There is no format {name!r}", hint=f"Choose one of: {', '.join(_FORMATS)}"
        )
    module, attribute = _FORMATS[name].split(":")
    found = importlib.import_module(f"{__name__}.{module}")
    return getattr(found, attribute)()  # type: ignore[no-any-return]
