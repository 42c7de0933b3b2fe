"""Adoption: layers that napari adds, and that are kept in step with the session from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qtpy.QtCore import QTimer

from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import Picture
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline.compute import PipelineSource

Adopt = Callable[[Any, Picture], None]


class SampleLayers:
    """Offers first pictures as layer tuples, and adopts the layers napari makes of them.

    Parameters
    ----------
    viewer
        Where the layers will be.
    maker, server
        What the layers are made with.
    adopt
        Called with a layer, and what is on it, once napari is done with adding it.
    """

    def __init__(
        self, viewer: Any, options: LayerOptions, slice_server: SliceServer, adopt: Adopt
    ) -> None:
        self._viewer, self._options, self._slice_server, self._adopt = (
            viewer,
            options,
            slice_server,
            adopt,
        )
        self._offered: list[Any] = []
        self._awaited: dict[int, tuple[Picture, LazyArray]] = {}
        self.under_way = False
        viewer.layers.events.inserted.connect(self._on_inserted)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    @contextmanager
    def handing_over(self) -> Iterator[list[Any]]:
        """Within, the first picture of each channel becomes a layer tuple in the list.

        It is computed at once. napari then adds the layers, and knows where they come from.
        """
        self._offered = []
        offered, self.under_way = self._offered, True
        try:
            yield offered
        finally:
            self.under_way = False

    def offer(self, source: PipelineSource) -> None:
        """Compute the first pictures now, and offer them as layers."""
        for channel in range(source.sizes[1]):
            picture = Picture.of(RenderRequest(channel, 0, source), source(0, channel))
            array = self._slice_server.array(channel, source, picture)
            self._awaited[id(array)] = picture, array
            self._offered.append((array, self._options.options(picture), "image"))

    def _on_inserted(self, event: Any) -> None:
        """Adopt a layer that we offered, once napari is done with adding it."""
        awaited = self._awaited.pop(id(event.value.data), None)
        if awaited is not None:
            (picture, _), layer = awaited, event.value
            QTimer.singleShot(0, lambda: self._adopt(layer, picture))
