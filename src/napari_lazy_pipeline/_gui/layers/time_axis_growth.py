"""Growing: layers get more time points while they are looked at, perhaps under other numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

from napari_lazy_pipeline._gui.layers.layer_swapper import LayerSwapper
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import Screen
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache


class TimeAxisGrowth:
    """Gives layers the time points that are there now; what is on screen stays as it is.

    Parameters
    ----------
    screen
        What is on the layers.
    position
        Where the person is, and stays.
    server, swapper
        Give the layers their arrays.
    """

    def __init__(
        self, screen: Screen, position: Position, slice_server: SliceServer, swapper: LayerSwapper
    ) -> None:
        self._screen, self._position = screen, position
        self._slice_server, self._swapper = slice_server, swapper

    def grow(self, raw: IdentityCache, move: Callable[[int], int] | None) -> list[int]:
        """Take over what is there now.

        Parameters
        ----------
        raw
            Makes the raw volumes.
        move
            Gives the new number of an old time point; None if the numbers are the same.

        Returns
        -------
        list of int
            The channels whose volume on screen has come, gone, could not be had, or is another one
            under its new number.
        """
        screen, now = self._screen, self._position.time_point
        assert screen.source is not None
        if move is not None:
            self._renumber(raw, move)
            now = move(now)
        if screen.channels:
            self._swapper.extend(min(now, screen.source.sizes[0] - 1))
        return [
            channel
            for channel, channel_layer in screen.visible.items()
            if not raw.known(channel_layer.picture.request.t, channel)
            or channel_layer.picture.identity != self._identity(channel_layer.picture.request)
        ]

    @staticmethod
    def _identity(request: RenderRequest) -> Hashable:
        return request.source.identity(request.t, request.channel)

    def _renumber(self, raw: IdentityCache, move: Callable[[int], int]) -> None:
        """Go on with the same volumes under other numbers."""
        screen = self._screen
        assert screen.source is not None
        self._slice_server.forget_path()
        sources = [screen.source]
        for channel_layer in screen.channels.values():
            sources += [channel_layer.source, channel_layer.picture.request.source]
        renewed = {id(source): replace(source, raw=raw) for source in sources}
        screen.source = renewed[id(screen.source)]
        for channel, channel_layer in screen.channels.items():
            request = channel_layer.picture.request
            request = replace(request, t=move(request.t), source=renewed[id(request.source)])
            channel_layer.picture = replace(channel_layer.picture, request=request)
            channel_layer.source, channel_layer.failed = renewed[id(channel_layer.source)], None
            self._slice_server.note(channel, request.t)
