"""Other state: while a key is held, the picture is that of other steps, at the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline._gui.layers.screen import Picture
from napari_lazy_pipeline._gui.side_by_side.view_events import ViewEvents
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.compute import Pipeline, PipelineSource, Progress
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.session.state import State

KEY = "Q"  # napari has no use for it
_Place = tuple[int, int, int | None]  # channel, time point and plane; no plane: the volume
_PAUSE = 200  # ms after which what is on screen is worth having the other state of


class OtherState(QObject):
    """Shows what other steps make, in the layers that there are: same contrast, same colours.

    Once a state was chosen, its picture is made ahead whenever nothing else is to be done.
    """

    reported = Signal(str)  # what is shown, or why it is not
    ended = Signal()  # other data are open, or the dock is closed

    def __init__(self, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self.layers, self.session = viewer, layers, layers.session
        self.state: State | None = None  # the other one; None: none was chosen
        self.text = ""  # what that is
        self.held = False  # the person wants to see it
        self.shown = False  # it is on screen
        self._places: list[_Place] | None = None  # of which it is made, or being made
        self._ready: dict[int, Picture] = {}  # by the channel whose layer shows it
        self._task = BackgroundTask("The other state cannot be shown", name="lazy-other-state")
        self._task.finished.connect(self._on_made)
        self._task.failed.connect(self._on_failed)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._prepare)
        self._events = ViewEvents(viewer, layers)
        self._events.changed.connect(self._on_moved)
        layers.rendered.connect(self._on_moved)
        self.session.stack_changed.connect(self._on_stack)
        self.session.stack_grown.connect(self._on_grown)
        self.session.plan_changed.connect(self._on_edit)
        self.session.view_changed.connect(self._on_edit)
        viewer.bind_key(KEY, self._while_pressed, overwrite=True)

    @property
    def busy(self) -> bool:
        """Return whether its picture is still to come."""
        return self._task.busy or self._timer.isActive()

    def choose(self, state: State | None, text: str = "") -> None:
        """Choose the other state, and what it is; None: make nothing ahead."""
        if self.shown and state != self.state:
            self._show_present()
        self.state, self.text = state, text
        self._events.listen(state is not None)
        self._on_moved()

    def hold(self, on: bool) -> None:
        """Show the other state, as soon as it can be, or no longer."""
        if on and self.state is None:
            text, state = next(self.session.past(), ("", State(Pipeline())))
            self.choose(state, f"Before: {text}" if text else "Raw")
        self.held = on
        if on:
            if not self.shown:
                self.layers.position.stay()
            self._prepare()
        elif self.shown:
            self._show_present()
            self.reported.emit("A: the present steps")

    def _show_present(self) -> None:
        self.shown = False
        self.layers.swapper.show_own()
        self.layers.update_placement()  # a slider may have been moved meanwhile

    def close(self) -> None:
        """The dock is closed."""
        self.ended.emit()
        self.hold(False)
        self.choose(None)
        self._timer.stop()
        self.layers.rendered.disconnect(self._on_moved)
        self.session.stack_changed.disconnect(self._on_stack)
        self.session.stack_grown.disconnect(self._on_grown)
        self.session.plan_changed.disconnect(self._on_edit)
        self.session.view_changed.disconnect(self._on_edit)
        self._viewer.bind_key(KEY, None)

    def _while_pressed(self, _: Any) -> Iterator[None]:
        self.hold(True)
        yield
        self.hold(False)

    def _on_stack(self, _: object) -> None:
        """Of other data, the steps of before are no state."""
        self.ended.emit()
        self.hold(False)
        self.choose(None)

    def _on_grown(self, recorded: Callable[[int], int] | None) -> None:
        """Once time points have other numbers, its steps are those of others."""
        self._on_edit()
        if recorded is not None and self.state is not None:
            self.choose(None)
            self.reported.emit("B is gone: the time points have other numbers now")

    def _on_edit(self, *_: object) -> None:
        """What is edited is the present, so it is shown."""
        self.hold(False)
        self._on_moved()

    def _on_moved(self, *_: object) -> None:
        """Something else is on screen, perhaps: what was made for it is of no use any more."""
        if self.shown:
            self._stay_shown()
            return
        self._forget()
        self._timer.stop()
        if self.state is not None:
            self._timer.start(_PAUSE)

    def _stay_shown(self) -> None:
        """Take the place of a late result of the present, and follow sliders and camera."""
        if self.layers.position.swapping:
            return  # it is being put on screen: they move by themselves
        channels = self.layers.screen.channels
        ready = {c: picture for c, picture in self._ready.items() if c in channels}
        if any(channels[c].instead is None for c in ready):
            self.layers.swapper.show_instead(ready)
        self._timer.start(0)  # once everybody has heard of it

    def _forget(self) -> None:
        self._task.forget()
        self._places, self._ready = None, {}

    def _prepare(self) -> None:
        """Make the picture of the other state, if nothing more important is under way."""
        layers = self.layers
        if self.state is None or self.session.stack is None:
            return
        if not self.held and not layers.settled:
            return  # once it is, the picture is made
        try:
            source = layers.screen.instead or self._source(self.session.stack, self.state)
        except LazyPipelineError as error:
            self.reported.emit(str(error))
            return
        t, plane = layers.position.place_of(source)
        alone = plane if source.plane_local else None
        channels = layers.screen.channels_in(source)
        requests = {c: RenderRequest(at, t, source, alone) for c, at in channels.items()}
        if not requests:
            if self.held:
                self.reported.emit("No channel on screen is in that state")
            return
        places = [(c, request.t, request.plane) for c, request in requests.items()]
        if places == self._places:
            if self.shown:
                self._say()
            elif not self._task.busy:
                self._on_made(self._ready)
            return

        def work(run: TaskRun) -> dict[int, Picture]:
            progress = Progress(cancelled=run.cancelled)
            return {c: Picture.of(one, one.make(progress)) for c, one in requests.items()}

        self._forget()
        self._places = places
        self._task.start("other state", work)
        self._say()

    def _source(self, stack: Stack, state: State) -> PipelineSource:
        raw = stack.stack_spec.replace(scan=state.scan)
        return self.session.source_of(state.pipeline, raw=raw)

    def _on_made(self, pictures: dict[int, Picture]) -> None:
        there = self.layers.screen.channels
        self._ready = {c: picture for c, picture in pictures.items() if c in there}
        if self.held:
            self.shown = True
            self.layers.swapper.show_instead(self._ready)
        self._say()

    def _say(self) -> None:
        if self.shown:
            being_made = ", being made for this place" if self._task.busy else ""
            self.reported.emit(f"B: {self.text}{being_made}")

    def _on_failed(self, error: LazyPipelineError) -> None:
        """What cannot be made is not shown, nor is that of another place."""
        self._forget()
        self.hold(False)
        self.reported.emit(str(error))
