"""Stack: a lazy (t, c, z, y, x) image; VolumeSpec: what one volume of it looks like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_lazy_pipeline.errors import FileError, LazyPipelineError, MissingFileError
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog
from napari_lazy_pipeline.image.scan_geometry import Scan, Shape, Triple

if TYPE_CHECKING:
    import dask.array as da


@dataclass(frozen=True)
class VolumeSpec:
    """Shape, type and place of one volume, known before a pixel is read.

    Attributes
    ----------
    shape
        (z, y, x) [voxel].
    dtype
        Name of the numpy type.
    voxel_size
        Spacing (z, y, x) [um]; in a raw stack, z is the step as it was recorded.
    translate
        Position of the centre of voxel 0 (z, y, x) [um].
    scan
        The scan the volume is still skewed by; None once it is not, or if nobody says so.
    outline
        Corners (z, y, x) of the slanted block outside of which a deskewed volume is empty [um];
        none if there is data everywhere.
    """

    shape: Shape
    dtype: str = "uint16"
    voxel_size: Triple = (1.0, 1.0, 1.0)
    translate: Triple = (0.0, 0.0, 0.0)
    scan: Scan | None = None
    outline: tuple[Triple, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size of one volume [byte]."""
        return int(np.prod(self.shape, dtype=object)) * np.dtype(self.dtype).itemsize

    def blank(self) -> np.ndarray:
        """Stand-in for a volume that cannot be had: NaN for floats, else 0."""
        value = np.nan if np.issubdtype(np.dtype(self.dtype), np.floating) else 0
        return np.full(self.shape, value, self.dtype)

    def replace(self, **changes: object) -> VolumeSpec:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def block_corners(spec: VolumeSpec) -> np.ndarray:
    """Centres (8, 3) of the corner voxels of a volume, from that of voxel 0 on [um]."""
    ends = [(0.0, (n - 1) * size) for n, size in zip(spec.shape, spec.voxel_size, strict=True)]
    return np.array(list(product(*ends)))


class VolumeSource(ABC):
    """Where the volumes of a stack come from; cheap to build, pickles small.

    A source of its own needs `sizes`, `spec`, `token`, `identity` and `read`; class attributes
    will do for the first three.
    """

    @cached_property
    def problems(self) -> ProblemLog:
        """What went wrong with single volumes."""
        return ProblemLog()

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""

    @property
    @abstractmethod
    def spec(self) -> VolumeSpec:
        """Shape, type and place of each volume."""

    @property
    @abstractmethod
    def token(self) -> str:
        """Name of the content; equal for equal sources, in any process."""

    @abstractmethod
    def identity(self, t: int, c: int) -> Hashable:
        """What the volume depends on: path, size and time of change of its file, say."""

    @abstractmethod
    def read(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x).

        Raises
        ------
        LazyPipelineError
            If it cannot be had.
        """

    @property
    def by_planes(self) -> bool:
        """Whether `read_planes` makes planes without the rest of their volume."""
        return False

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Make the planes from ``start`` to just before ``stop`` of a volume (z, y, x).

        Raises
        ------
        LazyPipelineError
            If they cannot be had.
        """
        return self.read(t, c)[start:stop]

    def __call__(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x); blank, and a problem, if its file is bad or missing."""
        return self.or_blank(t, c, self.spec, lambda: self.read(t, c))

    def or_blank(
        self, t: int, c: int, spec: VolumeSpec, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Make pixels; blank ones of ``spec``, and a problem, if the file of (t, c) is bad."""
        try:
            return make()
        except FileError as error:
            self.report(error, t, c)
            return spec.blank()

    def report(self, error: LazyPipelineError, t: int, c: int) -> bool:
        """List what went wrong with a volume; return whether it is new.

        A time point that was not recorded is no problem.
        """
        if isinstance(error, MissingFileError):
            return False
        return self.problems.report(Problem.of(error, f"t={t}, c={c}"))


@dataclass(frozen=True)
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

    @property
    def spec(self) -> VolumeSpec:
        """What each volume looks like."""
        return self.source.spec

    @property
    def voxel_size(self) -> Triple:
        """Spacing (z, y, x) [um]."""
        return self.spec.voxel_size

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """(t, c, z, y, x)."""
        return (*self.source.sizes, *self.spec.shape)

    @cached_property
    def data(self) -> da.Array:
        """The image as a dask array (t, c, z, y, x), one volume a block."""
        return lift(self.source)

    def volume(self, t: int = 0, c: int = 0) -> np.ndarray:
        """Make one volume (z, y, x): one file is read."""
        return self.source(t, c)


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
