"""Channel pairs: which channel is moved onto which, and by how much, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import StackSpec


def channels_to_move(values: Mapping[str, Any], spec: StackSpec) -> tuple[int, tuple[int, ...]]:
    """Number of the reference channel, and those of the others.

    Raises
    ------
    GeometryError
        If there is no such channel, or no other.
    """
    names = spec.channels
    reference = values.get("reference") or names[0]
    if reference not in names:
        hint = f"Choose one of: {', '.join(names)}"
        raise GeometryError(f"There is no channel {reference} to register to", hint=hint)
    if len(names) == 1:
        raise GeometryError(
            "There is one channel only: nothing can be registered to it",
            hint="Open the other channels, too",
        )
    at = names.index(reference)
    return at, tuple(c for c in range(len(names)) if c != at)


def without_hot_pixels(volume: np.ndarray) -> np.ndarray:
    """The volume (z, y, x) by the median of 3 x 3 pixels, float32; what is not finite is 0.

    Hot pixels are at the same place in channels of one camera, however these are shifted.
    """
    known = np.nan_to_num(volume.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(ndimage.median_filter(known, (1, 3, 3), mode="nearest"))


def displacement_text(matrix: np.ndarray, spec: StackSpec) -> str:
    """How far a transform (4, 4) moves the middle of the volume, in words.

    Examples
    --------
    >>> from napari_lazy_pipeline.image import VolumeSpec
    >>> moved = np.eye(4)
    >>> moved[:3, 3] = 0.2, 0, -0.1
    >>> displacement_text(moved, StackSpec(VolumeSpec((8, 8, 8), voxel_size=(0.3, 0.1, 0.1))))
    'moved by 0.200, 0.000, -0.100 um (z, y, x)'
    """
    middle = spec.volume.translate + (np.array(spec.shape) - 1) / 2 * spec.voxel_size
    by = matrix[:3, :3] @ middle + matrix[:3, 3] - middle
    return f"moved by {', '.join(f'{b:.3f}' for b in by + 0.0)} um (z, y, x)"
