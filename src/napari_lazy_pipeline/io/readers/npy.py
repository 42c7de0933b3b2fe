"""Numpy files: one volume each, or as many as a person says that their axes are."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._array_planes import MOST, as_planes
from napari_lazy_pipeline.io.readers._npy_planes import read_stated
from napari_lazy_pipeline.io.readers._reader import FileInfo, Reader, file_errors


class NpyReader(Reader):
    """Reads what `numpy.save` writes: an array (z, y, x), one plane (y, x), or of stated axes."""

    suffixes = (".npy",)
    states_axes = True

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):  # whatever numpy raises becomes a FileError that names the file
            refuse_special(path)  # a pipe would be waited for
            array = np.load(path, mmap_mode="r")  # the header, and no pixel
            if not 2 <= array.ndim <= MOST:
                what = f"The file holds an array {array.shape}, of other axes than (t, c, z, y, x)"
                raise FileError(what, path, "Save each volume (z, y, x) in a file of its own")
            unnamed, shape = as_planes(array.shape)
            return FileInfo.of(path, shape, array.dtype, **unnamed)

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        with file_errors(path, "It is still being written, or was cut off"):
            refuse_special(path)
            if info.restated:
                return read_stated(path, info)
            array = np.load(path)  # not mapped: a file cut short would end Python
            array = array[np.newaxis] if array.ndim == 2 else array
            info.check(array.shape, array.dtype, path)
            return np.ascontiguousarray(array, info.dtype)


READER = NpyReader()
