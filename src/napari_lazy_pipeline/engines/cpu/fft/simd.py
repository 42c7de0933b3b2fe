"""Arithmetic on eight numbers at a time for compiled loops, on any CPU.

What numba makes of a loop depends on whether LLVM can show that no two arrays overlap, which it
cannot for a Fourier transform in place. So these loops are given to LLVM as vectors of its own;
it has instructions for them on every CPU, be they four, eight or sixteen numbers wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

# Wide enough for AVX2; other CPUs take two steps, or half a register, for each vector.
LANES = 8
FLOAT = ir.FloatType()
COUNT = ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
# A product may be added without rounding it first; nothing else is taken lightly.
FLAGS = ("contract", "nsz")
FLOAT_BYTES = 4

# Makes of a function of types, which gives a signature and a function that writes instructions,
# one that compiled functions can call.
written = cast(Callable[[Callable[..., Any]], Any], intrinsic(prefer_literal=True))


class Lanes:
    """Eight float32 of a function under construction; arithmetic writes instructions.

    Parameters
    ----------
    builder
        Writes the function.
    value
        The LLVM value.
    """

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fadd(self.value, self._value(other), flags=FLAGS))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fsub(self.value, self._value(other), flags=FLAGS))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fmul(self.value, self._value(other), flags=FLAGS))

    def _new(self, value: Any) -> Lanes:
        return Lanes(self.builder, value)

    def _value(self, other: Lanes | float) -> Any:
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(VECTOR, [ir.Constant(FLOAT, float(np.float32(other)))] * LANES)


class Place:
    """A position in a float32 array, from which lanes are read and to which they are written.

    Parameters
    ----------
    builder
        Writes the function.
    pointer
        Where the array begins.
    index
        Number of floats from there.
    """

    def __init__(self, builder: Any, pointer: Any, index: Any) -> None:
        self.builder, self.pointer, self.index = builder, pointer, index

    def moved(self, by: Any) -> Place:
        """A place further on."""
        by = integer(by) if isinstance(by, int) else by
        return Place(self.builder, self.pointer, self.builder.add(self.index, by))

    def read(self) -> Lanes:
        """The lanes that begin here."""
        return Lanes(self.builder, self.builder.load(self._vector(), align=FLOAT_BYTES))

    def write(self, lanes: Lanes) -> None:
        """Put lanes here."""
        self.builder.store(lanes.value, self._vector(), align=FLOAT_BYTES)

    def expect(self) -> None:
        """Have what is here brought into the cache, while the work goes on."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, COUNT, COUNT, COUNT])
        prefetch = self.builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        # It is going to be written to, is wanted in the second cache, and is no code.
        how = [ir.Constant(COUNT, n) for n in (1, 2, 1)]
        self.builder.call(prefetch, [self.builder.bitcast(self._float(), byte), *how])

    def spread(self) -> Lanes:
        """The one number that is here, in all lanes."""
        return spread(self.builder, self.builder.load(self._float()))

    def count(self) -> Any:
        """The one integer that is here, in an array of int64."""
        return self.builder.load(self._float())

    def _float(self) -> Any:
        return self.builder.gep(self.pointer, [self.index])

    def _vector(self) -> Any:
        return self.builder.bitcast(self._float(), VECTOR.as_pointer())


def spread(builder: Any, number: Any) -> Lanes:
    """A float32 in all lanes."""
    nothing = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(COUNT, 0))
    return Lanes(builder, builder.shuffle_vector(first, nothing, _mask([0] * LANES)))


def transposed(rows: Sequence[Lanes]) -> list[Lanes]:
    """Swap rows and columns of a square of lanes."""
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    pairs = [_mixed(rows[i], rows[i + 1], m) for i in range(0, 8, 2) for m in (low, high)]
    low, high = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    fours = [
        _mixed(pairs[i + j], pairs[i + j + 2], m)
        for i in (0, 4)
        for j in (0, 1)
        for m in (low, high)
    ]
    low, high = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return [_mixed(fours[i], fours[i + 4], m) for m in (low, high) for i in range(4)]


def _mixed(a: Lanes, b: Lanes, lanes: Sequence[int]) -> Lanes:
    """Lanes picked out of two; those of the second are counted on."""
    return Lanes(a.builder, a.builder.shuffle_vector(a.value, b.value, _mask(lanes)))


def _mask(lanes: Sequence[int]) -> Any:
    number = COUNT
    return ir.Constant(
        ir.VectorType(number, len(lanes)), [ir.Constant(number, lane) for lane in lanes]
    )


def integer(value: int) -> Any:
    """An index known beforehand."""
    return ir.Constant(ir.IntType(64), value)


def start(context: Any, builder: Any, kind: Any, array: Any, index: Any = None) -> Place:
    """A place in an array that a compiled function was given, its beginning by default."""
    pointer = context.make_array(kind)(context, builder, array).data
    return Place(builder, pointer, integer(0) if index is None else index)


def loop(builder: Any, count: Any, body: Callable[[Any], None]) -> None:
    """Write a loop: what ``body`` writes is done for each index below ``count``."""
    with cgutils.for_range(builder, count) as repeated:
        body(repeated.index)
