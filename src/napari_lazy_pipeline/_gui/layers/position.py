"""Position: the place of the person in the picture, which no edit may change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.screen import Screen
from napari_lazy_pipeline.image import VolumeSpec

Z, T = -3, -4  # axes counted from the end: another layer may have more


class Position(QObject):
    """Time point and plane that the person looks at."""

    person_moved = Signal(int)  # t, chosen by the person and not by a move of our own

    def __init__(self, viewer: Any, screen: Screen) -> None:
        super().__init__()
        self.viewer, self._screen = viewer, screen
        self.swapping = False  # layers are being changed: the sliders move by themselves
        self._going = False
        self._plane: float | None = None  # counted in planes of the uncropped volume
        self._moment = 0
        viewer.dims.events.current_step.connect(self._on_step)

    def close(self) -> None:
        """Let go of the viewer."""
        self.viewer.dims.events.current_step.disconnect(self._on_step)

    @property
    def time_point(self) -> int:
        """The time point that is on screen."""
        layer = self._screen.first
        if layer is None:
            return 0
        index = round((self.viewer.dims.point[T] - layer.translate[0]) / layer.scale[0])
        return int(np.clip(index, 0, layer.data.shape[0] - 1))

    def plane_of(self, spec: VolumeSpec) -> int | None:
        """The plane of a volume that is, or will be, on screen; None if more than one is."""
        if not self._flat:
            return None
        first, last = _planes(spec.translate[0], spec.voxel_size[0], spec.shape[0])
        plane = first + spec.shape[0] // 2 if self._plane is None else self._plane
        return round(float(np.clip(plane, first, last)) - first)

    def is_within(self, layer: Any) -> bool:
        """Whether the sliders are where a layer has data; else napari asks for none."""
        dims = self.viewer.dims
        for axis in dims.not_displayed if dims.ndim >= 4 else ():
            number = axis - dims.ndim
            if number > T:
                index = (dims.point[axis] - layer.translate[number]) / layer.scale[number]
                if not 0 <= round(index) < layer.data.shape[number]:
                    return False
        return True

    @property
    def _flat(self) -> bool:
        """Whether a single plane z is shown, as a slice along the default axes is."""
        dims = self.viewer.dims
        if dims.ndisplay != 2 or dims.ndim < 4:
            return bool(dims.ndisplay == 2)
        axis = dims.ndim + Z
        return axis not in dims.displayed and not dims.thickness[axis]

    def go_to(self, t: int) -> None:
        """Show another time point, and do not take it for a move of the person."""
        if self._screen.channels:
            self._going = True
            try:
                self.viewer.dims.set_point(self.viewer.dims.ndim + T, self.world(t))
            finally:
                self._going = False

    def world(self, t: int) -> float:
        """Position of a time point on its slider."""
        layer = self._screen.first
        return float(layer.translate[0] + t * layer.scale[0])

    def go_to_start(self, layer: Any) -> None:
        """Show the first time point and the middle plane of the first layer; others follow it."""
        if layer is not self._screen.first:
            return
        dims = self.viewer.dims
        axis_t, axis_z = dims.ndim + T, dims.ndim + Z
        middle = layer.data.shape[Z] // 2
        dims.set_point(axis_t, float(layer.translate[0]))
        dims.set_point(axis_z, float(layer.translate[1] + middle * layer.scale[1]))
        self.note_plane()

    def note_plane(self) -> None:
        """The plane that is on screen is the one the person wants."""
        layer = self._screen.first
        if layer is not None:
            self._plane = self.viewer.dims.point[Z] / layer.scale[Z]

    def forget(self) -> None:
        """Other data are to be shown: no plane is the right one any more."""
        self._plane = None

    def zoom_along(self, old: tuple[float, float, float], new: tuple[float, float, float]) -> None:
        """When the person states another voxel size, what is on screen stays as large as it is."""
        camera = self.viewer.scene.camera
        camera.center = tuple(
            c * after / before for c, after, before in zip(camera.center, new, old, strict=True)
        )
        camera.zoom = camera.zoom * old[2] / new[2]

    @contextmanager
    def still(self, restore: bool = True) -> Iterator[None]:
        """Change layers without asking for volumes, and come back to the same plane and time."""
        dims = self.viewer.dims
        restore = restore and dims.ndim >= 4 and bool(self._screen.channels)
        point = list(dims.point) if restore else None
        ranges, interval = tuple(dims.range), self._interval
        self.swapping = True
        try:
            # The sliders are laid out anew for each change: once, at the end, is enough.
            with dims.events.range.blocker():
                yield
                if point is not None and self._screen.channels:
                    # Time points stay what they are if their distance is stated anew.
                    point[T] *= self._interval / interval
                    self.return_to(tuple(point))
        finally:
            self.swapping = False
            if tuple(dims.range) != ranges:
                dims.events.range(value=dims.range)

    @property
    def _interval(self) -> float:
        """Distance of two time points on the slider."""
        return float(self._screen.first.scale[0]) if self._screen.channels else 1.0

    def return_to(self, point: tuple[float, ...]) -> None:
        """Go back to a point [world], in the plane the person chose."""
        dims, layer = self.viewer.dims, self._screen.first
        height = point[Z]
        if self._plane is not None:
            first, last = _planes(layer.translate[Z], layer.scale[Z], layer.data.shape[Z])
            height = float(np.clip(self._plane, first, last)) * float(layer.scale[Z])
        dims.set_point((dims.ndim + T, dims.ndim + Z), (point[T], height))

    def _on_step(self, event: Any = None) -> None:
        """Remember the plane the person chose."""
        if self._screen.channels and self.viewer.dims.ndim >= 4:
            before, self._moment = self._moment, self.time_point
            if self.swapping:
                return
            self.note_plane()
            if before != self._moment and not self._going:
                self.person_moved.emit(self._moment)


def _planes(start: float, distance: float, count: int) -> tuple[float, float]:
    """Numbers of the first and last plane, counted in planes of the uncropped volume."""
    first = float(start / distance)
    return first, first + count - 1
