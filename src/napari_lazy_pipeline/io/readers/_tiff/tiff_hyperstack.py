"""Hyperstack: how the pages of one TIFF make up volumes, by time point, channel and plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.io.readers._tiff.ome_xml import OmeImage
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import UNFINISHED
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import Metadata

Strides = tuple[int, int, int]


@dataclass(frozen=True)
class Hyperstack:
    """The volumes of a file.

    Attributes
    ----------
    shape
        Shape of each (z, y, x).
    dtype
        Type of the pixels, in the byte order of this machine.
    inner
        Number of time points and channels.
    strides
        Number of pages from one time point, channel and plane to the next.
    firsts
        First page of each position.
    scenes
        Names of the positions, if there are several.
    channels
        Indices of the channels, as the metadata count them.
    """

    shape: Shape
    dtype: np.dtype
    inner: tuple[int, int] = (1, 1)
    strides: Strides = (0, 0, 1)
    firsts: tuple[int, ...] = (0,)
    scenes: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()

    def as_planes(self) -> Hyperstack:
        """The same with time points, or channels, of one plane each as planes."""
        t, c = self.inner
        if self.shape[0] > 1 or (t > 1) == (c > 1):
            return self
        strides = (0, 0, self.strides[0] if t > 1 else self.strides[1])
        return replace(self, shape=(t * c, *self.shape[1:]), inner=(1, 1), strides=strides)


def hyperstack(tif: tifffile.TiffFile, header: Metadata, path: str) -> Hyperstack:
    """Find out how the pages of a file make up volumes.

    Raises
    ------
    FileError
        If they do not: pages of several sizes, colours, or axes nobody can tell apart.
    """
    series = tif.series
    shape, axes = tuple(series[0].shape), series[0].axes
    if len(series) > 1:
        if len({(each.shape, each.dtype) for each in series}) > 1 or len(shape) != 2:
            raise FileError("The file holds images of several sizes", path, "Split it")
        shape, axes = (len(series), *shape), "Z" + axes
    if axes[-2:] != "YX" or "S" in axes or series[0].dtype is None:
        raise _no_volumes(shape, axes, path)
    dtype = np.dtype(series[0].dtype).newbyteorder("=")
    pages = int(np.prod(shape[:-2], dtype=object))
    images = [image for image in header.images if image.planes]
    if not images:
        (t, c, z), strides = _by_axes(shape[:-2], axes[:-2], header, path)
        return Hyperstack((z, shape[-2], shape[-1]), dtype, (t, c), strides)
    places = [_by_ome(image, pages, path) for image in images]
    (t, c, z), strides, _, channel = places[0]
    alike = [index for index, place in enumerate(places) if place[:2] == places[0][:2]]
    return Hyperstack(
        (z, shape[-2], shape[-1]), dtype, (t, c), strides,
        tuple(places[index][2] for index in alike),
        tuple(images[index].name for index in alike) if len(alike) > 1 else (),
        tuple(range(channel, channel + c)),
    )  # fmt: skip


def _by_axes(
    shape: Sequence[int], axes: str, header: Metadata, path: str
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
    promised = max(header.planes, 1) * max(header.channels, 1) * max(header.frames, 1)
    if promised > step:
        raise FileError(f"The file holds {step} of {promised} planes", path, UNFINISHED)
    t, c, z = (sizes[axis] for axis in "TCZ")
    return (t, c, z), (strides["T"], strides["C"], strides["Z"])


def _by_ome(image: OmeImage, pages: int, path: str) -> tuple[Strides, Strides, int, int]:
    """Sizes and strides (t, c, z), first page and first channel, as OME-XML places the pages."""
    planes = np.array(image.planes)
    first, start = int(planes[:, 0].min()), planes[:, 1:].min(0)
    if int(planes[:, 0].max()) >= pages:
        raise FileError(f"The file holds {pages} of {len(planes)} planes", path, UNFINISHED)
    places = planes[:, 1:] - start
    t, c, z = (int(size) for size in places.max(0) + 1)
    numbers = np.full((t, c, z), -1)
    numbers[tuple(places.T)] = planes[:, 0] - first
    strides = [
        int(np.diff(numbers, axis=axis).ravel()[0]) if numbers.shape[axis] > 1 else 0
        for axis in range(3)
    ]
    regular = np.tensordot(strides, np.indices(numbers.shape), 1)
    if not np.array_equal(numbers, regular):
        raise FileError(
            "OME-XML gives the planes of the file in no regular order", path, "Save it again"
        )
    return (t, c, z), (strides[0], strides[1], strides[2] or 1), first, int(start[1])


def _no_volumes(shape: Sequence[int], axes: str, path: str) -> FileError:
    return FileError(
        f"The file holds {tuple(shape)} ({axes}): no grey volumes (z, y, x)",
        path,
        "Save it with axes among T, C and Z before Y and X, without colours",
    )
