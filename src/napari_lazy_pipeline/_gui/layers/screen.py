"""Screen: what one channel shows, and how a layer is given something else to show."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.io.files.file_access import FOLDER_MISSING


@dataclass(frozen=True)
class Picture:
    """Pixels, and what they show.

    Attributes
    ----------
    request
        What they were made for.
    pixels
        The volume, or the one plane (z, y, x).
    identity
        What they depend on.
    """

    request: RenderRequest
    pixels: np.ndarray
    identity: Hashable

    @classmethod
    def of(cls, request: RenderRequest, pixels: np.ndarray) -> Picture:
        """What was just made for a request."""
        return cls(request, pixels, request.source.identity(request.t, request.channel))

    @classmethod
    def waiting(cls, request: RenderRequest) -> Picture:
        """A blank one, for what cannot be read as long as its folder is away."""
        return cls(request, request.blank(), FOLDER_MISSING)

    @property
    def waits(self) -> bool:
        """Whether it is blank until a folder is back; no file ever made it."""
        return self.identity == FOLDER_MISSING

    def shows(self, t: int, plane: int | None) -> bool:
        """Whether a plane, or the whole volume, of a time point is in it."""
        return self.request.t == t and self.request.plane in (None, plane)

    def is_result(self, source: PipelineSource, t: int, plane: int | None) -> bool:
        """Whether it is what a source makes now of a plane or volume, and no preview of it."""
        request = self.request
        made = request.source is source and not request.preview and self.shows(t, plane)
        return made and self.identity == source.identity(t, request.channel)

    def cut(self, plane: int | None, shape: tuple[int, ...]) -> np.ndarray | None:
        """What there is of a plane, or of a whole volume, of a shape; None if it does not fit."""
        if self.pixels.shape[1:] != shape[1:]:
            return None
        if self.request.plane is not None:
            return self.pixels if plane is not None else self._in_place(shape)
        if self.pixels.shape != shape:
            return None
        return self.pixels if plane is None else self.pixels[plane : plane + 1]

    def _in_place(self, shape: tuple[int, ...]) -> np.ndarray:
        """The one plane there is, in a volume of which nothing else is known."""
        volume = np.zeros(shape, self.pixels.dtype)
        assert self.request.plane is not None
        volume[min(self.request.plane, shape[0] - 1)] = self.pixels[0]
        return volume


@dataclass
class ChannelLayer:
    """What one channel shows.

    Attributes
    ----------
    layer
        The napari layer.
    source
        What its array is made by.
    picture
        What is on screen.
    failed
        The request that could not be done, if that is what is on screen: shown blank.
    auto_name
        The name we gave the layer; another one is the person's.
    """

    layer: Any
    source: PipelineSource
    picture: Picture
    failed: RenderRequest | None = None
    auto_name: str = ""

    def put(self, picture: Picture) -> None:
        """Note what is on screen now."""
        first = self.picture.request.preview or not has_content(self.picture.pixels)
        if first and has_content(picture.pixels):
            self._first_contrast(picture.pixels)
        self.picture, self.failed = picture, None

    def _first_contrast(self, pixels: np.ndarray) -> None:
        """Set the contrast after a blank or a preview, unless it was set otherwise since."""
        if tuple(self.layer.contrast_limits) == contrast_limits(self.picture.pixels):
            self.layer.contrast_limits = contrast_limits(pixels)


@dataclass
class Screen:
    """What all channels show.

    Attributes
    ----------
    channels
        What each channel shows.
    source
        What makes the pictures that should be on screen; those that are there may be older.
    """

    channels: dict[int, ChannelLayer] = field(default_factory=dict)
    source: PipelineSource | None = None

    @property
    def visible(self) -> dict[int, ChannelLayer]:
        """What each channel shows whose layer is visible."""
        return {
            c: channel_layer
            for c, channel_layer in self.channels.items()
            if channel_layer.layer.visible
        }

    def layer(self, channel: int) -> Any:
        """The layer of a channel; None if it has none."""
        channel_layer = self.channels.get(channel)
        return channel_layer.layer if channel_layer is not None else None

    @property
    def oldest_source(self) -> PipelineSource | None:
        """What makes the first picture that is on screen, perhaps not by the present steps."""
        return next((channel_layer.source for channel_layer in self.channels.values()), None)

    @property
    def first(self) -> Any:
        """The layer that all others lie upon; None if there is none."""
        return next((channel_layer.layer for channel_layer in self.channels.values()), None)

    @property
    def up_to_date(self) -> bool:
        """Whether each visible layer shows the result of the present steps."""
        return bool(self.channels) and all(
            channel_layer.source is self.source and not channel_layer.picture.request.preview
            for channel_layer in self.visible.values()
        )


def replace_data(layer: Any, data: LazyArray, place: dict[str, Any]) -> None:
    """Give a layer other data in another place, drawing it once instead of for each change.

    A layer that is hidden is not drawn; nobody needs to know that it was, for a moment.
    """
    events, visible = layer.events, layer.visible
    moved = [what for what, value in place.items() if tuple(getattr(layer, what)) != value]
    with ExitStack() as quiet:
        for what in ("visible", "data", "scale", "translate"):
            quiet.enter_context(getattr(events, what).blocker())
        layer.visible = False
        layer.data = data
        # A hidden layer notices its new size only when it is moved.
        for what in moved or ["scale"]:
            setattr(layer, what, place[what])
        layer.visible = visible
    events.data(value=data)
    for what in moved:
        getattr(events, what)()


def has_content(volume: np.ndarray) -> bool:
    """Whether a volume is more than a stand-in for one that could not be had."""
    sample = volume[volume.shape[0] // 2]
    return bool(np.nanmax(sample, initial=0) > 0)


def contrast_limits(volume: np.ndarray) -> tuple[float, float]:
    """Limits that show a volume well: all but its darkest and brightest voxels."""
    sample = volume[:: max(volume.shape[0] // 16, 1), ::2, ::2]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(sample, (1.0, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)
