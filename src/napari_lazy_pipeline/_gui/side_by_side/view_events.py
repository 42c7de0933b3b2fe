"""View events: tells when something else is on screen, or in other colours."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.layers import Layers

_OF_DIMS = ("point", "ndisplay", "order")
_OF_LAYER = ("contrast_limits", "gamma", "colormap", "opacity", "visible", "blending")


class ViewEvents(QObject):
    """Listens to sliders, camera and the looks of the layers while it is asked to."""

    changed = Signal()

    def __init__(self, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self._emitters: list[Any] = []

    def listen(self, on: bool) -> None:
        """Listen from now on, to the layers that there are, or no longer."""
        for emitter in self._emitters:
            emitter.disconnect(self._on_event)
        self._emitters = []
        if on:
            self._emitters = [getattr(self._viewer.dims.events, name) for name in _OF_DIMS]
            self._emitters.append(self._viewer.scene.camera.events.center)
            for layer in self._layers.layers:
                self._emitters += [getattr(layer.events, name) for name in _OF_LAYER]
        for emitter in self._emitters:
            emitter.connect(self._on_event)

    def _on_event(self, _: Any = None) -> None:
        self.changed.emit()
