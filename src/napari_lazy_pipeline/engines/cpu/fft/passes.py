"""Passes of a Richardson-Lucy iteration over a spectrum: one by planes, one by columns."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline.engines.array_fft import EPSILON, LARGEST_RATIO
from napari_lazy_pipeline.engines.cpu.fft.spectrum import SpectrumLayout, along_x, merge, split
from napari_lazy_pipeline.engines.cpu.fft.stages import BLOCK
from napari_lazy_pipeline.engines.cpu.fft.transforms import backward, filter_lines, forward

# What happens to pixels between two transforms.
TAKE, COMPARE, CORRECT, SQUARE, ACCELERATE, PREDICT = range(6)


@compiled()
def planes(  # pragma: no cover
    spectrum: np.ndarray,
    layout: SpectrumLayout,
    first: int,
    last: int,
    operation: int,
    volumes: tuple[np.ndarray, ...],
    step: np.float32,
    sums: np.ndarray,
    onward: bool,
) -> None:
    """Take planes from the spectrum to pixels, operate on them, and take them to the spectrum.

    Parameters
    ----------
    spectrum
        float32 (n,), not transformed along z.
    layout
        Where everything is in it.
    first, last
        Which planes.
    operation
        `TAKE` the pixels of the first volume; `COMPARE` the first volume, the image, with the
        pixels; `CORRECT` the first volume by the pixels, the second one being the result;
        `SQUARE`: the same, by their squares; `ACCELERATE`: as to correct, and the third one is
        how much was changed; `PREDICT` the third volume from the first and the second one
        before it.
    volumes
        float32 (n,), as many as it takes, the others empty (see `blocks`).
    step
        For the prediction.
    sums
        float64 (z, 2), added to by `ACCELERATE`: the products of the change with the one before,
        and of that with itself.
    onward
        Whether to transform the pixels again; or else the spectrum is spoilt.
    """
    size, stages = layout.y.n * BLOCK, len(layout.y.radices)
    columns = np.zeros(size + BLOCK, np.float32)
    inward = operation not in (TAKE, PREDICT)
    for z in range(first, last):
        at = z * layout.pitch
        if inward:
            along_x(spectrum, at, layout, False)
        for block in range(layout.columns // BLOCK):
            place = at + block * BLOCK * BLOCK
            if inward:
                merge(spectrum, place, columns, layout)
                backward(columns, 0, BLOCK, 1, layout.y, stages)
            start = (z * layout.columns // BLOCK + block) * size
            _operate(operation, columns[:size], volumes, start, step, sums[z])
            if onward:
                forward(columns, 0, BLOCK, 1, layout.y, stages)
                split(spectrum, place, columns, layout)
        if onward:
            along_x(spectrum, at, layout, True)


@compiled()
def _operate(  # pragma: no cover
    operation: int,
    pixels: np.ndarray,
    volumes: tuple[np.ndarray, ...],
    start: int,
    step: np.float32,
    sums: np.ndarray,
) -> None:
    block = slice(start, start + len(pixels))
    first, second, third = volumes
    if operation == TAKE:
        _copy(first[block], pixels)
    elif operation == COMPARE:
        _compare(pixels, first[block])
    elif operation == CORRECT:
        _correct(pixels, first[block])
        _copy(pixels, second[block])
    elif operation == SQUARE:
        _square(pixels)
        _correct(pixels, first[block])
        _copy(pixels, second[block])
    elif operation == ACCELERATE:
        _correct_and_compare(pixels, first[block], second[block], third[block], sums)
    elif operation == PREDICT:
        _predict(pixels, first[block], second[block], third[block], step)


@compiled()
def _copy(source: np.ndarray, target: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(target)):
        target[i] = source[i]


@compiled()
def _compare(blurred: np.ndarray, image: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(blurred)):
        below = blurred[i] if blurred[i] != 0 else EPSILON
        blurred[i] = min(max(image[i] / below + EPSILON, -LARGEST_RATIO), LARGEST_RATIO)


@compiled()
def _correct(correction: np.ndarray, predicted: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(correction)):
        correction[i] = max(predicted[i] * correction[i], np.float32(0))


@compiled()
def _square(correction: np.ndarray) -> None:  # pragma: no cover
    """Square, and keep the sign: what is below 0 shall be cut off later."""
    for i in range(len(correction)):
        correction[i] *= abs(correction[i])


@compiled(fastmath={"reassoc", "nsz"})
def _correct_and_compare(  # pragma: no cover
    correction: np.ndarray,
    predicted: np.ndarray,
    estimate: np.ndarray,
    change: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Correct, renew the change in place; add up its product with the old one, and that's own."""
    product, norm = 0.0, 0.0
    for i in range(len(correction)):
        value = max(predicted[i] * correction[i], np.float32(0))
        new, old = value - predicted[i], change[i]
        product += np.float64(new) * np.float64(old)
        norm += np.float64(old) * np.float64(old)
        estimate[i] = value
        change[i] = new
        correction[i] = value
    sums[0] += product
    sums[1] += norm


@compiled()
def _predict(  # pragma: no cover
    pixels: np.ndarray,
    estimate: np.ndarray,
    before: np.ndarray,
    prediction: np.ndarray,
    step: np.float32,
) -> None:
    for i in range(len(pixels)):
        value = max(estimate[i] + step * (estimate[i] - before[i]), np.float32(0))
        prediction[i] = value
        pixels[i] = value


@compiled()
def columns(  # pragma: no cover
    spectrum: np.ndarray,
    layout: SpectrumLayout,
    factor: np.ndarray,
    sign: np.float32,
    first: int,
    last: int,
    groups: int,
) -> None:
    """Multiply columns of the spectrum, transformed along z for that, with a factor.

    Parameters
    ----------
    spectrum, layout
        See `planes`.
    factor
        float32 (n,) (see `lay_out`).
    sign
        -1 for the conjugate of the factor, or else 1.
    first, last
        Which columns, each of eight rows.
    groups
        How many to do beside each other.
    """
    size = layout.z.n * BLOCK
    for column in range(first, last, groups):
        many = min(groups, last - column)
        filter_lines(
            spectrum, column * BLOCK, layout.pitch, many, layout.z, factor, column * size, sign
        )
