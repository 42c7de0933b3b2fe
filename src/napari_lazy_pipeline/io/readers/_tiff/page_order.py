"""Page order: which page of a file is which plane, as its text says and as far as they are there.

Tables of pages are (t, c, z), -1 where a page is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_lazy_pipeline.io.readers._tiff.tiff_metadata import FileImage

PageTable = NDArray[np.int32]
# A text that tells of this many times more planes than there are pages is not believed.
_SPARSE, _FEW = 100, 1000


def in_order(
    pages: Sequence[int], lengths: Mapping[str, int], order: str, grown: str = ""
) -> PageTable | None:
    """Give pages their places one after the other, by the axes from the fastest on.

    More pages than there are places go on along the slowest axis, which is time if there are no
    times; fewer leave the rest empty, and time ends with the last. None: that is mostly empty.

    Examples
    --------
    >>> in_order(range(7), {"T": 9, "C": 1, "Z": 3}, "ZCT")[:, 0].tolist()
    [[0, 1, 2], [3, 4, 5], [6, -1, -1]]
    """
    count, sizes = len(pages), dict(lengths)
    slow = grown or ("T" if sizes["T"] == 1 else [axis for axis in order if sizes[axis] > 1][-1])
    order = order.replace(slow, "") + slow
    rest = math.prod(sizes[axis] for axis in order[:-1])
    needed = max(-(-count // rest), 1)
    sizes[slow] = needed if slow == "T" else max(needed, sizes[slow])
    if is_sparse(math.prod(sizes.values()), count):
        return None
    table = np.full(math.prod(sizes.values()), -1, np.int32)
    table[:count] = pages
    # The slowest axis is the first one.
    slowest_first = order[::-1]
    table = table.reshape([sizes[axis] for axis in slowest_first])
    return table.transpose([slowest_first.index(axis) for axis in "TCZ"])


def by_ome(part: FileImage, pages: Sequence[int], free: Sequence[int]) -> PageTable | None:
    """Give pages the places that OME-XML states, and free ones places after these.

    None if most places would be empty.
    """
    image = part.image
    lengths = {axis: image.size(axis) for axis in "TCZ"}
    known = set(pages)
    places = np.array([plane for plane in part.planes if plane.page in known], np.int64)
    if not len(places):
        return None
    named = set(places[:, 0].tolist())
    if len(np.unique(places[:, 1:], axis=0)) < len(places) or len(named) < len(places):
        # Two pages for one plane: then only their order tells.
        return in_order(sorted(named), lengths, image.order)
    if free:
        # As it is usual: what is named are the first pages, in their order.
        first = in_order(sorted(named), lengths, image.order)
        table = _filled(places, lengths, part.alone)
        if first is not None and table is not None and np.array_equal(first, table):
            single = lengths["T"] == lengths["C"] == 1
            single = single and (lengths["Z"] == 1 or len(pages) % lengths["Z"] > 0)
            both = sorted(named.union(free))
            return in_order(both, lengths, image.order, "Z" if single else "")
    return _with_more(_filled(places, lengths, part.alone), free, image.order)


def _filled(places: NDArray[np.int64], lengths: Mapping[str, int], alone: bool) -> PageTable | None:
    """Table of pages by their places (page, t, c, z); None if it is mostly empty.

    A file that is not alone has a part of the image, which begins anywhere.
    """
    start = np.zeros(3, np.int64) if alone else places[:, 1:].min(0)
    where = places[:, 1:] - start
    sizes = where.max(0) + 1
    if alone:
        sizes[1:] = np.maximum(sizes[1:], (lengths["C"], lengths["Z"]))
    if is_sparse(math.prod(sizes.tolist()), len(places)):
        return None
    table = np.full(sizes, -1, np.int32)
    table[tuple(where.T)] = places[:, 0]
    return table


def _with_more(table: PageTable | None, free: Sequence[int], order: str) -> PageTable | None:
    """Add pages that no text names, as time points after the others."""
    if table is None or not free:
        return table
    lengths = dict(zip("TCZ", (1, *table.shape[1:]), strict=True))
    more = in_order(free, lengths, order.replace("T", "") + "T")
    return None if more is None else np.concatenate([table, more])


def is_sparse(places: int, pages: int) -> bool:
    """Return whether a text tells of far more planes than a file has pages."""
    return places > max(_FEW, _SPARSE * pages)
