"""Reads raw pixels without a header, as IsoView writes them: the shape has to be told."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from napari_lazy_pipeline.errors import FileError, ShapeUnknownError
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers._file_errors import guarded


@dataclass(frozen=True)
class RawReader:
    """Reads files of plain pixels.

    Parameters
    ----------
    shape
        Shape of each volume (z, y, x); without it nothing can be read.
    dtype
        Type of the pixels, in little-endian order unless it says otherwise.
    """

    shape: Shape | None = None
    dtype: str = "<u2"
    suffixes: tuple[str, ...] = (".stack", ".raw")

    @property
    def options(self) -> dict[str, object]:
        """What `open_stack` has to be told to make this reader."""
        return {"shape": self.shape, "dtype": self.dtype} if self.shape else {}

    def accepts(self, path: str) -> bool:
        """Tell from the name whether these may be plain pixels."""
        return os.fspath(path).lower().endswith(self.suffixes)

    def probe(self, path: str) -> FileInfo:
        """Compare the size of the file with the shape; see `Reader.probe`.

        Raises
        ------
        FileError
            If nobody told the shape, or if the file has another size.
        """
        with guarded(path):
            size = os.stat(path).st_size
        if self.shape is None:
            raise ShapeUnknownError(
                f"The file has no header, but {size} bytes of pixels",
                path,
                "Tell its shape (z, y, x) and dtype",
            )
        kind = np.dtype(self.dtype)
        z, y, x = self.shape
        info = FileInfo(
            os.path.basename(path), self.shape, kind.newbyteorder("=").name, size,
            byteorder=kind.str[0], last_plane=(z - 1) * y * x * kind.itemsize,
        )  # fmt: skip
        self._check(path, size)
        return info

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read the volume (z, y, x); see `Reader.read`.

        Raises
        ------
        FileError
            If the file has another size.
        """
        return self.read_planes(path, info, 0, info.shape[0])

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some planes of the volume; see `PlaneReader.read_planes`."""
        pixels = int(np.prod(info.shape[1:], dtype=object))
        with guarded(path), open(path, "rb") as file:
            self._check(path, os.fstat(file.fileno()).st_size)
            file.seek(start * pixels * np.dtype(self.dtype).itemsize)
            planes = np.fromfile(file, self.dtype, (stop - start) * pixels)
            planes = planes.reshape(stop - start, *info.shape[1:])
        return planes.astype(info.dtype, copy=False)

    def _check(self, path: str, size: int) -> None:
        z, y, x = self.shape or (0, 0, 0)
        plane = y * x * np.dtype(self.dtype).itemsize
        if size != z * plane:
            planes = size / plane if plane else 0
            raise FileError(
                f"The file has {size} bytes: {planes:g} planes of {(y, x)}, not {z}",
                path,
                "It is still being written, or has another shape or dtype",
            )


READER = RawReader()
