"""Reads pictures that are not TIFF, through dask-image: each frame is a plane."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers._file_errors import guarded

if TYPE_CHECKING:
    import dask.array as da


@dataclass(frozen=True)
class ImageReader:
    """Reads PNG, JPEG and BMP; what else pims can open, under a reader of its own."""

    suffixes: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp")

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is a picture."""
        return os.fspath(path).lower().endswith(self.suffixes)

    def probe(self, path: str) -> FileInfo:
        """Read the header of one file; see `Reader.probe`.

        Raises
        ------
        FileError
            If it is no grey picture.
        """
        with guarded(path):
            size = os.stat(path).st_size
            frames = _frames(path)
            return FileInfo(
                os.path.basename(path), _grey(frames, path), np.dtype(frames.dtype).name, size
            )

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read the frames (z, y, x); see `Reader.read`.

        Raises
        ------
        FileError
            If they are not as ``info`` says.
        """
        return self.read_planes(path, info, 0, info.shape[0])

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some of the frames; see `PlaneReader.read_planes`."""
        with guarded(path, "It is still being written, or was cut off"):
            frames = _frames(path)
            if (frames.shape, np.dtype(frames.dtype).name) != (info.shape, info.dtype):
                raise FileError(
                    f"The file holds {frames.shape} {frames.dtype}, not {info.shape} {info.dtype} "
                    f"as {info.name}",
                    path,
                )
            return np.ascontiguousarray(frames[start:stop].compute(scheduler="synchronous"))


def _frames(path: str) -> da.Array:
    import dask.array as da
    import pims
    from dask_image.imread import imread

    frames: da.Array
    if glob.escape(path) == path:
        frames = imread(path, nframes=-1)
        return frames
    # dask-image would take the path for a pattern.
    with pims.open(path) as pictures:
        frames = da.from_array(np.stack(list(pictures)))
    return frames


def _grey(frames: da.Array, path: str) -> Shape:
    if frames.ndim != 3:
        raise FileError(
            f"The picture is {frames.shape}: in colour", path, "Save it in grey, or as TIFF"
        )
    z, y, x = frames.shape
    return z, y, x


READER = ImageReader()
