"""Layers: keeps the layers of a viewer in step with a session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layer_swapper import LayerSwapper
from napari_lazy_pipeline._gui.layers.missing_folder_retry import MissingFolderRetry
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.preview_policy import PreviewPolicy
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.sample_layers import SampleLayers
from napari_lazy_pipeline._gui.layers.screen import ChannelLayer, Picture, Screen, contrast_limits
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline._gui.layers.time_axis_growth import TimeAxisGrowth
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.errors import FolderMissingError, LazyPipelineError, StepError
from napari_lazy_pipeline.session import Session


class Layers(QObject):
    """Keeps one layer a channel in step with a session.

    An edit makes a new source of volumes; what is on screen of them is computed in the
    background, and when it is there, the data of the layer are swapped. Until then the old
    picture stays.

    Parameters
    ----------
    viewer, session, runner
        Where what is shown, and who makes it.
    maker
        Says what the layers are made with.
    position
        Where the person is, if other layers lead there.
    screen
        What an earlier dock left: its layers are kept in step from now on.

    Signals
    -------
    rendered(RenderRequest)
        New pixels are on screen; it says whether they are a preview.
    failed(RenderRequest, error)
        Pixels could not be made; blank ones are shown.
    misfit(StepError)
        The steps do not fit the volumes; the old picture stays.
    person_moved(int)
        The person went to another time point; moves of our own do not count.
    """

    rendered = Signal(object)
    failed = Signal(object, object)
    misfit = Signal(object)
    person_moved = Signal(int)

    def __init__(
        self,
        viewer: Any,
        session: Session,
        compute_thread: ComputeThread,
        options: LayerOptions | None = None,
        position: Position | None = None,
        screen: Screen | None = None,
    ) -> None:
        super().__init__()
        self.viewer, self.session, self.compute_thread = viewer, session, compute_thread
        self._screen = screen or Screen()
        self._made: dict[int, Picture] = {}
        self._options = options or LayerOptions(session)
        self._owns_position, self._closed = position is None, False
        self.position = position or Position(viewer, self._screen)
        self._policy = PreviewPolicy(session, compute_thread)
        self._slice_server = SliceServer(self._screen, self.position, compute_thread, self._policy)
        self._swapper = LayerSwapper(
            viewer, self._screen, self.position, self._slice_server, self._options
        )
        self._growth = TimeAxisGrowth(
            self._screen, self.position, self._slice_server, self._swapper
        )
        self._retry = MissingFolderRetry(self._screen, self.reload)
        self._sample_layers = SampleLayers(
            viewer, self._options, self._slice_server, self._adopt_offered
        )
        self.position.person_moved.connect(self.person_moved)
        self._connect()
        if self._screen.channels:
            self._adopt_all()

    def _adopt_all(self) -> None:
        """Go on with the layers of an earlier dock, as far as they are there."""
        self._swapper.adopt_all()
        source = self._screen.source
        if self._screen.channels and source is not None and not self.up_to_date:
            self._show_source(source)
        self._request_missed()

    def _connect(self) -> None:
        session = self.session
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self._on_grown)
        for signal in (session.plan_changed, session.view_changed):
            signal.connect(self.update)
        self.compute_thread.delivered.connect(self._on_delivered)
        self.compute_thread.failed.connect(self._on_failed)
        self.viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Let go of the viewer; the layers stay, as plain lazy arrays."""
        self._closed, session = True, self.session
        session.stack_changed.disconnect(self._on_stack)
        session.stack_grown.disconnect(self._on_grown)
        for signal in (session.plan_changed, session.view_changed):
            signal.disconnect(self.update)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._sample_layers.close()
        self._retry.close()
        if self._owns_position:
            self.position.close()
        self._policy.forget()
        self._swapper.release()

    @property
    def screen(self) -> Screen:
        """What is on the layers."""
        return self._screen

    @property
    def layers(self) -> list[Any]:
        """The napari layers, one a channel."""
        return [self._screen.layer(channel) for channel in sorted(self._screen.channels)]

    def layer_of(self, channel: int) -> Any:
        """The napari layer of a channel; None if there is none."""
        return self._screen.layer(channel)

    @property
    def fits(self) -> bool:
        """Whether the layers show the files that are open, perhaps with another voxel size."""
        source, stack = self._screen.oldest_source, self.session.stack
        return bool(source and stack and source.raw.token == stack.source.token)

    @property
    def up_to_date(self) -> bool:
        """Whether each visible layer shows the result of the present steps."""
        return self._screen.up_to_date

    @property
    def settled(self) -> bool:
        """Whether each visible layer shows that at the present time point and plane, too."""
        t, visible = self.time_point, self._screen.visible
        return self.up_to_date and all(
            channel_layer.picture.request.t == t
            and self._slice_server.missed_place(channel) is None
            for channel, channel_layer in visible.items()
        )

    @property
    def busy(self) -> bool:
        """Whether something is still to be asked for."""
        return self._policy.busy

    @property
    def time_point(self) -> int:
        """The time point that is on screen."""
        return self.position.time_point

    @property
    def places(self) -> list[tuple[int, int]]:
        """Time point and channel of each volume that is on screen."""
        return [
            (channel_layer.picture.request.t, channel)
            for channel, channel_layer in self._screen.visible.items()
        ]

    def go_to(self, t: int) -> None:
        """Show another time point, and do not take it for a move of the person."""
        self.position.go_to(t)

    def handing_over(self) -> AbstractContextManager[list[Any]]:
        """Within, first pictures become layer tuples in the list, for napari to add."""
        return self._sample_layers.handing_over()

    def reload(self, channel: int) -> None:
        """The file of a volume on screen is another one now."""
        if channel in self._screen.visible:
            self._request(channel)

    def reset_contrast(self) -> None:
        """Set the contrast from what is on screen."""
        for channel_layer in self._screen.channels.values():
            channel_layer.layer.contrast_limits = contrast_limits(channel_layer.picture.pixels)

    def update_placement(self) -> None:
        """Put the layers where they belong now, with the same pixels."""
        source, first = self._screen.source, self._screen.first
        if source is not None and first is not None:
            place = self._options.place(source)
            if any(tuple(getattr(first, name)) != value for name, value in place.items()):
                self._swapper.swap_all(source)
            self._request_missed()

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self._swapper.remove(list(self._screen.channels))
        self._screen.source = None
        if self._owns_position:
            self.position.forget()

    # ---- what the session says ------------------------------------------------------------

    def update(self, *_: object) -> None:
        """Show the present steps, as soon as their pixels are there."""
        if self.session.stack is None or self._closed:
            return
        try:
            source = self._options.source()
        except StepError as error:
            self.misfit.emit(error)
            return
        if source != self._screen.source:
            self._show_source(source)

    def _show_source(self, source: PipelineSource) -> None:
        """Show what a source makes, as soon as its pixels are there."""
        before, count = self._screen.source, source.sizes[1]
        self._screen.source, self._made = source, {}
        if self._sample_layers.under_way:
            self._sample_layers.offer(source)
            return
        self._swapper.remove([c for c in self._screen.channels if c >= count])
        visible = self._screen.visible
        new = range(before.sizes[1], count) if before is not None else ()
        for channel in (
            [*visible, *new] if self._screen.channels else self._options.channels(source)
        ):
            self._request(channel)
        if self._screen.channels and not visible:
            self._swapper.swap_all(source)

    def _on_stack(self, stack: object) -> None:
        """Show the first time point of a new stack."""
        self._policy.forget()
        if stack is not None:
            if not self.fits:
                self.remove()
            elif self._owns_position:
                self._zoom_along()
            self.update()

    def _zoom_along(self) -> None:
        """What is on screen stays as large as it is, though the person stated its size anew."""
        source, stack = self._screen.oldest_source, self.session.stack
        if source is not None and stack is not None:
            self.position.zoom_along(source.raw.spec.voxel_size, stack.voxel_size)

    def _on_grown(self, move: Callable[[int], int] | None) -> None:
        """Show the time points that are there now."""
        if self._screen.source is None:
            return
        if move is not None:
            self._policy.forget()
            self._made = {}
        for channel in self._growth.grow(self.session.raw, move):
            self._request(channel)
        if move is not None and not self.up_to_date:
            self._show_source(self._screen.source)

    def _request(self, channel: int) -> None:
        """Ask for what should be on screen of a channel."""
        source = self._screen.source
        assert source is not None
        self._request_at(channel, source, self.time_point, self.position.plane_of(source.spec))

    def _request_at(self, channel: int, source: PipelineSource, t: int, plane: int | None) -> None:
        """Ask for a place; it may be at hand."""
        picture = self._slice_server.available(channel, source, t, plane)
        if picture is not None:
            self._policy.withdraw(channel)
            self._show_picture(picture)
        else:
            self._slice_server.request(channel, source, t, plane)

    def _request_missed(self) -> None:
        """Ask for what the slicer asked in vain while layers were being changed."""
        source = self._screen.source
        for channel, channel_layer in self._screen.visible.items():
            place = self._slice_server.missed_place(channel)
            if place is not None and source is not None and channel_layer.source is source:
                self._request_at(channel, source, *place)

    # ---- what the runner brings -----------------------------------------------------------

    def _on_delivered(self, request: RenderRequest, pixels: np.ndarray) -> None:
        if not self._outdated(request):
            self._show_picture(Picture.of(request, pixels))

    def _show_picture(self, picture: Picture) -> None:
        """Put a picture on screen: in a new layer, by a swap, or by a look at the cache."""
        request, screen = picture.request, self._screen
        self._made[request.channel] = picture
        channel_layer = screen.channels.get(request.channel)
        if channel_layer is None:
            self._add_layer(picture)
        elif channel_layer.source is request.source:
            self._refresh(picture, channel_layer)
        elif request.source is not screen.source:
            self._swap([picture])
        else:
            self._swap_made(request.source, {**screen.visible, request.channel: channel_layer})

    def _swap_made(self, source: PipelineSource, channels: dict[int, ChannelLayer]) -> None:
        """Show what is ready; where voxels get another place, all channels at once."""
        waiting = {
            c: channel_layer
            for c, channel_layer in channels.items()
            if channel_layer.source is not source
        }
        ready = [c for c in waiting if self._is_made(c, source)]
        if len(ready) < len(waiting):
            ready = [c for c in ready if _same_placement(waiting[c].source, source)]
        if ready:
            self._swap([self._made[c] for c in ready])

    def _on_failed(self, request: RenderRequest, error: LazyPipelineError) -> None:
        """Show pixels that cannot be made as blank ones, and list them.

        If a preview cannot be made, the result is on its way, and will say why. A share that is
        away comes back: that is no problem of its files.
        """
        if request.preview or self._outdated(request):
            return
        if isinstance(error, FolderMissingError):
            self._show_picture(Picture.waiting(request))
            self._retry.wait()
        else:
            request.source.report(error, request.t, request.channel)
            self._show_picture(Picture.of(request, request.blank()))
        channel_layer = self._screen.channels.get(request.channel)
        if channel_layer is not None and channel_layer.source is request.source:
            channel_layer.failed = request
            channel_layer.layer.refresh(extent=False)
        self.failed.emit(request, error)

    def _outdated(self, request: RenderRequest) -> bool:
        """Whether a request is for data that are no longer open, or to an older picture."""
        source = self._screen.source
        if self._closed or source is None or request.source.raw is not source.raw:
            return True
        channel_layer = self._screen.channels.get(request.channel)
        if channel_layer is None:
            return False
        if (
            request.preview
            and request.same_picture(channel_layer.picture.request)
            and not channel_layer.picture.request.preview
        ):
            return True
        return channel_layer.source is source and request.source is not source

    def _is_made(self, channel: int, source: PipelineSource) -> bool:
        return channel in self._made and self._made[channel].request.source is source

    def _refresh(self, picture: Picture, channel_layer: ChannelLayer) -> None:
        """The layer has the right array already: let it look again."""
        if picture.request.t != self.time_point:
            return
        if picture.pixels is not channel_layer.picture.pixels:
            channel_layer.put(picture)
            channel_layer.layer.refresh(extent=False)
        self.rendered.emit(picture.request)
        self._slice_server.prepare_next(picture.request)

    def _swap(self, pictures: list[Picture]) -> None:
        self._swapper.swap(pictures)
        for picture in pictures:
            self.rendered.emit(picture.request)
        self._request_missed()

    # ---- layers ---------------------------------------------------------------------------

    def _add_layer(self, picture: Picture) -> None:
        self._swapper.add(picture)
        if picture.request.t != self.time_point:
            self._request(picture.request.channel)
        self.rendered.emit(picture.request)

    def _adopt_offered(self, layer: Any, picture: Picture) -> None:
        """Keep a layer that we offered and napari has added."""
        if layer in self.viewer.layers and not self._outdated(picture.request):
            self._swapper.adopt(layer, picture)
            self.rendered.emit(picture.request)

    def _on_removed(self, event: Any) -> None:
        """Forget a layer that the person removed."""
        for channel, channel_layer in list(self._screen.channels.items()):
            if channel_layer.layer == event.value:
                del self._screen.channels[channel]


def _same_placement(old: PipelineSource, new: PipelineSource) -> bool:
    """Whether the place of the voxels is the same, so that channels need not wait."""
    return (old.spec.shape, old.spec.voxel_size, old.spec.translate) == (
        new.spec.shape,
        new.spec.voxel_size,
        new.spec.translate,
    )
