"""Compare: the raw data beside the processed ones, and back to how it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_list import arranged_once
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.screen import Picture, Screen
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps.select import Select

_DETAIL = 2.5  # who has zoomed in more than this, looks at a detail


class RawLayerOptions(LayerOptions):
    """Options of layers of raw data."""

    def __init__(self, session: Session, screen: Screen) -> None:
        super().__init__(session)
        self._screen = screen
        # Those that are seen, whichever numbers steps give them.
        shown = screen.visible.items()
        self._channels = sorted({entry.source.plan.origin(0, c)[1] for c, entry in shown})

    def source(self, at_least: bool = False) -> PipelineSource:
        """Makes the raw volumes of the time points that steps leave."""
        session = self.session
        stages = session.plan.until(session.until).stages if session.plan is not None else ()
        selections = [stage.step for stage in stages if isinstance(stage.step, Select)]
        return session.source_of(Pipeline([one.replace(channels="") for one in selections]))

    def channels(self, source: PipelineSource) -> list[int]:
        return self._channels

    def options(self, picture: Picture) -> dict[str, Any]:
        """As for the processed data, in the colours these have now."""
        options = super().options(picture)
        beside = self._screen.layer_of_recorded(picture.request.channel)
        if beside is not None:
            options.update(colormap=beside.colormap, blending=beside.blending)
        return options

    def voxel_size(self, source: PipelineSource) -> tuple[float, ...]:
        """Those of the raw data, but that one slider moves these and what is made of them."""
        z, *pixel = super().voxel_size(source)
        return z * self._height(), *pixel

    def translate(self, source: PipelineSource) -> tuple[float, ...]:
        z, *plane = super().translate(source)
        return z * self._height(), *plane

    def name(self, channel: int, source: PipelineSource) -> str:
        """Data and channel, and that they are as the microscope recorded them."""
        skewed = self.session.scan and source.plan.raw.volume.frame == "camera"
        data = "raw, skewed" if skewed else "raw"
        return f"{self.data_name(channel, source)} [{data}]"

    def _height(self) -> float:
        """By how much the distance of planes changes on the way to what is shown."""
        source = self._screen.instead or self._screen.oldest_source
        frame = source.plan.world() if source is not None else np.eye(4)
        flat = frame[0, 0] > 0 and np.allclose(frame[0, 1:3], 0)
        return float(frame[0, 0]) if flat else 1.0


@dataclass(frozen=True)
class _View:
    """State of the viewer before the comparison."""

    grid: dict[str, Any]  # settings of the grid
    camera: dict[str, Any]  # centre, zoom and angles
    order: tuple[Any, ...]  # the layers
    selection: tuple[frozenset[Any], Any]  # those that were selected, and the one that was active

    @classmethod
    def of(cls, viewer: Any) -> _View:
        grid, camera, selection = viewer.canvas.grid, viewer.scene.camera, viewer.layers.selection
        return cls(
            {name: getattr(grid, name) for name in ("shape", "stride", "spacing", "enabled")},
            {name: getattr(camera, name) for name in ("angles", "zoom", "center")},
            tuple(viewer.layers),
            (frozenset(selection), selection.active),
        )

    def restore(self, viewer: Any) -> None:
        grid, camera = viewer.canvas.grid, viewer.scene.camera
        with arranged_once(viewer):
            for name, value in self.grid.items():
                setattr(grid, name, value)
            pile(viewer, [layer for layer in self.order if layer in viewer.layers])
        for name, value in self.camera.items():
            setattr(camera, name, value)
        selected, active = self.selection
        viewer.layers.selection = {layer for layer in selected if layer in viewer.layers}
        if active in viewer.layers:
            viewer.layers.selection.active = active


def pile(viewer: Any, layers: list[Any]) -> None:
    """Put layers on top of all others, in this order; nothing moves if they are there."""
    everything = list(viewer.layers)
    if everything[len(everything) - len(layers) :] == layers:
        return
    for layer in layers:
        # Past the end: napari counts places as they are before the move.
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))


class Comparison(QObject):
    """Shows the raw data beside the processed ones."""

    changed = Signal(bool)  # the raw data are on screen, or no longer

    def __init__(self, viewer: Any, session: Session, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._session, self._processed = viewer, session, layers
        self._raw: Layers | None = None
        self._before: _View | None = None
        self._arranged = False
        session.stack_changed.connect(self._on_stack)
        layers.rendered.connect(self.follow)
        session.plan_changed.connect(self.follow)  # of hidden layers, nothing is rendered

    def close(self) -> None:
        self.switch(False)

    @property
    def layers(self) -> list[Any]:
        return self._raw.layers if self._raw is not None else []

    @property
    def idle(self) -> bool:
        """Return whether all raw data that should be are on screen."""
        return self._raw is None or (not self._raw.compute_thread.busy and self._raw.settled)

    def switch(self, on: bool) -> None:
        """Compare, or go back."""
        on = on and bool(self._processed.screen.visible)
        if on and self._raw is None:
            self._begin()
        elif self._raw is not None and not on:
            self._end()
        self.changed.emit(on)

    def _begin(self) -> None:
        self._before, self._arranged = _View.of(self._viewer), False
        options = RawLayerOptions(self._session, self._processed.screen)
        position = self._processed.position
        self._raw = Layers(self._viewer, self._session, ComputeThread(), options, position)
        self._raw.rendered.connect(self._arrange)
        self._raw.update()

    def _end(self) -> None:
        raw, before = self._raw, self._before
        assert raw is not None and before is not None
        self._raw = self._before = None
        raw.rendered.disconnect(self._arrange)
        raw.close()
        raw.remove()
        raw.compute_thread.stop()
        before.restore(self._viewer)

    def _arrange(self, *_: object) -> None:
        """Once all channels are there: raw data in the left cell, processed ones in the right.

        Where steps made more channels of them, these take as many cells as they need.
        """
        viewer, before, raw = self._viewer, self._before, self.layers
        processed = [picture.layer for _, picture in sorted(self._processed.screen.visible.items())]
        if before is None or self._arranged or self._raw is None or not self._raw.up_to_date:
            return
        self._arranged, grid = True, viewer.canvas.grid
        with arranged_once(viewer):
            pile(viewer, [*processed, *raw])
            # Counted from the top, layers of others then share these two cells.
            cells = 1 + -(-len(processed) // len(raw))
            grid.stride, grid.shape, grid.enabled = -len(raw), (1, cells), True
        if not before.grid["enabled"]:
            _fit(viewer, before.camera)
        viewer.layers.selection = set(before.selection[0]) & set(viewer.layers)

    def _on_stack(self, _: object) -> None:
        """Of other data, nothing is there yet to compare."""
        if self._raw is not None and not self._processed.layers:
            self.switch(False)

    def follow(self, *_: object) -> None:
        """Planes of the raw data stay beside those that were made of them."""
        if self._raw is not None:
            self._raw.update_placement()


def _fit(viewer: Any, before: dict[str, Any]) -> None:
    """Show all in half the width; or, if the person looked at a detail, as much of that."""
    camera = viewer.scene.camera
    viewer.fit_to_view()
    if before["zoom"] / 2 > _DETAIL * camera.zoom:
        camera.zoom, camera.center = before["zoom"] / 2, before["center"]
    camera.angles = before["angles"]
