"""Slice server: what napari's slicer is given, at once, and what is then requested."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.lazy_array import LazyArray
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.preview_policy import PreviewPolicy
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import Picture, Screen
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.image.stack import dask_array

_Place = tuple[int, int | None]  # time point and plane; no plane: the volume


class SliceServer:
    """Gives napari's slicer what there is, and requests what there is not."""

    def __init__(
        self,
        screen: Screen,
        position: Position,
        compute_thread: ComputeThread,
        policy: PreviewPolicy,
    ) -> None:
        self._screen, self._position = screen, position
        self._compute_thread, self._policy = compute_thread, policy
        self._last_t: dict[int, int] = {}
        self._served_places: dict[int, _Place] = {}
        self._path: list[int] = []

    def array(
        self, channel: int, source: PipelineSource, picture: Picture | None = None
    ) -> LazyArray:
        """The lazy array of a channel; with a picture, one that always shows that."""

        def serve(t: int, plane: int | None) -> np.ndarray:
            if picture is None:
                return self._serve(channel, source, t, plane)
            return _pixels_of(picture, plane, source)

        def at_hand(t: int, plane: int | None) -> np.ndarray:
            # All time points may be thousands: nothing is read for them.
            if picture is not None and picture.shows(t, plane):
                return _pixels_of(picture, plane, source)
            return _pixels_of(self.available(channel, source, t, plane), plane, source)

        return LazyArray(dask_array(source, channel), serve, at_hand)

    def available(
        self, channel: int, source: PipelineSource, t: int, plane: int | None
    ) -> Picture | None:
        """The result, if neither the file system nor an engine is needed for it."""
        request = RenderRequest(channel, t, source)
        if t >= source.sizes[0] or not request.files_known:
            return None
        entry = self._screen.channels.get(channel)
        if entry is not None and entry.picture.is_result(source, t, plane):
            return entry.picture
        volume = source.cached(t, channel)
        if volume is None and plane is not None and source.plane_local:
            request = replace(request, plane=plane)
            volume = source.cached_planes(t, channel, plane, plane + 1)
        return None if volume is None else Picture.of(request, volume)

    def request(self, channel: int, source: PipelineSource, t: int, plane: int | None) -> None:
        """Request a result; of plane-local steps, the plane alone."""
        alone = plane if source.plane_local else None
        self._policy.request(RenderRequest(channel, t, source, alone), plane)

    def note(self, channel: int, t: int) -> None:
        """A time point is on screen, without the slicer having asked for it."""
        self._last_t[channel] = t
        self._served_places.pop(channel, None)  # it was asked for of an earlier layer or array

    def missed_place(self, channel: int) -> _Place | None:
        """Time point and plane that the slicer asked for last, if they are not on screen."""
        place, entry = self._served_places.get(channel), self._screen.channels[channel]
        if place is None or entry.picture.shows(*place) or entry.has_failed(entry.source, place[0]):
            return None
        return place

    def forget_path(self) -> None:
        """Where the person went tells nothing any more."""
        self._path = []

    def prepare_next(self, request: RenderRequest) -> None:
        """Who has stepped twice in one direction through time, will do so once more."""
        path = self._path
        if not path or path[-1] != request.t:
            self._path = path = [*path, request.t][-3:]
        steps = {b - a for a, b in pairwise(path)}
        if len(path) == 3 and steps in ({1}, {-1}) and not request.preview:
            t = request.t + steps.pop()
            if 0 <= t < request.source.sizes[0]:
                self._compute_thread.prepare(replace(request, t=t))

    def _serve(self, channel: int, source: PipelineSource, t: int, plane: int | None) -> np.ndarray:
        """Pixels for the slicer, at once: the true ones, or what was there before."""
        entry, current = self._screen.channels.get(channel), self._screen.source
        t = min(t, source.sizes[0] - 1)  # the selection may have fewer time points by now
        self._served_places[channel] = t, plane
        if entry is not None and entry.has_failed(source, t):
            return RenderRequest(channel, t, source, plane).blank()
        picture = self.available(channel, source, t, plane)
        stays = current is not None and channel < current.sizes[1]  # else its layer is about to go
        if current is not None and stays and not self._position.swapping:
            if picture is None or current is not source or self._moved(channel, t):
                newer = plane is not None and current is not source
                there = current.plan.time_point(source.plan.origin(t, 0)[0])
                at = self._position.plane_of(current) if newer else plane
                self.request(channel, current, there, at)
            elif entry is not None:
                entry.picture, entry.failed = picture, None
        return _pixels_of(picture or (entry.picture if entry else None), plane, source)

    def _moved(self, channel: int, t: int) -> bool:
        """Return whether the time point is another than at the last call."""
        moved = self._last_t.get(channel) != t
        self._last_t[channel] = t
        return moved


def _pixels_of(picture: Picture | None, plane: int | None, source: PipelineSource) -> np.ndarray:
    """Return what there is of a plane or volume; zeros if nothing fits."""
    spec = source.spec
    pixels = picture.cut(plane, spec.shape) if picture is not None else None
    if pixels is None:
        pixels = np.zeros(spec.shape if plane is None else (1, *spec.shape[1:]), spec.dtype)
    return pixels
