"""Single stages of the Fourier transforms in `_fft`, written as vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import types

from napari_lazy_pipeline.engines.cpu.fft.butterfly import Complex, dft
from napari_lazy_pipeline.engines.cpu.fft.simd import (
    LANES,
    Place,
    integer,
    loop,
    spread,
    start,
    written,
)

# Floats of eight complex numbers: eight real parts, then eight imaginary parts.
BLOCK = 2 * LANES

INDEX = types.intp
Write = Callable[..., Any]


def _elements(place: Place, radix: int, step: Any) -> list[tuple[Place, Place]]:
    """Where the real and imaginary parts are that a butterfly takes and gives."""
    places = [place]
    for _ in range(radix - 1):
        places.append(places[-1].moved(step))
    return [(p, p.moved(LANES)) for p in places]


def _read(elements: Sequence[tuple[Place, Place]]) -> list[Complex]:
    return [Complex(re.read(), im.read()) for re, im in elements]


def _write(elements: Sequence[tuple[Place, Place]], numbers: Sequence[Complex]) -> None:
    for (re, im), number in zip(elements, numbers, strict=True):
        re.write(number.re)
        im.write(number.im)


def _turned(numbers: Sequence[Complex], factors: Sequence[Complex]) -> list[Complex]:
    return [numbers[0], *(n * f for n, f in zip(numbers[1:], factors, strict=True))]


def _back(numbers: Sequence[Complex]) -> list[Complex]:
    return [number.swapped() for number in numbers]


@written
def stage(
    _: Any,
    radix: Any,
    onward: Any,
    data: Any,
    at: Any,
    stride: Any,
    groups: Any,
    n: Any,
    length: Any,
    factors: Any,
    first: Any,
) -> tuple[Any, Write]:
    """One stage of all transforms of ``length`` in lines of ``n``, forward or back."""
    r, forward = radix.literal_value, onward.literal_value

    def write(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        _, _, array, at, stride, groups, n, length, table, first = arguments
        data = start(context, builder, signature.args[2], array, at)
        table = start(context, builder, signature.args[8], table, first)
        part = builder.sdiv(length, integer(r))
        step = builder.mul(part, stride)

        def butterfly(place: Place, factors: Sequence[Complex]) -> None:
            elements = _elements(place, r, step)
            numbers = _read(elements)
            if forward:
                _write(elements, _turned(dft(numbers), factors))
            else:
                _write(elements, _back(dft(_turned(_back(numbers), factors))))

        def position(place: Place, j: Any) -> None:
            entry = table.moved(builder.mul(j, integer(2 * (r - 1))))
            factors = [
                Complex(entry.moved(2 * k).spread(), entry.moved(2 * k + 1).spread())
                for k in range(r - 1)
            ]
            place = place.moved(builder.mul(j, stride))
            loop(
                builder,
                groups,
                lambda g: butterfly(place.moved(builder.mul(g, integer(BLOCK))), factors),
            )

        def transform(i: Any) -> None:
            place = data.moved(builder.mul(i, builder.mul(length, stride)))
            loop(builder, part, lambda j: position(place, j))

        loop(builder, builder.sdiv(n, length), transform)
        return context.get_dummy_value()

    return types.void(radix, onward, data, INDEX, INDEX, INDEX, INDEX, INDEX, factors, INDEX), write


@written
def turn(
    _: Any,
    radix: Any,
    data: Any,
    at: Any,
    stride: Any,
    groups: Any,
    n: Any,
    by: Any,
    place: Any,
    sign: Any,
) -> tuple[Any, Write]:
    """Last stage forward, multiplication, first stage back, in one go.

    ``by`` holds a line of ``n`` contiguous elements for each group; its imaginary parts are
    multiplied by ``sign``.
    """
    r = radix.literal_value

    def write(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        _, array, at, stride, groups, n, by, place, sign = arguments
        data = start(context, builder, signature.args[1], array, at)
        by = start(context, builder, signature.args[6], by, place)
        signs = spread(builder, sign)
        row, ahead = (builder.mul(count, integer(BLOCK)) for count in (n, groups))

        def butterfly(i: Any, g: Any) -> None:
            place = data.moved(builder.mul(i, builder.mul(stride, integer(r))))
            elements = _elements(place.moved(builder.mul(g, integer(BLOCK))), r, stride)
            entry = by.moved(builder.mul(g, row)).moved(builder.mul(i, integer(r * BLOCK)))
            numbers = dft(_read(elements))
            products = [
                a * Complex(b.re, b.im * signs)
                for a, b in zip(numbers, _read(_elements(entry, r, integer(BLOCK))), strict=True)
            ]
            for re, _ in elements:
                re.moved(ahead).expect()
            _write(elements, _back(dft(_back(products))))

        loop(
            builder,
            builder.sdiv(n, integer(r)),
            lambda i: loop(builder, groups, lambda g: butterfly(i, g)),
        )
        return context.get_dummy_value()

    return types.void(radix, data, INDEX, INDEX, INDEX, INDEX, by, INDEX, types.float32), write
