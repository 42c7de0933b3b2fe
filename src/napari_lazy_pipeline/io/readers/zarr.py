"""OME-Zarr folders, of both versions of the format, and plain Zarr arrays."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds
from napari_lazy_pipeline.io.readers._reader import (
    FileInfo,
    GrowingReader,
    GrowthState,
    file_errors,
)
from napari_lazy_pipeline.io.readers._zarr_chunks import Chunks


class ZarrReader(GrowingReader):
    """Reads the full resolution of an OME-Zarr, chunk by chunk."""

    suffixes = (".zarr",)

    def accepts(self, path: str) -> bool:
        return super().accepts(os.fspath(path).rstrip("/\\"))

    def probe(self, path: str) -> FileInfo:
        with file_errors(path):
            os.stat(path)  # zarr takes a folder that is gone for one without an image
            array, image, channels = _open(path)
            axes = _axes(image, array.ndim)
            sizes = dict(zip(axes, array.shape, strict=True))
            if not set(axes) <= set("tczyx") or axes[-2:] != "yx":
                raise FileError(f"The axes are {axes}, not t, c, z, y, x", path)
            return FileInfo.of(
                path, (sizes.get("z", 1), sizes["y"], sizes["x"]), array.dtype,
                _claims(image, axes), inner=(sizes.get("t", 1), sizes.get("c", 1)),
                channel_names=channels if len(channels) == sizes.get("c", 1) else (),
                indexed=axes.startswith("t"),  # where time points can be added
            )  # fmt: skip

    def growth(self, path: str, info: FileInfo) -> GrowthState:
        with file_errors(path):
            return _chunks(path).growth()

    def state(self, path: str, info: FileInfo) -> Hashable:
        with file_errors(path):
            return _chunks(path).state(*info.part)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with file_errors(path):
            array, image, _ = _open(path)
            axes = _axes(image, array.ndim)
            sizes = dict(zip(axes, array.shape, strict=True))
            info.check((sizes.get("z", 1), sizes["y"], sizes["x"]), array.dtype, path)
            place = {**dict(zip("tc", info.part, strict=True)), "z": slice(start, stop)}
            planes = np.asarray(array[tuple(place.get(axis, slice(None)) for axis in axes)])
            return np.ascontiguousarray(planes.reshape(-1, *info.shape[1:]), info.dtype)


def _open(path: str) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    """Array of the full resolution, metadata of the image, and names of channels."""
    try:
        import zarr
    except ImportError as error:
        what = "OME-Zarr cannot be read without zarr"
        raise FileError(what, path, "pip install 'napari-lazy-pipeline[zarr]'") from error
    node: Any = zarr.open(_regular_files(path), mode="r")
    if not hasattr(node, "attrs") or hasattr(node, "shape"):
        return node, {}, ()
    attributes: dict[str, Any] = dict(node.attrs)
    ome = attributes.get("ome", attributes)
    if not ome.get("multiscales"):
        raise FileError("The Zarr folder holds no OME image", path, "Open a folder inside it")
    image = ome["multiscales"][0]
    channels = (ome.get("omero") or {}).get("channels") or []
    names = tuple(str(channel.get("label", "")) for channel in channels)
    return node[image["datasets"][0]["path"]], image, names if all(names) else ()


def _regular_files(path: str) -> Any:
    """Store of the files in a folder, which does not wait for a pipe among them."""
    from zarr.storage import LocalStore

    class RegularFiles(LocalStore):  # type: ignore[misc]
        async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
            refuse_special(self.root / key)
            return await super().get(key, *arguments, **options)

        def get_sync(self, key: str, **options: Any) -> Any:
            refuse_special(self.root / key)
            return super().get_sync(key, **options)

    return RegularFiles(path, read_only=True)


def _chunks(path: str) -> Chunks:
    array, image, _ = _open(path)
    return Chunks(array, _axes(image, array.ndim))


def _axes(image: dict[str, Any], count: int) -> str:
    axes = image.get("axes") or list("tczyx"[-count:])
    return "".join(axis if isinstance(axis, str) else axis["name"] for axis in axes).lower()


def _claims(image: dict[str, Any], axes: str) -> MetadataClaims:
    """Voxel size (z, y, x) [um] and time interval [s]."""
    claims = MetadataClaims("OME-Zarr")
    if not image or image.get("axes") is None:
        return claims
    transforms = image["datasets"][0].get("coordinateTransformations") or []
    scale = next((each["scale"] for each in transforms if each.get("type") == "scale"), None)
    if scale is None:
        return claims
    named = [axis for axis in image["axes"] if isinstance(axis, dict)]
    units = {axis["name"].lower(): axis.get("unit") for axis in named}
    steps = dict(zip(axes, scale, strict=True))
    # A scale of 1 without a unit is what is written where nothing is known.
    stated = {a: steps.get(a) for a in "zyx" if units.get(a) or steps.get(a) != 1}
    z, y, x = (micrometres(stated.get(a), units.get(a) or "um") for a in "zyx")
    interval = seconds(steps.get("t"), units.get("t") or "")
    return replace(claims, voxel_size=(z, y, x), time_interval=interval)


READER = ZarrReader()
