"""Flat field: how unevenly bright a microscope shows things, from what many planes share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tifffile
from scipy import ndimage

from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.image import Block

TIMES, PLANES = 12, 24  # at most so many time points, and planes of each of them
SQUARES = 24  # planes are averaged over squares: so many along each axis, or nearly twice that
# Part of the planes in which a place shows less: haze, also where a cell is in most of them.
LOWER, LOWEST = 0.25, 0.1  # for a first guess, and for the result
DEGREE = 4  # of the polynomial; what is finer follows by a Gaussian
USUAL = 0.02  # deviation of a place from the polynomial that is none of the sample's, of 1
SMOOTHING = 0.1  # standard deviation of that, of the shorter side
# Counts above the dark; with fewer, a dark that is wrong by one shifts the result by 10 %.
LEAST = 10.0
LEVEL = 10_000.0  # counts of the image that is made


class FlatField(Estimator):
    """Estimates a flat image per channel: what is darkest in many planes, smoothed."""

    kind: ClassVar[str] = "camera_correction"
    title: ClassVar[str] = "Estimate flat field"
    tooltip: ClassVar[str] = (
        f"Make a flat image of each channel: what up to {PLANES} planes of up to {TIMES} "
        "time points have in common; reads these. State the dark counts before"
    )

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        _require_whole_camera(stack)
        names, images, words = stack.spec.channels, {}, []
        without: list[str] = []  # channels of which nobody stated dark counts
        for c, name in enumerate(names):
            dark = _dark(values, name)
            planes = np.array(list(_planes(stack, c)))
            try:
                planes -= _averaged(dark) if dark.ndim else dark
                shade = flat_field(planes, stack.spec.shape[1:])
            except GeometryError as error:
                raise GeometryError(error.what, f"channel {name}", error.hint) from None
            images[name] = np.asarray(LEVEL * shade + dark, np.float32)
            if not (dark.any() or stack.spec.background_subtracted):
                without.append(name)
            of_channel = f" ({name})" if len(names) > 1 else ""
            words.append(f"{100 * shade.min() / shade.max():.0f} %{of_channel}")
        sentence = f"Dimmest place: {', '.join(words)} of the brightest"
        if without:
            which = f" of {', '.join(without)}" if len(names) > 1 else ""
            sentence += f". No dark counts{which} are stated: what the camera shows without light "
            sentence += "was taken for light, and the image is too even. State them, estimate again"
        return Estimate(
            {},
            sentence,
            f"up to {PLANES} planes of up to {TIMES} time points",
            {"flat_image": images if len(names) > 1 else images[names[0]]},
        )


def flat_field(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Find what planes have in common, smooth, for images of a shape; 1 on average.

    The planes (n, y, x) are averaged over squares, without dark counts. What is darkest of each
    square shows haze, also where a cell mostly is; but of single squares it shows noise, too.
    So a first guess, from the lower quartile, makes the planes even; then the median of 3 x 3
    squares has little noise, and few of the darkest planes will do.

    Raises
    ------
    GeometryError
        If there is hardly any light in most of the planes.
    """
    common = np.quantile(planes, LOWER, axis=0).astype(np.float64)
    level = float(np.median(common))
    if not level >= LEAST:
        raise GeometryError(
            f"Most pixels have only {level:.3g} counts above the dark"
            if np.isfinite(level)
            else "Most pixels are not a number",
            hint="State the dark counts, or choose a flat image that was recorded",
        )
    guess = _averaged(_smooth(common, shape))
    even = ndimage.median_filter(planes / guess, (1, 3, 3), mode="nearest")
    return _smooth(np.quantile(even, LOWEST, axis=0) * guess, shape)


def _smooth(common: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Smooth image of a shape through the values of squares; 1 on average.

    A polynomial is fitted to their logarithm, in which places that deviate count less; what is left
    is smoothed by a Gaussian.
    """
    # Brightness falls off as a bell or as powers of a cosine: smoother in logarithms.
    logs = np.log(np.maximum(common, 0.02 * np.median(common))).ravel()
    middles = [_middles(*sizes) for sizes in zip(shape, common.shape, strict=True)]
    terms, weight = _polynomials(*middles), np.ones(common.size)
    for _ in range(8):
        factors = np.linalg.lstsq(terms * weight[:, None], logs * weight, rcond=None)[0]
        rest = logs - terms @ factors
        usual = max(float(np.median(np.abs(rest))) / 0.6745, USUAL)
        weight = 1 / np.sqrt(np.maximum(np.abs(rest) / (1.5 * usual), 1))
    weights, rest = ((a.reshape(common.shape)) for a in (weight**2, rest))
    sigma = SMOOTHING * min(common.shape)
    fine = ndimage.gaussian_filter(weights * rest, sigma, mode="nearest")
    fine /= ndimage.gaussian_filter(weights, sigma, mode="nearest")
    coarse = _polynomials(*(_middles(n, n) for n in shape)) @ factors
    result = np.exp(coarse.reshape(shape) + _enlarged(fine, shape))
    return np.asarray(result / result.mean())


def _require_whole_camera(stack: StackSample) -> None:
    camera = stack.spec.volume.camera
    if camera is None:
        raise GeometryError("The pixels are not those of the camera any more")
    if camera.shape is not None and camera.shape[1:] != stack.spec.shape[1:]:
        raise GeometryError(
            "A part of the image is cropped away", hint="Put Camera correction before Crop"
        )


def _planes(stack: StackSample, c: int) -> Iterator[np.ndarray]:
    """Read planes of a channel, averaged over squares; where a file is bad, the others do."""
    depth, *sides = stack.spec.shape
    chosen, bad = _spread(depth, PLANES), None
    times, found = _spread(stack.spec.times, TIMES), False
    for number, t in enumerate(times):
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
        yield from map(_averaged, planes)
        stack.advance((c + (number + 1) / len(times)) / len(stack.spec.channels))
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


def _averaged(plane: np.ndarray) -> np.ndarray:
    """Mean over squares, so that few of them are left; what does not fill one is left out."""
    by, bx = (_side(n) for n in plane.shape)
    y, x = plane.shape[0] // by, plane.shape[1] // bx
    blocks = plane[: y * by, : x * bx].reshape(y, by, x, bx)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _side(length: int) -> int:
    return max(length // SQUARES, 1)


def _middles(length: int, count: int) -> np.ndarray:
    """Middles of the squares along an axis, or of its pixels; its ends are at -1 and 1."""
    side = 1 if count == length else _side(length)
    return (2 * side * (np.arange(count) + 0.5)) / length - 1


def _enlarged(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values of squares for each pixel, linearly in between."""
    places = [(np.arange(n) + 0.5) / _side(n) - 0.5 for n in shape]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(image, grid, order=1, mode="nearest"))


def _polynomials(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Polynomials of both axes (pixel, term), up to a degree together."""
    axes = [np.polynomial.legendre.legvander(places, DEGREE) for places in (y, x)]
    pairs = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    return np.stack([np.outer(axes[0][:, i], axes[1][:, j]).ravel() for i, j in pairs], axis=1)
