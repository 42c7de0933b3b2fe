"""Layers: keeps the layers of a viewer in step with a session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.adoption import Adoption
from napari_lazy_pipeline._gui.layer_maker import LayerMaker
from napari_lazy_pipeline._gui.position import Position, T
from napari_lazy_pipeline._gui.runner import Job, Runner
from napari_lazy_pipeline._gui.serving import Server
from napari_lazy_pipeline._gui.shown import Screen, Shown, contrast_limits, replace_data
from napari_lazy_pipeline.errors import LazyPipelineError, StepError
from napari_lazy_pipeline.pipeline import PipelineSource
from napari_lazy_pipeline.remember import RememberedSource
from napari_lazy_pipeline.session import Session

Ready = dict[int, tuple[Job, np.ndarray]]


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
        self._screen = Screen()
        self._ready: Ready = {}
        self._maker = LayerMaker(session)
        self._position = Position(viewer, self._screen)
        self._server = Server(self._screen, self._position, runner)
        self._adoption = Adoption(viewer, self._maker, self._server, self._adopt_offered)
        self._position.person_moved.connect(self.person_moved)
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self._on_grown)
        session.pipeline_changed.connect(self.update)
        session.engine_changed.connect(self.update)
        session.until_changed.connect(self.update)
        runner.delivered.connect(self._on_delivered)
        runner.failed.connect(self._on_failed)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Let go of the viewer; the layers stay, as plain lazy arrays."""
        self.session.stack_changed.disconnect(self._on_stack)
        self.session.stack_grown.disconnect(self._on_grown)
        self.session.pipeline_changed.disconnect(self.update)
        self.session.engine_changed.disconnect(self.update)
        self.session.until_changed.disconnect(self.update)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._adoption.close()
        self._position.close()
        self.runner.forget()

    @property
    def layers(self) -> list[Any]:
        """The napari layers, one a channel."""
        return [self._screen.shown[channel].layer for channel in sorted(self._screen.shown)]

    @property
    def up_to_date(self) -> bool:
        """Whether each visible layer shows the present steps."""
        return self._screen.up_to_date

    @property
    def settled(self) -> bool:
        """Whether each visible layer shows the present steps and the present time point."""
        t = self.time_point
        return self.up_to_date and all(shown.t == t for shown in self._screen.visible.values())

    @property
    def time_point(self) -> int:
        """The time point that is on screen."""
        return self._position.time_point

    @property
    def places(self) -> list[tuple[int, int]]:
        """Time point and channel of each volume that is on screen."""
        return [(shown.t, channel) for channel, shown in self._screen.visible.items()]

    def go_to(self, t: int) -> None:
        """Show another time point, and do not take it for a move of the person."""
        self._position.go_to(t)

    def handing_over(self) -> AbstractContextManager[list[Any]]:
        """Within, first pictures become layer tuples in the list, for napari to add."""
        return self._adoption.handing_over()

    def look_again(self, channel: int) -> None:
        """The file of a volume on screen is another one now."""
        if channel in self._screen.visible:
            self._want(channel)

    def reset_contrast(self) -> None:
        """Set the contrast from what is on screen."""
        for shown in self._screen.shown.values():
            shown.layer.contrast_limits = contrast_limits(shown.picture)

    # ---- what the session says ------------------------------------------------------------

    def update(self, *_: object) -> None:
        """Show the present steps, as soon as their pixels are there."""
        if self.session.stack is None:
            return
        try:
            source = self.session.source()
        except StepError as error:
            self.misfit.emit(error)
            return
        if source != self._screen.source or not self._screen.shown:
            self._show(source)

    def _show(self, source: PipelineSource) -> None:
        """Show what a source makes, as soon as its pixels are there."""
        self._screen.source, self._ready = source, {}
        if self._adoption.under_way:
            self._adoption.offer(source)
            return
        visible = self._screen.visible
        for channel in list(visible if self._screen.shown else range(source.sizes[1])):
            self._want(channel)
        if self._screen.shown and not visible:
            self._swap_all(source)

    def _on_stack(self, stack: object) -> None:
        """Show the first time point of a new stack."""
        self.runner.forget()
        if stack is not None:
            shown = next(iter(self._screen.shown.values()), None)
            if shown is not None and self._fits(shown):
                assert self.session.stack is not None
                old, new = shown.source.raw.spec.voxel_size, self.session.stack.voxel_size
                self._position.zoom_along(old, new)
            else:
                self._remove_layers()
            self.update()

    def _fits(self, shown: Shown) -> bool:
        """Whether a layer shows the same files, perhaps with another voxel size."""
        assert self.session.stack is not None
        return bool(shown.source.raw.token == self.session.stack.source.token)

    def _on_grown(self, move: Callable[[int], int] | None) -> None:
        """Show the time points that are there now; what is on screen stays as it is."""
        if self._screen.source is None:
            return
        now = self.time_point
        if move is not None:
            self._renumber(move)
            now = move(now)
        if self._screen.shown:
            self._extend(min(now, self._screen.source.sizes[0] - 1))
        for channel, shown in self._screen.visible.items():
            raw = shown.source.raw
            if isinstance(raw, RememberedSource) and not raw.known(shown.t, channel):
                # What is on screen has come, gone, or could not be had.
                self._want(channel)
        if move is not None and not self.up_to_date:
            self._show(self._screen.source)

    def _extend(self, t: int) -> None:
        """Give all layers the time points that are there now, and stay at one of them."""
        with self._position.still(restore=False):
            point = list(self.viewer.dims.point)
            for channel, shown in self._screen.shown.items():
                array = self._server.array(channel, shown.source)
                replace_data(shown.layer, array, self._maker.place(shown.source))
            if len(point) >= 4:
                point[T] = self._position.world(t)
                self._position.return_to(tuple(point))

    def _renumber(self, move: Callable[[int], int]) -> None:
        """Go on with the same volumes under other numbers."""
        screen, raw = self._screen, self.session.raw
        assert screen.source is not None
        self.runner.forget()
        self._ready = {}
        self._server.forget_path()
        sources = [screen.source, *(shown.source for shown in screen.shown.values())]
        renewed = {id(source): replace(source, raw=raw) for source in sources}
        screen.source = renewed[id(screen.source)]
        for channel, shown in screen.shown.items():
            shown.source, shown.t = renewed[id(shown.source)], move(shown.t)
            shown.failed = None
            self._server.note(channel, shown.t)

    def _want(self, channel: int) -> None:
        """Ask for what should be on screen of a channel; it may be at hand."""
        assert self._screen.source is not None
        job = Job(channel, self.time_point, self._screen.source)
        volume = self._server.at_hand(channel, job.source, job.t)
        if volume is not None:
            self._on_delivered(job, volume)
        else:
            self.runner.want(job)

    # ---- what the runner brings -----------------------------------------------------------

    def _on_delivered(self, job: Job, volume: np.ndarray) -> None:
        """Put a volume on screen: in a new layer, by a swap, or by a look at the cache."""
        if self._outdated(job):
            return
        self._ready[job.channel] = (job, volume)
        shown = self._screen.shown.get(job.channel)
        if shown is None:
            self._add(job, volume)
        elif shown.source is job.source:
            self._refresh(job, volume, shown)
        elif job.source is not self._screen.source or _alike(shown.source, job.source):
            self._swap({job.channel: (job, volume)})
        elif all(self._is_ready(channel, job.source) for channel in self._screen.visible):
            self._swap(
                {c: ready for c, ready in self._ready.items() if ready[0].source is job.source}
            )

    def _on_failed(self, job: Job, error: LazyPipelineError) -> None:
        """Show a volume that cannot be made as a blank, and list it."""
        if self._outdated(job):
            return
        job.source.report(error, job.t, job.channel)
        self._on_delivered(job, job.source.spec.blank())
        shown = self._screen.shown.get(job.channel)
        if shown is not None and shown.source is job.source:
            shown.failed = job
            shown.layer.refresh(extent=False)
        self.failed.emit(job, error)

    def _outdated(self, job: Job) -> bool:
        """Whether a job belongs to data that are no longer open, or to an older picture."""
        source = self._screen.source
        if source is None or job.source.raw is not source.raw:
            return True
        shown = self._screen.shown.get(job.channel)
        return shown is not None and shown.source is source and job.source is not source

    def _is_ready(self, channel: int, source: PipelineSource) -> bool:
        return channel in self._ready and self._ready[channel][0].source is source

    def _refresh(self, job: Job, volume: np.ndarray, shown: Shown) -> None:
        """The layer has the right array already: let it look again."""
        if job.t != self.time_point:
            return
        if volume is not shown.picture:
            shown.put(job, volume)
            shown.layer.refresh(extent=False)
        self.shown.emit(job)
        self._server.prepare_next(job)

    def _swap(self, ready: Ready) -> None:
        """Give layers the data of new steps; everything else about them stays."""
        with self._position.still():
            for channel, (job, volume) in list(ready.items()):
                shown = self._screen.shown.get(channel)
                if shown is not None:
                    shown.put(job, volume)
                    self._server.note(channel, job.t)
                    self._set_data(channel, shown, job.source)
            for channel in set(self._screen.shown) - set(self._screen.visible):
                job = next(iter(ready.values()))[0]
                self._set_data(channel, self._screen.shown[channel], job.source)
        for job, _ in ready.values():
            self.shown.emit(job)

    def _swap_all(self, source: PipelineSource) -> None:
        """Give all layers the present steps though none is visible: nothing is computed."""
        with self._position.still():
            for channel, shown in self._screen.shown.items():
                self._set_data(channel, shown, source)

    def _set_data(self, channel: int, shown: Shown, source: PipelineSource) -> None:
        layer, shown.source = shown.layer, source
        replace_data(layer, self._server.array(channel, source), self._maker.place(source))
        name = self._maker.name(channel, source)
        if layer.name == shown.auto_name != name:
            layer.name = name
            shown.auto_name = layer.name
        layer.metadata = {**layer.metadata, **self._maker.metadata()}

    # ---- layers ---------------------------------------------------------------------------

    def _add(self, job: Job, volume: np.ndarray) -> None:
        """Make the layer of a channel, with its first volume on screen and no other computed."""
        with self._position.still(restore=bool(self._screen.shown)):
            array = self._server.array(job.channel, job.source, volume)
            layer = self.viewer.add_image(array, **self._maker.options(job, volume))
            self._adopt(layer, job, volume)
        if job.t != self.time_point:
            self._want(job.channel)
        self.shown.emit(job)

    def _adopt_offered(self, layer: Any, job: Job, volume: np.ndarray) -> None:
        """Keep a layer that we offered and napari has added."""
        if layer in self.viewer.layers and not self._outdated(job):
            with self._position.still(restore=bool(self._screen.shown)):
                self._adopt(layer, job, volume)
            self.shown.emit(job)

    def _adopt(self, layer: Any, job: Job, volume: np.ndarray) -> None:
        """Keep a layer in step with the session from now on."""
        first = not self._screen.shown
        self._server.note(job.channel, job.t)
        identity = job.source.identity(job.t, job.channel)
        self._screen.shown[job.channel] = Shown(
            layer, job.source, volume, job.t, identity, auto_name=layer.name
        )
        layer.data = self._server.array(job.channel, job.source)
        if first:
            self._position.go_to_start(layer)

    def _remove_layers(self) -> None:
        layers = self.layers
        self._screen.shown.clear()
        self._position.forget()
        for layer in layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _on_removed(self, event: Any) -> None:
        """Forget a layer that the person removed."""
        for channel, shown in list(self._screen.shown.items()):
            if shown.layer == event.value:
                del self._screen.shown[channel]


def _alike(old: PipelineSource, new: PipelineSource) -> bool:
    """Whether the place of the voxels is the same, so that channels need not wait."""
    return (old.spec.shape, old.spec.voxel_size, old.spec.translate) == (
        new.spec.shape,
        new.spec.voxel_size,
        new.spec.translate,
    )
