"""Previews: what a pipeline makes of a part of a volume, or of a coarser one, in a moment.

A preview is made by the same steps as the whole volume, from fewer voxels, and knows its place
in the sample. It is not exact: deconvolution looks beyond what it is given. How far off each
kind is, is measured in the tests and told in the documentation of the deconvolution.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import cast

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.compute.pipeline import Pipeline, PipelineSource, Progress
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image.box import Box, before, cut, positions, slices, whole
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.image.stack import VolumeSource, VolumeSpec

# Raw voxels (z, y, x) taken along around what is shown: while something is being dragged, and
# once it rests.
DRAGGING = (4, 8, 8)
RESTING = (8, 16, 16)


@dataclass(frozen=True)
class Preview:
    """A quick look at a part of the result.

    Attributes
    ----------
    source
        Makes the volumes; its raw volumes are parts, or coarser ones.
    window
        What to show of them: (start, stop) along z, y and x.
    grid
        The same part of the whole result: its shape and place.
    """

    source: PipelineSource
    window: Box
    grid: VolumeSpec

    @cached_property
    def spec(self) -> VolumeSpec:
        """Shape, voxel size and place of the preview."""
        spec = self.source.spec
        return cut(spec, self.window)

    def read(self, t: int, c: int, progress: Progress | None = None) -> np.ndarray:
        """Make the preview (z, y, x) of one volume; raises what `PipelineSource.read` does."""
        return self.source.read(t, c, progress)[slices(self.window)]

    def read_on_grid(self, t: int, c: int, progress: Progress | None = None) -> np.ndarray:
        """Make the preview with the voxels of the whole result, each from the nearest one.

        Where the preview shows nothing, it is 0.
        """
        volume: np.ndarray = self.read(t, c, progress)
        nearest = [_nearest(axis, self.spec, self.grid) for axis in range(3)]
        if all(_same(line, n) for line, n in zip(nearest, volume.shape, strict=True)):
            return volume.astype(self.grid.dtype, copy=False)
        return _resampled(volume, nearest, np.dtype(self.grid.dtype))


def slab(
    source: PipelineSource, plane: int, planes: int = 4, draft: bool = True, coarse: bool = False
) -> Preview:
    """Show one plane of the result, made from the planes around it.

    Parameters
    ----------
    source
        Makes the whole volumes.
    plane
        Index of the plane in the result.
    planes
        Number of raw planes to take along on both sides.
    draft, coarse
        See `region`.
    """
    _, height, width = source.spec.shape
    box = ((plane, plane + 1), (0, height), (0, width))
    return region(source, box, (planes, *DRAGGING[1:]), draft, coarse)


def region(
    source: PipelineSource,
    box: Box,
    halo: Shape = DRAGGING,
    draft: bool = True,
    coarse: bool = False,
) -> Preview:
    """Show a part of the result, made from the raw voxels in and around it.

    Parameters
    ----------
    source
        Makes the whole volumes.
    box
        (start, stop) along z, y and x, in voxels of the result.
    halo
        Number of raw voxels (z, y, x) to take along on each side.
    draft
        Whether steps may be replaced by their quicker drafts, which not every engine can do.
    coarse
        Whether to use pixels twice as large in y and x.

    Raises
    ------
    GeometryError
        If the box shows nothing that was recorded.
    """
    raw = source.raw.spec
    low, high = np.transpose(before(box, source.spec, raw, _frame(source)))
    start, stop = np.clip([low - halo, high + halo], 0, raw.shape).tolist()
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        raise GeometryError("Nothing was recorded there", hint="Choose a place within the volume")
    part = PartSource(_kept(source), cast(Box, tuple(zip(start, stop, strict=True))))
    return _shown(source, HalvedSource(part) if coarse else part, box, draft)


def half(source: PipelineSource, draft: bool = True, sparse: bool = False) -> Preview:
    """Show the whole result, made from pixels twice as large in y and x.

    Parameters
    ----------
    source
        Makes the whole volumes.
    draft
        See `region`.
    sparse
        Whether to take every second plane only.
    """
    raw = HalvedSource(_kept(source), 2 if sparse else 1)
    return _shown(source, raw, whole(source.spec.shape), draft)


@dataclass(frozen=True)
class _LessSource(VolumeSource):
    """Volumes of another source, made smaller.

    Attributes
    ----------
    raw
        The other source.
    """

    raw: VolumeSource

    @property
    def spec(self) -> VolumeSpec:
        """What each volume looks like."""
        raise NotImplementedError

    def reduce(self, volume: np.ndarray) -> np.ndarray:
        """Make a volume smaller; a copy."""
        raise NotImplementedError

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.raw.sizes

    @property
    def token(self) -> str:
        """Names the content."""
        return f"{self.raw.token}-{self.spec}"

    @property
    def problems(self) -> ProblemLog:
        """What went wrong with single volumes."""
        return self.raw.problems

    def identity(self, t: int, c: int) -> Hashable:
        """What the volume depends on."""
        return self.raw.identity(t, c), self.spec

    def read(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x)."""
        return self.reduce(self.raw.read(t, c))

    def __call__(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x); blank if its file is bad or missing."""
        return self.reduce(self.raw(t, c))


@dataclass(frozen=True)
class PartSource(_LessSource):
    """A part of each volume of another source.

    Attributes
    ----------
    raw
        The other source.
    box
        (start, stop) along z, y and x [voxel].
    """

    box: Box

    @property
    def spec(self) -> VolumeSpec:
        """What each part looks like."""
        return cut(self.raw.spec, self.box)

    def reduce(self, volume: np.ndarray) -> np.ndarray:
        """Cut the part out."""
        return volume[slices(self.box)].copy()

    def read(self, t: int, c: int) -> np.ndarray:
        """Make one part (z, y, x), of its planes only where the source can."""
        planes, rows, columns = self.box
        if not self.raw.by_planes:
            return super().read(t, c)
        whole_planes = self.raw.read_planes(t, c, *planes)
        return whole_planes[:, slice(*rows), slice(*columns)].copy()


@dataclass(frozen=True)
class HalvedSource(_LessSource):
    """Volumes with pixels twice as large in y and x; odd rests are left out.

    Attributes
    ----------
    raw
        The other source.
    every
        Distance of the planes that are taken. They are not averaged: in a skewed volume, the
        same place of the sample lies elsewhere in the next plane.
    """

    every: int = 1

    @property
    def spec(self) -> VolumeSpec:
        """What each volume looks like."""
        spec = self.raw.spec
        factors, (planes, height, width) = np.array(self._factors), spec.shape
        moved = np.array(spec.translate) + (factors - 1) / 2 * spec.voxel_size * (0, 1, 1)
        _, fy, fx = self._factors
        return spec.replace(
            shape=(-(-planes // self.every), height // fy, width // fx),
            voxel_size=tuple((np.array(spec.voxel_size) * factors).tolist()),
            translate=tuple(moved.tolist()),
        )

    def reduce(self, volume: np.ndarray) -> np.ndarray:
        """Average neighbours in y and x; whole numbers are rounded."""
        out = np.empty(self.spec.shape, volume.dtype)
        step, fy, fx = self._factors
        _, height, width = out.shape

        def run(k: int) -> None:
            plane = volume[k * step]
            rows = [plane[i : i + fy * height : fy].astype(np.float32) for i in range(fy)]
            lines = sum(rows[1:], rows[0])
            columns = [lines[:, j : j + fx * width : fx] for j in range(fx)]
            mean = sum(columns[1:], columns[0]) / np.float32(fy * fx)
            out[k] = np.rint(mean) if out.dtype.kind in "ui" else mean

        Threads().for_each(run, len(out))
        return out

    @property
    def _factors(self) -> Shape:
        """By how much each axis shrinks: a single row or column stays."""
        _, height, width = self.raw.spec.shape
        return self.every, min(2, height), min(2, width)


def _kept(source: PipelineSource) -> PipelineSource:
    """The raw volumes, from the cache of the pipeline where they are in it."""
    return PipelineSource(source.raw, Pipeline(), source.engine, cache=source.cache)


def _shown(source: PipelineSource, raw: VolumeSource, box: Box, draft: bool) -> Preview:
    """Let the steps work on other raw volumes, and show what lies in a box of the result."""
    steps = tuple(
        (step.draft() if draft else step).windowless() if step.enabled else step
        for step in source.pipeline.steps[: source.until]
    )
    quick = PipelineSource(
        raw,
        Pipeline(steps=steps),
        source.engine,
        cache=source.cache,
        blank_failures=source.blank_failures,
    )
    lowest, highest = positions(source.spec, _outer(box))[[0, -1]]
    start, stop = (
        np.rint((edge - quick.spec.translate) / quick.spec.voxel_size + 0.5).astype(int)
        for edge in (lowest, highest)
    )
    start = np.clip(start, 0, np.subtract(quick.spec.shape, 1))
    stop = np.clip(stop, start + 1, quick.spec.shape)
    window = cast(Box, tuple(zip(start.tolist(), stop.tolist(), strict=True)))
    return Preview(quick, window, cut(source.spec, box))


def _frame(source: PipelineSource) -> np.ndarray:
    """Matrix (3, 3) from raw positions to those in the result."""
    return reduce(lambda m, stage: stage[1].frame(stage[2]) @ m, source.stages, np.eye(3))


def _outer(box: Box) -> tuple[tuple[float, float], ...]:
    """From edge to edge of a box."""
    return tuple((start - 0.5, stop - 0.5) for start, stop in box)


def _nearest(axis: int, spec: VolumeSpec, grid: VolumeSpec) -> np.ndarray:
    """Index of the nearest voxel for each place along an axis of a grid; -1 where there is none.

    A place beside the last voxel, an odd row left out when halving, takes that voxel.
    """
    n, position = spec.shape[axis], np.arange(grid.shape[axis]) * grid.voxel_size[axis]
    position += grid.translate[axis] - spec.translate[axis]
    index = np.rint(position / spec.voxel_size[axis]).astype(np.intp)
    return np.where((index < -1) | (index > n), -1, index.clip(0, n - 1))


def _same(index: np.ndarray, n: int) -> bool:
    return n == index.size and bool((index == np.arange(n)).all())


def _resampled(volume: np.ndarray, nearest: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Take voxels (z, y, x) by their indices along each axis; 0 for negative ones."""
    planes, rows, columns = nearest
    out = pool().empty([len(line) for line in nearest], dtype)
    starts = np.flatnonzero(np.diff(planes, prepend=-2))
    stops = np.append(starts[1:], len(planes))

    def run(i: int) -> None:
        first, *others = out[starts[i] : stops[i]]
        if planes[starts[i]] < 0:
            first[...] = 0
        else:
            wide = volume[planes[starts[i]]].take(columns, axis=1, mode="clip")
            # The rows that there are are few: they stay in the cache while they are repeated.
            first[...] = wide.take(rows, axis=0, mode="clip")
            first[rows < 0], first[:, columns < 0] = 0, 0
        for other in others:
            other[...] = first

    Threads().for_each(run, len(starts))
    return out
