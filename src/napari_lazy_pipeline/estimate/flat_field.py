"""Flat field: how unevenly bright a microscope shows things, from what many planes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tifffile
from scipy import ndimage

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample, check
from napari_lazy_pipeline.image import Block

TIMES, PLANES = 12, 24  # at most so many time points, and planes of each of them
LARGEST = 256  # pixel; planes are binned to less than twice as many along each axis
DEGREE = 4  # of the polynomial; what is finer follows by a Gaussian
USUAL = 0.02  # deviation of a place from the polynomial that is none of the sample's, of 1
SMOOTHING = 0.1  # standard deviation of that, of the shorter side
# Counts above the dark; with fewer, a dark that is wrong by one shifts the result by 10 %.
LEAST = 10.0
LEVEL = 10_000.0  # counts of the image that is made


class FlatField(Estimator):
    """Estimates a flat image per channel: the median of many planes, smoothed."""

    kind: ClassVar[str] = "camera_correction"
    title: ClassVar[str] = "Estimate flat field"
    tooltip: ClassVar[str] = (
        f"Make a flat image of each channel: the median of up to {PLANES} planes of up to {TIMES} "
        "time points, smoothed; reads these. Dark counts have to be stated before"
    )

    def estimate(
        self,
        values: Mapping[str, Any],
        stack: StackSample,
        cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> Estimate:
        _require_whole_camera(stack)
        names, images, words = stack.spec.channels, {}, []
        for c, name in enumerate(names):
            dark = _dark(values, name)
            planes = np.array(list(_planes(stack, c, cancelled, progress)))
            try:
                shape = flat_field(planes - _binned(dark) if dark.ndim else planes - dark)
            except GeometryError as error:
                raise GeometryError(error.what, f"channel {name}", error.hint) from None
            full = _enlarged(shape, stack.spec.shape[1:])
            images[name] = np.asarray(LEVEL * full / full.mean() + dark, np.float32)
            words.append(f"{name}: {full.min() / full.max():.0%}")
        several = len(names) > 1
        told = ", ".join(words) if several else words[0].partition(": ")[2]
        return Estimate(
            {},
            f"The darkest place has so much of the brightest: {told}",
            f"up to {PLANES} planes of up to {TIMES} time points",
            {"flat_image": images if several else images[names[0]]},
        )


def flat_field(planes: np.ndarray) -> np.ndarray:
    """Find what planes (n, y, x) have in common, smooth and 1 on average; without dark counts.

    The logarithm of their median is fitted by a polynomial, in which places that deviate count
    less, and what is left is smoothed by a Gaussian.

    Raises
    ------
    GeometryError
        If there is hardly any light in most of the planes.
    """
    middle = np.median(planes, axis=0).astype(np.float64)
    level = float(np.median(middle))
    if not level >= LEAST:
        raise GeometryError(
            f"Most pixels have only {level:.3g} counts above the dark",
            hint="State the dark counts, or choose a flat image that was recorded",
        )
    # Brightness falls off as a bell or as powers of a cosine: smoother in logarithms.
    logs = np.log(np.maximum(middle, 0.02 * level)).ravel()
    terms, weight = _polynomials(middle.shape), np.ones(middle.size)
    for _ in range(8):
        factors = np.linalg.lstsq(terms * weight[:, None], logs * weight, rcond=None)[0]
        rest = logs - terms @ factors
        usual = max(float(np.median(np.abs(rest))) / 0.6745, USUAL)
        weight = 1 / np.sqrt(np.maximum(np.abs(rest) / (1.5 * usual), 1))
    sigma, weights = SMOOTHING * min(middle.shape), (weight**2).reshape(middle.shape)
    fine = ndimage.gaussian_filter(weights * rest.reshape(middle.shape), sigma, mode="nearest")
    fine /= ndimage.gaussian_filter(weights, sigma, mode="nearest")
    result = np.exp((terms @ factors).reshape(middle.shape) + fine)
    return np.asarray(result / result.mean())


def _require_whole_camera(stack: StackSample) -> None:
    camera = stack.spec.volume.camera
    if camera is None:
        raise GeometryError("The pixels are not those of the camera any more")
    if camera.shape is not None and camera.shape[1:] != stack.spec.shape[1:]:
        raise GeometryError(
            "A part of the image is cropped away", hint="Put Camera correction before Crop"
        )


def _planes(
    stack: StackSample,
    c: int,
    cancelled: Callable[[], bool],
    progress: Callable[[float], None],
) -> Iterator[np.ndarray]:
    """Read planes of a channel, binned; time points whose file is bad are left out."""
    depth, *sides = stack.spec.shape
    chosen, bad = _spread(depth, PLANES), None
    times, found = _spread(stack.spec.times, TIMES), False
    for number, t in enumerate(times):
        check(cancelled)
        try:
            if stack.by_planes:
                boxes = (((z, z + 1), *((0, n) for n in sides)) for z in chosen)
                planes = np.concatenate([stack.read_part(Block(t, c, box)) for box in boxes])  # type: ignore[arg-type]
            else:
                planes = stack.read(t, c)[chosen]
        except FileError as error:
            bad = error
            continue
        found = True
        yield from map(_binned, planes)
        progress((c + (number + 1) / len(times)) / len(stack.spec.channels))
    if bad is not None and not found:
        raise bad


def _spread(length: int, count: int) -> list[int]:
    """So many numbers below a length, evenly apart."""
    return sorted({int((i + 0.5) * length / count) for i in range(count)})


def _dark(values: Mapping[str, Any], name: str) -> np.ndarray:
    """Dark image (y, x), or dark counts, that the step states for a channel."""
    path, counts = (
        value.get(name) if isinstance(value, Mapping) else value
        for value in (values.get("dark_image"), values.get("dark"))
    )
    if not path:
        return np.asarray(counts or 0.0, np.float32)
    try:
        return np.squeeze(tifffile.imread(path)).astype(np.float32)
    except Exception as error:  # whatever a damaged file makes the decoder raise
        raise FileError(f"The dark image cannot be read: {error}", path) from error


def _binned(plane: np.ndarray) -> np.ndarray:
    """Mean over squares, so that few pixels are left; what does not fill a square is left out."""
    y, x = (n // max(n // LARGEST, 1) for n in plane.shape)
    by, bx = plane.shape[0] // y, plane.shape[1] // x
    blocks = plane[: y * by, : x * bx].reshape(y, by, x, bx)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _enlarged(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image of another number of pixels, linearly in between."""
    factors = [max(n // LARGEST, 1) for n in shape]
    places = [(np.arange(n) + 0.5) / f - 0.5 for n, f in zip(shape, factors, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(image, grid, order=1, mode="nearest"))


def _polynomials(shape: tuple[int, ...]) -> np.ndarray:
    """Polynomials of both axes (pixel, term), up to a degree together."""
    axes = [np.polynomial.legendre.legvander(np.linspace(-1, 1, n), DEGREE) for n in shape]
    pairs = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    return np.stack([np.outer(axes[0][:, i], axes[1][:, j]).ravel() for i, j in pairs], axis=1)
