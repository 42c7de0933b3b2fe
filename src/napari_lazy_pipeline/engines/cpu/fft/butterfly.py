"""Butterfly: discrete Fourier transforms (Cooley and Tukey, 1965) of a few numbers, written out.

The numbers are whatever can be added and multiplied: `Lanes` of a compiled loop, or arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Complex:
    """A complex number, or many, as real and imaginary part."""

    re: Any
    im: Any

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: Complex) -> Complex:
        return Complex(
            self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re
        )

    def scale(self, factor: float) -> Complex:
        """The product with a real number."""
        return Complex(self.re * factor, self.im * factor)

    def swap(self) -> Complex:
        """Real and imaginary part exchanged: a transform between two of these runs backwards."""
        return Complex(self.im, self.re)

    def minus_i(self, other: Complex) -> Complex:
        """Less i times another number."""
        return Complex(self.re + other.im, self.im - other.re)

    def plus_i(self, other: Complex) -> Complex:
        """Plus i times another number."""
        return Complex(self.re - other.im, self.im + other.re)


def dft(numbers: Sequence[Complex]) -> list[Complex]:
    """Transform 1, 2, 4, 8, or an odd number of numbers."""
    if len(numbers) % 2:
        return _odd(numbers)
    if len(numbers) == 2:
        a, b = numbers
        return [a + b, a - b]
    if len(numbers) == 4:
        (a, b), (c, d) = dft(numbers[::2]), dft(numbers[1::2])
        return [a + c, b.minus_i(d), a - c, b.plus_i(d)]
    return _eight(numbers)


def _odd(numbers: Sequence[Complex]) -> list[Complex]:
    """Transform by sums and differences of opposite numbers."""
    n, first = len(numbers), numbers[0]
    half = range(1, n // 2 + 1)
    sums = [numbers[k] + numbers[n - k] for k in half]
    differences = [numbers[k] - numbers[n - k] for k in half]
    out = [first] * n
    out[0] = sum(sums, first)
    for k in half:
        angles = [2 * math.pi * (k * i % n) / n for i in half]
        even = [s.scale(math.cos(a)) for s, a in zip(sums, angles, strict=True)]
        odd = [d.scale(math.sin(a)) for d, a in zip(differences, angles, strict=True)]
        out[k] = sum(even, first).minus_i(sum(odd[1:], odd[0]))
        out[n - k] = sum(even, first).plus_i(sum(odd[1:], odd[0]))
    return out


def _eight(numbers: Sequence[Complex]) -> list[Complex]:
    a, b, c, d = dft(numbers[::2])
    e, f, g, h = dft(numbers[1::2])
    half = math.sqrt(0.5)
    f = Complex(f.re + f.im, f.im - f.re).scale(half)
    h = Complex(h.im - h.re, h.re + h.im)
    h = Complex(h.re * half, h.im * -half)
    return [a + e, b + f, c.minus_i(g), d + h, a - e, b - f, c.plus_i(g), d - h]
