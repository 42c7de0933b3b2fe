"""Volume check: what no engine can deskew, rotate or deconvolve is an error that says why."""

from __future__ import annotations

import math

import numpy as np

from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, Planes
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan, Shape


def check_deskew(volume: np.ndarray, plan: DeskewPlan, planes: Planes) -> int:
    """Raise an `EngineError` unless the planes can be deskewed; return the number of the first."""
    _check_dtype(volume, "deskewed")
    start, stop = planes or (0, plan.shape[0])
    if not 0 <= start <= stop <= plan.shape[0]:
        raise EngineError(f"There are no planes {start} to {stop} in a volume of {plan.shape}")
    _check_shape(volume, (stop - start, *plan.shape[1:]))
    return start


def check_rotation(volume: np.ndarray, plan: RotationPlan) -> None:
    """Raise an `EngineError` unless the volume can be rotated."""
    _check_dtype(volume, "rotated")
    _check_shape(volume, plan.shape)


def check_deconvolution(volume: np.ndarray, plan: DeconvolutionPlan) -> None:
    """Raise an `EngineError` unless the volume can be deconvolved."""
    if volume.ndim != 3 or not volume.size:
        raise EngineError(f"A volume of shape {volume.shape} cannot be deconvolved")
    if volume.dtype.kind not in "buif":
        raise EngineError(f"Volumes of {volume.dtype} cannot be deconvolved")
    if plan.iterations < 1:
        raise EngineError("Deconvolution needs at least 1 iteration")
    if not math.isfinite(plan.background):
        raise EngineError("The background must be a finite number")


def _check_dtype(volume: np.ndarray, verb: str) -> None:
    if volume.dtype.newbyteorder("=") not in (np.uint16, np.float32):
        raise EngineError(
            f"Volumes of {volume.dtype} cannot be {verb}",
            hint="Convert them to uint16 or float32",
        )


def _check_shape(volume: np.ndarray, expected: Shape) -> None:
    if volume.shape != expected:
        raise EngineError(f"The volume has shape {volume.shape}, the plan is for {expected}")
