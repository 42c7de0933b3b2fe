"""Stack: a lazy (t, c, z, y, x) image, and the sources its volumes come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.html_table import html_table, on_one_line
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.image.spec import StackSpec, VolumeSpec, channel_labels, size_text
from napari_lazy_pipeline.image.volume_source import VolumeSource

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Stack", "VolumeSource", "VolumeSpec", "dask_array", "lazy_array"]

MakeVolume = Callable[..., np.ndarray]  # of the place along the leading axes


@dataclass(frozen=True, repr=False)
class Stack:
    """A lazy five-dimensional image.

    Attributes
    ----------
    source
        Makes one volume at a time.
    channel_names
        One name per channel.
    time_interval
        Time between two time points [s]; None if unknown.
    """

    source: VolumeSource
    channel_names: tuple[str, ...] = ()
    time_interval: float | None = None

    @classmethod
    def from_array(
        cls,
        array: Any,
        voxel_size: Sequence[float | None] | None = None,
        *,
        channel_names: Sequence[str] = (),
        time_interval: float | None = None,
    ) -> Stack:
        """Make a stack of an array that is there already, or of a dask array.

        Parameters
        ----------
        array
            (z, y, x), (t, z, y, x) or (t, c, z, y, x); of a dask array, only the volumes that
            are asked for are computed.
        voxel_size
            Spacing (z, y, x) [um], z as it was recorded; None, also for one axis: unknown. Steps
            that need it then raise `VoxelSizeUnknownError`.
        channel_names
            One name per channel.
        time_interval
            Time between two time points [s].

        Raises
        ------
        GeometryError
            If the array has another number of axes.

        Examples
        --------
        >>> Stack.from_array(np.zeros((4, 8, 8), "uint16"), (0.3, 0.1, 0.1)).shape
        (1, 1, 4, 8, 8)
        """
        source = ArraySource.of(array, voxel_size)
        return cls(source, tuple(channel_names), time_interval)

    @property
    def spec(self) -> VolumeSpec:
        """Return what each volume looks like."""
        return self.source.spec

    @property
    def stack_spec(self) -> StackSpec:
        """Return what the whole stack looks like."""
        times, channels = self.source.sizes
        labels = channel_labels(self.channel_names, channels)
        return StackSpec(self.spec, times, labels, self.time_interval)

    @property
    def voxel_size(self) -> Triple:
        """Spacing (z, y, x) [um]; a `VoxelSizeUnknownError` if nobody stated it."""
        return self.spec.voxel_size

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """(t, c, z, y, x)."""
        return (*self.source.sizes, *self.spec.shape)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return which files or volumes were found to be bad so far, in this process."""
        return tuple(self.source.problems)

    @cached_property
    def data(self) -> da.Array:
        """The image as a dask array (t, c, z, y, x), one volume a block."""
        return dask_array(self.source)

    def volume(self, t: int = 0, c: int = 0) -> np.ndarray:
        """Make one volume (z, y, x): one file is read."""
        times, channels = self.source.sizes
        return self.source(range(times)[t], range(channels)[c])

    def __repr__(self) -> str:
        return on_one_line("Stack", self._summary())

    def _repr_html_(self) -> str:
        return html_table("Stack", self._summary())

    def _summary(self) -> dict[str, str]:
        spec = self.stack_spec
        return {
            "shape": f"{' x '.join(map(str, self.shape))} (t, c, z, y, x)",
            "dtype": spec.dtype,
            "voxel size": size_text(spec.volume.stated_size),
            "channels": ", ".join(spec.channels),
            "interval": "unknown" if spec.time_interval is None else f"{spec.time_interval:g} s",
            "steps": getattr(self.source, "title", "read").replace("-", ", "),
        }


@lru_cache(maxsize=8)
def _ones(count: int) -> tuple[int, ...]:
    """One block for each time point; dask adds the lengths up once for each such object."""
    return (1,) * count


def _block_indices(shape: tuple[int, ...]) -> da.Array:
    """An array of one symbolic layer, in which every block has one number: its own place."""
    import dask.array as da
    from dask.blockwise import BlockIndex, blockwise
    from dask.highlevelgraph import HighLevelGraph

    name, axes = f"volumes-{'-'.join(map(str, shape))}", tuple(range(len(shape)))
    layer = blockwise(_Number(shape), name, axes, BlockIndex(shape), axes, numblocks={})
    graph = HighLevelGraph({name: layer}, {name: set()})
    return da.Array(graph, name, tuple(map(_ones, shape)), meta=np.empty((0,) * len(shape), int))


@dataclass(frozen=True)
class _Number:
    """Numbers the blocks of an array."""

    shape: tuple[int, ...]

    def __call__(self, index: tuple[int, ...]) -> np.ndarray:
        return np.full((1,) * len(index), np.ravel_multi_index(index, self.shape))


@dataclass(frozen=True)
class _BlockOfVolume:
    """Makes the block that holds the volume of a number."""

    make: MakeVolume
    sizes: tuple[int, ...]

    def __call__(self, number: np.ndarray) -> np.ndarray:
        place = np.unravel_index(int(number.flat[0]), self.sizes)
        volume = self.make(*map(int, place))
        return volume[(np.newaxis,) * len(self.sizes)]


@dataclass(frozen=True)
class _OfChannel:
    """Makes the volumes of one channel."""

    source: VolumeSource
    channel: int

    def __call__(self, t: int) -> np.ndarray:
        return self.source(t, self.channel)


def dask_array(source: VolumeSource, channel: int | None = None) -> da.Array:
    """Make the lazy array of a source: one volume, one block, one task when it is asked for.

    Nothing is read, and it takes hardly longer for more files: `dask.array.map_blocks` is applied
    to an array of one symbolic layer.

    Parameters
    ----------
    source
        Makes the volumes; its ``title``, if it has one, names the layer of the graph.
    channel
        If given, the array of this channel alone.

    Returns
    -------
    dask.array.Array
        (t, c, z, y, x), or (t, z, y, x) of one channel.
    """
    times, channels = source.sizes
    title = getattr(source, "title", "read")
    if channel is None:
        return lazy_array(source, (times, channels), source.spec, f"{title}-{source.token}")
    name = f"{title}-{source.token}-c{channel}"
    return lazy_array(_OfChannel(source, channel), (times,), source.spec, name)


def lazy_array(make: MakeVolume, sizes: tuple[int, ...], spec: VolumeSpec, name: str) -> da.Array:
    """Make a lazy array (..., z, y, x) of volumes that look like ``spec``, one a block.

    ``make`` is called with the place of a volume along the leading axes, of the lengths
    ``sizes``; it is pickled where other processes compute. Nothing is made.
    """
    import dask.array as da

    array: da.Array = da.map_blocks(
        _BlockOfVolume(make, sizes),
        _block_indices((*sizes, 1, 1, 1)),
        chunks=(*map(_ones, sizes), *((n,) for n in spec.shape)),
        dtype=spec.dtype,
        meta=np.empty((0,) * (len(sizes) + 3), spec.dtype),
        name=name,
    )
    return array
