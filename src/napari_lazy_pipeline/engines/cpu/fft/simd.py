"""SIMD: arithmetic on eight numbers at a time for compiled loops, on any CPU.

What numba makes of a loop depends on whether LLVM can show that no two arrays overlap, which it
cannot for a Fourier transform in place. So these loops are given to LLVM as vectors of its own;
it has instructions for them on every CPU, be they four, eight or sixteen numbers wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Wide enough for AVX2; other CPUs take two steps, or half a register, for each vector.
LANES = 8
FLOAT = ir.FloatType()
COUNT = ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
# A product may be added without rounding it first; nothing else is taken lightly. Which product,
# LLVM decides by the order of the instructions: another order changes the last bit of results.
FLAGS = ("contract", "nsz")
FLOAT_BYTES = 4


def vector_code(write: Callable[..., None]) -> Any:
    """Make a function that writes instructions one that compiled functions can call.

    It gets a builder, and what it is called with: a `Pointer` for an array, an LLVM value for an
    integer or a float32, and True or False, which have to be known beforehand, as they are.
    """

    @wraps(write)  # numba reads the signature: there are no variable arguments
    def define(_: Any, *kinds: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
            values = [
                Pointer(builder, context.make_array(kind)(context, builder, argument).data)
                if isinstance(kind, types.Array)
                else kind.literal_value
                if isinstance(kind, types.BooleanLiteral)
                else argument
                for kind, argument in zip(signature.args, arguments, strict=True)
            ]
            write(builder, *values)
            return context.get_dummy_value()

        return types.void(*map(_parameter, kinds)), generate

    return intrinsic(prefer_literal=True)(define)


def _parameter(kind: Any) -> Any:
    if isinstance(kind, types.Integer):
        return types.intp
    return types.float32 if isinstance(kind, types.Float) else kind


class Lanes:
    """Eight float32 of a function under construction; arithmetic writes instructions."""

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


class Pointer:
    """A position in an array, so many elements from its start, where lanes are read and written."""

    def __init__(self, builder: Any, start: Any, index: Any = None) -> None:
        self.builder, self.start = builder, start
        self.index = integer(0) if index is None else index

    def __add__(self, count: Any) -> Pointer:
        count = integer(count) if isinstance(count, int) else count
        return Pointer(self.builder, self.start, self.builder.add(self.index, count))

    def read(self) -> Lanes:
        """The lanes that begin here."""
        return Lanes(self.builder, self.builder.load(self._vector(), align=FLOAT_BYTES))

    def write(self, lanes: Lanes) -> None:
        """Put lanes here."""
        self.builder.store(lanes.value, self._vector(), align=FLOAT_BYTES)

    def prefetch(self) -> None:
        """Have what is here brought into the cache, while the work goes on."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, COUNT, COUNT, COUNT])
        prefetch = self.builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        # It is going to be written to, is wanted in the second cache, and is no code.
        hints = [ir.Constant(COUNT, n) for n in (1, 2, 1)]
        self.builder.call(prefetch, [self.builder.bitcast(self._element(), byte), *hints])

    def broadcast(self) -> Lanes:
        """The one number that is here, in all lanes."""
        return broadcast(self.builder, self.number())

    def number(self) -> Any:
        """The one number that is here."""
        return self.builder.load(self._element())

    def _element(self) -> Any:
        return self.builder.gep(self.start, [self.index])

    def _vector(self) -> Any:
        return self.builder.bitcast(self._element(), VECTOR.as_pointer())


def broadcast(builder: Any, number: Any) -> Lanes:
    """A float32 in all lanes."""
    empty = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(COUNT, 0))
    return Lanes(builder, builder.shuffle_vector(first, empty, _mask([0] * LANES)))


def transpose(rows: Sequence[Lanes]) -> list[Lanes]:
    """Swap rows and columns of a square of lanes."""
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    pairs = [_shuffle(rows[i], rows[i + 1], m) for i in range(0, 8, 2) for m in (low, high)]
    low, high = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    fours = [
        _shuffle(pairs[i + j], pairs[i + j + 2], m)
        for i in (0, 4)
        for j in (0, 1)
        for m in (low, high)
    ]
    low, high = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return [_shuffle(fours[i], fours[i + 4], m) for m in (low, high) for i in range(4)]


def _shuffle(a: Lanes, b: Lanes, lanes: Sequence[int]) -> Lanes:
    """Lanes picked out of two; those of the second are counted on."""
    return Lanes(a.builder, a.builder.shuffle_vector(a.value, b.value, _mask(lanes)))


def _mask(lanes: Sequence[int]) -> Any:
    numbers = [ir.Constant(COUNT, lane) for lane in lanes]
    return ir.Constant(ir.VectorType(COUNT, len(lanes)), numbers)


def integer(value: int) -> Any:
    """An index known beforehand."""
    return ir.Constant(ir.IntType(64), value)


def loop(builder: Any, count: Any, body: Callable[[Any], None]) -> None:
    """Write a loop: what ``body`` writes is done for each index below ``count``."""
    with cgutils.for_range(builder, count) as repeated:
        body(repeated.index)
