"""Other images of an OME-TIFF: those of another size, type or number of planes than the first.

A second camera is one, or an overview. Each is a position that a person can choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tifffile

from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.readers._reader import FileInfo
from napari_lazy_pipeline.io.readers._tiff.page_order import PageTable, by_ome
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import Directory
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import FileImage


def pages_apart(images: Sequence[FileImage], directories: Sequence[Directory]) -> set[int]:
    """Return the pages of images whose planes are of another size or type than the largest."""
    kinds = {index: kind for index, each in enumerate(images) if (kind := _kind(each, directories))}
    if len(kinds) < len(images) or len(set(kinds.values())) < 2:
        return set()
    largest = max(kinds.values(), key=lambda kind: kind[0][0] * kind[0][1])
    others = (images[index] for index, kind in kinds.items() if kind != largest)
    # One plane alone is a label or a thumbnail.
    return {p.page for image in others if len(image.planes) > 1 for p in image.planes}


def claims_of(part: FileImage, table: PageTable) -> MetadataClaims:
    """Return what is stated of an image, as far as its pages (t, c, z) are in the file."""
    image, start = part.image, 0 if part.alone else min(plane.c for plane in part.planes)
    own = tuple(image.channels[start : start + table.shape[1]])
    names = own if own and all(own) and len(set(own)) == len(own) else image.channel_names
    return in_file(MetadataClaims("OME", image.voxel_size, image.interval, names), table)


def in_file(claims: MetadataClaims, table: PageTable) -> MetadataClaims:
    """Return the same of pages (t, c, z): how many time points, and names if they are of these."""
    times, channels, _ = table.shape
    names = claims.channel_names if len(claims.channel_names) == channels else ()
    return replace(claims, channel_names=names, sizes={"time points": times})


def with_other_images(
    info: FileInfo,
    names: Sequence[str],
    images: Sequence[FileImage],
    tif: tifffile.TiffFile,
) -> FileInfo:
    """Return the same with images that are not among its positions; ``names`` are those of all."""
    count = len(names) - len(images)
    others = []
    for index, image in enumerate(images, start=count):
        pages = sorted({p.page for p in image.planes if p.page < len(tif.pages)})
        table = by_ome(image, pages, ())
        if table is None:
            return info
        first = tif.pages[pages[0]]
        if first.axes != "YX" or first.dtype is None:
            return info
        claims = claims_of(image, table)
        dtype = np.dtype(first.dtype).newbyteorder("=").name
        other = FileInfo(
            info.name, (1, first.shape[0], first.shape[1]), dtype, info.size, **claims.details
        )
        # Only its own row is looked at.
        other = other.with_pages(np.repeat(table[np.newaxis], len(names), axis=0))
        whole = 0 < image.promised <= len(pages)
        others.append(replace(other, scene=index, channel_names=claims.channel_names, whole=whole))
    others = [replace(other, scenes=tuple(names)) for other in others]
    return replace(info, scenes=tuple(names), others=tuple(others))


def _kind(image: FileImage, directories: Sequence[Directory]) -> tuple[tuple[int, int], int] | None:
    """Size and bits of the planes of an image; None if they differ, or are a smaller version."""
    kinds = {
        (directories[plane.page].size, directories[plane.page].tags.get(258, 1))
        for plane in image.planes
        if 0 <= plane.page < len(directories) and not directories[plane.page].reduced
    }
    return kinds.pop() if len(kinds) == 1 else None
