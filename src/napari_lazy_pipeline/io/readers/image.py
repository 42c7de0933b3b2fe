"""Pictures that are not TIFF, through dask-image: each frame is a plane."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo, PlaneReader, file_errors

if TYPE_CHECKING:
    import dask.array as da


class ImageReader(PlaneReader):
    """Reads grey PNG, JPEG and BMP; what else pims can open, under a reader of its own."""

    suffixes = (".png", ".jpg", ".jpeg", ".bmp")

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):
            frames = _frames(path)
            if frames.ndim != 3:
                what = f"The picture is {frames.shape}: in colour"
                raise FileError(what, path, "Save it in grey, or as TIFF")
            return FileInfo.of(path, frames.shape, frames.dtype)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with file_errors(path, "It is still being written, or was cut off"):
            frames = _frames(path)
            info.check(frames.shape, frames.dtype, path)
            planes = frames[start:stop].compute(scheduler="synchronous")
            return np.ascontiguousarray(planes, info.dtype)


def _frames(path: str) -> da.Array:
    import dask.array as da
    import pims
    from dask_image.imread import imread

    refuse_special(path)
    frames: da.Array
    if glob.escape(path) == path:
        frames = imread(path, nframes=-1)
        return frames
    # dask-image would take the path for a pattern.
    with pims.open(path) as pictures:
        frames = da.from_array(np.stack(list(pictures)))
    return frames


READER = ImageReader()
