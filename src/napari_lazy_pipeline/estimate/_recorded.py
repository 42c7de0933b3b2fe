"""Recorded: which voxels of a deskewed volume any recorded plane reaches."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.image import Shape, VolumeSpec


def recorded(volume: VolumeSpec, every: Shape = (1, 1, 1)) -> np.ndarray:
    """Return whether a voxel (z, y, x) is made of recorded data only; all are without an outline.

    ``every`` is the distance of the voxels that are looked at, along each axis.
    The outline is a slanted block: a voxel is in it if its place is, along each of its three edges.
    """
    z, y, x = (np.arange(0, n, step) for n, step in zip(volume.shape, every, strict=True))
    known = np.ones((z.size, y.size, x.size), bool)
    if not volume.outline:
        return known
    corners = np.reshape(volume.outline, (2, 2, 2, 3))
    edges = np.stack([corners[1, 0, 0], corners[0, 1, 0], corners[0, 0, 1]]) - corners[0, 0, 0]
    if np.linalg.matrix_rank(edges) < len(edges):
        return known  # a single plane, row or column
    along = np.linalg.inv(edges.T)  # from a place [um] to parts of the edges
    first = along @ (np.array(volume.translate) - corners[0, 0, 0])
    steps = along * np.array(volume.spacing)  # of one voxel along each axis
    for start, step in zip(first, steps, strict=True):
        # Within a voxel of the rim it is made of blanks, too; few planes are all rim.
        rim = min(float(np.abs(step).sum()), 0.25)
        plane = start + (step[1] * y)[:, None] + step[2] * x
        for inside, shift in zip(known, step[0] * z, strict=True):  # all at once may be too large
            inside &= (plane >= rim - shift) & (plane <= 1 - rim - shift)
    return known if known.any() else ~known
