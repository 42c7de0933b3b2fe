"""Stages: single steps of the Fourier transforms in `transforms`, written as vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_lazy_pipeline.engines.cpu.fft.butterfly import Complex, dft
from napari_lazy_pipeline.engines.cpu.fft.simd import (
    LANES,
    Pointer,
    broadcast,
    integer,
    loop,
    vector_code,
)

# Floats of eight complex numbers: eight real parts, then eight imaginary parts.
BLOCK = 2 * LANES
RADICES = (1, 2, 3, 4, 5, 7, 8)


def _elements(first: Pointer, radix: int, step: Any) -> list[tuple[Pointer, Pointer]]:
    """Return where the real and imaginary parts are that a butterfly takes and gives."""
    pointers = [first]
    for _ in range(radix - 1):
        pointers.append(pointers[-1] + step)
    return [(p, p + LANES) for p in pointers]


def _read(elements: Sequence[tuple[Pointer, Pointer]]) -> list[Complex]:
    return [Complex(re.read(), im.read()) for re, im in elements]


def _write(elements: Sequence[tuple[Pointer, Pointer]], numbers: Sequence[Complex]) -> None:
    for (re, im), number in zip(elements, numbers, strict=True):
        re.write(number.re)
        im.write(number.im)


def _multiply(numbers: Sequence[Complex], factors: Sequence[Complex]) -> list[Complex]:
    return [numbers[0], *(n * f for n, f in zip(numbers[1:], factors, strict=True))]


def _swap(numbers: Sequence[Complex]) -> list[Complex]:
    return [number.swap() for number in numbers]


def _for_radix(builder: Any, radix: Any, smallest: int, write: Callable[[int], None]) -> None:
    """Write what is done for each radix there is, from some on."""
    for r in RADICES:
        if r >= smallest:
            with builder.if_then(builder.icmp_signed("==", radix, integer(r))):
                write(r)


@vector_code
def stage(
    builder: Any,
    forward: bool,
    radix: Any,
    data: Pointer,
    at: Any,
    stride: Any,
    groups: Any,
    n: Any,
    length: Any,
    factors: Pointer,
    first: Any,
) -> None:
    """One stage of all transforms of ``length`` in lines of ``n``, forward or back."""

    def write(r: int) -> None:
        part = builder.sdiv(length, integer(r))
        step = builder.mul(part, stride)

        def butterfly(pointer: Pointer, factors: Sequence[Complex]) -> None:
            elements = _elements(pointer, r, step)
            numbers = _read(elements)
            if forward:
                _write(elements, _multiply(dft(numbers), factors))
            else:
                _write(elements, _swap(dft(_multiply(_swap(numbers), factors))))

        def position(pointer: Pointer, j: Any) -> None:
            entry = factors + first + builder.mul(j, integer(2 * (r - 1)))
            numbers = [
                Complex((entry + 2 * k).broadcast(), (entry + (2 * k + 1)).broadcast())
                for k in range(r - 1)
            ]
            pointer = pointer + builder.mul(j, stride)
            size = integer(BLOCK)
            loop(builder, groups, lambda g: butterfly(pointer + builder.mul(g, size), numbers))

        def transform(i: Any) -> None:
            pointer = data + at + builder.mul(i, builder.mul(length, stride))
            loop(builder, part, lambda j: position(pointer, j))

        loop(builder, builder.sdiv(n, length), transform)

    _for_radix(builder, radix, 2, write)


@vector_code
def filter_stage(
    builder: Any,
    radix: Any,
    data: Pointer,
    at: Any,
    stride: Any,
    groups: Any,
    n: Any,
    factor: Pointer,
    first: Any,
    sign: Any,
) -> None:
    """Last stage forward, multiplication, first stage back, in one go.

    ``factor`` holds a line of ``n`` contiguous elements for each group, from ``first`` on; its
    imaginary parts are multiplied by ``sign``.
    """
    signs = broadcast(builder, sign)
    row, ahead = (builder.mul(count, integer(BLOCK)) for count in (n, groups))

    def write(r: int) -> None:
        def butterfly(i: Any, g: Any) -> None:
            pointer = data + at + builder.mul(i, builder.mul(stride, integer(r)))
            elements = _elements(pointer + builder.mul(g, integer(BLOCK)), r, stride)
            entry = factor + first + builder.mul(g, row) + builder.mul(i, integer(r * BLOCK))
            numbers = dft(_read(elements))
            products = [
                a * Complex(b.re, b.im * signs)
                for a, b in zip(numbers, _read(_elements(entry, r, integer(BLOCK))), strict=True)
            ]
            for re, _ in elements:
                (re + ahead).prefetch()
            _write(elements, _swap(dft(_swap(products))))

        count = builder.sdiv(n, integer(r))
        loop(builder, count, lambda i: loop(builder, groups, lambda g: butterfly(i, g)))

    _for_radix(builder, radix, 1, write)
