"""A sample that moves and bleaches under a microscope: where it is at each time point is known."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline import Stack

VOXEL = (0.3, 0.1, 0.1)


class MovingSample:
    """Spots that move together by a random walk, on the offset and noise of a camera.

    ``walk`` is their place (t, 3) against the first time point [voxel], ``light`` what is left of
    it (t); ``data`` is (t, 1, z, y, x). Bad time points show nothing. In a ``block`` as deskewing
    leaves it, voxels outside are 0.
    """

    def __init__(
        self,
        seed: int = 0,
        times: int = 10,
        shape: tuple[int, int, int] = (24, 64, 72),
        photons: float = 60.0,
        step: float = 0.8,
        lifetime: float = 20.0,
        bad: tuple[int, ...] = (),
        block: bool = False,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.walk = np.cumsum(rng.normal(0, step, (times, 3)), axis=0)
        self.walk -= self.walk[0]
        self.light = np.exp(-np.arange(times) / lifetime)
        grid = np.ogrid[tuple(slice(0, n) for n in shape)]
        room = (
            np.array([4, 10, 22 if block else 10]),
            np.array(shape) - [4, 10, 22 if block else 10],
        )
        places, bright = rng.uniform(*room, (50, 3)), rng.uniform(0.3, 1, 50)
        volumes = []
        for t in range(times):
            clean = np.zeros(shape)
            for place, height in zip(places + self.walk[t], bright, strict=True):
                z, y, x = (
                    np.exp(-((g - p) ** 2) / w)
                    for g, p, w in zip(grid, place, (8, 5, 5), strict=True)
                )
                clean += height * z * y * x
            seen = rng.poisson((t not in bad) * photons * self.light[t] * clean)
            volume = np.rint(seen + 100 + rng.normal(0, 2, shape))
            if block:
                place = grid[2] - 1.2 * grid[0]
                volume = np.where((place > 0) & (place < 44), volume, 0)
            volumes.append(volume.clip(0, 65535).astype("uint16"))
        self.data = np.stack(volumes)[:, None]

    def stack(self) -> Stack:
        return Stack.from_array(self.data, VOXEL)
