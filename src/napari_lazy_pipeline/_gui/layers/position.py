"""Position: the place of the person in the picture, which no edit may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.screen import Screen, hidden
from napari_lazy_pipeline._gui.layers.viewer_updates import viewer_updated_once
from napari_lazy_pipeline.compute import PipelineSource

Z, T = -3, -4  # axes counted from the end: another layer may have more


class Position(QObject):
    """Time point and plane that the person looks at."""

    person_moved = Signal()  # to another time point; not by a move of our own

    def __init__(self, viewer: Any, screen: Screen) -> None:
        super().__init__()
        self.viewer, self._screen = viewer, screen
        self.swapping = False  # layers are being changed: the sliders move by themselves
        self._going = False
        self.moment = 0  # the recorded time point that is looked at
        self._voxel: np.ndarray | None = None  # raw voxel (z, y, x) that is looked at
        self._view: tuple[float, ...] | None = None  # place where it was last looked at [world]
        viewer.dims.events.current_step.connect(self._on_step)

    def close(self) -> None:
        """Let go of the viewer."""
        self.viewer.dims.events.current_step.disconnect(self._on_step)

    @property
    def time_point(self) -> int:
        """The time point that is on screen."""
        layer = self._screen.first
        return self._now if layer is None else self.time_point_in(layer)

    def time_point_in(self, layer: Any) -> int:
        """The time point of a layer that is on screen; of raw data beside others, another one."""
        if self.viewer.dims.ndim < 4:
            return self._now
        return self.index(layer.translate[0], layer.scale[0], layer.data.shape[0])

    def index(self, first: float, interval: float, count: int) -> int:
        """Which of so many time points, at these places of the slider, is on screen."""
        return int(np.clip(round((self.viewer.dims.point[T] - first) / interval), 0, count - 1))

    def place_of(self, source: PipelineSource) -> tuple[int, int | None]:
        """The time point and plane that are, or will be, on screen: steps may leave some out."""
        return source.plan.time_point(self.moment), self.plane_of(source)

    @property
    def raw_place(self) -> tuple[int, int]:
        """Time point and channel of the raw volume behind the first picture on screen."""
        source, channel = self._screen.source, next(iter(self._screen.visible), 0)
        if source is None:
            return self.moment, channel
        return source.plan.origin(source.plan.time_point(self.moment), channel)

    def plane_of(self, source: PipelineSource) -> int | None:
        """The plane that is, or will be, on screen of what a source makes; None if more is."""
        if not self._flat:
            return None
        spec = source.spec
        if self._voxel is None:
            return spec.shape[0] // 2
        z = _apply(Frame.of(source).matrix, self._voxel)[0]
        plane = round((z - spec.translate[0]) / spec.spacing[0])
        return int(np.clip(plane, 0, spec.shape[0] - 1))

    @property
    def along_time(self) -> bool:
        """Return whether several time points are on screen: along an axis, or as a thick slice."""
        dims, layer = self.viewer.dims, self._screen.first
        if dims.ndim < 4 or layer is None:
            return False
        first, last = (  # rounded as napari does
            round((dims.point[T] + margin - layer.translate[0]) / layer.scale[0])
            for margin in (-dims.margin_left[T], dims.margin_right[T])
        )
        return dims.ndim + T in dims.displayed or first < last

    def is_within(self, layer: Any) -> bool:
        """Return whether the sliders are where a layer has data; else nothing is made for it."""
        dims = self.viewer.dims
        if self.along_time:
            return False
        for axis in dims.not_displayed if dims.ndim >= 4 else ():
            number = axis - dims.ndim
            if number > T:
                index = (dims.point[axis] - layer.translate[number]) / layer.scale[number]
                if not 0 <= round(index) < layer.data.shape[number]:
                    return False
        return True

    @property
    def _flat(self) -> bool:
        """Return whether a single plane z is shown, as a slice along the default axes is."""
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
        """Go to the first time point and the middle plane of the first layer; others follow it.

        Layers that were all deleted, and come back, are shown where they were left.
        """
        if layer is self._screen.first:
            middle = layer.data.shape[Z] // 2
            z = layer.translate[Z] + middle * layer.scale[Z]
            point = {T: self.world(self._now), Z: float(z)}
            if self._voxel is not None and self._frame is not None:
                point |= self._planes(self._frame)
            self._go(point)

    def forget(self) -> None:
        """Other data are to be shown: no place is the right one any more."""
        self._voxel, self._view, self.moment = None, None, 0

    @contextmanager
    def still(self, layers: Sequence[Any] = (), moment: int | None = None) -> Iterator[None]:
        """Change layers without asking for volumes, and come back to the same place in the sample.

        ``moment`` is the recorded time point to show then; None: the same. All that is changed of
        ``layers``, and their place, makes napari slice them once.
        """
        dims, before = self.viewer.dims, self._frame
        self.note()
        in_sight = self._in_sight
        # The slider may be where other layers have time points, and these have none.
        off = (dims.point[T] - self.world(self.time_point)) / self._interval if before else 0.0
        self.moment = self.moment if moment is None else moment

        def go_back() -> None:
            if before is not None and self._frame is not None:
                point = self.world(self._now) + off * self._interval
                self._go({T: point, **self._planes(before)})

        self.swapping = True
        try:
            with hidden(layers), _sliders_at_once(dims, go_back), _counted_once(layers):
                yield
            if before is not None and self._frame is not None:
                self._look(before, in_sight)
            if self._voxel is not None:
                self._view = self._seen
        finally:
            self.swapping = False

    def note(self) -> None:
        """Note moment and voxel that are looked at, unless the person is where an edit left off."""
        frame, seen, shown = self._frame, self._seen, self._shown
        if frame is None or seen is None or shown is None:
            return
        if self.time_point != self._now:  # else it may be the nearest that there is
            # A selection from the end to a number has fewer of them when a folder grows.
            self.moment, _ = shown.plan.origin(min(self.time_point, shown.sizes[0] - 1), 0)
        if self._voxel is not None and self._view is not None:
            # The sliders may have been stopped by the end of a volume: that was no choice.
            before = _apply(frame.matrix, self._voxel)
            seen_by_choice = np.where(np.equal(seen, self._view), before, seen)
        else:
            seen_by_choice = np.array(seen)
        self._voxel, self._view = _apply(np.linalg.inv(frame.matrix), seen_by_choice), seen

    def stay(self) -> None:
        """Take what is on screen for what is looked at, also where an edit stopped the sliders."""
        shown = self._shown
        if shown is not None and self._frame is not None:
            self.moment, _ = shown.plan.origin(min(self.time_point, shown.sizes[0] - 1), 0)
            self._voxel = self._view = None  # of before
            self.note()

    def _go(self, point: dict[int, float]) -> None:
        """Move several sliders, given by their axes, in one go."""
        dims = self.viewer.dims
        dims.set_point([dims.ndim + axis for axis in point], list(point.values()))

    def _planes(self, before: Frame) -> dict[int, float]:
        """Where the sliders show the voxel that was looked at, wherever the steps put it now."""
        frame, layer, dims = self._frame, self._screen.first, self.viewer.dims
        assert frame is not None and self._voxel is not None
        place, point = _apply(frame.matrix, self._voxel), {}
        for number in (Z, Z + 1, Z + 2):
            if dims.ndim + number not in dims.displayed or number == Z:
                last = layer.data.shape[number] - 1
                plane = (place[number] - layer.translate[number]) / layer.scale[number]
                plane = min(max(plane if frame == before else round(plane), 0), last)
                point[number] = float(layer.translate[number] + plane * layer.scale[number])
        return point

    def _look(self, before: Frame, in_sight: bool) -> None:
        """Let the camera look at the voxel that was looked at, if the steps moved it."""
        frame, dims, camera = self._frame, self.viewer.dims, self.viewer.scene.camera
        assert frame is not None and self._voxel is not None
        if frame == before:
            return
        place = _apply(frame.matrix, self._voxel)
        if dims.ndisplay == 3:
            way = frame.matrix @ np.linalg.inv(before.matrix)
            camera.center = tuple(_apply(way, camera.center).tolist())
        else:
            center = [
                float(place[axis - dims.ndim]) if axis - dims.ndim >= Z else middle
                for axis, middle in zip(dims.displayed, camera.center[1:], strict=True)
            ]
            camera.center = (camera.center[0], *center)
        camera.zoom *= before.pixel / frame.pixel
        if in_sight and not self._in_sight:
            self.viewer.fit_to_view()

    @property
    def _frame(self) -> Frame | None:
        """Return where the voxels on screen lie; None if there are no layers."""
        source = self._shown
        return Frame.of(source) if source is not None and self.viewer.dims.ndim >= 4 else None

    @property
    def _shown(self) -> PipelineSource | None:
        """Return what makes the first picture on screen."""
        return self._screen.instead or self._screen.oldest_source

    @property
    def _now(self) -> int:
        """Number of the moment that is looked at among the time points on screen."""
        shown = self._shown
        return shown.plan.time_point(self.moment) if shown is not None else self.moment

    @property
    def _seen(self) -> tuple[float, ...] | None:
        """Place (z, y, x) [world] of what is looked at: the plane, and the middle of the canvas."""
        dims, camera = self.viewer.dims, self.viewer.scene.camera
        if dims.ndim < 4:
            return None
        seen = list(dims.point[Z:])
        for axis, middle in zip(dims.displayed, camera.center[-dims.ndisplay :], strict=True):
            if axis - dims.ndim >= Z and not (dims.ndisplay == 3 and axis - dims.ndim == Z):
                seen[axis - dims.ndim] = middle
        return tuple(float(value) for value in seen)

    @property
    def _in_sight(self) -> bool:
        """Return whether all of the first layer is within the canvas."""
        layer, viewer = self._screen.first, self.viewer
        if layer is None or viewer.dims.ndim < 4:
            return False
        camera, dims = viewer.scene.camera, viewer.dims
        axes = [axis - dims.ndim for axis in dims.displayed]
        size = viewer.canvas.viewbox_size(viewer.layers)
        if len(axes) == 3:
            size = (min(size),) * 3
        for axis, middle, pixels in zip(axes, camera.center[-len(axes) :], size, strict=True):
            half = pixels / camera.zoom / 2
            low = layer.translate[axis] - layer.scale[axis] / 2
            high = low + layer.data.shape[axis] * layer.scale[axis]
            if low < middle - half or high > middle + half:
                return False
        return True

    @property
    def _interval(self) -> float:
        """Distance of two recorded time points on the slider."""
        assert self._shown is not None
        return float(self._screen.first.scale[0]) / self._shown.plan.recorded_times.step

    def _on_step(self, event: Any = None) -> None:
        """Note the place the person chose."""
        if self._frame is None or self.swapping:
            return
        before = self.moment
        self.note()
        if self.moment != before and not self._going:
            self.person_moved.emit()


@contextmanager
def _sliders_at_once(dims: Any, move: Callable[[], None]) -> Iterator[None]:
    """Within, nobody is told of the sliders; afterwards, once of all that became of them.

    ``move`` moves them when their ends are known: those on screen stop there by themselves.
    """
    ranges, place, step = dims.range, (dims.point, dims.units), dims.current_step
    with dims.events.point.blocker(), dims.events.current_step.blocker():
        with dims.events.range.blocker():
            yield
        if dims.range != ranges:
            dims.events.range(value=dims.range)
        move()
    moved = dims.current_step != step
    # Layers learn their units, too, from the point.
    if moved or (dims.point, dims.units) != place:
        with viewer_updated_once([dims.events.point, dims.events.current_step]):
            dims.events.point(value=dims.point)
            if moved:
                dims.events.current_step(value=dims.current_step)


def _counted_once(layers: Sequence[Any]) -> AbstractContextManager[None]:
    """Within, the viewer does not count its sliders; afterwards it does once."""
    names = ("data", "scale", "translate", "units")
    return viewer_updated_once([getattr(layer.events, name) for layer in layers for name in names])


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the voxels of the raw data lie once steps have moved them."""

    matrix: np.ndarray  # (4, 4) from the number of a raw voxel (z, y, x) to its place [um]
    pixel: float  # of the raw data [um]

    @classmethod
    def of(cls, source: PipelineSource) -> Frame:
        """The frame of what a source makes."""
        spacing = source.raw.spec.spacing
        return cls(source.plan.world() @ np.diag((*spacing, 1.0)), spacing[-1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and np.allclose(self.matrix, other.matrix, 1e-9, 1e-12)


def _apply(matrix: np.ndarray, place: Sequence[float] | np.ndarray) -> np.ndarray:
    """Place (z, y, x) after an affine transform (4, 4)."""
    return np.asarray(matrix[:3, :3] @ np.asarray(place) + matrix[:3, 3])
