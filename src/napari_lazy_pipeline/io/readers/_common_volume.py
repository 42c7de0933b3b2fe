"""Common volume: one shape and one type for channels that have their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

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


def alike(arrays: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the largest arrays that are of one shape and type; notes on those left out.

    What an array is, nothing says where files hold several: masks and small copies are no data.

    Examples
    --------
    >>> alike({"mask": np.zeros((2, 4, 4), bool), "raw": np.zeros((2, 4, 4), "uint16")})
    (('raw',), ('Left out: mask (2, 4, 4) bool',))
    """
    kinds: dict[tuple[tuple[int, ...], Any], list[str]] = {}
    for name, array in arrays.items():
        kinds.setdefault((tuple(array.shape), array.dtype), []).append(name)
    best = max(kinds, key=lambda kind: (math.prod(kind[0]), kind[1].kind != "b"), default=None)
    others = [f"{name} {k[0]} {k[1]}" for k, names in kinds.items() if k != best for name in names]
    notes = (f"Left out: {', '.join(others[:5])}{', ...' if others[5:] else ''}",) if others else ()
    return tuple(kinds[best]) if best else (), notes
