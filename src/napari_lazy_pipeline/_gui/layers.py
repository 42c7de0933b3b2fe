"""Layers: puts the volumes of a session on screen; the only place that touches the viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.lazy_array import LazyArray
from napari_lazy_pipeline._gui.runner import Job, Runner
from napari_lazy_pipeline._gui.shown import Shown, contrast_limits, replace_data, stand_in
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.lift import lift
from napari_lazy_pipeline.pipeline import PipelineSource
from napari_lazy_pipeline.remember import RememberedSource
from napari_lazy_pipeline.session import Session

COLORMAPS = ("green", "magenta", "cyan", "yellow", "red", "blue")
_Z, _T = -3, -4  # axes counted from the end: another layer may have more


class Layers(QObject):
    """Keeps one layer a channel in step with a session.

    An edit makes a new source of volumes; the volume on screen is computed in the background,
    and when it is there, the data of the layer are swapped. Until then the old picture stays.

    Signals
    -------
    shown(Job)
        New pixels are on screen.
    failed(Job, error)
        A volume could not be made; it is shown blank.
    misfit(StepError)
        The steps do not fit the volumes; the old picture stays.
    person_moved(int)
        The person went to another time point; moves of our own do not count.
    """

    shown = Signal(object)
    failed = Signal(object, object)
    misfit = Signal(object)
    person_moved = Signal(int)

    def __init__(self, viewer: Any, session: Session, runner: Runner) -> None:
        super().__init__()
        self.viewer, self.session, self.runner = viewer, session, runner
        self._shown: dict[int, Shown] = {}
        self._ready: dict[int, tuple[Job, np.ndarray]] = {}
        self._source: PipelineSource | None = None
        self._swapping = False
        self._going = False
        self._handing_over = False
        self._offered: list[Any] = []
        self._awaited: dict[int, tuple[Job, np.ndarray, LazyArray]] = {}
        self._last_t: dict[int, int] = {}
        self._path: list[int] = []
        self._plane: float | None = None
        self._moment = 0
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self._on_grown)
        session.pipeline_changed.connect(self.update)
        session.engine_changed.connect(self.update)
        runner.delivered.connect(self._on_delivered)
        runner.failed.connect(self._on_failed)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)

    def close(self) -> None:
        """Let go of the viewer; the layers stay, as plain lazy arrays."""
        self.session.stack_changed.disconnect(self._on_stack)
        self.session.stack_grown.disconnect(self._on_grown)
        self.session.pipeline_changed.disconnect(self.update)
        self.session.engine_changed.disconnect(self.update)
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.dims.events.current_step.disconnect(self._on_step)
        self.runner.forget()

    @property
    def layers(self) -> list[Any]:
        """The napari layers, one a channel."""
        return [self._shown[channel].layer for channel in sorted(self._shown)]

    def layer_of(self, channel: int) -> Any:
        """The napari layer of a channel; None if there is none."""
        shown = self._shown.get(channel)
        return shown.layer if shown is not None else None

    @property
    def up_to_date(self) -> bool:
        """Whether each visible layer shows the present steps."""
        return bool(self._shown) and all(
            shown.source is self._source for shown in self._visible().values()
        )

    @property
    def settled(self) -> bool:
        """Whether each visible layer shows the present steps and the present time point."""
        t = self._time_point()
        return self.up_to_date and all(shown.t == t for shown in self._visible().values())

    @property
    def time_point(self) -> int:
        """The time point that is on screen."""
        return self._time_point()

    @property
    def places(self) -> list[tuple[int, int]]:
        """Time point and channel of each volume that is on screen."""
        return [(shown.t, channel) for channel, shown in self._visible().items()]

    def go_to(self, t: int) -> None:
        """Show another time point, and do not take it for a move of the person."""
        if self._shown:
            self._going = True
            try:
                self.viewer.dims.set_point(self.viewer.dims.ndim + _T, self._world(t))
            finally:
                self._going = False

    def look_again(self, channel: int) -> None:
        """The file of a volume on screen is another one now."""
        if channel in self._visible():
            self._want(channel, self._time_point())

    def update(self, *_: object) -> None:
        """Show the present steps, as soon as their pixels are there."""
        if self.session.stack is None:
            return
        try:
            self._source = self.session.source()
        except StepError as error:
            self.misfit.emit(error)
            return
        self._ready = {}
        if self._handing_over:
            self._offer()
            return
        channels = self._visible() if self._shown else range(self._source.sizes[1])
        for channel in list(channels):
            self._want(channel, self._time_point())
        if self._shown and not self._visible():
            self._swap_all()

    def reset_contrast(self) -> None:
        """Set the contrast from what is on screen."""
        for shown in self._shown.values():
            shown.layer.contrast_limits = contrast_limits(shown.picture)

    def _on_stack(self, stack: object) -> None:
        """Show the first time point of a new stack."""
        self.runner.forget()
        if stack is not None:
            same = self._shown and self._fits(next(iter(self._shown.values())))
            if not same:
                self._remove_layers()
            else:
                self._zoom_along()
            self.update()

    def _on_grown(self, move: Callable[[int], int] | None) -> None:
        """Show the time points that are there now; what is on screen stays as it is."""
        if self._source is None:
            return
        now = self._time_point()
        if move is not None:
            self._renumber(move)
            now = move(now)
        if self._shown:
            with self._still(restore=False):
                point = list(self.viewer.dims.point)
                for channel, shown in self._shown.items():
                    place = self._placed(shown.source)
                    replace_data(shown.layer, self._array(channel, shown.source), place)
                if len(point) >= 4:
                    last = self._source.sizes[0] - 1
                    point[_T] = self._world(min(now, last))
                    self._return_to(tuple(point))
        for channel, shown in self._visible().items():
            raw = shown.source.raw
            if isinstance(raw, RememberedSource) and not raw.known(shown.t, channel):
                # What is on screen has come, gone, or could not be had.
                self._want(channel, self._time_point())
        if move is not None and not self.up_to_date:
            self.update()

    def _renumber(self, move: Callable[[int], int]) -> None:
        """Go on with the same volumes under other numbers."""
        assert self._source is not None
        self.runner.forget()
        self._ready, self._path, raw = {}, [], self.session.raw
        sources = [self._source, *(shown.source for shown in self._shown.values())]
        renewed = {id(source): replace(source, raw=raw) for source in sources}
        self._source = renewed[id(self._source)]
        for channel, shown in self._shown.items():
            shown.source, shown.t = renewed[id(shown.source)], move(shown.t)
            shown.failed = None
            self._last_t[channel] = shown.t

    def _world(self, t: int) -> float:
        """Position of a time point on its slider."""
        layer = next(iter(self._shown.values())).layer
        return float(layer.translate[0] + t * layer.scale[0])

    def _fits(self, shown: Shown) -> bool:
        """Whether a layer shows the same files, perhaps with another voxel size."""
        assert self.session.stack is not None
        return bool(shown.source.raw.token == self.session.stack.source.token)

    def _zoom_along(self) -> None:
        """When the person states another pixel size, what is on screen stays as large as it is."""
        assert self.session.stack is not None
        old = next(iter(self._shown.values())).source.raw.spec.voxel_size
        new = self.session.stack.voxel_size
        camera = self.viewer.scene.camera
        ratio = new[2] / old[2]
        camera.center = tuple(
            c * after / before for c, after, before in zip(camera.center, new, old, strict=True)
        )
        camera.zoom = camera.zoom / ratio

    def _remove_layers(self) -> None:
        layers, self._shown = self.layers, {}
        self._plane = None
        for layer in layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _visible(self) -> dict[int, Shown]:
        return {c: shown for c, shown in self._shown.items() if shown.layer.visible}

    def _time_point(self) -> int:
        """The time point that is on screen."""
        if not self._shown:
            return 0
        layer = next(iter(self._shown.values())).layer
        world = self.viewer.dims.point[_T]
        index = round((world - layer.translate[0]) / layer.scale[0])
        return int(np.clip(index, 0, layer.data.shape[0] - 1))

    def _want(self, channel: int, t: int) -> None:
        """Ask for a volume of the present steps; it may be at hand."""
        assert self._source is not None
        job = Job(channel, t, self._source)
        volume = self._at_hand(channel, self._source, t)
        if volume is not None:
            self._on_delivered(job, volume)
        else:
            self.runner.want(job)

    # ---- what napari asks for -------------------------------------------------------------

    def _serve(self, channel: int, source: PipelineSource, t: int) -> np.ndarray:
        """A volume for the slicer, at once: the true one, or what was there before."""
        shown = self._shown.get(channel)
        failed = shown.failed if shown is not None else None
        if failed is not None and failed.t == t and failed.source is source:
            return source.spec.blank()
        volume = self._at_hand(channel, source, t)
        if self._swapping or self._source is None:
            return stand_in(volume, shown, source)
        if volume is None or self._source is not source or self._moved(channel, t):
            self.runner.want(Job(channel, t, self._source))
        return stand_in(volume, shown, source)

    def _at_hand(self, channel: int, source: PipelineSource, t: int) -> np.ndarray | None:
        """The volume, if neither the file system nor an engine is needed for it."""
        raw = source.raw
        if isinstance(raw, RememberedSource) and not raw.known(t, channel):
            return None
        shown = self._shown.get(channel)
        if (
            shown is not None
            and (shown.source, shown.t) == (source, t)
            and (shown.identity == source.identity(t, channel))
        ):
            return shown.picture
        return source.cached(t, channel)

    def _moved(self, channel: int, t: int) -> bool:
        """Whether the time point is another than at the last call."""
        moved = self._last_t.get(channel) != t
        self._last_t[channel] = t
        return moved

    # ---- what the runner brings -----------------------------------------------------------

    def _on_delivered(self, job: Job, volume: np.ndarray) -> None:
        """Put a volume on screen: in a new layer, by a swap, or by a look at the cache."""
        if self._outdated(job):
            return
        self._ready[job.channel] = (job, volume)
        shown = self._shown.get(job.channel)
        if shown is None:
            self._add(job, volume)
        elif shown.source is job.source:
            self._refresh(job, volume, shown)
        elif job.source is not self._source or self._alike(shown.source, job.source):
            self._swap({job.channel: (job, volume)})
        elif all(self._is_ready(channel, job.source) for channel in self._visible()):
            self._swap(
                {c: ready for c, ready in self._ready.items() if ready[0].source is job.source}
            )

    def _on_failed(self, job: Job, error: LazyPipelineError) -> None:
        """Show a volume that cannot be made as a blank, and list it."""
        if self._outdated(job):
            return
        job.source.report(error, job.t, job.channel)
        self._on_delivered(job, job.source.spec.blank())
        shown = self._shown.get(job.channel)
        if shown is not None and shown.source is job.source:
            shown.failed = job
            shown.layer.refresh(extent=False)
        self.failed.emit(job, error)

    def _outdated(self, job: Job) -> bool:
        """Whether a job belongs to data that are no longer open, or to an older picture."""
        if self._source is None or job.source.raw is not self._source.raw:
            return True
        shown = self._shown.get(job.channel)
        return shown is not None and shown.source is self._source and job.source is not self._source

    def _is_ready(self, channel: int, source: PipelineSource) -> bool:
        return channel in self._ready and self._ready[channel][0].source is source

    @staticmethod
    def _alike(old: PipelineSource, new: PipelineSource) -> bool:
        """Whether the place of the voxels is the same, so that channels need not wait."""
        return (old.spec.shape, old.spec.voxel_size, old.spec.translate) == (
            new.spec.shape,
            new.spec.voxel_size,
            new.spec.translate,
        )

    def _refresh(self, job: Job, volume: np.ndarray, shown: Shown) -> None:
        """The layer has the right array already: let it look again."""
        if job.t != self._time_point():
            return
        if volume is not shown.picture:
            shown.put(job, volume)
            shown.layer.refresh(extent=False)
        self.shown.emit(job)
        self._prepare_next(job)

    def _prepare_next(self, job: Job) -> None:
        """Who has stepped twice in one direction through time, will do so once more."""
        path = self._path
        if not path or path[-1] != job.t:
            self._path = path = [*path, job.t][-3:]
        steps = {b - a for a, b in pairwise(path)}
        if len(path) == 3 and steps in ({1}, {-1}):
            t = job.t + steps.pop()
            if 0 <= t < job.source.sizes[0]:
                self.runner.prepare(Job(job.channel, t, job.source))

    def _swap(self, ready: dict[int, tuple[Job, np.ndarray]]) -> None:
        """Give layers the data of new steps; everything else about them stays."""
        with self._still():
            for channel, (job, volume) in list(ready.items()):
                shown = self._shown.get(channel)
                if shown is not None:
                    shown.put(job, volume)
                    self._last_t[channel] = job.t
                    self._set_data(channel, shown, job.source)
            for channel in set(self._shown) - set(self._visible()):
                job = next(iter(ready.values()))[0]
                self._set_data(channel, self._shown[channel], job.source)
        for job, _ in ready.values():
            self.shown.emit(job)

    def _swap_all(self) -> None:
        """Give all layers the present steps though none is visible: nothing is computed."""
        assert self._source is not None
        with self._still():
            for channel, shown in self._shown.items():
                self._set_data(channel, shown, self._source)

    def _set_data(self, channel: int, shown: Shown, source: PipelineSource) -> None:
        layer, shown.source = shown.layer, source
        replace_data(layer, self._array(channel, source), self._placed(source))
        name = self._name(channel, source)
        if layer.name == shown.auto_name != name:
            layer.name = name
            shown.auto_name = layer.name
        layer.metadata = {**layer.metadata, **self._metadata()}

    # ---- layers ---------------------------------------------------------------------------

    @contextmanager
    def handing_over(self) -> Iterator[list[Any]]:
        """Within, the first picture of each channel becomes a layer tuple in the list.

        It is computed at once. napari then adds the layers, and knows where they come from.
        """
        self._offered = []
        offered, self._handing_over = self._offered, True
        try:
            yield offered
        finally:
            self._handing_over = False

    def _offer(self) -> None:
        """Compute the first pictures now, and offer them as layers."""
        assert self._source is not None
        for channel in range(self._source.sizes[1]):
            job = Job(channel, 0, self._source)
            volume = self._source(0, channel)
            array = self._array(channel, self._source, volume)
            self._awaited[id(array)] = (job, volume, array)
            self._offered.append((array, self._layer_options(job, volume), "image"))

    def _on_inserted(self, event: Any) -> None:
        """Adopt a layer that we offered, once napari is done with adding it."""
        awaited = self._awaited.pop(id(event.value.data), None)
        if awaited is not None:
            job, volume, _ = awaited
            QTimer.singleShot(0, lambda: self._adopt_offered(event.value, job, volume))

    def _adopt_offered(self, layer: Any, job: Job, volume: np.ndarray) -> None:
        if layer in self.viewer.layers and not self._outdated(job):
            with self._still(restore=bool(self._shown)):
                self._adopt(layer, job, volume)
            self.shown.emit(job)

    def _add(self, job: Job, volume: np.ndarray) -> None:
        """Make the layer of a channel, with its first volume on screen and no other computed."""
        with self._still(restore=bool(self._shown)):
            array = self._array(job.channel, job.source, volume)
            layer = self.viewer.add_image(array, **self._layer_options(job, volume))
            self._adopt(layer, job, volume)
        if job.t != self._time_point():
            self._want(job.channel, self._time_point())
        self.shown.emit(job)

    def _adopt(self, layer: Any, job: Job, volume: np.ndarray) -> None:
        """Keep a layer in step with the session from now on."""
        first = not self._shown
        self._last_t[job.channel] = job.t
        identity = job.source.identity(job.t, job.channel)
        self._shown[job.channel] = Shown(
            layer, job.source, volume, job.t, identity, auto_name=layer.name
        )
        layer.data = self._array(job.channel, job.source)
        if first:
            self._go_to_start(layer)

    def _layer_options(self, job: Job, volume: np.ndarray) -> dict[str, Any]:
        """What a new layer is made with; later, all of it is the person's."""
        several = job.source.sizes[1] > 1
        return {
            "name": self._name(job.channel, job.source),
            "contrast_limits": contrast_limits(volume),
            "colormap": COLORMAPS[job.channel % len(COLORMAPS)] if several else "gray",
            "blending": "additive" if several else "translucent_no_depth",
            "multiscale": False,
            "rgb": False,
            "cache": False,
            "metadata": self._metadata(),
            "units": ("s" if self._interval() else "pixel", "um", "um", "um"),
            "axis_labels": ("t", "z", "y", "x"),
            **self._placed(job.source),
        }

    def _array(
        self, channel: int, source: PipelineSource, picture: np.ndarray | None = None
    ) -> LazyArray:
        """The lazy array of a channel; with a picture, one that always shows that."""
        if picture is not None:
            return LazyArray(lift(source, channel), lambda t: picture)
        return LazyArray(lift(source, channel), lambda t: self._serve(channel, source, t))

    def _placed(self, source: PipelineSource) -> dict[str, Any]:
        spec = source.spec
        return {
            "scale": (self._interval() or 1.0, *spec.voxel_size),
            "translate": (0.0, *spec.translate),
        }

    def _interval(self) -> float | None:
        return self.session.stack.time_interval if self.session.stack else None

    def _name(self, channel: int, source: PipelineSource) -> str:
        assert self.session.stack is not None
        names = self.session.stack.channel_names
        folder = getattr(self.session.stack.source, "folder", "stack")
        last = source.stages[-1][1].title.lower() if source.stages else "raw"
        label = names[channel] if channel < len(names) else f"ch{channel}"
        return f"{Path(folder).name} {label} [{last}]"

    def _metadata(self) -> dict[str, Any]:
        return {"napari_lazy_pipeline": self.session.recipe().model_dump(mode="json")}

    def _on_removed(self, event: Any) -> None:
        """Forget a layer that the person removed."""
        for channel, shown in list(self._shown.items()):
            if shown.layer == event.value:
                del self._shown[channel]

    # ---- the place of the person in the picture -------------------------------------------

    def _on_step(self, event: Any = None) -> None:
        """Remember the plane the person chose, counted in planes of the uncropped volume."""
        if self._shown and self.viewer.dims.ndim >= 4:
            before, self._moment = self._moment, self._time_point()
            if self._swapping:
                return
            layer = next(iter(self._shown.values())).layer
            self._plane = self.viewer.dims.point[_Z] / layer.scale[_Z]
            if before != self._moment and not self._going:
                self.person_moved.emit(self._moment)

    def _go_to_start(self, layer: Any) -> None:
        """First time point, middle plane."""
        dims = self.viewer.dims
        axis_t, axis_z = dims.ndim + _T, dims.ndim + _Z
        middle = layer.data.shape[_Z] // 2
        dims.set_point(axis_t, float(layer.translate[0]))
        dims.set_point(axis_z, float(layer.translate[1] + middle * layer.scale[1]))
        self._plane = dims.point[_Z] / layer.scale[_Z]

    @contextmanager
    def _still(self, restore: bool = True) -> Iterator[None]:
        """Change layers without asking for volumes, and come back to the same plane and time."""
        dims = self.viewer.dims
        point = list(dims.point) if dims.ndim >= 4 else None
        ranges, interval = tuple(dims.range), self._shown_interval()
        self._swapping = True
        try:
            # The sliders are laid out anew for each change: once, at the end, is enough.
            with dims.events.range.blocker():
                yield
                if restore and point is not None and self._shown:
                    # Time points stay what they are if their distance is stated anew.
                    point[_T] *= self._shown_interval() / interval
                    self._return_to(tuple(point))
        finally:
            self._swapping = False
            if tuple(dims.range) != ranges:
                dims.events.range(value=dims.range)

    def _shown_interval(self) -> float:
        """Distance of two time points on the slider."""
        return next((float(shown.layer.scale[0]) for shown in self._shown.values()), 1.0)

    def _return_to(self, point: tuple[float, ...]) -> None:
        dims = self.viewer.dims
        layer = next(iter(self._shown.values())).layer
        height = point[_Z]
        if self._plane is not None:
            first = layer.translate[_Z] / layer.scale[_Z]
            last = first + layer.data.shape[_Z] - 1
            height = float(np.clip(self._plane, first, last)) * float(layer.scale[_Z])
        dims.set_point((dims.ndim + _T, dims.ndim + _Z), (point[_T], height))
