"""Spectrum: how that of a volume lies in memory, and how planes of pixels get there and back.

Two blocks of eight columns of pixels are transformed along y at once, one as the real, one as
the imaginary part; then there is half a spectrum of each. Eight of its rows become the lanes
of the transforms along x, and of those along z:

    float32 (z, y block, x, real or imaginary part, 8 rows)

Rows are in natural order up to half the height, the rest is empty; columns and planes are in the
order of their `Line`. Two factors of a half are left out: transforms are not normalised,
and a spectrum made of pixels is twice as large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline._runtime.jit import compiled, compiled_part, inlined
from napari_lazy_pipeline.engines.cpu.fft.simd import (
    LANES,
    Lanes,
    Pointer,
    integer,
    transpose,
    vector_code,
)
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.engines.cpu.fft.transforms import Line, backward, forward, line
from napari_lazy_pipeline.image import Shape

# Planes that follow each other by a power of two would compete for the same places in a cache.
CACHE_LINE = 64


class SpectrumLayout(NamedTuple):
    """Where everything is in the spectrum of a volume."""

    z: Line
    y: Line
    x: Line
    # where frequency 0 .. y // 2 is after going along y; y for those that fill the last block
    rows: np.ndarray
    opposite: np.ndarray  # where the negative of that frequency is
    columns: int  # number of columns there is room for, at least the width
    blocks: int  # number of blocks of eight rows
    pitch: int  # number of floats from a plane to the next

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
        spectrum = aligned_empty((self.z.n, self.pitch))
        spectrum[:, self.blocks * self.columns * BLOCK :] = 0
        return spectrum.reshape(-1)


def aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """Make a float32 array of any content that begins at the beginning of a line of the cache."""
    size = math.prod(shape)
    buffer = pool().empty((size + CACHE_LINE // 4,), np.float32)
    first = -buffer.ctypes.data % CACHE_LINE // 4
    return buffer[first : first + size].reshape(shape)


def _read_tile(tile: Pointer, part: int) -> list[Lanes]:
    """Eight columns of eight rows, transposed."""
    return transpose([(tile + (i * BLOCK + part * LANES)).read() for i in range(LANES)])


def _write_tile(tile: Pointer, part: int, rows: Sequence[Lanes]) -> None:
    for i, column in enumerate(transpose(rows)):
        (tile + (i * BLOCK + part * LANES)).write(column)


def _rows(builder: Any, columns: Pointer, table: Pointer, first: Any) -> list[Pointer]:
    """Return where eight rows of columns are, the numbers of which are in a table from some on."""
    numbers = [(table + first + i).number() for i in range(LANES)]
    return [columns + builder.mul(number, integer(BLOCK)) for number in numbers]


@vector_code
def _merge(
    builder: Any,
    spectrum: Pointer,
    at: Any,
    columns: Pointer,
    rows: Pointer,
    opposite: Pointer,
    first: Any,
) -> None:
    """Take eight rows of two tiles of eight columns: the first plus i times the second."""
    source, second = spectrum + at, spectrum + at + LANES * BLOCK
    here, there = (_rows(builder, columns, table, first) for table in (rows, opposite))
    for i, (a, b) in enumerate(zip(_read_tile(source, 0), _read_tile(second, 1), strict=True)):
        there[i].write(a + b)
        here[i].write(a - b)
    for i, (a, b) in enumerate(zip(_read_tile(source, 1), _read_tile(second, 0), strict=True)):
        (there[i] + LANES).write(b - a)
        (here[i] + LANES).write(a + b)


@vector_code
def _split(
    builder: Any,
    spectrum: Pointer,
    at: Any,
    columns: Pointer,
    rows: Pointer,
    opposite: Pointer,
    first: Any,
) -> None:
    """Undo `_merge`, except that all is twice as large."""
    target, second = spectrum + at, spectrum + at + LANES * BLOCK
    here, there = (_rows(builder, columns, table, first) for table in (rows, opposite))
    real = [(h.read(), o.read()) for h, o in zip(here, there, strict=True)]
    _write_tile(target, 0, [h + o for h, o in real])
    _write_tile(second, 1, [o - h for h, o in real])
    imaginary = [((h + LANES).read(), (o + LANES).read()) for h, o in zip(here, there, strict=True)]
    _write_tile(target, 1, [h - o for h, o in imaginary])
    _write_tile(second, 0, [h + o for h, o in imaginary])


@compiled_part()
def merge(  # pragma: no cover
    spectrum: np.ndarray, at: int, columns: np.ndarray, layout: SpectrumLayout
) -> None:
    """Take two blocks of eight columns out of a plane, ready to go back along y."""
    for block in range(layout.blocks):
        start = at + block * layout.columns * BLOCK
        _merge(spectrum, start, columns, layout.rows, layout.opposite, block * LANES)


@compiled_part()
def split(  # pragma: no cover
    spectrum: np.ndarray, at: int, columns: np.ndarray, layout: SpectrumLayout
) -> None:
    """Put two blocks of eight columns, transformed along y, into a plane."""
    for block in range(layout.blocks):
        start = at + block * layout.columns * BLOCK
        _split(spectrum, start, columns, layout.rows, layout.opposite, block * LANES)


@inlined
def along_x(  # pragma: no cover
    spectrum: np.ndarray, at: int, layout: SpectrumLayout, to_spectrum: bool
) -> None:
    """Transform all rows of a plane along x, or back."""
    for block in range(layout.blocks):
        start = at + block * layout.columns * BLOCK
        if to_spectrum:
            forward(spectrum, start, BLOCK, 1, layout.x, len(layout.x.radices))
        else:
            backward(spectrum, start, BLOCK, 1, layout.x, len(layout.x.radices))


def lay_out(grid: np.ndarray, shape: Shape) -> np.ndarray:
    """Lay out an OTF for the spectrum of a volume (z, y, x), the norm of the transforms included.

    The grid, complex64 (z, y, x // 2 + 1), is to multiply the `numpy.fft.rfftn` of the volume; the
    result is flat float32: block of rows, x, z, real or imaginary part, 8 rows.
    """
    layout = SpectrumLayout.of(shape)
    count = layout.blocks * layout.columns
    out = aligned_empty((count, layout.z.n, 2, LANES))
    out[...] = 0
    numbers = grid.view(np.float32)
    numbers.flags.writeable = False
    _fill(numbers, out, layout.z.frequencies, layout.x.frequencies)
    return out.reshape(-1)


@compiled()
def _fill(  # pragma: no cover
    grid: np.ndarray, out: np.ndarray, along_z: np.ndarray, along_x: np.ndarray
) -> None:
    """The grid is float32, its numbers real and imaginary part one behind the other."""
    nz, ny, nx = len(along_z), grid.shape[1], len(along_x)
    rows, half = ny // 2 + 1, np.float32(0.5)
    scale = np.float32(0.5 / (float(nz) * float(ny) * float(nx)))
    blocks = -(-rows // LANES)
    for block in range(blocks):
        for place in range(nx):
            x = along_x[place]
            mirrored = 2 * x > nx
            column = 2 * (nx - x if mirrored else x)
            target = out[block * (len(out) // blocks) + place]
            for lane in range(min(LANES, rows - block * LANES)):
                y = block * LANES + lane
                opposite_y = ny - y if y else 0
                for i in range(nz):
                    z = along_z[i]
                    opposite_z = nz - z if z else 0
                    if mirrored:
                        real = grid[opposite_z, opposite_y, column]
                        imaginary = -grid[opposite_z, opposite_y, column + 1]
                    else:
                        real, imaginary = grid[z, y, column], grid[z, y, column + 1]
                    if x == 0 or 2 * x == nx:
                        # The part that is no mirror image of itself has no place in pixels.
                        real = (real + grid[opposite_z, opposite_y, column]) * half
                        imaginary = (imaginary - grid[opposite_z, opposite_y, column + 1]) * half
                    target[i, 0, lane] = real * scale
                    target[i, 1, lane] = imaginary * scale
