"""Lifts a source of volumes to one dask array; the only place that makes a graph."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import dask.array as da

    from napari_lazy_pipeline.image.stack import VolumeSource


@lru_cache(maxsize=8)
def _ones(count: int) -> tuple[int, ...]:
    """One block for each time point; dask adds the lengths up once for each such object."""
    return (1,) * count


class _Block:
    """Makes block (t, c) of the array from a source of volumes."""

    def __init__(self, source: VolumeSource, channel: int | None) -> None:
        self.source, self.channel = source, channel

    def __call__(self, index: tuple[int, ...]) -> np.ndarray:
        if self.channel is None:
            return self.source(index[0], index[1])[np.newaxis, np.newaxis]
        return self.source(index[0], self.channel)[np.newaxis]


def lift(source: VolumeSource, channel: int | None = None) -> da.Array:
    """Make the lazy array of a source: one volume, one block, one task when it is asked for.

    Nothing is read, and the cost does not depend on the number of files: the graph is a
    single symbolic layer, what `dask.array.map_blocks` with ``block_id`` would make, but
    without its pass over all blocks (which takes half a second for 200 000 of them).

    Parameters
    ----------
    source
        Makes the volumes.
    channel
        If given, the array of this channel alone.

    Returns
    -------
    dask.array.Array
        (t, c, z, y, x), or (t, z, y, x) of one channel.
    """
    import dask.array as da
    from dask.blockwise import BlockIndex, blockwise
    from dask.highlevelgraph import HighLevelGraph

    axes = "tczyx" if channel is None else "tzyx"
    time_points, channels = source.sizes
    blocks = (time_points, channels) if channel is None else (time_points,)
    name = f"lazy-pipeline-{source.token}" + ("" if channel is None else f"-c{channel}")
    index = BlockIndex((*blocks, 1, 1, 1))
    layer = blockwise(_Block(source, channel), name, axes, index, axes, numblocks={})
    chunks = (*(_ones(n) for n in blocks), *((n,) for n in source.spec.shape))
    return da.Array(
        HighLevelGraph({name: layer}, {name: set()}),
        name,
        chunks,
        dtype=source.spec.dtype,
        meta=np.empty((0,) * len(axes), source.spec.dtype),
    )
