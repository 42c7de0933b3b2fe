"""How the spectrum of a volume lies in memory, and how planes of pixels get there and back.

Two blocks of eight columns of pixels are transformed along y at once, one as the real, one as
the imaginary part; then there is half a spectrum of each. Eight of its rows become the lanes
of the transforms along x, and of those along z:

    float32 (z, y block, x, real or imaginary part, 8 rows)

Rows are in natural order up to half the height, the rest is empty; columns and planes are in the
order of their `Line`. Two halves that nobody needs are left out: transforms are not normalised,
and a spectrum made of pixels is twice as large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline.engines.cpu.fft.simd import (
    LANES,
    Lanes,
    Place,
    integer,
    start,
    transposed,
    written,
)
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK, INDEX, Write
from napari_lazy_pipeline.engines.cpu.fft.transforms import Line, backward, forward, line
from napari_lazy_pipeline.image.scan_geometry import Shape

# Planes that follow each other by a power of two would compete for the same places in a cache.
CACHE_LINE = 64


class SpectrumLayout(NamedTuple):
    """Where everything is in the spectrum of a volume.

    Attributes
    ----------
    z, y, x
        The transforms.
    rows
        Where, after transforming along y, frequency 0, 1, .. up to half the height is; the
        height itself for those that fill the last block.
    opposite
        Where the negative of that frequency is.
    columns
        Number of columns there is room for, at least the width.
    blocks
        Number of blocks of eight rows.
    pitch
        Number of floats from a plane to the next.
    """

    z: Line
    y: Line
    x: Line
    rows: np.ndarray
    opposite: np.ndarray
    columns: int
    blocks: int
    pitch: int

    @classmethod
    def of(cls, shape: Shape) -> SpectrumLayout:
        """Lay out the spectrum of a volume (z, y, x)."""
        z, y, x = map(line, shape)
        place = np.argsort(y.frequencies)
        blocks = -(-(y.n // 2 + 1) // LANES)
        rows, opposite = np.full((2, blocks * LANES), y.n, np.int64)
        half = np.arange(y.n // 2 + 1)
        rows[half], opposite[half] = place[half], place[-half % y.n]
        columns = -(-x.n // BLOCK) * BLOCK
        lines = -(-blocks * columns * BLOCK * 4 // CACHE_LINE)
        return cls(z, y, x, rows, opposite, columns, blocks, (lines | 1) * CACHE_LINE // 4)

    def empty(self) -> np.ndarray:
        """Make room for a spectrum, with zeros where no pass writes."""
        spectrum = aligned((self.z.n, self.pitch))
        spectrum[:, self.blocks * self.columns * BLOCK :] = 0
        return spectrum.reshape(-1)


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Room, float32, of any content, that begins at the beginning of a line of the cache."""
    size = math.prod(shape)
    room = pool().empty((size + CACHE_LINE // 4,), np.float32)
    first = -room.ctypes.data % CACHE_LINE // 4
    return room[first : first + size].reshape(shape)


def _tile(place: Place, part: int) -> list[Lanes]:
    """Eight columns of eight rows, transposed."""
    return transposed([place.moved(i * BLOCK + part * LANES).read() for i in range(LANES)])


def _put_tile(place: Place, part: int, rows: Sequence[Lanes]) -> None:
    for i, column in enumerate(transposed(rows)):
        place.moved(i * BLOCK + part * LANES).write(column)


def _places(
    context: Any, builder: Any, signature: Any, arguments: Sequence[Any]
) -> tuple[Place, list[Place], list[Place]]:
    """Where the tiles are, and, for each of eight rows, its frequency and the negative one."""
    spectrum, at, columns, rows, opposite, first = arguments
    kinds = signature.args
    target = start(context, builder, kinds[2], columns)

    def listed(kind: Any, table: Any) -> list[Place]:
        entries = start(context, builder, kind, table, first)
        counts = [entries.moved(i).count() for i in range(LANES)]
        return [target.moved(builder.mul(count, integer(BLOCK))) for count in counts]

    source = start(context, builder, kinds[0], spectrum, at)
    return source, listed(kinds[3], rows), listed(kinds[4], opposite)


@written
def _merge(
    _: Any, spectrum: Any, at: Any, columns: Any, rows: Any, opposite: Any, first: Any
) -> tuple[Any, Write]:
    """Take eight rows of two tiles of eight columns: the first plus i times the second."""

    def write(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        source, here, opposite = _places(context, builder, signature, arguments)
        second = source.moved(LANES * BLOCK)
        for i, (a, b) in enumerate(zip(_tile(source, 0), _tile(second, 1), strict=True)):
            opposite[i].write(a + b)
            here[i].write(a - b)
        for i, (a, b) in enumerate(zip(_tile(source, 1), _tile(second, 0), strict=True)):
            opposite[i].moved(LANES).write(b - a)
            here[i].moved(LANES).write(a + b)
        return context.get_dummy_value()

    return types.void(spectrum, INDEX, columns, rows, opposite, INDEX), write


@written
def _split(
    _: Any, spectrum: Any, at: Any, columns: Any, rows: Any, opposite: Any, first: Any
) -> tuple[Any, Write]:
    """Undo `_merge`, except that all is twice as large."""

    def write(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        target, here, opposite = _places(context, builder, signature, arguments)
        second = target.moved(LANES * BLOCK)
        real = [(h.read(), o.read()) for h, o in zip(here, opposite, strict=True)]
        _put_tile(target, 0, [h + o for h, o in real])
        _put_tile(second, 1, [o - h for h, o in real])
        imaginary = [
            (h.moved(LANES).read(), o.moved(LANES).read())
            for h, o in zip(here, opposite, strict=True)
        ]
        _put_tile(target, 1, [h - o for h, o in imaginary])
        _put_tile(second, 0, [h + o for h, o in imaginary])
        return context.get_dummy_value()

    return types.void(spectrum, INDEX, columns, rows, opposite, INDEX), write


@compiled()
def merge(  # pragma: no cover
    spectrum: np.ndarray, at: int, columns: np.ndarray, layout: SpectrumLayout
) -> None:
    """Take two blocks of eight columns out of a plane, ready to go back along y."""
    for block in range(layout.blocks):
        place = at + block * layout.columns * BLOCK
        _merge(spectrum, place, columns, layout.rows, layout.opposite, block * LANES)


@compiled()
def split(  # pragma: no cover
    spectrum: np.ndarray, at: int, columns: np.ndarray, layout: SpectrumLayout
) -> None:
    """Put two blocks of eight columns, transformed along y, into a plane."""
    for block in range(layout.blocks):
        place = at + block * layout.columns * BLOCK
        _split(spectrum, place, columns, layout.rows, layout.opposite, block * LANES)


@compiled()
def along_x(  # pragma: no cover
    spectrum: np.ndarray, at: int, layout: SpectrumLayout, onward: bool
) -> None:
    """Transform all rows of a plane along x, or back."""
    for block in range(layout.blocks):
        place = at + block * layout.columns * BLOCK
        if onward:
            forward(spectrum, place, BLOCK, 1, layout.x, len(layout.x.radices))
        else:
            backward(spectrum, place, BLOCK, 1, layout.x, len(layout.x.radices))


def laid(grid: np.ndarray, shape: Shape) -> np.ndarray:
    """Lay out an OTF for the spectrum of a volume, the norm of the transforms included.

    Parameters
    ----------
    grid
        complex64 (z, y, x // 2 + 1), to multiply the `numpy.fft.rfftn` of the volume with.
    shape
        Shape of the volume (z, y, x).

    Returns
    -------
    ndarray
        float32 (n,): block of rows, x, z, real or imaginary part, 8 rows.
    """
    layout = SpectrumLayout.of(shape)
    count = layout.blocks * layout.columns
    out = aligned((count, layout.z.n, 2, LANES))
    out[...] = 0
    _lay(grid, out, layout)
    return out.reshape(-1)


@compiled()
def _lay(grid: np.ndarray, out: np.ndarray, layout: SpectrumLayout) -> None:  # pragma: no cover
    nz, ny, nx = layout.z.n, layout.y.n, layout.x.n
    scale = np.float32(0.5 / (float(nz) * float(ny) * float(nx)))
    for block in range(layout.blocks):
        for place in range(nx):
            x = layout.x.frequencies[place]
            target = out[block * layout.columns + place]
            for lane in range(min(LANES, ny // 2 + 1 - block * LANES)):
                y = block * LANES + lane
                for i in range(nz):
                    z = layout.z.frequencies[i]
                    value = grid[z, y, x] if 2 * x <= nx else np.conj(grid[-z, -y, nx - x])
                    if x == 0 or 2 * x == nx:
                        # The part that is no mirror image of itself has no place in pixels.
                        value = (value + np.conj(grid[-z, -y, x])) * np.float32(0.5)
                    target[i, 0, lane] = value.real * scale
                    target[i, 1, lane] = value.imag * scale
