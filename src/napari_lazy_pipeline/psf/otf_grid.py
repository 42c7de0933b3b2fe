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

    Both are float32: real and imaginary part of a number lie one behind the other. Scales turn
    cycles per voxel into indices of ``values``; shears are in pixels per plane.
    """
    depth, height, half = out.shape[0], out.shape[1], out.shape[2] // 2
    rings, planes = values.shape[0], values.shape[1] // 2
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
                    out[z, y, 2 * x] = out[z, y, 2 * x + 1] = 0
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
                for part in range(2):
                    a, b = 2 * plane + part, 2 * following + part
                    inner = (one - p) * values[ring, a] + p * values[ring, b]
                    outer = (one - p) * values[ring + 1, a] + p * values[ring + 1, b]
                    out[z, y, 2 * x + part] = (one - r) * inner + r * outer
