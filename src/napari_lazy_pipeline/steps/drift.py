"""Drift: moves each time point back by as much as the sample has moved."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy import ndimage

from napari_lazy_pipeline.engines import Need, shifting
from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine
from napari_lazy_pipeline.image.curve import Curve
from napari_lazy_pipeline.image.renumbering import Numbers, moved_rows, surplus
from napari_lazy_pipeline.steps._base import Context, Step, Unit

Length = Annotated[float, Field(ge=-10_000, le=10_000)]
Rows = tuple[tuple[Length, Length, Length], ...]


class Drift(Step):
    """Move each time point back by the drift of the sample; all channels alike.

    A shift by whole voxels moves counts as they are. Others are interpolated, linearly or by the
    cubic convolution of R. Keys, IEEE Trans. ASSP 29, 1153 (1981); whole numbers are rounded. What
    comes from outside the volume is 0. Time points after the last row have its drift.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline, Stack
    >>> data = np.zeros((2, 1, 1, 1, 5), "uint16")
    >>> data[0, ..., 1] = data[1, ..., 3] = 7
    >>> step = Drift(drift=((0, 0, 0), (0, 0, 0.2)))
    >>> Pipeline([step]).apply(Stack.from_array(data, (0.1, 0.1, 0.1))).volume(1).tolist()
    [[[0, 7, 0, 0, 0]]]
    """

    title: ClassVar[str] = "Correct drift"
    summary: ClassVar[str] = "Keep a moving sample in place over time"
    group: ClassVar[str] = "Geometry"
    order: ClassVar[int] = 36
    depends_on: ClassVar[frozenset[str]] = frozenset({"t"})
    keeps_grid: ClassVar[bool] = True

    drift: Annotated[
        Rows,
        Field(
            title="Drift",
            description="How far the sample has moved; each time point is moved back.",
            json_schema_extra={"columns": ["z", "y", "x"], "rows": "time points"},
            examples=[((0.0, 0.0, 0.0), (0.3, 0.05, -0.12))],
        ),
        Unit("µm"),
    ] = ()
    smoothing: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            title="Smooth",
            description="Width of the Gaussian that smooths the drift over time; 0: none.",
            json_schema_extra={"step": 0.5},
        ),
        Unit("time points"),
    ] = 0.0
    interpolation: Annotated[
        shifting.Interpolation,
        Field(
            title="Interpolation",
            description="None moves by whole voxels, and leaves all counts as they are; linear "
            "blurs a little, which lowers noise; cubic keeps edges sharper.",
        ),
    ] = "linear"

    def require(self, before: StackSpec) -> None:
        if not self.drift:
            raise IncompleteError("No drift is stated", hint="Estimate it, or type it below")

    def output(self, before: StackSpec) -> StackSpec:
        size, shape = before.voxel_size, before.shape
        for t, row in enumerate(_smooth(self.drift, self.smoothing)[: before.times]):
            for axis, way, voxel, n in zip("zyx", row, size, shape, strict=True):
                if abs(way) >= n * voxel:
                    what = f"At time point {t} the sample has drifted out of the volume"
                    raise GeometryError(
                        f"{what}: {way:.4g} um along {axis}, which is {n * voxel:.4g} um long",
                        hint="Correct this row, or estimate again",
                    )
        return before.replace(camera=None, outline=())

    def caution(self, before: StackSpec) -> str:
        rows = len(self.drift)
        late = f"Time points from {rows} on have the drift of {rows - 1}: estimate again"
        return late if before.times > rows else surplus(rows, before.times)

    def world(self, before: StackSpec, c: int) -> Affine:
        return self.world_at(before, 0, c)

    def world_at(self, before: StackSpec, t: int, c: int) -> Affine:
        transform = np.eye(4)
        transform[:3, 3] = -np.multiply(self._voxels(before, t), before.voxel_size)
        return transform

    def need(self, before: StackSpec, engine: str) -> Need:
        """Return the room for two volumes of floats, while one is made of the other."""
        floats = before.volume.replace(dtype=shifting.float_type(before.dtype).name)
        return Need(2 * floats.nbytes)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        shift, how = self._voxels(before, wanted.t), self.interpolation
        return (wanted.replace(box=shifting.needed_box(wanted.box, shift, how, before.shape)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        boxes, shift = (at.given[0].box, at.wanted.box), self._voxels(at.before, at.wanted.t)
        return shifting.shifted(parts[0], *boxes, shift, self.interpolation, at.before.shape)

    def curve(self, before: StackSpec) -> Curve | None:
        if not self.drift:
            return None
        t, both = np.arange(len(self.drift)), (_smooth(self.drift, self.smoothing), self.drift)
        lines, dots = ({x: (t, np.array(one)[:, i]) for i, x in enumerate("zyx")} for one in both)
        return Curve("Drift of the sample", "Time point", "Drift (µm)", lines, dots)

    def renumbered(self, now: Numbers) -> Drift:
        return self.replace(drift=moved_rows(self.drift, now))

    def brief(self) -> str:
        if not self.drift:
            return "not stated"
        return f"up to {np.linalg.norm(self.drift, axis=1).max():.3g} µm"

    def _voxels(self, before: StackSpec, t: int) -> tuple[float, ...]:
        """Drift (z, y, x) at a time point, as it is corrected [voxel]."""
        rows = _smooth(self.drift, self.smoothing)
        ways = rows[min(t, len(rows) - 1)] / before.voxel_size
        return shifting.exact_shift(ways, self.interpolation)


@lru_cache(maxsize=16)
def _smooth(drift: Rows, width: float) -> np.ndarray:
    """The drift (t, 3) [um], smoothed."""
    rows = np.array(drift, float).reshape(-1, 3)
    if width > 0 and len(rows) > 1:
        rows = ndimage.gaussian_filter1d(rows, width, axis=0, mode="nearest")
    rows.flags.writeable = False
    return rows
