"""Raw pixels without a header, as IsoView writes them: a person states the shape."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError, ShapeUnknownError
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.io.readers._reader import FileInfo, PlaneReader, file_errors
from napari_lazy_pipeline.io.readers._tiff.plain_planes import read_plain


@dataclass(frozen=True)
class RawReader(PlaneReader):
    """Reads files of plain pixels."""

    shape: Shape | None = None  # of each volume (z, y, x); without it nothing can be read
    dtype: str = "<u2"  # in little-endian order unless it says otherwise
    suffixes: tuple[str, ...] = (".stack", ".raw")

    @property
    def options(self) -> dict[str, object]:
        return {"shape": self.shape, "dtype": self.dtype} if self.shape else {}

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):
            size = os.path.getsize(path)
        if self.shape is None:
            what = f"The file has no header, but {size} bytes of pixels"
            raise ShapeUnknownError(what, path, "Tell its shape (z, y, x) and dtype")
        self._check(path, size)
        kind, (z, y, x) = np.dtype(self.dtype), self.shape
        last_plane = (z - 1) * y * x * kind.itemsize
        return FileInfo.of(path, self.shape, kind, byteorder=kind.str[0], last_plane=last_plane)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        _, y, x = info.shape
        place = start * y * x * np.dtype(self.dtype).itemsize
        with file_errors(path), open_regular(path) as file:
            self._check(path, os.fstat(file.fileno()).st_size)
            return read_plain(file, [place], path, info, stop - start)

    def _check(self, path: str, size: int) -> None:
        z, y, x = self.shape or (0, 0, 0)
        plane = y * x * np.dtype(self.dtype).itemsize
        if size != z * plane:
            planes = size / plane if plane else 0
            what = f"The file has {size} bytes: {planes:g} planes of {(y, x)}, not {z}"
            raise FileError(what, path, "It is still being written, or has another shape or dtype")


READER = RawReader()
