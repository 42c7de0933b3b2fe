"""Files of vendors (CZI, LIF, ND2, ...), through bioio, where its plugin is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.readers._reader import FileInfo, PlaneReader, file_errors

_PLUGINS = {
    ".czi": "bioio-czi", ".lif": "bioio-lif", ".nd2": "bioio-nd2", ".dv": "bioio-dv",
    ".sldy": "bioio-sldy", ".oir": "bioio-bioformats",
}  # fmt: skip


class BioioReader(PlaneReader):
    """Reads what bioio reads: one volume at a time, of one position."""

    suffixes = tuple(_PLUGINS)

    def probe(self, path: str) -> FileInfo:
        return _header(path, 0)

    def at_scene(self, path: str, info: FileInfo, scene: int) -> FileInfo:
        return _header(path, scene) if scene else info

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with file_errors(path):
            image = _open(path)
            if info.scenes:
                image.set_scene(info.scenes[info.scene])
            t, c = info.part
            lazy = image.get_image_dask_data("ZYX", T=t, C=c)
            info.check(lazy.shape, lazy.dtype, path)
            planes = lazy[start:stop].compute(scheduler="synchronous")
            return np.ascontiguousarray(planes, info.dtype)


def _header(path: str, scene: int) -> FileInfo:
    """Describe one of the positions of a file."""
    with file_errors(path):
        image = _open(path)
        if scene:
            image.set_scene(image.scenes[scene])
        dims, spacing = image.dims, image.physical_pixel_sizes
        if "S" in dims.order and dims.S > 1:
            raise FileError("The images are in colour", path, "Save them in grey")
        z, y, x = (size and float(size) for size in (spacing.Z, spacing.Y, spacing.X))
        claims = MetadataClaims("bioio", (z, y, x))
        return FileInfo.of(
            path, (dims.Z, dims.Y, dims.X), image.dtype, claims, inner=(dims.T, dims.C),
            scenes=tuple(image.scenes) if len(image.scenes) > 1 else (),
            firsts=(0,) * len(image.scenes), scene=scene,
            channel_names=tuple(map(str, image.channel_names or ())),
        )  # fmt: skip


def _open(path: str) -> Any:
    plugin = next(name for ending, name in _PLUGINS.items() if path.lower().endswith(ending))
    install = f"pip install bioio {plugin}"
    try:
        from bioio import BioImage
    except ImportError as error:
        raise FileError("Files of this kind are read by bioio", path, install) from error
    try:
        refuse_special(path)
        return BioImage(path)
    except OSError:
        raise
    except Exception as error:
        # It says so by an error of its own if none of its plugins reads this kind.
        what = f"bioio cannot open the file ({type(error).__name__}: {error})"
        raise FileError(what, path, install) from error


READER = BioioReader()
