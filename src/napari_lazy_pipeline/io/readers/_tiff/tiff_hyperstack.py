"""Hyperstack: how the pages of one TIFF make up volumes, by time point, channel and plane."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.written_text import WrittenText
from napari_lazy_pipeline.io.readers._reader import FileInfo, check_grey
from napari_lazy_pipeline.io.readers._tiff.other_images import (
    claims_of,
    in_file,
    pages_apart,
    with_other_images,
)
from napari_lazy_pipeline.io.readers._tiff.page_order import PageTable, by_ome, in_order
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import UNFINISHED, Directory
from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import FileImage, TiffMetadata
from napari_lazy_pipeline.io.readers._tiff.tiff_pages import image_pages

_SINGLE = {"T": 1, "C": 1, "Z": 1}


@dataclass(frozen=True)
class _Order:
    """Which page of a file is which plane.

    Attributes
    ----------
    table
        Pages (position, t, c, z), -1 where there is none.
    promised
        Number of planes that a text says there are; 0 if none does.
    unnamed
        Lengths of axes that nobody names, in the order of the pages.
    """

    table: PageTable
    promised: int = 0
    unnamed: tuple[int, ...] = ()
    scenes: tuple[str, ...] = ()
    claims: tuple[MetadataClaims, ...] = ()  # of each position; empty: those of the file
    others: tuple[FileImage, ...] = ()  # images of another shape or type, the last of the scenes


def hyperstack(
    tif: tifffile.TiffFile,
    header: TiffMetadata,
    directories: list[Directory],
    path: str,
    size: int,
) -> FileInfo:
    """Tell how the pages of a file of so many bytes make up volumes.

    Raise FileError if they do not: pages of several sizes, colours, or more axes than there are.
    """
    pages, left_out = image_pages(directories, path, pages_apart(header.images, directories))
    pages, shape, dtype = _planes(tif, header, pages, path)
    check_grey(np.dtype(dtype), f"{' x '.join(map(str, shape))} {dtype}", path)
    order = _order(tif, header, pages, path)
    info = FileInfo(os.path.basename(path), (order.table.shape[-1], *shape), dtype, size)
    notes = [*header.notes, *filter(None, (left_out, _promise(header, order, len(pages))))]
    alone = MetadataClaims(
        header.source, header.voxel_size, header.time_interval, header.channel_names
    )
    claims = order.claims or (in_file(alone, order.table[0]),)
    promised = order.promised or math.prod(header.shape[:-2]) * (header.shape[-2:] == shape)
    info = replace(
        info.with_pages(order.table), scenes=order.scenes, unnamed=order.unnamed, claims=claims,
        notes=tuple(notes),
        set_channels=header.channel_names if header.places else header.written.channels,
        places=header.places, translate=header.written.origin_of(info.shape),
        frame=header.written.frame, whole=0 < promised <= len(pages),
        exported=header.written != WrittenText(),
        first_plane=next((place.z for place in header.places if place.name == info.name), 0),
    )  # fmt: skip
    info = info.at_scene(0)
    return with_other_images(info, order.scenes, order.others, tif) if order.others else info


def _planes(
    tif: tifffile.TiffFile, header: TiffMetadata, pages: list[int], path: str
) -> tuple[list[int], tuple[int, int], str]:
    """Pages, shape (y, x) and type of the planes; one directory may stand for many of them."""
    series = tif.series[0] if len(tif.pages) == 1 else None
    page = tif.pages[pages[0]] if pages[0] else tif.pages.first
    shape, axes, dtype = tuple(page.shape), page.axes, page.dtype
    if series is not None and series.dataoffset is not None:
        shape, axes, dtype = tuple(series.shape), series.axes, series.dtype
    if axes[-2:] != "YX" or "S" in axes or dtype is None or not all(shape):
        raise no_volumes(shape, axes, path)
    count = math.prod(shape[:-2])
    if len(tif.pages) == 1:
        promised = math.prod((header.lengths or _SINGLE).values())
        if header.shape[-2:] == shape[-2:]:
            promised = max(promised, math.prod(header.shape[:-2]))
        if promised > count:
            raise FileError(f"The file holds {count} of {promised} planes", path, UNFINISHED)
        pages = list(range(count))
    elif count > 1:
        raise no_volumes(shape, axes, path)
    return pages, (shape[-2], shape[-1]), np.dtype(dtype).newbyteorder("=").name


def _order(tif: tifffile.TiffFile, header: TiffMetadata, pages: list[int], path: str) -> _Order:
    """What the text says of the pages, as far as they are there; else they are planes."""
    order = None
    if header.images:
        order = _of_ome(header.images, pages)
    elif header.lengths and math.prod(header.lengths.values()) > 1:
        table = in_order(pages, header.lengths, "CZT")
        promised = math.prod(header.lengths.values())
        order = None if table is None else _Order(table[np.newaxis], promised)
    elif header.shape:
        order = _of_array(tif, header, pages, path)
    if order is not None:
        return order
    flat = (len(pages),) if len(pages) > 1 else ()
    promised = sum(image.promised for image in header.images)
    return _Order(np.array(pages, np.int32).reshape(1, 1, 1, -1), promised, flat)


def _of_ome(images: Sequence[FileImage], pages: list[int]) -> _Order | None:
    """Positions; those of another size, type or depth than the first are others."""
    whole, named = images, {plane.page for image in images for plane in image.planes}
    free = [page for page in pages if page not in named] if images[-1].alone else []
    tables = [by_ome(image, pages, free if image is images[-1] else ()) for image in images]
    # Images of thumbnails and the like have no planes among these.
    known = [(i, table) for i, table in zip(images, tables, strict=True) if table is not None]
    if not known:
        return None
    images, first = [image for image, _ in known], known[0][1]
    alike = [(image, table) for image, table in known if table.shape[1:] == first.shape[1:]]
    times = max(len(table) for _, table in alike)
    joint = [
        np.pad(table, ((0, times - len(table)), (0, 0), (0, 0)), constant_values=-1)
        for _, table in alike
    ]
    claims = tuple(claims_of(image, table) for image, table in alike)
    same = [image for image, _ in alike]
    kept = [image for image in whole if len(image.planes) > 1 or image in images]
    others = [image for image in kept if image not in same] if images[0].alone else []
    all_names = [image.image.name for image in (*same, *others)]
    scenes = _distinct(all_names) if len(all_names) > 1 else ()
    promised = sum(image.promised for image in images)
    return _Order(np.stack(joint), promised, (), scenes, claims, tuple(others))


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Names of positions, none like another."""
    distinct: list[str] = []
    for index, name in enumerate(names):
        name = name or f"position {index}"
        distinct.append(f"{name} ({index})" if name in distinct else name)
    return tuple(distinct)


def _of_array(
    tif: tifffile.TiffFile, header: TiffMetadata, pages: list[int], path: str
) -> _Order | None:
    """The axes of an array that tifffile wrote, or of several, one after the other."""
    shape, plane = header.shape, tuple(tif.pages.first.shape)
    axes = header.axes or "Q" * len(shape)
    while shape[-2:] != plane and shape and shape[-1] == 1:
        shape, axes = shape[:-1], axes[:-1]
    if shape[-2:] != plane:
        return None
    outer = [(n, axis) for n, axis in zip(shape[:-2], axes[:-2], strict=True) if n > 1]
    if not outer:
        return None  # planes, written one by one
    named = _named(outer)
    if named is None:
        raise no_volumes(shape, axes[:-2] + "YX", path)
    lengths = {**_SINGLE, **{axis: n for (n, _), axis in zip(outer, named, strict=True)}}
    order = "".join(axis for axis in "ZCT" if axis not in named) + named[::-1]
    promised = math.prod(lengths.values())
    unnamed = tuple(n for n, _ in outer)
    parts = -(-len(pages) // promised)
    table = _appended(tif, pages) if parts > 1 else None
    if table is None:
        table = in_order(pages, lengths, order)
    if parts > 1:
        unnamed = (parts, *unnamed)
        promised = 0 if len(pages) == parts * promised else promised
    elif all(axis in "TCZ" for _, axis in outer):
        unnamed = ()
    return None if table is None else _Order(table[np.newaxis], promised, unnamed)


def _named(outer: Sequence[tuple[int, str]]) -> str | None:
    """Names among T, C and Z for all axes: those that have none take what is left, usually."""
    free = [axis for axis in "TCZ" if axis not in {name for _, name in outer}]
    unknown = sum(name not in "TCZ" for _, name in outer)
    if unknown > len(free) or len(free) + len(outer) - unknown != 3:
        return None
    usual = {1: "ZTC", 2: "TZC"}.get(unknown, "TCZ")
    taken = iter(sorted([a for a in usual if a in free][:unknown], key="TCZ".index))
    return "".join(name if name in "TCZ" else next(taken) for _, name in outer)


def _appended(tif: tifffile.TiffFile, pages: list[int]) -> PageTable | None:
    """Volumes of several depths that were appended to one file; None if they are alike."""
    depths = [math.prod(series.shape[:-2]) for series in tif.series]
    if len(set(depths)) < 2 or sum(depths) != len(pages):
        return None
    table = np.full((len(depths), 1, max(depths)), -1, np.int32)
    ends = np.cumsum(depths).tolist()
    for row, depth, end in zip(table, depths, ends, strict=True):
        row[0, :depth] = pages[end - depth : end]
    return table


def _promise(header: TiffMetadata, order: _Order, count: int) -> str:
    """A note if the text promises more or fewer planes than there are."""
    source = {"OME": "OME-XML", "": "Its text"}.get(header.source, header.source)
    promised = order.promised
    if not promised or promised == count:
        return ""
    said = f"{source} says {format_count(promised, 'plane')}, the file has {count}"
    return f"{said}: all are shown" if count > promised else f"{said}: what is missing is blank"


def no_volumes(shape: Sequence[int], axes: str, path: str) -> FileError:
    """Say what a file holds that is no volumes, by its axes."""
    what = f"The file holds {' x '.join(map(str, shape))} ({axes}): no grey volumes (z, y, x)"
    hint = "Save it with axes among T, C and Z before Y and X, without colours"
    return FileError(what, path, hint)
