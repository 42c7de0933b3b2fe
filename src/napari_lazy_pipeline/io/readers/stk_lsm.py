"""MetaMorph stacks and Zeiss LSM: TIFFs whose directories are not one plane each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.units import micrometres
from napari_lazy_pipeline.io.readers._reader import FileInfo, PlaneReader, file_errors
from napari_lazy_pipeline.io.readers.tiff import READER as TIFF_READER


class StkLsmReader(PlaneReader):
    """Reads files of MetaMorph and of Zeiss LSM 510 to 7 as tifffile understands them.

    One stage position and grey values; a TIFF of another kind under such a name is read as TIFF.
    """

    suffixes = (".stk", ".lsm")

    def probe(self, path: str) -> FileInfo:
        with _series(path) as series:
            if series is None:
                return TIFF_READER.probe(path)
            sizes = _sizes(series, path)
            claims = _claims_stk(series) if series.kind == "stk" else _claims_lsm(series)
            return FileInfo.of(
                path, tuple(sizes[axis] for axis in "ZYX"), series.dtype, claims,
                inner=(sizes["T"], sizes["C"]),
            )  # fmt: skip

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with _series(path) as series:
            if series is None:
                return TIFF_READER.read_planes(path, info, start, stop)
            sizes = _sizes(series, path)
            info.check([sizes[axis] for axis in "ZYX"], series.dtype, path)
            # Each page of an LSM has the channels of a plane; the one of an STK has all planes.
            (t, c), one_page = info.part, series.kind == "stk"
            if one_page:
                planes = series.asarray().reshape(-1, *info.shape[1:])
                first = t * info.shape[0]
                return np.ascontiguousarray(planes[first + start : first + stop], info.dtype)
            out = np.empty((stop - start, *info.shape[1:]), info.dtype)
            for index, z in enumerate(range(start, stop)):
                page = series.pages[t * info.shape[0] + z]
                if page is None:
                    raise FileError("The file ends before its last plane", path)
                out[index] = page.asarray().reshape(-1, *info.shape[1:])[c]
            return out


@contextmanager
def _series(path: str) -> Iterator[tifffile.TiffPageSeries | None]:
    """What a file holds; None if it is a TIFF as any other."""
    with file_errors(path), open_regular(path) as file, tifffile.TiffFile(file) as tif:
        yield tif.series[0] if tif.is_stk or tif.is_lsm else None


def _sizes(series: tifffile.TiffPageSeries, path: str) -> dict[str, int]:
    """Lengths along T, C, Z, Y and X."""
    sizes = dict(zip(series.axes.replace("I", "Z"), series.shape, strict=True))
    others = {axis: length for axis, length in sizes.items() if axis not in "TCZYX" and length > 1}
    # Planes come before time points, and pages have all channels: none of ours is otherwise.
    order = [axis for axis in series.axes.replace("I", "Z") if axis in "TZYX"]
    if others or order != sorted(order, key="TZYX".index) or len(sizes) < len(series.axes):
        what = f"The file holds {series.shape} along {series.axes}, not t, z, y, x of one position"
        raise FileError(what, path, "Save each position of its own")
    return {axis: int(sizes.get(axis, 1)) for axis in "TCZYX"}


def _claims_stk(series: tifffile.TiffPageSeries) -> MetadataClaims:
    stated = getattr(series.parent, "stk_metadata", None) or {}
    pixel = (stated.get("XCalibration"), stated.get("YCalibration"))
    unit = str(stated.get("CalibrationUnits") or "")
    x, y = (micrometres(float(size), unit) if size and unit else None for size in pixel)
    steps = np.unique(np.abs(np.atleast_1d(stated.get("ZDistance", 0.0))))
    z = float(steps[0]) if steps.size == 1 and steps[0] > 0 and unit else None
    return MetadataClaims("MetaMorph", (micrometres(z, unit) if z else None, y, x))


def _claims_lsm(series: tifffile.TiffPageSeries) -> MetadataClaims:
    stated = getattr(series.parent, "lsm_metadata", None) or {}
    sizes = (float(stated.get(f"VoxelSize{axis}", 0.0)) for axis in "ZYX")
    z, y, x = (micrometres(size, "m") if size > 0 else None for size in sizes)
    interval = float(stated.get("TimeIntervall", 0.0))
    return MetadataClaims("LSM", (z, y, x), interval if interval > 0 else None)


READER = StkLsmReader()
