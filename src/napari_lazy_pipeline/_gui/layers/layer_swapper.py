"""Layer swapper: gives layers other data, and leaves everything else about them as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from napari_lazy_pipeline._gui.layers.contrast import Contrast
from napari_lazy_pipeline._gui.layers.layer_list import GridPause, put_in, take_out
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import (
    ChannelLayer,
    Looks,
    Picture,
    Screen,
    looks_key,
    replace_data,
)
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache


class LayerSwapper:
    """Makes, changes and removes the layers of a screen; no volume is computed for it.

    Except for the layers that it offers as tuples, for napari to add.
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
        self._grid_pause = GridPause(viewer)
        # Layer tuples, while layers are handed over; and what is on those that napari was handed
        # and that were not adopted yet, by the array.
        self.offering: list[Any] | None = None
        self.offered: dict[int, tuple[Picture, LazyArray]] = {}

    def add(self, picture: Picture) -> None:
        """Make the layer of a channel, with its first picture on screen and no other computed.

        One that was taken away looks as it did.
        """
        channel, layers = picture.request.channel, self._viewer.layers
        looks = self._looks(looks_key(channel, picture.request.source), picture)
        self._grid_pause.begin()
        with self._position.still():
            array = self._slice_server.array(channel, picture.request.source, picture)
            options = {**self._options.options(picture), **looks.values}
            layer = put_in(self._viewer, array, **options)
            auto_name, layer.name = layer.name, looks.name or layer.name
            # Channels stand in their order, whichever was ready first.
            later = [entry.layer for c, entry in self._screen.channels.items() if c > channel]
            if later:
                layers.move(layers.index(layer), min(map(layers.index, later)))
            self._adopt(layer, picture, looks.contrast)
            self._screen.channels[channel].auto_name = auto_name

    def _looks(self, key: int | str, picture: Picture) -> Looks:
        """How the layer of a channel looked when it went; nothing is known of a new one."""
        return self._screen.looks.pop(key, Looks({}, Contrast())).for_picture(picture)

    def adopt(self, layer: Any) -> Picture | None:
        """Keep a layer that was offered in step with the session; None: it is no longer wanted."""
        picture, _ = self.offered.pop(id(layer.data), (None, None))
        if picture is not None:
            with self._position.still([layer]):
                self._adopt(layer, picture, Contrast())
        return picture

    def _adopt(self, layer: Any, picture: Picture, contrast: Contrast) -> None:
        request = picture.request
        self._slice_server.note(request.channel, request.t)
        self._screen.channels[request.channel] = ChannelLayer(
            layer, request.source, picture, auto_name=layer.name, contrast=contrast,
            units=self._options.units(request.source),
        )  # fmt: skip
        layer.data = self._slice_server.array(request.channel, request.source)
        self._position.go_to_start(layer)

    def swap(self, pictures: Iterable[Picture]) -> None:
        """Show pictures of new steps; hidden layers get the new steps, too."""
        made = {picture.request.channel: picture for picture in pictures}
        keep = made.keys() | self._screen.visible.keys()
        channels = [*made, *(c for c in self._screen.channels if c not in keep)]
        source = next(iter(made.values())).request.source
        self._keep_looks(source)
        with self._still(channels):
            for channel, picture in made.items():
                self._screen.channels[channel].put(picture)
                self._slice_server.note(channel, picture.request.t)
            others = {c: self._set_data(c, source) for c in channels}
        self._show(others)

    def swap_all(self, source: PipelineSource) -> None:
        """Give all layers the present steps though none is visible: nothing is computed."""
        self._keep_looks(source)
        with self._still(self._screen.channels):
            others = {c: self._set_data(c, source) for c in self._screen.channels}
        self._show(others)

    def is_placed(self, source: PipelineSource) -> bool:
        """Return whether the layers lie where they belong, in the right units."""
        units, place = self._options.units(source), self._options.place(source)
        return all(
            entry.units == units
            and all(tuple(getattr(entry.layer, name)) == value for name, value in place.items())
            for entry in self._screen.channels.values()
        )

    def show_instead(self, pictures: Mapping[int, Picture]) -> None:
        """Show pictures of other steps for a moment, each in the layer of a channel."""
        with self._still(pictures):
            for channel, picture in pictures.items():
                source, layer = picture.request.source, self._screen.channels[channel].layer
                array = self._slice_server.array(picture.request.channel, source, picture)
                replace_data(layer, array, self._options.place(source))
                self._screen.channels[channel].instead = source

    def show_own(self) -> None:
        """Show again what the layers are there for."""
        with self._still(self._screen.channels):
            for channel, entry in self._screen.channels.items():
                self._replace(channel, entry)

    def grow(
        self, raw: IdentityCache, recorded: Callable[[int], int] | None, moment: int | None
    ) -> None:
        """Give all layers the time points that ``raw`` has now; what is on screen stays as it is.

        ``recorded`` gives the number that an old time point has in the recording now; None if the
        numbers are the same. ``moment`` is the recorded time point to show then; None: the same.
        """
        with self._still(self._screen.channels, moment):
            if recorded is not None:
                self._slice_server.forget_path()
                self._screen.renumber(raw, recorded)
            for channel, entry in self._screen.channels.items():
                if recorded is not None:
                    self._slice_server.note(channel, entry.picture.request.t)
                self._replace(channel, entry)

    def adopt_all(self) -> None:
        """Serve the layers of an earlier dock; forget those that were removed since."""
        channels = self._screen.channels
        for channel, entry in list(channels.items()):
            if entry.layer not in self._viewer.layers:
                self._screen.deleted.add(entry.key)
                self._screen.take(channel)
        with self._still(channels):
            for channel, entry in channels.items():
                self._slice_server.note(channel, self._position.time_point)
                entry.layer.data = self._slice_server.array(channel, entry.source)
        self._position.note()

    def release(self) -> None:
        """Leave the layers to themselves: what they show next, napari computes.

        So it does at once where the sliders are at a place that is not on screen yet.
        """
        for layer in self._offered_layers:
            self.adopt(layer)  # whoever shows the data next finds them
        for channel, entry in self._screen.channels.items():
            if isinstance(entry.layer.data, LazyArray):
                entry.layer.data.release()
                if self._slice_server.missed_place(channel) is not None:
                    entry.layer.refresh(extent=False)
        self._grid_pause.end()

    def remove(self, channels: Iterable[int]) -> None:
        """Take the layers of some channels out of the viewer."""
        take_out(self._viewer.layers, *[self._screen.take(channel) for channel in channels])

    def remove_all(self) -> None:
        """Take all layers out of the viewer, also those that napari was handed just now."""
        layers = [self._screen.take(channel) for channel in list(self._screen.channels)]
        take_out(self._viewer.layers, *layers, *self._offered_layers)
        self.offered.clear()

    @property
    def _offered_layers(self) -> list[Any]:
        """Layers that napari has made of what was offered, and that were not adopted yet."""
        return [one for one in self._viewer.layers if id(one.data) in self.offered]

    def _still(
        self, channels: Iterable[int], moment: int | None = None
    ) -> AbstractContextManager[None]:
        """Change the layers of channels, as `Position.still` does."""
        return self._position.still([self._screen.layer(channel) for channel in channels], moment)

    def _keep_looks(self, source: PipelineSource) -> None:
        """Note how layers look that are to show other channels; while they are not hidden yet.

        All of them: channels may be swapped one by one, and the first take those of the others.
        """
        for channel, entry in self._screen.channels.items():
            if channel >= source.sizes[1] or entry.key != looks_key(channel, source):
                self._screen.looks[entry.key] = Looks.of(entry)

    def _show(self, visible: dict[int, bool | None]) -> None:
        """Show or hide layers that show another channel than before, as that one was."""
        for channel, on in visible.items():
            if on is not None:
                self._screen.channels[channel].layer.visible = on

    def _replace(self, channel: int, entry: ChannelLayer) -> None:
        """Give a layer the array that it is there for."""
        array = self._slice_server.array(channel, entry.source)
        replace_data(entry.layer, array, self._options.place(entry.source))
        entry.instead = None

    def _set_data(self, channel: int, source: PipelineSource) -> bool | None:
        """Give a layer other data; if they are of another channel, whether that is visible."""
        entry = self._screen.channels[channel]
        layer, other = entry.layer, entry.key != looks_key(channel, source)
        if (units := self._options.units(source)) != entry.units:
            layer.units = entry.units = units
        entry.source = source
        visible = self._look_anew(entry, channel) if other else None
        self._replace(channel, entry)
        name = self._options.name(channel, source)
        if layer.name == entry.auto_name != name:
            layer.name = name
            entry.auto_name = layer.name
        layer.metadata = {**layer.metadata, **self._options.metadata()}
        return visible

    def _look_anew(self, entry: ChannelLayer, channel: int) -> bool:
        """Let the layer of a channel that went look like that of the one in its place.

        Whether it is visible is returned: that has to wait until it has its data.
        """
        looks = self._looks(entry.key, entry.picture)
        values = {
            "colormap": self._options.colormap(channel, entry.source),
            "blending": self._options.blending(channel, entry.source),
            **looks.values,
        }
        visible = bool(values.pop("visible", True))
        for name, value in values.items():
            setattr(entry.layer, name, value)
        entry.layer.name = looks.name or entry.auto_name
        entry.contrast = looks.contrast
        return visible

    # ---- layers that napari adds ----------------------------------------------------------

    @contextmanager
    def handing_over(self) -> Iterator[list[Any]]:
        """Within, the first picture of each channel becomes a layer tuple in the list.

        It is computed at once. napari then adds the layers, and knows where they come from.
        """
        offered: list[Any] = []
        self.offering = offered
        try:
            yield offered
        finally:
            self.offering = None

    def offer(self, source: PipelineSource) -> None:
        """Compute the first pictures now, and offer them as layers."""
        assert self.offering is not None
        for channel in range(source.sizes[1]):
            picture = Picture.of(RenderRequest(channel, 0, source), source(0, channel))
            array = self._slice_server.array(channel, source, picture)
            self.offered[id(array)] = picture, array
            self.offering.append((array, self._options.options(picture), "image"))
