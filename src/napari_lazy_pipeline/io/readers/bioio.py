"""Reads the files of vendors (CZI, LIF, ND2, ...) through bioio, where its plugin is installed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers._file_errors import guarded

_PLUGINS = {
    ".czi": "bioio-czi", ".lif": "bioio-lif", ".nd2": "bioio-nd2", ".dv": "bioio-dv",
    ".sldy": "bioio-sldy", ".ims": "bioio-bioformats", ".oir": "bioio-bioformats",
}  # fmt: skip


@dataclass(frozen=True)
class BioioReader:
    """Reads what bioio reads: one volume at a time, of one position."""

    suffixes: tuple[str, ...] = tuple(_PLUGINS)

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is a file of a vendor."""
        return os.fspath(path).lower().endswith(self.suffixes)

    def probe(self, path: str) -> FileInfo:
        """Read the header of one file; see `Reader.probe`.

        Raises
        ------
        FileError
            If bioio or its plugin is not installed, or if the file is bad.
        """
        with guarded(path):
            size = os.stat(path).st_size
            image = _open(path)
            dims, spacing = image.dims, image.physical_pixel_sizes
            y, x = spacing.Y, spacing.X
            voxel_size = (float(spacing.Z or 1.0), float(y), float(x)) if y and x else None
            if "S" in dims.order and dims.S > 1:
                raise FileError("The images are in colour", path, "Save them in grey")
            notes = ("The file gives the pixel size but no z step: 1 um is assumed",)
            return FileInfo(
                os.path.basename(path), (dims.Z, dims.Y, dims.X), np.dtype(image.dtype).name, size,
                voxel_size, "bioio" if voxel_size else "",
                notes=notes if voxel_size and not spacing.Z else (), inner=(dims.T, dims.C),
                scenes=tuple(image.scenes) if len(image.scenes) > 1 else (),
                firsts=(0,) * len(image.scenes),
                channel_names=tuple(map(str, image.channel_names or ())),
            )  # fmt: skip

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read one volume (z, y, x); see `Reader.read`.

        Raises
        ------
        FileError
            If it is not as ``info`` says.
        """
        return self.read_planes(path, info, 0, info.shape[0])

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read some planes of a volume; see `PlaneReader.read_planes`."""
        with guarded(path):
            image = _open(path)
            if info.scenes:
                image.set_scene(info.scenes[info.scene])
            t, c = info.part
            lazy = image.get_image_dask_data("ZYX", T=t, C=c)
            if (lazy.shape, np.dtype(lazy.dtype).name) != (info.shape, info.dtype):
                raise FileError(
                    f"The volume is {lazy.shape} {lazy.dtype}, not {info.shape} {info.dtype}",
                    path,
                )
            return np.ascontiguousarray(lazy[start:stop].compute(scheduler="synchronous"))


def _open(path: str) -> Any:
    plugin = next(name for ending, name in _PLUGINS.items() if path.lower().endswith(ending))
    install = f"pip install bioio {plugin}"
    try:
        from bioio import BioImage
    except ImportError as error:
        raise FileError("Files of this kind are read by bioio", path, install) from error
    try:
        return BioImage(path)
    except OSError:
        raise
    except Exception as error:
        # It says so by an error of its own if none of its plugins reads this kind.
        raise FileError(
            f"bioio cannot open the file ({type(error).__name__}: {error})", path, install
        ) from error


READER = BioioReader()
