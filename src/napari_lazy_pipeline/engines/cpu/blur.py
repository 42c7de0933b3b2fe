"""Blurs a plane a little: the first estimate of the method ``fast``."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline.engines.back_projector import blur_weights
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan


def mirrored(n: int, reach: int) -> np.ndarray:
    """Indices into ``n`` pixels and, on each side, as many of their mirror image.

    Examples
    --------
    >>> mirrored(3, 2).tolist()
    [1, 0, 0, 1, 2, 2, 1]
    """
    position = np.arange(-reach, n + reach) % (2 * n)
    return np.minimum(position, 2 * n - 1 - position)


class Blur:
    """A Gaussian blur along y and x, of most of the width of the PSF; edges are mirrored.

    Parameters
    ----------
    plan
        Gives the PSF and the size of the pixels.
    """

    def __init__(self, plan: DeconvolutionPlan) -> None:
        _, y, x = plan.voxel_size
        self.along_y, self.along_x = blur_weights(plan.otf, y), blur_weights(plan.otf, x)

    def __call__(self, plane: np.ndarray) -> np.ndarray:
        """Return a blurred copy of a plane (y, x) of float32."""
        height, width = plane.shape
        rows = mirrored(height, len(self.along_y) // 2)
        columns = mirrored(width, len(self.along_x) // 2)
        out = np.empty_like(plane)
        _blur(plane, rows, columns, self.along_y, self.along_x, out)
        return out


@compiled()
def _blur(  # pragma: no cover
    plane: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    along_y: np.ndarray,
    along_x: np.ndarray,
    out: np.ndarray,
) -> None:
    height, width = out.shape
    line, wide = np.empty(width, np.float32), np.empty(len(columns), np.float32)
    for y in range(height):
        line[:] = 0
        for k in range(len(along_y)):
            weight, source = along_y[k], plane[rows[y + k]]
            for x in range(width):
                line[x] += weight * source[x]
        for i in range(len(columns)):
            wide[i] = line[columns[i]]
        target = out[y]
        target[:] = 0
        for k in range(len(along_x)):
            weight, source = along_x[k], wide[k : k + width]
            for x in range(width):
                target[x] += weight * source[x]
