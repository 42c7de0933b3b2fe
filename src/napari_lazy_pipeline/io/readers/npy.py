"""Numpy files: one volume each."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo, Reader, file_errors


class NpyReader(Reader):
    """Reads what `numpy.save` writes: an array (z, y, x), or one plane (y, x)."""

    suffixes = (".npy",)

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):  # whatever numpy raises becomes a FileError that names the file
            refuse_special(path)  # a pipe would be waited for
            array = _volume(np.load(path, mmap_mode="r"), path)  # the header, and no pixel
            return FileInfo.of(path, array.shape, array.dtype)

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        with file_errors(path, "It is still being written, or was cut off"):
            refuse_special(path)
            array = _volume(np.load(path), path)  # not mapped: a file cut short would end Python
            info.check(array.shape, array.dtype, path)
            return np.ascontiguousarray(array, info.dtype)


def _volume(array: np.ndarray, path: str) -> np.ndarray:
    if array.ndim > 3:
        what = f"The file holds an array {array.shape}, and does not say what its axes are"
        raise FileError(what, path, "Save each volume (z, y, x) in a file of its own")
    return array[np.newaxis] if array.ndim == 2 else array


READER = NpyReader()
