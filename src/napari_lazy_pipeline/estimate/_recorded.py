"""Recorded: which voxels of a deskewed volume any recorded plane reaches."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.image import VolumeSpec


def recorded(volume: VolumeSpec) -> np.ndarray:
    """Return whether a voxel (z, y, x) is made of recorded data only; all are without an outline.

    The outline is a slanted block: a voxel is in it if its place is, along each of its three edges.
    """
    known = np.ones(volume.shape, bool)
    if not volume.outline:
        return known
    corners = np.reshape(volume.outline, (2, 2, 2, 3))
    edges = np.stack([corners[1, 0, 0], corners[0, 1, 0], corners[0, 0, 1]]) - corners[0, 0, 0]
    if np.linalg.matrix_rank(edges) < len(edges):
        return known  # a single plane, row or column
    along = np.linalg.inv(edges.T)  # from a place [um] to parts of the edges
    first = along @ (np.array(volume.translate) - corners[0, 0, 0])
    steps = along * np.array(volume.spacing)  # of one voxel along each axis
    z, y, x = np.ogrid[tuple(map(slice, volume.shape))]
    for start, step in zip(first, steps, strict=True):
        part = start + step[0] * z + step[1] * y + step[2] * x
        # Within a voxel of the rim it is made of blanks, too; few planes are all rim.
        rim = min(float(np.abs(step).sum()), 0.25)
        known &= (part >= rim) & (part <= 1 - rim)
    return known if known.any() else ~known
