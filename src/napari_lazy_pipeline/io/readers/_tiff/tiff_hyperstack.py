"""Hyperstack: how the pages of one TIFF make up volumes, by time point, channel and plane."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import UNFINISHED
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import OmeImage, TiffMetadata

Strides = tuple[int, int, int]


def hyperstack(tif: tifffile.TiffFile, header: TiffMetadata, path: str, size: int) -> FileInfo:
    """Tell how the pages of a file of so many bytes make up volumes.

    Raise FileError if they do not: pages of several sizes, colours, or axes of unknown meaning.
    """
    series = tif.series
    shape, axes = tuple(series[0].shape), series[0].axes
    if len(series) > 1:
        if len({(each.shape, each.dtype) for each in series}) > 1 or len(shape) != 2:
            raise FileError("The file holds images of several sizes", path, "Split it")
        shape, axes = (len(series), *shape), "Z" + axes
    if axes[-2:] != "YX" or "S" in axes or series[0].dtype is None:
        raise _no_volumes(shape, axes, path)
    info = FileInfo(
        os.path.basename(path), (1, shape[-2], shape[-1]),
        np.dtype(series[0].dtype).newbyteorder("=").name, size, **header.details,
    )  # fmt: skip
    pages = int(np.prod(shape[:-2], dtype=object))
    images = [image for image in header.images if image.planes]
    if not images:
        (t, c, z), strides = _by_axes(shape[:-2], axes[:-2], header, path)
        return replace(info, shape=(z, *info.shape[1:]), inner=(t, c), strides=strides)
    places = [_by_ome(image, pages, path) for image in images]
    (t, c, z), strides, _, channel = places[0]
    alike = [index for index, place in enumerate(places) if place[:2] == places[0][:2]]
    names = header.channel_names[channel : channel + c]
    return replace(
        info, shape=(z, *info.shape[1:]), inner=(t, c), strides=strides,
        firsts=tuple(places[index][2] for index in alike),
        scenes=tuple(images[index].name for index in alike) if len(alike) > 1 else (),
        channel_names=names if len(names) == c else (),
    )  # fmt: skip


def _by_axes(
    shape: Sequence[int], axes: str, header: TiffMetadata, path: str
) -> tuple[Strides, Strides]:
    """Sizes and strides (t, c, z) as the axes of the pages are named."""
    sizes, strides, step = dict.fromkeys("TCZ", 1), {"T": 0, "C": 0, "Z": 1}, 1
    for length, name in zip(reversed(shape), reversed(axes), strict=True):
        if length == 1:
            continue
        # Pages without a meaning are planes.
        axis = "Z" if name not in "TCZ" and sizes["Z"] == 1 and "Z" not in axes else name
        if axis not in sizes or sizes[axis] > 1:
            raise _no_volumes((*shape, 0, 0), axes + "YX", path)
        sizes[axis], strides[axis], step = length, step, step * length
    promised = math.prod(max(count, 1) for count in header.sizes.values())
    if promised > step:
        raise FileError(f"The file holds {step} of {promised} planes", path, UNFINISHED)
    t, c, z = (sizes[axis] for axis in "TCZ")
    return (t, c, z), (strides["T"], strides["C"], strides["Z"])


def _by_ome(image: OmeImage, pages: int, path: str) -> tuple[Strides, Strides, int, int]:
    """Sizes and strides (t, c, z), first page and first channel, as OME-XML places the pages."""
    planes = np.array(image.planes)
    first, start = int(planes[:, 0].min()), planes[:, 1:].min(0)
    if int(planes[:, 0].max()) >= pages:
        raise FileError(f"The file holds {pages} of {image.promised} planes", path, UNFINISHED)
    places = planes[:, 1:] - start
    t, c, z = (int(size) for size in places.max(0) + 1)
    if t * c * z > len(planes):
        raise _no_order(path)
    numbers = np.full((t, c, z), -1)
    numbers[tuple(places.T)] = planes[:, 0] - first
    strides = [
        int(np.diff(numbers, axis=axis).ravel()[0]) if numbers.shape[axis] > 1 else 0
        for axis in range(3)
    ]
    regular = np.tensordot(strides, np.indices(numbers.shape), 1)
    if not np.array_equal(numbers, regular):
        raise _no_order(path)
    return (t, c, z), (strides[0], strides[1], strides[2] or 1), first, int(start[1])


def _no_order(path: str) -> FileError:
    what = "OME-XML gives the planes of the file in no regular order"
    return FileError(what, path, "Save it again")


def _no_volumes(shape: Sequence[int], axes: str, path: str) -> FileError:
    what = f"The file holds {tuple(shape)} ({axes}): no grey volumes (z, y, x)"
    hint = "Save it with axes among T, C and Z before Y and X, without colours"
    return FileError(what, path, hint)
