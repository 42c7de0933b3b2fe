"""Stacks whose planes lean by a known shear: beads in noise."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.image import Scan

VOXEL = (0.3, 0.1, 0.1)


def bead_stack(
    shear: float,
    axis: str = "x",
    shape: tuple[int, int, int] = (40, 96, 128),
    count: int = 60,
    seed: int = 0,
) -> np.ndarray:
    """Beads in the sample, as tilted planes meet them: each plane starts ``shear`` px further on.

    A bead at place u along the axis is met at pixel u - shear * z of plane z.
    """
    generator = np.random.default_rng(seed)
    planes, height, width = shape
    length, other = (width, height) if axis == "x" else (height, width)
    z, along = np.meshgrid(np.arange(planes), np.arange(length), indexing="ij")
    low, high = min(0.0, shear * planes), length + max(0.0, shear * planes)
    stack = np.full((planes, length, other), 100.0)
    for _ in range(count):
        z0, u0 = generator.uniform(0, planes), generator.uniform(low, high)
        v0, light = generator.uniform(0, other), generator.uniform(100, 500)
        streak = light * np.exp(-((z - z0) ** 2) / 8 - (along - u0 + shear * z) ** 2 / 4.5)
        stack += streak[..., None] * np.exp(-((np.arange(other) - v0) ** 2) / 4.5)
    stack = generator.poisson(stack).astype("uint16")
    return stack if axis == "y" else stack.swapaxes(1, 2)


def shear_for(angle: float) -> float:
    return Scan(angle).shear(VOXEL)


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(2).poisson(100, shape).astype("uint16")
