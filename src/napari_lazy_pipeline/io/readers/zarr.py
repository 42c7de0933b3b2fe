"""Reads OME-Zarr folders, of both versions of the format, and plain Zarr arrays."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.readers import FileInfo, GrowthState
from napari_lazy_pipeline.io.readers._file_errors import guarded
from napari_lazy_pipeline.io.readers._zarr_chunks import Chunks

_UM = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3, "": 1.0}
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "minute": 60.0, "": 1.0}


@dataclass(frozen=True)
class ZarrReader:
    """Reads the full resolution of an OME-Zarr, chunk by chunk."""

    suffixes: tuple[str, ...] = (".zarr",)

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this is a Zarr folder."""
        return os.fspath(path).rstrip("/\\").lower().endswith(self.suffixes)

    def probe(self, path: str) -> FileInfo:
        """Read the metadata; see `Reader.probe`.

        Raises
        ------
        FileError
            If zarr is not installed, or if this is no image.
        """
        with guarded(path):
            size = os.stat(path).st_size
            array, image, channels = _open(path)
            axes = _axes(image, array.ndim)
            sizes = dict(zip(axes, array.shape, strict=True))
            if not set(axes) <= set("tczyx") or axes[-2:] != "yx":
                raise FileError(f"The axes are {axes}, not t, c, z, y, x", path)
            shape = (sizes.get("z", 1), sizes["y"], sizes["x"])
            voxel_size, interval = _scale(image, axes)
            return FileInfo(
                os.path.basename(path), shape, np.dtype(array.dtype).newbyteorder("=").name, size,
                voxel_size, "OME-Zarr" if voxel_size else "", interval,
                inner=(sizes.get("t", 1), sizes.get("c", 1)),
                channel_names=channels if len(channels) == sizes.get("c", 1) else (),
                indexed=axes.startswith("t"),
            )  # fmt: skip

    def grows(self, info: FileInfo) -> bool:
        """Where the time comes first, time points can be added."""
        return info.indexed

    def recorded(self, path: str, info: FileInfo) -> GrowthState:
        """Look which chunks there are; see `GrowingReader.recorded`."""
        with guarded(path):
            return _chunks(path).recorded()

    def state(self, path: str, info: FileInfo) -> Hashable:
        """The state of its chunks; see `GrowingReader.state`."""
        with guarded(path):
            return _chunks(path).state(*info.part)

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read the chunks of one volume (z, y, x); see `Reader.read`.

        Raises
        ------
        FileError
            If the array is not as ``info`` says.
        """
        return self.read_planes(path, info, 0, info.shape[0])

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read the chunks of some planes of a volume; see `PlaneReader.read_planes`."""
        with guarded(path):
            array, image, _ = _open(path)
            axes = _axes(image, array.ndim)
            sizes = dict(zip(axes, array.shape, strict=True))
            shape = (sizes.get("z", 1), sizes["y"], sizes["x"])
            if shape != info.shape:
                raise FileError(f"The image is {shape} now, not {info.shape}", path)
            place = {**dict(zip("tc", info.part, strict=True)), "z": slice(start, stop)}
            planes = np.asarray(array[tuple(place.get(axis, slice(None)) for axis in axes)])
            return np.ascontiguousarray(planes.reshape(-1, *shape[1:]), info.dtype)


def _open(path: str) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    """Array of the full resolution, what is said about it, and names of channels."""
    try:
        import zarr
    except ImportError as error:
        raise FileError(
            "OME-Zarr cannot be read without zarr",
            path,
            "pip install 'napari-lazy-pipeline[zarr]'",
        ) from error
    found: Any = zarr.open(path, mode="r")
    if not hasattr(found, "attrs") or hasattr(found, "shape"):
        return found, {}, ()
    attributes: dict[str, Any] = dict(found.attrs)
    said = attributes.get("ome", attributes)
    if not said.get("multiscales"):
        raise FileError("The Zarr folder holds no OME image", path, "Open a folder inside it")
    image = said["multiscales"][0]
    channels = (said.get("omero") or {}).get("channels") or []
    names = tuple(str(channel.get("label", "")) for channel in channels)
    return found[image["datasets"][0]["path"]], image, names if all(names) else ()


def _chunks(path: str) -> Chunks:
    array, image, _ = _open(path)
    return Chunks.of(array, _axes(image, array.ndim))


def _axes(image: dict[str, Any], count: int) -> str:
    axes = image.get("axes") or list("tczyx"[-count:])
    return "".join(axis if isinstance(axis, str) else axis["name"] for axis in axes).lower()


def _scale(image: dict[str, Any], axes: str) -> tuple[Triple | None, float | None]:
    """Voxel size (z, y, x) [um] and time interval [s]."""
    if not image:
        return None, None
    transforms = image["datasets"][0].get("coordinateTransformations") or []
    scale = next((one["scale"] for one in transforms if one.get("type") == "scale"), None)
    if scale is None or image.get("axes") is None:
        return None, None
    said = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
    unit = {axis["name"].lower(): axis.get("unit") or "" for axis in said}
    length = dict(zip(axes, map(float, scale), strict=True))
    z, y, x = (length.get(a, 1.0) * _UM.get(unit.get(a, ""), 0.0) for a in "zyx")
    interval = length.get("t", 0.0) * _SECONDS.get(unit.get("t", ""), 0.0)
    timed = bool(unit.get("t")) and interval > 0
    return ((z, y, x) if min(z, y, x) > 0 else None), interval if timed else None


READER = ZarrReader()
