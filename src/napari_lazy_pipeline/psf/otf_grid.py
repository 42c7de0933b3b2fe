"""OTF grid: the compiled loop that spreads a radial OTF over the frequencies of a volume."""

from __future__ import annotations

import math

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled


@compiled()
def fill_grid(  # pragma: no cover
    out: np.ndarray,
    values: np.ndarray,
    width: int,
    scale_z: float,
    scale_y: float,
    scale_x: float,
    shear_y: float,
    shear_x: float,
) -> None:
    """Fill ``out`` (z, y, x half) by bilinear interpolation of ``values`` (kr, kz).

    Scales turn cycles per voxel into indices of ``values``; shears are in pixels per plane.
    """
    depth, height, half = out.shape
    rings, planes = values.shape
    skewed = shear_y != 0 or shear_x != 0
    for z in range(depth):
        plane_frequency = (z if z <= depth // 2 else z - depth) / depth
        for y in range(height):
            fy = (y if y <= height // 2 else y - height) / height
            for x in range(half):
                fx = x / width
                radius = math.sqrt((fy * scale_y) ** 2 + (fx * scale_x) ** 2)
                fz = plane_frequency
                if skewed:
                    fz -= shear_y * fy + shear_x * fx
                    fz -= math.ceil(fz - 0.5)
                position = fz * scale_z
                if radius >= rings - 1 or abs(position) > planes / 2 + 1e-6:
                    out[z, y, x] = 0
                    continue
                if position < 0:
                    position += planes
                ring = int(radius)
                plane = int(position)
                r = np.float32(radius - ring)
                p = np.float32(position - plane)
                plane %= planes
                following = (plane + 1) % planes
                one = np.float32(1)
                inner = (one - p) * values[ring, plane] + p * values[ring, following]
                outer = (one - p) * values[ring + 1, plane] + p * values[ring + 1, following]
                out[z, y, x] = (one - r) * inner + r * outer
