"""Depth view: a layer that shows how deep the brightest voxels lie, by their colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui.layers.layer_list import arranged_once, take_out
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.screen import looks_key
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline._gui.widgets.layout import push_button
from napari_lazy_pipeline.compute import PipelineSource, Progress
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image.depth_colours import depth_colours
from napari_lazy_pipeline.image.spec import VolumeSpec

COLOURS = "turbo"  # blue: the first plane, red: the last
_PAUSE = 100  # ms; who drags a slider does not look at each volume


class DepthView(QObject):
    """Keeps a layer in step with the volume on screen; the other layers are hidden meanwhile."""

    def __init__(self, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self.layer: Any = None
        self._hidden: set[int | str] = set()  # channels, by `looks_key`
        self._active: Any = None  # what was selected before
        tooltip = (
            "Show the brightest voxels along z in colours of their depth, from blue (first plane) "
            "to red (last), of the channel on top. Press again to have the layers back"
        )
        self.button = push_button("Depth colours", tooltip, checkable=True)
        self.button.toggled.connect(self.switch)
        self._key: int | str | None = None  # of the channel, see `looks_key`
        self._name = ""  # that we gave the layer
        self._task = BackgroundTask("Depth colours cannot be made", name="lazy-depth")
        self._task.finished.connect(self._on_made)
        self._task.failed.connect(self._on_failed)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._make)
        layers.position.person_moved.connect(self._on_changed)
        layers.session.plan_changed.connect(self._on_changed)
        layers.session.view_changed.connect(self._on_changed)
        layers.session.stack_grown.connect(self._on_changed)
        layers.session.stack_changed.connect(self._on_stack)

    @property
    def busy(self) -> bool:
        """Return whether the colours of what is on screen are still to come."""
        return self._task.busy or self._timer.isActive()

    def switch(self, on: bool) -> None:
        """Show depth, or the layers as they were."""
        visible = [entry for _, entry in sorted(self._layers.screen.visible.items())]
        if on and self._key is None and visible:
            self._key = visible[-1].key
            self._hidden = {entry.key for entry in visible}
            self._active = self._viewer.layers.selection.active
            self._timer.start()
        elif not on and self._key is not None:
            self._timer.stop()
            self._task.forget()
            with arranged_once(self._viewer):
                self._layers.screen.look_as({key: {"visible": True} for key in self._hidden})
            take_out(self._viewer.layers, self.layer)
            if self._active in self._viewer.layers:
                self._viewer.layers.selection.active = self._active
            self._key, self.layer, self._hidden = None, None, set()
        self.button.setChecked(self._key is not None)

    def close(self) -> None:
        """The dock is closed: the layers are as they were."""
        self.switch(False)

    def _on_stack(self, *_: object) -> None:
        """Of other data, nothing is there yet to be coloured."""
        self.switch(False)

    def _on_changed(self, *_: object) -> None:
        if self._key is None:
            return
        if self.layer is not None and self.layer not in self._viewer.layers:
            self.switch(False)  # the person deleted it
        else:
            self._timer.start()

    def _on_failed(self, error: LazyPipelineError) -> None:
        """What cannot be made is not shown; the layers are back, and say more."""
        self.switch(False)
        self._viewer.status = str(error)

    def _make(self) -> None:
        """Make the colours of the volume on screen, in the background."""
        source, screen = self._layers.screen.source, self._layers.screen
        channel = self._channel(source) if source is not None else None
        layer: Any = screen.layer(channel) if channel is not None else None
        if source is None or channel is None or layer not in self._viewer.layers:
            self.switch(False)  # it was deleted, or the steps make no such channel any more
            return
        t, _ = self._layers.position.place_of(source)
        low, high = layer.contrast_limits
        planes = np.linspace(0, 1, source.spec.shape[0])
        colours = ensure_colormap(COLOURS).map(planes)[:, :3]

        def work(run: TaskRun) -> tuple[np.ndarray, VolumeSpec, Any]:
            volume = source.read(t, channel, Progress(cancelled=run.cancelled))
            return depth_colours(volume, (low, high), colours), source.spec, layer

        self._task.start("depth", work)

    def _channel(self, source: PipelineSource) -> int | None:
        """Number that the steps give the channel now."""
        channels = range(source.sizes[1])
        return next((c for c in channels if looks_key(c, source) == self._key), None)

    def _on_made(self, made: tuple[np.ndarray, VolumeSpec, Any]) -> None:
        if self._key is None:
            return
        picture, spec, of = made
        name, units = f"{of.name} [depth]", of.units[-2:]
        place = {"scale": spec.spacing[1:], "translate": spec.translate[1:]}
        if self.layer is None:
            self.layer = self._viewer.add_image(picture, name=name, rgb=True, units=units, **place)
            with arranged_once(self._viewer):
                self._layers.screen.look_as({key: {"visible": False} for key in self._hidden})
        else:
            self.layer.data, self.layer.units = picture, units
            self.layer.scale, self.layer.translate = place["scale"], place["translate"]
            if self.layer.name == self._name != name:
                self.layer.name = name
        self._name = self.layer.name
