"""Pixel operations: what happens to the pixels of a block between two transforms, compiled."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled_part, inlined
from napari_lazy_pipeline.engines.richardson_lucy import (
    EPSILON,
    HALF,
    LARGEST_RATIO,
    LEAST_VARIANCE,
    ONE,
    STEEPNESS,
)

# What happens to pixels between two transforms.
TAKE, COMPARE, CORRECT, SQUARE, ACCELERATE, PREDICT = range(6)
FIRST, COMPARE_AND_KEEP, SQUARE_CHANGE, SQUARE_RESIDUAL, WEIGH, FOLLOW = range(6, 12)


@inlined
def operate(  # pragma: no cover
    operation: int,
    pixels: np.ndarray,
    volumes: tuple[np.ndarray, ...],
    start: int,
    step: np.float32,
    sums: np.ndarray,
) -> None:
    """Do an operation on a block of pixels, and of up to three volumes from ``start`` on."""
    end = start + len(pixels)
    first, second, third = volumes
    first, second, third = first[start:end], second[start:end], third[start:end]
    if operation == TAKE:
        _copy(first, pixels)
    elif operation == COMPARE:
        _compare(pixels, first)
    elif operation in (CORRECT, SQUARE):
        if operation == SQUARE:
            _square(pixels)
        _correct(pixels, first)
        _copy(pixels, second)
    elif operation == ACCELERATE:
        _correct_and_compare(pixels, first, second, third, sums)
    elif operation == PREDICT:
        _predict(pixels, first, second, third, step)
    elif operation == FIRST:
        _first(pixels, first)
    elif operation == COMPARE_AND_KEEP:
        _copy(pixels, first)
        _compare(pixels, second)
    elif operation == SQUARE_CHANGE:
        _square_change(pixels, first, second)
    elif operation == SQUARE_RESIDUAL:
        _square_residual(pixels, first, second)
    elif operation == WEIGH:
        _weigh(pixels, first, second, third)
    elif operation == FOLLOW:
        _follow(pixels, first, second)


@inlined
def _copy(source: np.ndarray, target: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(target)):
        target[i] = source[i]


@inlined
def _compare(blurred: np.ndarray, image: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(blurred)):
        blurred[i] = _ratio(image[i], blurred[i])


@inlined
def _ratio(image: np.float32, blurred: np.float32) -> np.float32:  # pragma: no cover
    below = blurred if blurred != 0 else EPSILON
    return min(max(image / below + EPSILON, -LARGEST_RATIO), LARGEST_RATIO)


@inlined
def _correct(correction: np.ndarray, predicted: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(correction)):
        correction[i] = max(predicted[i] * correction[i], np.float32(0))


@inlined
def _square(correction: np.ndarray) -> None:  # pragma: no cover
    """Square, and keep the sign: what is below 0 shall be cut off later."""
    for i in range(len(correction)):
        correction[i] *= abs(correction[i])


@compiled_part(fastmath={"reassoc", "nsz"})
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


@inlined
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


@inlined
def _first(pixels: np.ndarray, estimate: np.ndarray) -> None:  # pragma: no cover
    for i in range(len(pixels)):
        estimate[i] = pixels[i] = max(pixels[i], np.float32(0))


@inlined
def _square_change(  # pragma: no cover
    pixels: np.ndarray, change: np.ndarray, prediction: np.ndarray
) -> None:
    for i in range(len(pixels)):
        value = pixels[i] - ONE
        change[i] = value
        pixels[i] = value * value * prediction[i]


@inlined
def _square_residual(  # pragma: no cover
    pixels: np.ndarray, prediction: np.ndarray, image: np.ndarray
) -> None:
    """Put what was asked for in the place of the prediction."""
    for i in range(len(pixels)):
        predicted = prediction[i]
        residual = _ratio(image[i], predicted) - ONE
        prediction[i] = pixels[i]
        pixels[i] = residual * residual * predicted


@inlined
def _weigh(  # pragma: no cover
    variance: np.ndarray, estimate: np.ndarray, change: np.ndarray, asked: np.ndarray
) -> None:
    for i in range(len(variance)):
        excess = asked[i] / max(variance[i], LEAST_VARIANCE) - ONE
        weight = min(max(excess * STEEPNESS + HALF, np.float32(0)), ONE)
        value = max((change[i] * weight + ONE) * estimate[i], np.float32(0))
        asked[i] = weight
        estimate[i] = variance[i] = value


@inlined
def _follow(  # pragma: no cover
    pixels: np.ndarray, estimate: np.ndarray, weight: np.ndarray
) -> None:
    for i in range(len(pixels)):
        value = max(((pixels[i] - ONE) * weight[i] + ONE) * estimate[i], np.float32(0))
        estimate[i] = pixels[i] = value
