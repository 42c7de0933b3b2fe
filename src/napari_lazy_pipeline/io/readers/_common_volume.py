"""Common volume: one shape and one type for channels that have their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import Shape


def common_volume(every: Sequence[tuple[Shape, str]], path: str) -> tuple[Shape, str]:
    """Shape and type that hold the volumes of all channels.

    Raises
    ------
    FileError
        If no type holds the numbers of all exactly.
    """
    shapes, names = zip(*every, strict=True)
    z, y, x = (max(lengths) for lengths in zip(*shapes, strict=True))
    types = [np.dtype(name) for name in names]
    common = reduce(np.promote_types, types)
    # numpy turns 64-bit integers into floats that hold 53 bits.
    if common.kind == "f" and any(one.kind in "iu" and one.itemsize == 8 for one in types):
        what = f"No type of numbers holds those of {' and '.join(sorted(set(names)))}"
        raise FileError(what, path, "Open one channel at a time: write its name instead of {c}")
    return (z, y, x), common.name
