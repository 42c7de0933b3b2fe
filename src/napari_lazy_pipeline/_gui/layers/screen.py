"""Screen: what one channel shows, and how a layer is given something else to show."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_lazy_pipeline._gui.layers.contrast import Contrast, has_content, without_tails
from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.io.files.file_access import FOLDER_MISSING
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache

# What the person sets of a layer. The session keeps the colours of what was recorded.
_LOOKS = (
    "visible", "colormap", "opacity", "blending", "gamma", "contrast_limits", "iso_threshold",
    "attenuation", "rendering", "projection_mode", "interpolation2d", "interpolation3d",
)  # fmt: skip
_OF_VALUES = ("contrast_limits", "iso_threshold")  # and which of it is about values


@dataclass(frozen=True)
class Picture:
    """Pixels, and what they show."""

    request: RenderRequest  # what they were made for
    pixels: np.ndarray  # the volume, or the one plane (z, y, x)
    identity: Hashable  # what they depend on

    @classmethod
    def of(cls, request: RenderRequest, pixels: np.ndarray) -> Picture:
        """Return what was just made for a request."""
        return cls(request, pixels, request.source.identity(request.t, request.channel))

    @property
    def waits(self) -> bool:
        """Return whether it is blank until a folder is back; no file ever made it."""
        return self.identity == FOLDER_MISSING

    def shows(self, t: int, plane: int | None) -> bool:
        """Return whether a plane, or the whole volume, of a time point is in it."""
        return self.request.t == t and self.request.plane in (None, plane)

    def is_result(self, source: PipelineSource, t: int, plane: int | None) -> bool:
        """Whether it is what a source makes now of a plane or volume, and no preview of it."""
        request = self.request
        made = request.source is source and not request.preview and self.shows(t, plane)
        return made and self.identity == source.identity(t, request.channel)

    def cut(self, plane: int | None, shape: tuple[int, ...]) -> np.ndarray | None:
        """What there is of a plane, or of a whole volume, of a shape; None if it does not fit."""
        pixels, only = self.pixels, self.request.plane
        if pixels.shape[1:] != shape[1:] or (only is None and pixels.shape != shape):
            return None
        if plane is not None:
            return pixels if only is not None else pixels[plane : plane + 1]
        if only is None:
            return pixels
        # The one plane there is, in a volume of which nothing else is known.
        volume = np.zeros(shape, pixels.dtype)
        volume[min(only, shape[0] - 1)] = pixels[0]
        return volume

    def seen(self, plane: int | None) -> np.ndarray:
        """The pixels (z, y, x) that are looked at: of a plane, if that has any data."""
        seen = self.pixels
        if plane is not None and len(self.pixels) > 1:
            plane = min(plane, len(self.pixels) - 1)
            of_plane = self.pixels[plane : plane + 1]
            seen = of_plane if has_content(of_plane) else self.pixels
        return without_tails(seen) if self.is_derived else seen

    @property
    def is_derived(self) -> bool:
        """Return whether a step made the channel of others, as a ratio."""
        spec = self.request.source.plan.after
        return spec.channels[self.request.channel] in dict(spec.colormaps)


def looks_key(channel: int, source: PipelineSource) -> int | str:
    """Under what the looks of a channel are kept: its name is the person's to change."""
    recorded = source.recorded_channel(channel)
    return source.plan.after.channels[channel] if recorded is None else recorded


@dataclass
class Looks:
    """How a layer looked when it was taken away, or showed another channel from then on."""

    values: dict[str, Any]
    contrast: Contrast
    name: str = ""  # that the person gave it

    @classmethod
    def of(cls, entry: ChannelLayer) -> Looks:
        """Return what the person sees of a layer now."""
        entry.contrast.note_choice(entry.layer)
        values = {name: getattr(entry.layer, name) for name in _LOOKS}
        if isinstance(entry.key, int):
            del values["colormap"]
        layer = entry.layer
        return cls(values, entry.contrast, "" if layer.name == entry.auto_name else layer.name)

    def for_picture(self, picture: Picture) -> Looks:
        """The same for a picture, whose values may be in another range."""
        if self.contrast.fits(picture.pixels):
            return self
        values = {name: value for name, value in self.values.items() if name not in _OF_VALUES}
        return Looks(values, Contrast(), self.name)


@dataclass
class ChannelLayer:
    """What one channel shows."""

    layer: Any  # of napari
    source: PipelineSource  # what its array is made by, but for a moment
    picture: Picture  # what is on screen
    instead: PipelineSource | None = None  # of other steps, that makes it for that moment
    failed: RenderRequest | None = None  # the request that is shown blank: it could not be done
    auto_name: str = ""  # the name we gave the layer; another one is the person's
    contrast: Contrast = field(default_factory=Contrast)
    units: tuple[str, ...] = ()  # of its axes, as we gave them

    @property
    def key(self) -> int | str:
        """Return under what its looks are kept."""
        return looks_key(self.picture.request.channel, self.source)

    def channel_in(self, source: PipelineSource) -> int | None:
        """Channel of another source that shows the same, or else is made of the same recorded."""
        channels = range(source.sizes[1])
        recorded = self.source.plan.origin(0, self.picture.request.channel)[1]
        same = [c for c in channels if looks_key(c, source) == self.key]
        alike = [c for c in channels if source.plan.origin(0, c)[1] == recorded]
        return next(iter((*same, *alike)), None)

    def has_failed(self, source: PipelineSource, t: int) -> bool:
        """Return whether nothing can be made of a time point: any plane of it is blank."""
        return self.failed is not None and self.failed.t == t and self.failed.source is source

    def put(self, picture: Picture) -> None:
        """Note what is on screen now."""
        self.picture, self.failed = picture, None

    def adjust_contrast(self, before: Picture, plane: int | None) -> bool:
        """Adjust the contrast to what took the place of a picture; True if it was set anew.

        ``plane`` is the one on screen; None: the volume is.
        """
        request = self.picture.request
        self.contrast.turn(self.layer, raw=not request.source.count)
        seen, work = self.picture.seen(plane), request.source.stated_plan.work()
        return self.contrast.update(self.layer, before.seen(plane), seen, work, request.preview)


@dataclass
class Screen:
    """What all channels show."""

    channels: dict[int, ChannelLayer] = field(default_factory=dict)
    deleted: set[int | str] = field(default_factory=set)  # layers that went for good, by `key`
    looks: dict[int | str, Looks] = field(default_factory=dict)  # of layers that went, by `key`
    # Makes the pictures that should be on screen; those that are there may be older.
    source: PipelineSource | None = None
    lent: bool = False  # looks are being changed, and are nobody's choice

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Within, layers get looks for a moment, or those back that they had."""
        self.lent = True
        try:
            yield
        finally:
            self.lent = False

    def take(self, channel: int) -> Any:
        """Forget the layer of a channel, but not how it looks; the layer."""
        entry = self.channels.pop(channel)
        self.looks[entry.key] = Looks.of(entry)
        return entry.layer

    def look_as(self, looks: Mapping[int | str, Mapping[str, Any]]) -> None:
        """Give channels looks back, by their `key`; also those that are not there now."""
        for entry in self.channels.values():
            for name, value in looks.get(entry.key, {}).items():
                setattr(entry.layer, name, value)
        for key in looks.keys() & self.looks.keys():
            values = self.looks[key].values
            values.update({name: value for name, value in looks[key].items() if name in values})

    @property
    def visible(self) -> dict[int, ChannelLayer]:
        """Return what each channel shows whose layer is visible."""
        return {c: entry for c, entry in self.channels.items() if entry.layer.visible}

    def lacks(self, channel: int, source: PipelineSource) -> bool:
        """Return whether the person deleted the layer of a channel, whatever its number was."""
        return looks_key(channel, source) in self.deleted

    def channels_in(self, source: PipelineSource) -> dict[int, int]:
        """Which channel of a source belongs in the layer of each visible one, if there is any."""
        found = {c: entry.channel_in(source) for c, entry in self.visible.items()}
        return {c: other for c, other in found.items() if other is not None}

    def layer(self, channel: int) -> Any:
        """The layer of a channel; None if it has none."""
        return self.channels[channel].layer if channel in self.channels else None

    def layer_of_recorded(self, number: int) -> Any:
        """The layer that shows a channel of the raw data; None if there is none."""
        entries = (entry for entry in self.channels.values() if entry.key == number)
        return next((entry.layer for entry in entries), None)

    @property
    def oldest_source(self) -> PipelineSource | None:
        """What makes the first picture that is on screen, perhaps not by the present steps."""
        return next((entry.source for entry in self.channels.values()), None)

    @property
    def leader(self) -> ChannelLayer | None:
        """What the layer shows that says where the person is; None if there is none.

        While other steps are shown for a moment, that is one that shows them.
        """
        entries = list(self.channels.values())
        return next((entry for entry in entries if entry.instead), entries[0] if entries else None)

    @property
    def instead(self) -> PipelineSource | None:
        """What makes pictures of other steps that are shown for a moment."""
        return self.leader.instead if self.leader is not None else None

    @property
    def first(self) -> Any:
        """The layer that all others lie upon; None if there is none."""
        return self.leader.layer if self.leader is not None else None

    @property
    def up_to_date(self) -> bool:
        """Return whether each visible layer shows the result of the present steps."""
        return all(
            entry.source is self.source and not entry.picture.request.preview
            for entry in self.visible.values()
        )

    def has_outdated(self, request: RenderRequest, made: RenderRequest | None) -> bool:
        """Return whether a request is for data or a layer that went, or an older picture.

        ``made`` is what was made last for the channel, and may still wait for other channels.
        """
        if self.source is None or request.source.raw is not self.source.raw:
            return True
        times, channels = request.source.sizes
        if request.t >= times or request.channel >= min(channels, self.source.sizes[1]):
            return True  # no step makes it any more
        if self.lacks(request.channel, request.source):
            return True
        entry = self.channels.get(request.channel)
        there = (made, entry.picture.request if entry is not None else None)
        results = (one for one in there if one is not None and not one.preview)
        if request.preview and any(request.same_picture(result) for result in results):
            return True
        newer = any(one is not None and one.source is self.source for one in (entry, made))
        return newer and request.source is not self.source

    def renumber(self, raw: IdentityCache, recorded: Callable[[int], int]) -> None:
        """Go on with the same volumes, made of ``raw``, in which they have other numbers now."""
        assert self.source is not None
        sources = [self.source]
        for entry in self.channels.values():
            sources += [entry.source, entry.picture.request.source]
        renewed = {id(source): replace(source, raw=raw) for source in sources}
        self.source = renewed[id(self.source)]
        for entry in self.channels.values():
            request = entry.picture.request
            source = renewed[id(request.source)]
            t = source.plan.time_point(recorded(request.t))
            request = replace(request, t=t, source=source)
            entry.picture = replace(entry.picture, request=request)
            entry.source, entry.failed = renewed[id(entry.source)], None


@contextmanager
def hidden(layers: Iterable[Any]) -> Iterator[None]:
    """Within, napari does not slice layers; afterwards it does once, whatever was changed of them.

    Nobody needs to know that they were hidden, for a moment.
    """
    visible = [layer for layer in layers if layer.visible]
    with ExitStack() as quiet:
        for layer in visible:
            quiet.enter_context(layer.events.visible.blocker())
            layer.visible = False
        try:
            yield
        finally:
            for layer in visible:
                layer.visible = True


def replace_data(layer: Any, data: LazyArray, place: dict[str, Any]) -> None:
    """Give a hidden layer other data in another place; napari is told when both are there."""
    events = layer.events
    moved = [what for what, value in place.items() if tuple(getattr(layer, what)) != value]
    with ExitStack() as quiet:
        for what in ("data", "scale", "translate"):
            quiet.enter_context(getattr(events, what).blocker())
        layer.data = data
        # A hidden layer notices its new size only when it is moved.
        for what in moved or ["scale"]:
            setattr(layer, what, place[what])
    events.data(value=data)
    for what in moved:
        getattr(events, what)()
