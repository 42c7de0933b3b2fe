"""The maximum along z of a deskewed volume, without making the volume."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.threads import Workers
from napari_lazy_pipeline.engines import Rounding
from napari_lazy_pipeline.engines.cpu.deskew_kernels import check_volume, shearing
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan


def deskew_mip(
    volume: np.ndarray, plan: DeskewPlan, fill: float, rounding: Rounding, workers: Workers
) -> np.ndarray:
    """Shear each plane of a volume (z, y, x) and keep the largest value of each pixel.

    Raises
    ------
    EngineError
        If the volume has no plane, is not uint16 or float32, or not of the shape of the plan.
    """
    check_volume(volume, plan, None)
    if not len(volume):
        raise EngineError("A volume without planes has no projection")
    volume = np.ascontiguousarray(volume, volume.dtype.newbyteorder("="))
    shear = shearing(plan, volume.dtype, fill, rounding)
    parts = min(workers.threads, len(volume))
    tops = np.empty((parts, *plan.out_shape[1:]), volume.dtype)

    def run(part: int) -> None:
        planes = range(part, len(volume), parts)
        top, plane = tops[part : part + 1], np.empty((1, *tops.shape[1:]), tops.dtype)
        shear(volume[part : part + 1], top, part)
        for z in planes[1:]:
            shear(volume[z : z + 1], plane, z)
            np.maximum(top, plane, out=top)

    workers.each(run, parts)
    return np.asarray(tops.max(axis=0))
