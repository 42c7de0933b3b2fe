"""Value trial: shows what is on screen for several values of a field, and takes the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import ceil, sqrt
from time import monotonic
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.side_by_side.canvas_room import CanvasCover, CanvasRoom
from napari_lazy_pipeline._gui.side_by_side.swept_field import SweptField, fields_to_try
from napari_lazy_pipeline._gui.side_by_side.tile_picture import ChannelLook, TileRequest
from napari_lazy_pipeline._gui.side_by_side.tile_view import Tile
from napari_lazy_pipeline._gui.side_by_side.trial_panel import TrialPanel
from napari_lazy_pipeline._gui.side_by_side.view_events import ViewEvents
from napari_lazy_pipeline._gui.side_by_side.view_region import ViewRegion
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.compute import Pipeline, Progress
from napari_lazy_pipeline.compute.parameter import Parameter, Steps
from napari_lazy_pipeline.compute.sweep import variants
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.io.metadata_overrides import OF_SCAN
from napari_lazy_pipeline.session.linked_steps import is_linked
from napari_lazy_pipeline.session.value_list import MOST

_QUICK = 0.15  # s: if a preview takes no longer, results are there soon, and take its place
_PAUSE = 60  # ms without a move of a slider, after which the tiles are made anew


class ValueTrial(QObject):
    """Shows a tile for each value; the viewer stays as it is underneath."""

    # Another picture is there, or why there is none; and whether it is a preview.
    tile_ready = Signal(int, bool)
    refused = Signal(str)  # why no values can be tried

    def __init__(self, room: CanvasRoom, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._layers, self.session = viewer, layers, layers.session
        self.panel = TrialPanel()
        self.canvas, self._cover = room, CanvasCover(room)
        self._fields: list[SweptField] = []  # the one or two that are tried
        self._others: list[SweptField] = []
        self._steps: list[Steps] = []  # of each tile
        self._labels: list[str] = []
        self.requests: list[TileRequest] = []  # in the order in which they are made
        self._task = BackgroundTask("This value cannot be tried", name="lazy-tiles")
        self._task.progressed.connect(self._on_tile)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._compute)
        self._events = ViewEvents(viewer, layers)
        self._events.changed.connect(self._timer.start)
        self.session.plan_changed.connect(self._on_plan)
        self.session.stack_changed.connect(self.close)
        self.panel.values_edited.connect(self._show_values)
        self.panel.second_changed.connect(self._on_second)
        self.panel.side_changed.connect(self._on_side)
        self.panel.taken.connect(self.take)
        self.panel.closed.connect(self.close)

    @property
    def is_open(self) -> bool:
        """Return whether values are being tried."""
        return bool(self._fields)

    @property
    def busy(self) -> bool:
        """Return whether a tile is still to come."""
        return self._task.busy or self._timer.isActive()

    def start(self, parameter: Parameter, values: str = "") -> None:
        """Try values of a field of a step; proposes some, if none are given."""
        steps = self._shown_steps
        if not self._layers.screen.visible:
            self.refused.emit("There is no picture to try values on: open a folder first")
            return
        self._fields = [SweptField(parameter, steps[parameter.index])]
        others = fields_to_try(steps)
        self._others = [field for field in others if field.parameter != parameter]
        self.panel.begin(self._fields[0], values, self._others)
        self._cover.show(self.panel)
        self._events.listen(True)
        self.panel.tiles.setFocus()
        self._show_values()

    def take(self, index: int) -> None:
        """Make the values of a tile those of the steps, as one edit."""
        if index >= len(self._steps):
            return  # the values that are entered make no tiles
        steps, fields, gesture = self._steps[index], self._fields, object()
        self.close()
        for place in dict.fromkeys(field.parameter.index for field in fields):
            self.session.edit_step(place, steps[place], gesture)

    def close(self, *_: object) -> None:
        """Go back to how it was."""
        if self.is_open:
            self._fields = []
            self._events.listen(False)
            self._timer.stop()
            self._task.forget()
            self._cover.take()

    def shut_down(self) -> None:
        """The dock is closed."""
        self.close()
        self.session.plan_changed.disconnect(self._on_plan)
        self.session.stack_changed.disconnect(self.close)
        self.panel.deleteLater()

    # ---- which values ---------------------------------------------------------------------

    def _on_second(self, index: int) -> None:
        second = self._others[index] if index >= 0 else None
        self._fields = [self._fields[0], *([second] if second is not None else [])]
        self.panel.propose(self._fields[0], second)
        self._show_values()

    def _on_side(self) -> None:
        self.panel.tiles.fit()
        self._compute()

    def _on_plan(self, *_: object) -> None:
        """Go on with other steps, if the fields are there still."""
        steps = self._shown_steps
        for field in self._fields:
            index = field.parameter.index
            if index >= len(steps) or type(steps[index]) is not type(field.step):
                self.close()
                return
        self._fields = [SweptField(f.parameter, steps[f.parameter.index]) for f in self._fields]
        if self.is_open:
            self._show_values()

    def _show_values(self) -> None:
        """Show a tile for each of the values that are wanted."""
        lines, plan = (self.panel.first, self.panel.second), self.session.plan
        index = self._fields[0].parameter.index
        before = plan.spec_before(index) or plan.raw if plan is not None else None
        channels = before.channels if before is not None else ()
        try:
            read = zip(self._fields, lines, strict=False)
            values = {field.parameter: field.parse(line.text()) for field, line in read}
            steps = [
                self._with_one_scan(one) for one in variants(self._shown_steps, values, channels)
            ]
            self._check_count(len(steps))
        except (ValueError, LazyPipelineError) as error:
            self.panel.error.say(str(error))
            self._steps = []  # they may be of other steps than the present ones
            return
        self.panel.error.say("")
        self._steps = steps
        present = tuple(field.value for field in self._fields)
        combinations = list(product(*values.values()))
        self._labels = [self._label(one, one == present) for one in combinations]
        selected = combinations.index(present) if present in combinations else 0
        table = len(values) == 2
        columns = len([*values.values()][1]) if table else ceil(sqrt(len(steps)))
        self.panel.tiles.show_tiles([Tile(label) for label in self._labels], columns, selected)
        self._compute()

    @property
    def _shown_steps(self) -> Steps:
        """All steps with what they take from the data."""
        session = self.session
        return tuple(map(session.shown_step, range(len(session.pipeline.steps))))

    def _with_one_scan(self, steps: Steps) -> Steps:
        """Steps that take the scan from the data take the one that is tried, too."""
        own = self.session.pipeline.steps
        linked = [index for index, step in enumerate(own) if is_linked(step)]
        tried = [f.parameter for f in self._fields if f.parameter.index in linked]
        for parameter in (one for one in tried if one.field in OF_SCAN):
            for index in linked:
                other = replace(parameter, index=index)
                steps = other.put(steps, parameter.value(steps))
        return steps

    def _check_count(self, count: int) -> None:
        if not 0 < count <= MOST:
            raise ValueError(f"Enter values: {count} pictures; 1 to {MOST} fit side by side")

    def _label(self, values: Sequence[Any], present: bool) -> str:
        words = [field.in_words(value) for field, value in zip(self._fields, values, strict=True)]
        return " · ".join(words) + (" (now)" if present else "")

    # ---- pictures -------------------------------------------------------------------------

    def _compute(self) -> None:
        """Make the pictures of what is on screen now, that of the present value first."""
        region = self._region()
        if region is None:
            self.panel.error.say("Show two of z, y and x to try values")
            return
        wanted: list[tuple[int, TileRequest]] = []
        first = self.panel.tiles.selected
        for index in sorted(range(len(self._steps)), key=lambda index: index != first):
            try:
                wanted.append((index, self._request(self._steps[index], region)))
            except LazyPipelineError as error:
                self._on_tile((False, index, str(error)))

        quick = self.session.quality == "auto"
        turns = [(True, *one) for one in wanted if quick and one[1].has_preview]
        turns += [(False, *one) for one in wanted]

        def work(run: TaskRun) -> None:
            seconds: float | None = None  # that the first preview took
            for preview, index, request in turns:
                if preview and seconds is not None and seconds < _QUICK:
                    continue  # the results are there soon
                begin = monotonic()
                try:
                    picture = request.make(Progress(cancelled=run.cancelled), preview)
                except LazyPipelineError as error:
                    run.report((preview, index, str(error)))
                else:
                    run.report((preview, index, picture))
                seconds = monotonic() - begin if seconds is None else seconds

        self.requests = [request for _, request in wanted]
        self._task.start("tiles", work)

    def _region(self) -> ViewRegion | None:
        """Return what of the volumes the pictures show; None if it is not two of z, y and x."""
        if self.panel.side.isChecked():
            return ViewRegion.from_side(self._viewer, self.session.scan)
        area = self.canvas.area
        return ViewRegion.of(self._viewer, (area.height(), area.width()))

    def _request(self, steps: Steps, region: ViewRegion) -> TileRequest:
        """Return what has to be made for steps; a `StepError` if they do not fit, or still wait."""
        tried = {field.parameter.index for field in self._fields}
        for error in self.session.plan_of(Pipeline(steps)).waiting:
            if error.index in tried:
                raise error
        last = max(tried)
        until = self.session.until
        shown = until if until is None or until > last else None
        source = self.session.source_of(Pipeline(steps), shown)
        box = region.box(source, self._layers.position)
        looks = ChannelLook.all_of(self._layers.screen, source)
        t, _ = self._layers.position.place_of(source)
        return TileRequest(source, t, box, region, looks)

    def _on_tile(self, ready: Any) -> None:
        preview, index, result = ready
        if not self.is_open or index >= len(self._labels):
            return
        label = self._labels[index] + (", preview" if preview else "")
        if not isinstance(result, str):
            self.panel.tiles.put(index, Tile(label, result))
        elif not preview:  # if a preview cannot be made, the result will say why
            self.panel.tiles.put(index, Tile(label, error=result))
        self.tile_ready.emit(index, preview)
