"""Array planes: the last two axes of an array are planes, and the others what a person says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.io.readers._reader import FileInfo

MOST = 5  # axes: time points, channels and planes of y and x

ReadPart = Callable[[tuple[Any, ...]], np.ndarray]


def as_planes(shape: Sequence[int]) -> tuple[dict[str, Any], tuple[int, int, int]]:
    """What a `FileInfo` says of an array, and its shape as one list of planes."""
    outer = tuple(shape[:-2])
    unnamed = {"unnamed": outer} if len(outer) > 1 else {}
    return unnamed, (math.prod(outer), shape[-2], shape[-1])


def read_part(
    shape: Sequence[int], info: FileInfo, start: int, stop: int, path: str, read: ReadPart
) -> np.ndarray:
    """Planes (z, y, x) of the volume that ``info`` names, of an array of a shape.

    ``read`` reads by numbers and slices, one for each axis before the last two. A `FileError` if
    the array has other axes than that of the first file.
    """
    outer = tuple(shape[:-2])
    known = int(np.count_nonzero(info.page_table[info.scene] >= 0))
    # As many planes in other axes would be other planes.
    if outer != (info.unnamed or (known,)) or tuple(shape[-2:]) != info.shape[1:]:
        what = f"The file holds an array {tuple(shape)}, and {info.name} {info.content}"
        raise FileError(what, path, "Open it alone")
    pages = info.planes[start:stop]
    planes = VolumeSpec((len(pages), *info.shape[1:]), info.dtype).blank()
    first = 0
    while first < len(pages):
        last = first + 1  # planes that lie one behind the other are read together
        row = pages[first] // outer[-1]
        while last < len(pages) and pages[last] == pages[last - 1] + 1:
            if pages[last] // outer[-1] != row:
                break
            last += 1
        if pages[first] >= 0:
            *place, z = (int(n) for n in np.unravel_index(pages[first], outer))
            planes[first:last] = read((*place, slice(z, z + last - first)))
        first = last
    return planes
