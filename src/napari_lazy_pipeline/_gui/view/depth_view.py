"""Depth view: a layer that shows how deep the brightest voxels lie, by their colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui.layers.layer_list import arranged_once, take_out
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.screen import ChannelLayer
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline._gui.widgets.layout import push_button
from napari_lazy_pipeline.compute import Progress
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
        self._hidden: list[Any] = []
        self._active: Any = None  # what was selected before
        tooltip = (
            "Show the brightest voxels along z in colours of their depth, from blue (first plane) "
            "to red (last), of the channel on top. Press again to have the layers back"
        )
        self.button = push_button("Depth colours", tooltip, checkable=True)
        self.button.toggled.connect(self.switch)
        self._entry: ChannelLayer | None = None
        self._task = BackgroundTask("Depth colours cannot be made", name="lazy-depth")
        self._task.finished.connect(self._on_made)
        self._task.failed.connect(self._on_failed)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._make)
        layers.position.person_moved.connect(self._on_changed)
        layers.session.plan_changed.connect(self._on_changed)
        layers.session.stack_grown.connect(self._on_changed)
        layers.session.stack_changed.connect(self._on_stack)

    @property
    def busy(self) -> bool:
        """Return whether the colours of what is on screen are still to come."""
        return self._task.busy or self._timer.isActive()

    def switch(self, on: bool) -> None:
        """Show depth, or the layers as they were."""
        visible = [entry for _, entry in sorted(self._layers.screen.visible.items())]
        if on and self._entry is None and visible:
            self._entry = visible[-1]
            self._hidden = [entry.layer for entry in visible]
            self._active = self._viewer.layers.selection.active
            self._timer.start()
        elif not on and self._entry is not None:
            self._timer.stop()
            self._task.forget()
            with arranged_once(self._viewer):
                for layer in [one for one in self._hidden if one in self._viewer.layers]:
                    layer.visible = True
            take_out(self._viewer.layers, self.layer)
            if self._active in self._viewer.layers:
                self._viewer.layers.selection.active = self._active
            self._entry, self.layer, self._hidden = None, None, []
        self.button.setChecked(self._entry is not None)

    def close(self) -> None:
        """The dock is closed: the layers are as they were."""
        self.switch(False)

    def _on_stack(self, *_: object) -> None:
        """Of other data, nothing is there yet to be coloured."""
        self.switch(False)

    def _on_changed(self, *_: object) -> None:
        if self._entry is None:
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
        entry, source = self._entry, self._layers.screen.source
        if entry is None or source is None or entry.layer not in self._viewer.layers:
            self.switch(False)
            return
        channel, (t, _) = entry.picture.request.channel, self._layers.position.place_of(source)
        if channel >= source.sizes[1]:
            self.switch(False)  # the steps make no such channel any more
            return
        low, high = entry.layer.contrast_limits
        planes = np.linspace(0, 1, source.spec.shape[0])
        colours = ensure_colormap(COLOURS).map(planes)[:, :3]

        def work(run: TaskRun) -> tuple[np.ndarray, VolumeSpec]:
            volume = source.read(t, channel, Progress(cancelled=run.cancelled))
            return depth_colours(volume, (low, high), colours), source.spec

        self._task.start("depth", work)

    def _on_made(self, made: tuple[np.ndarray, VolumeSpec]) -> None:
        if self._entry is None:
            return
        picture, spec = made
        place = {"scale": spec.spacing[1:], "translate": spec.translate[1:]}
        if self.layer is None:
            name, units = f"{self._entry.layer.name} [depth]", self._entry.layer.units[-2:]
            self.layer = self._viewer.add_image(picture, name=name, rgb=True, units=units, **place)
            with arranged_once(self._viewer):
                for layer in [one for one in self._hidden if one in self._viewer.layers]:
                    layer.visible = False
        else:
            self.layer.data = picture
            self.layer.scale, self.layer.translate = place["scale"], place["translate"]
