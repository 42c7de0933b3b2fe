"""Depth colours: the brightest voxel along z, in a colour that says how deep it lies."""

from __future__ import annotations

import numpy as np


def depth_colours(
    volume: np.ndarray, limits: tuple[float, float], colours: np.ndarray
) -> np.ndarray:
    """Colour the maximum along z by the plane it comes from.

    Parameters
    ----------
    volume
        (z, y, x).
    limits
        Values that are black, and that have the full colour.
    colours
        (z, 3), red, green and blue of each plane, 0 to 1.

    Returns
    -------
    numpy.ndarray
        (y, x, 3), uint8. What is not a number is black.

    Examples
    --------
    >>> volume = np.array([[[0, 10]], [[5, 0]]])
    >>> depth_colours(volume, (0, 10), np.array([[1.0, 0, 0], [0, 0, 1.0]])).tolist()
    [[[0, 0, 128], [255, 0, 0]]]
    """
    # Plane by plane: a volume of floats beside the volume would double what it takes.
    highest = np.full(volume.shape[1:], -np.inf, np.float32)
    plane_of = np.zeros(volume.shape[1:], np.intp)
    for z, plane in enumerate(volume):
        above = plane > highest  # False for what is not a number
        highest[above], plane_of[above] = plane[above], z
    low, high = limits
    brightness = np.clip((highest - low) / max(high - low, 1e-30), 0, 1)
    result: np.ndarray = np.rint(255 * brightness[..., np.newaxis] * colours[plane_of])
    return result.astype(np.uint8)
