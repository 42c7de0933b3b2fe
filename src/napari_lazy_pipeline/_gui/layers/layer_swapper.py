"""Swapping: gives layers other data, and leaves everything else about them as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.position import Position, T
from napari_lazy_pipeline._gui.layers.screen import ChannelLayer, Picture, Screen, replace_data
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline.compute import PipelineSource


class LayerSwapper:
    """Makes, changes and removes the layers of a screen; no volume is computed for it.

    Parameters
    ----------
    viewer
        Where the layers are.
    screen
        What they show.
    position
        Where the person is, and stays.
    server, maker
        What the layers are made with.
    """

    def __init__(
        self,
        viewer: Any,
        screen: Screen,
        position: Position,
        slice_server: SliceServer,
        options: LayerOptions,
    ) -> None:
        self._viewer, self._screen, self._position = viewer, screen, position
        self._slice_server, self._options = slice_server, options

    def add(self, picture: Picture) -> None:
        """Make the layer of a channel, with its first picture on screen and no other computed."""
        request = picture.request
        with self._position.still(restore=self._position.leader is not None):
            array = self._slice_server.array(request.channel, request.source, picture)
            layer = self._viewer.add_image(array, **self._options.options(picture))
            self._put_in_order(layer, request.channel)
            self._adopt(layer, picture)

    def _put_in_order(self, layer: Any, channel: int) -> None:
        """Channels stand in their order, whichever was ready first."""
        layers, channel_layer = self._viewer.layers, self._screen.channels
        later = [
            channel_layer[c].layer
            for c in channel_layer
            if c > channel and channel_layer[c].layer in layers
        ]
        if later:
            layers.move(layers.index(layer), min(map(layers.index, later)))

    def adopt(self, layer: Any, picture: Picture) -> None:
        """Keep a layer in step with the session from now on."""
        with self._position.still(restore=self._position.leader is not None):
            self._adopt(layer, picture)

    def _adopt(self, layer: Any, picture: Picture) -> None:
        first, request = self._position.leader is None, picture.request
        self._slice_server.note(request.channel, request.t)
        self._screen.channels[request.channel] = ChannelLayer(
            layer, request.source, picture, auto_name=layer.name
        )
        layer.data = self._slice_server.array(request.channel, request.source)
        if first:
            self._position.go_to_start(layer)

    def swap(self, pictures: Iterable[Picture]) -> None:
        """Show pictures of new steps; hidden layers get the new steps, too."""
        with self._position.still():
            for picture in pictures:
                channel, source = picture.request.channel, picture.request.source
                channel_layer = self._screen.channels.get(channel)
                if channel_layer is not None:
                    channel_layer.put(picture)
                    self._slice_server.note(channel, picture.request.t)
                    self._set_data(channel, channel_layer, source)
            for channel in set(self._screen.channels) - set(self._screen.visible):
                self._set_data(channel, self._screen.channels[channel], source)

    def swap_all(self, source: PipelineSource) -> None:
        """Give all layers the present steps though none is visible: nothing is computed."""
        with self._position.still():
            for channel, channel_layer in self._screen.channels.items():
                self._set_data(channel, channel_layer, source)

    def extend(self, t: int) -> None:
        """Give all layers the time points that are there now, and stay at one of them."""
        with self._position.still(restore=False):
            point = list(self._viewer.dims.point)
            for channel, channel_layer in self._screen.channels.items():
                array = self._slice_server.array(channel, channel_layer.source)
                replace_data(channel_layer.layer, array, self._options.place(channel_layer.source))
            if len(point) >= 4:
                point[T] = self._position.world(t)
                self._position.return_to(tuple(point))

    def adopt_all(self) -> None:
        """Serve the layers of an earlier dock; forget those that were removed since."""
        channel_layer = self._screen.channels
        for channel in [
            c for c, one in channel_layer.items() if one.layer not in self._viewer.layers
        ]:
            del channel_layer[channel]
        with self._position.still():
            for channel, one in channel_layer.items():
                self._slice_server.note(channel, self._position.time_point)
                one.layer.data = self._slice_server.array(channel, one.source)
        self._position.note_plane()

    def release(self) -> None:
        """Leave the layers to themselves: what they show next, napari computes."""
        for channel_layer in self._screen.channels.values():
            if isinstance(channel_layer.layer.data, LazyArray):
                channel_layer.layer.data.release()

    def remove(self, channels: Iterable[int]) -> None:
        """Take the layers of some channels out of the viewer."""
        layers = [self._screen.channels.pop(channel).layer for channel in channels]
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _set_data(self, channel: int, channel_layer: ChannelLayer, source: PipelineSource) -> None:
        layer, channel_layer.source = channel_layer.layer, source
        replace_data(layer, self._slice_server.array(channel, source), self._options.place(source))
        name = self._options.name(channel, source)
        if layer.name == channel_layer.auto_name != name:
            layer.name = name
            channel_layer.auto_name = layer.name
        layer.metadata = {**layer.metadata, **self._options.metadata()}
