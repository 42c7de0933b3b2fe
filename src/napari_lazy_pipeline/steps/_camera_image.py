"""Camera image: a dark or flat image, or what else is known of each pixel, from a TIFF file."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import cast

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.readers.tiff import check_tiff
from napari_lazy_pipeline.steps._identity import file_state


def camera_image(path: str, before: StackSpec, planes: int = 0) -> np.ndarray:
    """Read an image for the pixels of a stack; parameters and errors are those of `check_size`."""
    check_size(path, before, planes)
    return _image(path, file_state(path))


def check_size(path: str, before: StackSpec, planes: int = 0) -> None:
    """Refuse an image that is not of the whole camera; only its header is read, once.

    Parameters
    ----------
    path
        A TIFF file (y, x), or (plane, y, x) if it has several ``planes``.
    before
        The stack that it is for.

    Raises
    ------
    FileError
        If it cannot be read.
    GeometryError
        If none is chosen, or the stack was recorded with other rows or columns.
    """
    if not path:
        raise GeometryError("No image is chosen", hint="Choose a TIFF file")
    shape, grid = _shape(path, file_state(path)), before.volume.camera
    recorded = ((grid and grid.shape) or before.shape)[1:]
    if shape == ((planes, *recorded) if planes else recorded):
        return
    several, axes = (f" in each of {planes} planes", "plane, y, x") if planes else ("", "y, x")
    raise GeometryError(
        f"The image has the shape {shape}, and the camera recorded {recorded}{several}",
        path,
        f"Choose an image ({axes}) of the same part of the camera",
    )


@lru_cache(maxsize=64)
def _shape(path: str, state: Hashable) -> tuple[int, ...]:
    with _errors(path), tifffile.TiffFile(path) as file:
        return tuple(n for n in file.series[0].shape if n != 1)


@lru_cache(maxsize=8)
def _image(path: str, state: Hashable) -> np.ndarray:
    with _errors(path):
        image = np.squeeze(tifffile.imread(path)).astype(np.float32)
        if wrong := int(np.count_nonzero(~np.isfinite(image))):
            raise FileError(f"not a finite number in {format_count(wrong, 'pixel')}", path)
    image.flags.writeable = False
    return cast(np.ndarray, image)


@contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        check_tiff(path)
        yield
    except Exception as error:  # whatever a damaged file makes the decoder raise
        reason = error.what if isinstance(error, FileError) else str(error)
        raise FileError(
            f"The image cannot be read: {reason}", path, "Choose a TIFF file"
        ) from error
