"""Transforms along one axis, in place, of eight lines at a time (Gentleman and Sande, 1966).

Going forward, a stage of radix r makes r transforms of the r-th part out of one; frequencies end
up in the order of their reversed digits. Going back, the stages are undone one by one from
there: the frequencies are never sorted.

A line of complex numbers is an array whose elements are blocks of 16 floats: eight real parts,
then eight imaginary parts, of eight lines. Elements lie ``stride`` floats apart.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled_part, inlined
from napari_lazy_pipeline.engines.cpu.fft.stages import filter_stage, stage


class Line(NamedTuple):
    """Tables that the transforms of one length need."""

    n: int
    radices: np.ndarray  # those of the stages, going forward; their product is the length
    # float32: cosine and sine for each stage, position in it, and output but the first
    factors: np.ndarray

    @property
    def frequencies(self) -> np.ndarray:
        """Which frequency is where after going forward."""
        frequencies, before = np.zeros(1, np.int64), 1
        for radix in self.radices:
            frequencies = np.add.outer(frequencies, before * np.arange(radix)).ravel()
            before *= radix
        return frequencies


@lru_cache(maxsize=64)
def line(n: int) -> Line:
    """Prepare the transforms of a length, whose prime factors may be 2, 3, 5 and 7 only."""
    radices = _radices(n)
    factors, before = [np.empty(0)], 1
    for radix in radices:
        length = n // before
        turns = np.outer(np.arange(length // radix), np.arange(1, radix)) / length
        factors.append(np.stack([np.cos(2 * np.pi * turns), -np.sin(2 * np.pi * turns)], -1))
        before *= radix
    flat = np.concatenate([part.ravel() for part in factors]).astype(np.float32)
    return Line(n, np.array(radices, np.int64), flat)


def _radices(n: int) -> list[int]:
    """Factors of a length: as few twos and eights as possible, since 4 is the quickest."""
    rest, radices = n, []
    for prime in (7, 5, 3):
        while rest % prime == 0:
            rest //= prime
            radices.append(prime)
    twos = rest.bit_length() - 1
    if rest != 1 << twos:
        raise ValueError(f"{n} has prime factors other than 2, 3, 5 and 7")
    odd = [] if twos % 2 == 0 else [2] if twos == 1 else [8]
    fours = [4] * ((twos - sum(r.bit_length() - 1 for r in odd)) // 2)
    return fours + odd + radices or [1]


@compiled_part(constants=("stride", "groups"))
def forward(  # pragma: no cover
    data: np.ndarray, at: int, stride: int, groups: int, line: Line, stages: int
) -> None:
    """Do the first stages of the transforms of some groups of eight lines, one beside the other.

    The first group begins in the flat float32 data ``at``, each other 16 floats behind the one
    before. Elements of a line lie ``stride`` floats apart.
    """
    length, first = line.n, 0
    for s in range(stages):
        r = line.radices[s]
        stage(True, r, data, at, stride, groups, line.n, length, line.factors, first)
        first += 2 * (r - 1) * (length // r)
        length //= r


@compiled_part(constants=("stride", "groups"))
def backward(  # pragma: no cover
    data: np.ndarray, at: int, stride: int, groups: int, line: Line, stages: int
) -> None:
    """Undo the first stages of `forward`, the last of them first; times the product of radices."""
    length, first = line.n, 0
    for s in range(stages):
        first += 2 * (line.radices[s] - 1) * (length // line.radices[s])
        length //= line.radices[s]
    for s in range(stages - 1, -1, -1):
        r = line.radices[s]
        first -= 2 * (r - 1) * length
        length *= r
        stage(False, r, data, at, stride, groups, line.n, length, line.factors, first)


@inlined
def filter_lines(  # pragma: no cover
    data: np.ndarray,
    at: int,
    stride: int,
    groups: int,
    line: Line,
    factor: np.ndarray,
    first: int,
    sign: np.float32,
) -> None:
    """Transform groups of lines, multiply them with a factor, and transform them back.

    The factor, from ``first`` on, is float32: group by group, frequency by frequency in the order
    of the line, 8 real, then 8 imaginary parts. The sign is -1 for its conjugate, or else 1.
    """
    stages = len(line.radices) - 1
    forward(data, at, stride, groups, line, stages)
    filter_stage(line.radices[stages], data, at, stride, groups, line.n, factor, first, sign)
    backward(data, at, stride, groups, line, stages)
