"""Layers: keeps the layers of a viewer in step with a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline import errors
from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.contrast_control import ContrastControl
from napari_lazy_pipeline._gui.layers.deleted_layers import DeletedLayers
from napari_lazy_pipeline._gui.layers.folder_retry import FolderRetry
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layer_swapper import LayerSwapper
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.preview_policy import PreviewPolicy
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import ChannelLayer, Picture, Screen
from napari_lazy_pipeline._gui.layers.slice_server import SliceServer
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io.files.file_access import FOLDER_MISSING
from napari_lazy_pipeline.session import Session


class Layers(QObject):
    """Keeps one layer a channel in step with a session.

    An edit makes a new source of volumes; what is on screen of them is computed in the background,
    then the layer's data are swapped; until then the old picture stays. Layers follow a position
    of others; those on screen of an earlier dock are kept.
    """

    rendered = Signal(object)  # RenderRequest: new pixels are on screen, perhaps a preview
    failed = Signal(object, object)  # RenderRequest, error; blank pixels are shown

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
        self.screen = screen or Screen()
        self._made: dict[int, Picture] = {}
        self._options = options or LayerOptions(session)
        self._owns_position, self._closed = position is None, False
        self.position = position or Position(viewer, self.screen)
        self._policy = PreviewPolicy(session, compute_thread)
        self._slice_server = SliceServer(self.screen, self.position, compute_thread, self._policy)
        parts = self.screen, self.position, self._slice_server, self._options
        self.swapper = LayerSwapper(viewer, *parts)
        self.contrast = ContrastControl(self.screen, self.position)
        self.contrast_set = self.contrast.set_anew
        self.deleted = DeletedLayers(session, self.screen, undoable=self._owns_position)
        self._retry = FolderRetry(self.screen)
        self._retry.due.connect(self.reload)
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self._on_grown)
        session.plan_changed.connect(self.update)
        session.view_changed.connect(self._on_view)
        compute_thread.delivered.connect(self._on_delivered)
        compute_thread.failed.connect(self._on_failed)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        if self.screen.source is not None:
            self._adopt_all()

    def _adopt_all(self) -> None:
        """Go on with the layers of an earlier dock, as far as they are there."""
        self.swapper.adopt_all()
        self.deleted.note_all()
        if not self.fits:
            self._on_stack(self.session.stack)  # other data were opened while there was no dock
        if self.screen.source is not None and not self.up_to_date:
            self._show_source(self.screen.source)
        self._request_missed()

    def close(self) -> None:
        """Let go of the viewer; the layers stay, as plain lazy arrays."""
        self._closed, session = True, self.session
        session.stack_changed.disconnect(self._on_stack)
        session.stack_grown.disconnect(self._on_grown)
        session.plan_changed.disconnect(self.update)
        session.view_changed.disconnect(self._on_view)
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._retry.stop()
        if self._owns_position:
            self.position.close()
        self._policy.forget()
        self.swapper.release()

    @property
    def layers(self) -> list[Any]:
        """The napari layers, one a channel."""
        return [self.screen.layer(channel) for channel in sorted(self.screen.channels)]

    @property
    def fits(self) -> bool:
        """Whether the layers show the files that are open, perhaps with another voxel size."""
        source, stack = self.screen.oldest_source or self.screen.source, self.session.stack
        return bool(source and stack and source.raw.token == stack.source.token)

    @property
    def up_to_date(self) -> bool:
        """Whether each channel has its layer, and each visible one the present steps' result."""
        source = self.screen.source
        return source is not None and not self._missing(source) and self.screen.up_to_date

    def _missing(self, source: PipelineSource) -> list[int]:
        """Channels that have no layer yet; one that the person deleted is not missed."""
        wanted, there = self._options.channels(source), self.screen.channels
        return [c for c in wanted if c not in there and not self.screen.lacks(c, source)]

    @property
    def settled(self) -> bool:
        """Return whether each visible layer shows that at the present time point and plane, too."""
        time_point, missed = self.position.time_point_in, self._slice_server.missed_place
        return self.up_to_date and all(
            entry.picture.request.t == time_point(entry.layer) and missed(c) is None
            for c, entry in self.screen.visible.items()
            if self.position.is_within(entry.layer)
        )

    @property
    def busy(self) -> bool:
        """Return whether a result is still to be requested."""
        return self._policy.busy

    @property
    def places(self) -> list[tuple[int, int]]:
        """Time point and channel of each volume of the present steps that is on screen."""
        there = {c: entry.picture.request for c, entry in self.screen.visible.items()}
        return [(one.t, c) for c, one in there.items() if one.source is self.screen.source]

    def reload(self, channel: int) -> None:
        """The file of a volume on screen is another one now."""
        if channel in self.screen.visible:
            self._request(channel)

    def update_placement(self) -> None:
        """Put the layers where they belong now, with the same pixels."""
        source = self.screen.source
        if source is not None and self.screen.channels:
            if not self.swapper.is_placed(source):
                self.swapper.swap_all(source)
            self._request_missed()

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self.swapper.remove_all()
        self.screen.source = None
        self.deleted.forget()
        if self._owns_position:
            self.position.forget()

    # ---- edits, and data that grow --------------------------------------------------------

    def update(self, *_: object) -> None:
        """Show the present steps, as soon as their pixels are there."""
        if self.session.stack is None or self._closed:
            return
        try:
            source = self._options.source(at_least=self.screen.source is None)
        except errors.StepError:
            return  # the card of the step says why it does not fit; the old picture stays
        if source != self.screen.source:
            self._show_source(source)

    def _show_source(self, source: PipelineSource) -> None:
        """Show what a source makes, as soon as its pixels are there."""
        self.screen.source, self._made = source, {}
        if self.swapper.offering is not None:
            self.swapper.offer(source)
            return
        made = [c for c in range(source.sizes[1]) if not self.screen.lacks(c, source)]
        self.swapper.remove([c for c in self.screen.channels if c not in made])
        visible = list(self.screen.visible)
        offered = [picture.request.channel for picture, _ in self.swapper.offered.values()]
        for channel in [*visible, *(c for c in self._missing(source) if c not in offered)]:
            self._request(channel)
        if not visible:
            self.swapper.swap_all(source)

    def _on_view(self) -> None:
        """Show another part of the steps; bring layers back, or take them away again."""
        if self.deleted.follow_session() and self.screen.source is not None:
            self._show_source(self.screen.source)
        self.update()

    def _on_stack(self, stack: Stack | None) -> None:
        """Show the first time point of a new stack."""
        self._policy.forget()
        if stack is not None:
            if not self.fits or self.swapper.offering is not None:
                self.remove()
            self.update()

    def _on_grown(self, recorded: Callable[[int], int] | None) -> None:
        """Show the time points that are there now; request what came, went or is another now."""
        if self.screen.source is None:
            return
        moment = None
        if recorded is not None:
            self._policy.forget()
            self._made = {}
            moment = recorded(self.position.time_point) if self._owns_position else None
        self.swapper.grow(self.session.raw, recorded, moment)
        for channel, entry in self.screen.visible.items():
            request, identity = entry.picture.request, entry.picture.identity
            if not request.files_known or identity != request.source.identity(request.t, channel):
                self._request(channel)
        if recorded is not None and not self.up_to_date:
            self._show_source(self.screen.source)
        self._request_missed()  # what was under way was of the files before

    def _request(self, channel: int) -> None:
        """Request what should be on screen of a channel."""
        source = self.screen.source
        assert source is not None
        self._request_at(channel, source, *self._options.place_on_screen(source, self.position))

    def _request_at(self, channel: int, source: PipelineSource, t: int, plane: int | None) -> None:
        """Show a place that is at hand, or request it."""
        picture = self._slice_server.available(channel, source, t, plane)
        if picture is not None:
            self._policy.withdraw(channel)
            self._show_picture(picture)
        else:
            self._slice_server.request(channel, source, t, plane)

    def _request_missed(self) -> None:
        """Request what the slicer asked for in vain while layers were being changed."""
        source = self.screen.source
        for channel, entry in self.screen.visible.items():
            place = self._slice_server.missed_place(channel)
            if place is not None and source is not None and entry.source is source:
                self._request_at(channel, source, *place)

    # ---- pixels from the compute thread ---------------------------------------------------

    def _on_delivered(self, request: RenderRequest, pixels: np.ndarray) -> None:
        if not self._outdated(request):
            if not request.preview:
                request.source.solve(request.t, request.channel)
            self._show_picture(Picture.of(request, pixels))

    def _show_picture(self, picture: Picture) -> None:
        """Put a picture on screen: in a new layer, by a swap, or by drawing the layer again."""
        request, screen = picture.request, self.screen
        self._made[request.channel] = picture
        entry = screen.channels.get(request.channel)
        if entry is None:
            self.swapper.add(picture)
            self._complete(picture)
        elif entry.source is request.source:
            self._refresh(picture, entry)
        elif request.source is not screen.source:
            self._swap([picture])
        else:
            self._swap_made(request.source, {**screen.visible, request.channel: entry})

    def _complete(self, picture: Picture) -> None:
        """Request what a new layer lacks: meanwhile, sliders or steps may have changed."""
        channel, source = picture.request.channel, self.screen.source
        self.contrast.adjust({channel: picture})
        late = self.screen.channels[channel].source is not source
        self._request(channel) if late else self._request_missed()
        self.rendered.emit(picture.request)

    def _swap_made(self, source: PipelineSource, channels: dict[int, ChannelLayer]) -> None:
        """Show what is ready; where voxels get another place, all channels at once."""
        waiting = {c: entry for c, entry in channels.items() if entry.source is not source}
        ready = [c for c in waiting if c in self._made and self._made[c].request.source is source]
        if len(ready) < len(waiting):
            ready = [c for c in ready if waiting[c].source.spec.same_grid(source.spec)]
        if ready:
            self._swap([self._made[c] for c in ready])

    def _on_failed(self, request: RenderRequest, error: errors.LazyPipelineError) -> None:
        """Show pixels that cannot be made as blank ones, and list them."""
        if isinstance(error, errors.StepFileChangedError):
            self.session.refresh()
            return
        if request.preview or self._outdated(request):
            return  # if a preview cannot be made, the result will say why
        if isinstance(error, errors.FolderMissingError):
            self._show_picture(Picture(request, request.blank(), FOLDER_MISSING))
            self._retry.start()
        else:
            request.source.report(error, request.t, request.channel)
            self._show_picture(Picture.of(request, request.blank()))
        entry = self.screen.channels.get(request.channel)
        if entry is not None and entry.source is request.source:
            entry.failed = request
            entry.layer.refresh(extent=False)
        self.failed.emit(request, error)

    def _outdated(self, request: RenderRequest) -> bool:
        """Return whether nobody wants what was requested any more."""
        made = self._made.get(request.channel)
        return self._closed or self.screen.has_outdated(request, made.request if made else None)

    def _refresh(self, picture: Picture, entry: ChannelLayer) -> None:
        """Draw a layer again that has the right array already."""
        elsewhere = picture.request.t != self.position.time_point_in(entry.layer)
        if elsewhere and self.position.is_within(entry.layer):
            return  # where it has no data, nothing else is requested: a preview would stay
        if picture.pixels is not entry.picture.pixels:
            before = {picture.request.channel: entry.picture}
            entry.put(picture)
            entry.layer.refresh(extent=False)
            self.contrast.adjust(before)
        self.rendered.emit(picture.request)
        self._slice_server.prepare_next(picture.request)

    def _swap(self, pictures: list[Picture]) -> None:
        channels = [picture.request.channel for picture in pictures]
        before = {channel: self.screen.channels[channel].picture for channel in channels}
        self.swapper.swap(pictures)
        self.contrast.adjust(before)
        for picture in pictures:
            self.rendered.emit(picture.request)
        self._request_missed()

    # ---- layers ---------------------------------------------------------------------------

    def _on_inserted(self, event: Any) -> None:
        """Adopt a layer that we offered, once napari is done with adding it."""
        if id(event.value.data) in self.swapper.offered:
            QTimer.singleShot(0, lambda layer=event.value: self._adopt_offered(layer))

    def _adopt_offered(self, layer: Any) -> None:
        if self._closed or layer not in self.viewer.layers:
            return
        if (picture := self.swapper.adopt(layer)) is not None:
            self._complete(picture)

    def _on_removed(self, event: Any) -> None:
        """Forget a layer that the person deleted, and what is under way for it."""
        if (channel := self.deleted.note(event.value)) is not None:
            self._policy.withdraw(channel)
