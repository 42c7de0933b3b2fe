"""Page axes: what the pages of a file are, as a person states it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.readers._reader import FileInfo

_PLANE = "YX"
_NOUNS = {"T": "time point", "C": "channel", "Z": "plane"}


def with_axes(info: FileInfo, axes: str = "", depth: int = 0) -> FileInfo:
    """Take the pages of a file for what a person says that they are.

    Parameters
    ----------
    axes
        Names among T, C and Z of the axes of the pages, the slowest first, before Y and X. One
        name is that of all pages. Numbers are their lengths, of all axes but one: ``TC2Z5YX`` is
        one flat list of pages, in which time points have 2 channels of 5 planes each.
    depth
        Number of planes of a volume; 0: by the axes, each of which has a length then.

    Raises
    ------
    FileError
        If the file has other axes, or its pages are no whole volumes.

    Examples
    --------
    >>> info = FileInfo("a.tif", (30, 8, 8), "uint16", 4000)
    >>> with_axes(info, depth=10).inner, with_axes(info, "ZCYX", 10).strides
    ((3, 1), (0, 1, 3))
    """
    stated = {name: int(size) for name, size in re.findall("([TCZ])([0-9]+)", axes.upper())}
    plain = re.sub("[0-9]", "", axes)
    names = _names(plain or ("T" if depth else "") + "ZYX", info)
    pages = _pages(info)
    count = pages.shape[1]
    if stated:
        lengths, count = _by_sizes(names, stated | ({"Z": depth} if depth else {}), count, info)
        pages = np.pad(pages, ((0, 0), (0, count - pages.shape[1])), constant_values=-1)
    elif depth:
        lengths, count = _by_depth(names, depth, count, info)
        pages = np.pad(pages, ((0, 0), (0, count - pages.shape[1])), constant_values=-1)
    elif len(names) == 1:
        lengths = (count,)
    else:
        lengths = page_axes(info)
        if len(lengths) != len(names):
            raise _other_axes(lengths, info)
    table = pages.reshape(len(pages), *lengths)
    for axis in "TCZ":
        if axis not in names:
            table, names = table[..., None], names + axis
    table = table.transpose(0, *(1 + names.index(axis) for axis in "TCZ"))
    other = info.with_pages(table)
    # Else what the file states is the time between other pages.
    same_times = np.array_equal(other.page_table[:, :, 0, 0], info.page_table[:, :, 0, 0])
    return replace(
        other, axes=axes, depth=depth, last_plane=info.last_plane if other.inner == (1, 1) else -1,
        channel_names=info.channel_names if other.inner[1] == info.inner[1] else (),
        time_interval=info.time_interval if same_times else None,
    )  # fmt: skip


def page_axes(info: FileInfo) -> tuple[int, ...]:
    """Lengths of the axes that the pages of a file have, the slowest first.

    Examples
    --------
    >>> page_axes(FileInfo("a.tif", (5, 8, 8), "uint16", 4000, inner=(3, 1), strides=(5, 0, 1)))
    (3, 5)
    """
    if math.prod(info.unnamed) == _pages(info).shape[1] and info.unnamed:
        return info.unnamed
    if info.pages:
        return (_pages(info).shape[1],)
    axes = zip(info.strides, (*info.inner, info.shape[0]), strict=True)
    return tuple(length for _, length in sorted(axes, reverse=True) if length > 1)


def possible_axes(lengths: Sequence[int]) -> tuple[str, ...]:
    """What axes of so many lengths may be, the usual ones first; one of them is z.

    Examples
    --------
    >>> possible_axes((3, 5))
    ('TZYX', 'CZYX', 'ZTYX', 'ZCYX')
    """
    orders = ("".join(names) for names in permutations("TCZ", len(lengths)) if "Z" in names)
    return tuple(
        sorted((names + _PLANE for names in orders), key=lambda names: names.index("Z") * -1)
    )


def axes_in_words(axes: str, lengths: Sequence[int]) -> str:
    """Axes of some lengths as a person reads them.

    Examples
    --------
    >>> axes_in_words("TZYX", (3, 5))
    '3 time points x 5 planes'
    """
    return " x ".join(
        format_count(n, _NOUNS[name])
        for name, n in zip(axes.removesuffix(_PLANE), lengths, strict=True)
    )


def _pages(info: FileInfo) -> NDArray[np.int32]:
    """Pages that are there, in their order in the file (position, page); -1 at the end of some."""
    table = info.page_table.reshape(len(info.firsts), -1)
    pages = np.sort(np.where(table < 0, np.iinfo(np.int32).max, table), axis=1)
    present = pages < np.iinfo(np.int32).max
    most = int(present.sum(1).max())
    return np.where(present, pages, -1)[:, :most].astype(np.int32)


def _names(axes: str, info: FileInfo) -> str:
    names = axes.upper().removesuffix(_PLANE)
    if not axes.upper().endswith(_PLANE) or not names or set(names) - set("TCZ"):
        raise _not_axes(axes, info)
    if len(set(names)) < len(names):
        raise _not_axes(axes, info)
    return names


def _not_axes(axes: str, info: FileInfo) -> FileError:
    what = f"axes may be ZYX, TZYX, ZCYX or the like, not {axes!r}"
    return FileError(what, info.name, "Name each axis once: T, C and Z before Y and X")


def _by_depth(names: str, depth: int, count: int, info: FileInfo) -> tuple[tuple[int, ...], int]:
    """Lengths of the axes if volumes have so many planes, and how many pages these have."""
    others = names.replace("Z", "")
    if depth < 1 or len(others) > 1 or "Z" not in names:
        what = f"Volumes of {depth} planes may be TZYX, CZYX, ZTYX or ZCYX, not {names}{_PLANE}"
        raise FileError(what, info.name, "One of T and C is the rest")
    parts = -(-count // depth)
    if count % depth and names[-1] != "Z":
        what = f"{count} planes are no whole volumes of {depth}"
        raise FileError(what, info.name, "Count the planes of a volume")
    if not others and parts > 1:
        names = "T" + names
        raise FileError(
            f"{count} planes are more than one volume of {depth}",
            info.name,
            f"Say what the volumes are, as in axes={names + _PLANE!r}",
        )
    lengths = {"Z": depth, others: parts}
    return tuple(lengths[name] for name in names), parts * depth


def _by_sizes(
    names: str, sizes: dict[str, int], count: int, info: FileInfo
) -> tuple[tuple[int, ...], int]:
    """Lengths of the axes of which all but one are stated, and how many pages these have."""
    (rest, *others) = [name for name in names if name not in sizes] or [""]
    known = math.prod(sizes.values())
    if not rest or others or known < 1:
        what = f"The lengths of all axes but one are needed of {names}{_PLANE}"
        raise FileError(what, info.name, "Write them behind the names, as in TC2Z5YX")
    if count % known and names[0] != rest:
        raise FileError(
            f"{count} planes are no whole number of {known}", info.name, "Count the planes again"
        )
    lengths = tuple(sizes.get(name, -(-count // known)) for name in names)
    return lengths, math.prod(lengths)


def _other_axes(lengths: tuple[int, ...], info: FileInfo) -> FileError:
    sizes = " x ".join(map(str, lengths)) or "1"
    ways = possible_axes(lengths) if len(lengths) <= 3 else ()
    what = f"The pages of the file are {sizes}, of other axes than these"
    return FileError(what, info.name, f"axes may be {', '.join(ways[:6])}" if ways else "")
