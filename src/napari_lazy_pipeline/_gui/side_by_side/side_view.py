"""Side view: x-z (or y-z, of a scan along y) beside the picture; there an angle is seen."""

from __future__ import annotations

from time import monotonic
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.side_by_side.canvas_room import CanvasRoom
from napari_lazy_pipeline._gui.side_by_side.tile_picture import ChannelLook, TileRequest
from napari_lazy_pipeline._gui.side_by_side.tile_view import Tile, TileView
from napari_lazy_pipeline._gui.side_by_side.view_events import ViewEvents
from napari_lazy_pipeline._gui.side_by_side.view_region import ViewRegion
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.compute import Pipeline, Progress
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError, StepError

_PAUSE = 15  # ms; what changes at once is one change
# A picture that is not the latest any more may still take so long [s]: of a knob that is turned,
# quick steps are seen to follow, and slow ones are given up.
_GRACE = 0.5
_HEIGHT = 170  # px


class SideView(QObject):
    """Shows one row of all planes below the picture; it follows steps and sliders.

    The row is the one in the middle of the picture.
    """

    changed = Signal(bool)  # it is shown, or no longer
    rendered = Signal(bool)  # a picture is shown, perhaps a preview

    def __init__(self, room: CanvasRoom, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._room, self._viewer, self._layers, self.session = room, viewer, layers, layers.session
        self.view = TileView("Side view")
        self.view.pickable = False
        self.view.setFixedHeight(_HEIGHT)
        self.view.setToolTip("The row in the middle of the picture, in all planes")
        self.is_on = False
        self.request: TileRequest | None = None  # what is shown, or being made
        self._begun, self._outdated = 0.0, False
        self._task = BackgroundTask("The side view cannot be made", name="lazy-side-view")
        self._task.progressed.connect(self._on_picture)
        self._task.finished.connect(self._on_done)
        self._task.failed.connect(self._on_failed)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._compute)
        self._events = ViewEvents(viewer, layers)
        self._events.changed.connect(self.update)
        layers.rendered.connect(self._on_rendered)
        for signal in (self.session.plan_changed, self.session.view_changed):
            signal.connect(self.update)

    @property
    def busy(self) -> bool:
        """Return whether a picture is still to come."""
        return self._task.busy or self._timer.isActive()

    def switch(self, on: bool) -> None:
        """Show it below the picture, or take it away."""
        if on == self.is_on:
            return
        self.is_on = on
        if on:
            self.view.show_tiles([Tile("")], 1, 0)
            self._room.put_below(self.view)
            self._events.listen(True)
            self.update()
        else:
            self._events.listen(False)
            self._timer.stop()
            self._task.forget()
            self._room.take(self.view)
        self.changed.emit(on)

    def close(self) -> None:
        """The dock of the pipeline is closed."""
        self.switch(False)
        self._layers.rendered.disconnect(self._on_rendered)
        for signal in (self.session.plan_changed, self.session.view_changed):
            signal.disconnect(self.update)

    def update(self, *_: object) -> None:
        """Show what the steps make now, as soon as that is there."""
        if self.is_on and self.session.stack is not None:
            self._outdated = True
            self._timer.start()

    def _on_rendered(self, _: object) -> None:
        """There may be other layers, with other colours."""
        looks = self.request.looks if self.request else ()
        if self.is_on and len(self._layers.screen.visible) != len(looks):
            self._events.listen(True)
            self.update()

    def _compute(self) -> None:
        """Make a picture; the one under way is finished first, if that does not take long."""
        if self._task.busy:
            return
        try:
            source = self.session.source()
        except StepError:  # its card says why it does not fit
            if self._layers.screen.source is None:
                return
            source = self._layers.screen.source
        region = ViewRegion.from_side(self._viewer, self.session.scan)
        t, _ = self._layers.position.place_of(source)
        box = region.box(source, self._layers.position)
        looks = ChannelLook.all_of(self._layers.screen, source)
        request = TileRequest(source, t, box, region, looks)
        self.request, self._begun, self._outdated = request, monotonic(), False
        previews = [True] if self.session.quality == "auto" and request.has_preview else []
        raw = self.session.source_of(Pipeline())
        keep = raw.spec.nbytes <= self.session.cache.limit / 4

        def work(run: TaskRun) -> None:
            progress = Progress(cancelled=lambda: run.cancelled() or self._is_late)
            try:
                for look in looks if keep else ():
                    for place in source.plan.raw_volumes(t, look.channel):
                        raw.read(*place, progress)  # any row of it is then at hand
                for preview in (*previews, False):
                    run.report((preview, request.make(progress, preview)))
            except Cancelled:
                return  # the next is begun once this is done

        self._task.start("side view", work)

    @property
    def _is_late(self) -> bool:
        return self._outdated and monotonic() - self._begun > _GRACE

    def _on_picture(self, ready: Any) -> None:
        preview, picture = ready
        assert self.request is not None
        down, right = self.request.region.axes
        across = 3 - down - right
        row = self.request.box[across][0]
        name = f"{'zyx'[right]}-z at {'zyx'[across]} = {row}"
        self.view.put(0, Tile(name + (", preview" if preview else ""), picture))
        self.rendered.emit(preview)

    def _on_done(self, _: object) -> None:
        if self._outdated and not self._timer.isActive():
            self._timer.start()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.view.put(0, Tile("", error=str(error)))
        self._on_done(None)
