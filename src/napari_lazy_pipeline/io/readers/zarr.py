"""OME-Zarr folders, of both versions of the format, and plain Zarr arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, cast, get_args

import numpy as np

from napari_lazy_pipeline._runtime.free_memory import require
from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.spec import Frame
from napari_lazy_pipeline.io.metadata.ome_zarr_place import placement
from napari_lazy_pipeline.io.readers._common_volume import alike
from napari_lazy_pipeline.io.readers._reader import (
    FileInfo,
    GrowingReader,
    GrowthState,
    file_errors,
    file_stamp,
)
from napari_lazy_pipeline.io.readers._zarr_chunks import Chunks

_AT_ONCE = 10  # chunks that zarr unpacks at the same time
_MOST_ARRAYS = 1000  # of a plain group, which are positions
# What a folder of zarr holds, of its versions 2 and 3.
_MARKS = ("zarr.json", ".zattrs", ".zarray", ".zgroup")


class ZarrReader(GrowingReader):
    """Reads the full resolution of an OME-Zarr, chunk by chunk."""

    suffixes = (".zarr",)
    in_folders = True

    def accepts(self, path: str) -> bool:
        return super().accepts(os.fspath(path).rstrip("/\\"))

    def probe(self, path: str) -> FileInfo:
        return _header(path, 0)

    def at_scene(self, path: str, info: FileInfo, scene: int) -> FileInfo:
        return _header(path, scene) if scene else info

    def growth(self, path: str, info: FileInfo) -> GrowthState:
        with file_errors(path):
            return _chunks(path, info).growth()

    def state(self, path: str, info: FileInfo) -> Hashable:
        with file_errors(path):
            if info.indexed:
                return _chunks(path, info).state(*info.part)
            place = info.scenes[info.scene] if info.scenes else ""
            return _same_chunks(path, place, file_stamp(path)).state(*info.part)

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with file_errors(path):
            array, image, _ = _open(path, _place(path, info))
            axes = _axes(image, array)
            sizes = dict(zip(axes, array.shape, strict=True))
            info.check((sizes.get("z", 1), sizes["y"], sizes["x"]), array.dtype, path)
            # However little is wanted, a chunk is unpacked as a whole.
            require(math.prod(array.chunks) * array.dtype.itemsize)
            place = {**dict(zip("tc", info.part, strict=True)), "z": slice(start, stop)}
            planes = np.asarray(array[tuple(place.get(axis, slice(None)) for axis in axes)])
            return np.ascontiguousarray(planes.reshape(-1, *info.shape[1:]), info.dtype)


def is_zarr(path: str) -> bool:
    """Return whether a folder is an image, or a group of images, whatever it is called."""
    return any(os.path.isfile(os.path.join(path, name)) for name in _MARKS)


def _root(path: str) -> Any:
    """Open a folder, and nothing else: zarr alone takes some names for addresses in a network."""
    try:
        import zarr
    except ImportError as error:
        what = "OME-Zarr cannot be read without zarr"
        raise FileError(what, path, "pip install 'napari-lazy-pipeline[zarr]'") from error
    return zarr.open(_regular_files(path), mode="r")


def _is_array(node: Any) -> bool:
    return not hasattr(node, "attrs") or hasattr(node, "shape")


def _ome(node: Any) -> dict[str, Any]:
    """What a group states, of either version."""
    attributes: dict[str, Any] = dict(node.attrs)
    ome: dict[str, Any] = attributes.get("ome", attributes)
    return ome


def _images(node: Any, path: str) -> tuple[str, ...]:
    """Places of the images in a folder: it is one, or holds a plate, a well, or several."""
    if _is_array(node):
        return ("",)
    ome = _ome(node)
    images: Sequence[str] = []
    if ome.get("multiscales"):
        images = [""]
    elif "plate" in ome:
        for well in (well["path"] for well in ome["plate"]["wells"]):
            images = [
                *images,
                *(f"{well}/{image['path']}" for image in _ome(node[well])["well"]["images"]),
            ]
    elif "well" in ome:
        images = [image["path"] for image in ome["well"]["images"]]
    elif "bioformats2raw.layout" in ome:
        series = _ome(node["OME"]).get("series") if "OME" in node else None
        images = series or sorted(filter(str.isdecimal, node.group_keys()), key=int)
    # A row of a plate, say, is a plain group of images.
    images = images or list(islice(_inner_images(node), _MOST_ARRAYS))
    images = images or alike(dict(islice(_plain_arrays(node), _MOST_ARRAYS)))[0]
    if not images:
        what = "The Zarr folder holds no image: no OME metadata, and no array of numbers"
        raise FileError(what, path, "Open the folder of an array, or another one")
    return tuple(images)


def _inner_images(group: Any, depth: int = 3) -> Iterator[str]:
    """Places of the images of OME-Zarr in the groups of a group."""
    for name, inner in sorted(group.groups()) if depth else ():
        if _ome(inner).get("multiscales"):
            yield name
        else:
            yield from (f"{name}/{place}" for place in _inner_images(inner, depth - 1))


def _plain_arrays(group: Any, depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Places of the arrays in a group, and in its groups, that may be volumes."""
    for name, array in sorted(group.arrays()):
        if 2 <= array.ndim <= 5 and array.dtype.kind in "buif":
            yield name, array
    for name, inner in sorted(group.groups()) if depth else ():
        yield from ((f"{name}/{place}", a) for place, a in _plain_arrays(inner, depth - 1))


def _header(path: str, scene: int) -> FileInfo:
    """Describe one of the images in a folder: what others are like costs more to tell."""
    with file_errors(path):
        os.stat(path)  # zarr takes a folder that is gone for one without an image
        images = _images(_root(path), path)
        array, image, channels = _open(path, images[scene])
        axes = _axes(image, array)
        if not set(axes) <= set("tczyx") or axes[-2:] != "yx" or len(axes) != array.ndim:
            what = f"The axes of {array.shape} are {axes or 'not named'}, not t, c, z, y, x"
            raise FileError(what, path, "Save it as OME-Zarr, or with dimension names")
        sizes = dict(zip(axes, array.shape, strict=True))
        claims, translate = placement(image, axes)
        return FileInfo.of(
            path, (sizes.get("z", 1), sizes["y"], sizes["x"]), array.dtype, claims,
            inner=(sizes.get("t", 1), sizes.get("c", 1)),
            channel_names=channels if len(channels) == sizes.get("c", 1) else (),
            indexed=axes.startswith("t"),  # where time points can be added
            translate=translate, frame=_frame(_root(path)),
            overhead=_unpacked(array, axes),
            scenes=images if len(images) > 1 else (),
            firsts=(0,) * len(images), scene=scene,
        )  # fmt: skip


def _frame(node: Any) -> Frame:
    """What the axes are along, where this package wrote it."""
    about = node.attrs.get("napari_lazy_pipeline")
    frame = about.get("frame") if isinstance(about, dict) else None
    return cast(Frame, frame) if frame in get_args(Frame) else "camera"


def _place(path: str, info: FileInfo) -> str:
    """Place of the image that is to be read; of several, no other is looked at."""
    return info.scenes[info.scene] if info.scenes else _images(_root(path), path)[0]


def _open(path: str, place: str) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    """Array of the full resolution, metadata of an image, and names of channels."""
    node = _root(path)
    node = node[place] if place else node
    if _is_array(node):
        return _harmless(node, path), {}, ()
    ome = _ome(node)
    image = ome["multiscales"][0]
    channels = (ome.get("omero") or {}).get("channels") or []
    names = tuple(str(channel.get("label", "")) for channel in channels)
    array = _harmless(node[image["datasets"][0]["path"]], path)
    return array, image, names if all(names) else ()


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


def _harmless(array: Any, path: str) -> Any:
    """The array, unless its pixels are packed in a way that would run code of theirs."""
    metadata = array.metadata
    codecs = [*(getattr(metadata, "filters", None) or ()), getattr(metadata, "compressor", None)]
    codecs += getattr(metadata, "inner_codecs", ())
    names = [
        f"{type(codec).__name__} {getattr(codec, 'codec_id', getattr(codec, 'codec_name', ''))}"
        for codec in codecs
    ]
    if any("pickle" in name.lower() for name in names):
        what = "The pixels are packed as Python objects (pickle), which can run any code"
        raise FileError(what, path, "Save them again as numbers")
    return array


def _unpacked(array: Any, axes: str) -> int:
    """Size of the chunks of a volume that are unpacked at the same time [byte]."""
    grid = zip(axes, array.shape, array.chunks, strict=True)
    count = math.prod(-(-length // step) for axis, length, step in grid if axis in "zyx")
    return int(min(count, _AT_ONCE) * math.prod(array.chunks) * array.dtype.itemsize)


def _chunks(path: str, info: FileInfo) -> Chunks:
    array, image, _ = _open(path, _place(path, info))
    return Chunks(array, _axes(image, array), path)


@lru_cache(maxsize=1024)
def _same_chunks(path: str, place: str, stamp: Hashable) -> Chunks:
    """Chunks of an array that does not grow: all that are looked at are asked for each time."""
    array, image, _ = _open(path, place or _images(_root(path), path)[0])
    return Chunks(array, _axes(image, array), path)


def _axes(image: dict[str, Any], array: Any) -> str:
    """Axes by their metadata, or the names that zarr 3 and xarray give them; else the usual ones.

    Four axes without names may begin with t or with c: empty.
    """
    axes = image.get("axes") or getattr(array.metadata, "dimension_names", None)
    axes = axes or array.attrs.get("_ARRAY_DIMENSIONS")
    if not axes or None in axes:
        axes = "" if array.ndim == 4 else "tczyx"[-array.ndim :]
    names = (axis if isinstance(axis, str) else axis["name"] for axis in axes)
    return "".join({"time": "t", "channel": "c"}.get(name.lower(), name.lower()) for name in names)


READER = ZarrReader()
