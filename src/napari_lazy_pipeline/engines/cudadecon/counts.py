"""Counts: volumes as the uint16 that the cudaDecon library wants, and scans as it states them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Rounding
from napari_lazy_pipeline.engines.padding import Frame, apodize, clean

FULL_SCALE = 65535
DARK = 1e-30


def equivalent_scan(shear: float) -> tuple[float, float]:
    """Step [pixel] and angle [degree] that give a shear; the library has no parameter for it.

    Both are float32 in the library: of many such pairs, the one nearest to the shear is taken.
    """
    angles = np.linspace(20, 70, 2001) if shear > 0 else np.linspace(110, 160, 2001)
    angles = angles.astype(np.float32).astype(np.float64)
    cosines = np.cos(angles * np.pi / 180)
    steps = (shear / cosines).astype(np.float32).astype(np.float64)
    best = int(np.abs(steps * cosines - shear).argmin())
    return float(steps[best]), float(angles[best])


@dataclass(frozen=True)
class Counts:
    """A volume as the library wants it."""

    values: np.ndarray  # uint16 (z, y, x)
    background: float  # what is still to be subtracted from it [count]
    scale: float  # what the result has to be divided by
    blend: int  # width of the blend of opposite edges that is left to the library [pixel]

    @classmethod
    def of(cls, volume: np.ndarray, plan: DeconvolutionPlan) -> Counts:
        """Round a volume; what is no whole number is stretched to the full range first."""
        blend = _library_blend(volume, plan)
        background = np.float32(plan.background)
        planes = clean(np, volume, background)
        if plan.edges == "periodic" and not blend:
            apodize(np, planes, plan.apodize)
        remaining, scale = float(plan.background), 1.0
        if not _counts(volume):
            np.maximum(planes - background, 0, out=planes)
            top = float(planes.max())
            remaining, scale = 0.0, FULL_SCALE / top if top > DARK else 1.0
            planes *= np.float32(scale)
        return cls(whole(planes, "nearest"), remaining, scale, blend)

    def framed(self, frame: Frame) -> np.ndarray:
        """Fill a frame with what it shows of the volume."""
        z, y, x = (frame.indices(axis) for axis in range(3))
        image: np.ndarray = self.values[z][:, y][:, :, x]
        outside = min(max(int(self.background), 0), FULL_SCALE)
        image[z < 0], image[:, y < 0], image[:, :, x < 0] = outside, outside, outside
        return image


def _counts(volume: np.ndarray) -> bool:
    """Return whether the values go into uint16 as they are."""
    return volume.dtype.kind == "u" and volume.dtype.itemsize <= 2


def _library_blend(volume: np.ndarray, plan: DeconvolutionPlan) -> int:
    """Width of the blend the library can do as it should: on nothing but the volume itself."""
    shape = at_least_two(Frame.of(volume.shape, plan)).shape
    fits = plan.apodize <= min(shape[1:])
    if plan.edges == "periodic" and shape == volume.shape and _counts(volume) and fits:
        return int(plan.apodize)
    return 0


def whole(values: np.ndarray, rounding: Rounding) -> np.ndarray:
    """Round to uint16, limited to what fits."""
    if rounding == "nearest":
        values = values + np.float32(0.5)
    return np.asarray(np.clip(values, 0, FULL_SCALE).astype(np.uint16))


def at_least_two(frame: Frame) -> Frame:
    """Give every axis two positions: the library does not survive a single one."""
    z, y, x = (max(n, 2) for n in frame.shape)
    return replace(frame, shape=(z, y, x))
