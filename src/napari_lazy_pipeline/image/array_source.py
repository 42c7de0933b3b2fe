"""Array source: volumes that are there already, or that dask makes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image.spec import VolumeSpec, checked_size
from napari_lazy_pipeline.image.volume_source import VolumeSource

_UNKNOWN = VolumeSpec((1, 1, 1))


@dataclass(frozen=True)
class ArraySource(VolumeSource):
    """Volumes of an array (t, c, z, y, x); of a dask array, only what is needed is computed."""

    array: Any = field(repr=False)
    spec: VolumeSpec = _UNKNOWN
    token: str = ""

    @classmethod
    def of(cls, array: Any, voxel_size: Sequence[float | None] | None) -> ArraySource:
        """Take an array (z, y, x), (t, z, y, x) or (t, c, z, y, x); see `Stack.from_array`."""
        if array.ndim not in (3, 4, 5):
            raise GeometryError(
                f"An array of shape {tuple(array.shape)} is no stack",
                hint="Use one of axes (z, y, x), (t, z, y, x) or (t, c, z, y, x)",
            )
        z, y, x = array.shape[-3:]
        full = array[(np.newaxis,) * (4 - array.ndim)] if array.ndim < 4 else array
        full = full[:, np.newaxis] if full.ndim == 4 else full
        size = checked_size(voxel_size)
        spec = VolumeSpec((z, y, x), np.dtype(array.dtype).name, size)
        lazy = hasattr(array, "__dask_graph__")  # its name tells what it holds
        return cls(full, spec, array.name if lazy else f"array-{uuid4().hex[:12]}")

    @property
    def sizes(self) -> tuple[int, int]:
        times, channels = self.array.shape[:2]
        return int(times), int(channels)

    def identity(self, t: int, c: int) -> Hashable:
        return self.token, t, c

    def read(self, t: int, c: int) -> np.ndarray:
        volume = np.asarray(self.array[t, c], self.spec.dtype).view()
        volume.flags.writeable = False  # what is done to it must not reach the array
        return volume
