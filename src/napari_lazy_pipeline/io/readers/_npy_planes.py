"""Npy planes: some planes of a NumPy file, without the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._array_planes import ReadPart, read_part
from napari_lazy_pipeline.io.readers._reader import FileInfo


def read_stated(path: str, info: FileInfo) -> np.ndarray:
    """Read the volume that ``info`` names of an array whose axes a person stated."""
    with open_regular(path) as file:
        if npy_format.read_magic(file) == (1, 0):
            shape, fortran, dtype = npy_format.read_array_header_1_0(file)
        else:
            shape, fortran, dtype = npy_format.read_array_header_2_0(file)
        shape = shape if len(shape) > 2 else (1, *shape)
        begin, size = file.tell(), dtype.itemsize * math.prod(shape[-2:])
        if dtype.hasobject or dtype.newbyteorder("=").name != info.dtype:
            raise FileError(f"The file holds {dtype.name}, not {info.dtype}", path)

        def read_planes(place: tuple[Any, ...]) -> np.ndarray:
            *outer, part = place
            first = int(np.ravel_multi_index((*outer, part.start), shape[:-2]))
            file.seek(begin + first * size)
            count = part.stop - part.start
            found = np.frombuffer(file.read(count * size), dtype)
            return found.reshape(count, *shape[-2:])

        # Planes of arrays in the order of Fortran do not lie one behind the other.
        read: ReadPart = np.load(path).reshape(shape).__getitem__ if fortran else read_planes
        return read_part(shape, info, 0, info.shape[0], path, read)
