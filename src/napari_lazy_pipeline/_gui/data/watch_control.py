"""Watch control: lets the stack grow with its folder, and keeps its end on screen."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.data.data_panel import DataPanel
from napari_lazy_pipeline._gui.data.folder_poller import FolderPoller, Volumes
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.io.live.stack_watcher import PollResult
from napari_lazy_pipeline.io.metadata_sources import with_interval
from napari_lazy_pipeline.session import Session

WATCH_INTERVAL = 1.0  # s
_QUIET = 60.0  # s without a new file, after which the state tells


class FollowLatest(QObject):
    """Shows the newest time point, until the person goes to another.

    It goes on only when what is on screen is complete: when processing is slower than the
    microscope, time points are skipped, and counted.
    """

    paused = Signal()  # the person went to another time point

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers = layers
        self._last: int | None = None
        self.on = False
        self.skipped = 0
        layers.position.person_moved.connect(self._on_person)

    def switch(self, on: bool) -> None:
        """Follow, or stay."""
        self.on, self._last = on, None
        self.advance()

    def renumber(self, recorded: Callable[[int], int] | None) -> None:
        """Follow time points that have other numbers now."""
        source = self._layers.screen.source
        if recorded is not None and self._last is not None and source is not None:
            self._last = source.plan.time_point(recorded(self._last))

    def forget(self) -> None:
        """Count from zero: other data are open."""
        self._last, self.skipped = None, 0

    def advance(self) -> None:
        """Go to the newest time point, if the present one is on screen."""
        source = self._layers.screen.source
        if not (self.on and source is not None and self._layers.settled):
            return
        newest = source.sizes[0] - 1
        if newest != self._layers.position.time_point:
            if self._last is not None:
                self.skipped += max(newest - self._last - 1, 0)
            self._layers.position.go_to(newest)
        self._last = newest

    def _on_person(self) -> None:
        if self.on:
            self.switch(False)
            self.paused.emit()


class WatchControl(QObject):
    """Connects the two switches of the data panel to a poller and a follower; ``interval`` in s."""

    def __init__(self, session: Session, layers: Layers, panel: DataPanel, interval: float) -> None:
        super().__init__()
        self._session, self._layers, self._panel = session, layers, panel
        self._interval = interval
        self.poller, self.follower = FolderPoller(interval), FollowLatest(layers)
        self._source: object = None
        self._request = ("", "")  # what to open again
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._retry)
        self._last_growth = monotonic()
        self._extra_images = 0
        self._failure = self._note = ""
        self._result: PollResult | None = None
        self.poller.polled.connect(self._on_poll)
        self.poller.failed.connect(self._on_failure)
        self.follower.paused.connect(self._on_paused)
        panel.watch.toggled.connect(self._on_watch)
        panel.follow.toggled.connect(self._on_follow)
        panel.resume.clicked.connect(lambda: panel.follow.setChecked(True))
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self.follower.renumber)
        layers.rendered.connect(self._follow)

    def close(self) -> None:
        """Stop polling, and disconnect from session and layers."""
        self.poller.stop()
        self._later.stop()
        self._session.stack_changed.disconnect(self._on_stack)
        self._session.stack_grown.disconnect(self.follower.renumber)
        self._layers.rendered.disconnect(self._follow)

    def set_interval(self, seconds: float) -> None:
        """Poll for new files as often as that from now on."""
        self._interval = seconds
        self.poller.set_interval(seconds)

    def on_open_failed(self) -> None:
        """Open a folder that is watched again later: it may be empty, or not there yet."""
        if self._panel.watch.isChecked():
            self._stop()
            self._panel.watch_state.say("Waiting for the first complete file")
            self._request = self._panel.request
            self._later.start(round(1000 * self._interval))

    def _stop(self) -> None:
        self.poller.stop()
        self._source = None

    def _retry(self) -> None:
        panel, request = self._panel, self._request
        # The person may have chosen another folder, or have lost patience.
        if panel.watch.isChecked() and request == panel.request and not self.poller.active:
            panel.reopen(*request)

    def _on_stack(self, *_: object) -> None:
        """Other data are open, or the same with another voxel size."""
        folder_info = self._session.folder_info
        if folder_info is not None and folder_info.source is not self._source:
            self.follower.forget()
            self._on_watch(self._panel.watch.isChecked())

    def _on_watch(self, on: bool) -> None:
        folder_info = self._session.folder_info
        self._failure, self._note, self._result, self._extra_images = "", "", None, 0
        if not on:
            self._stop()
            self._panel.follow.setChecked(False)
        elif folder_info is not None:
            self._last_growth, self._source = monotonic(), folder_info.source
            self.poller.start(folder_info.source, self._on_screen)
        elif self._panel.request[0]:
            self.on_open_failed()
        self._show_state()

    def _on_screen(self) -> tuple[IdentityCache, Volumes]:
        return self._session.raw, sorted(set().union(*self._raw_volumes().values()))

    def _raw_volumes(self) -> dict[int, set[tuple[int, int]]]:
        """For each channel on screen, the raw volumes that its picture is made from."""
        shown = self._layers.screen.visible.items()
        return {channel: entry.picture.request.raw_volumes for channel, entry in shown}

    def _on_follow(self, on: bool) -> None:
        if on:
            self._note = ""
            self._panel.watch.setChecked(True)
        self.follower.switch(on)
        self._show_state()

    def _on_paused(self) -> None:
        self._note = "Follow paused (you moved t)"
        self._panel.follow.setChecked(False)
        self._show_state()

    def _on_failure(self, reason: str) -> None:
        self._failure = reason
        self._show_state()

    def _on_poll(self, result: PollResult, replaced: Volumes) -> None:
        self._result, self._failure = result, ""
        extra = result.unmatched > self._extra_images
        if result.outdated or (extra and result.source.sizes[0] == 1):
            self._reopen(result)
            return
        if result.grown:
            self._last_growth, self._source = monotonic(), result.source
            self._session.grow(result.source, result.shifted)
            assert self._session.folder_info is not None
            folder_info = with_interval(self._session.folder_info)
            if folder_info is not self._session.folder_info:
                self._session.show(folder_info)
            self._panel.show_summary(folder_info)
        for channel, volumes in self._raw_volumes().items() if replaced else ():
            if volumes.intersection(replaced):
                self._layers.reload(channel)
        self._follow()

    def _follow(self, _: object = None) -> None:
        self.follower.advance()
        self._show_state()

    def _reopen(self, result: PollResult) -> None:
        """Open the folder again: its first file tells too little of those that came later."""
        self._extra_images = result.unmatched
        folder, pattern = self._panel.request
        if result.outdated:
            self._stop()
            pattern = pattern or result.source.pattern
        self._panel.reopen(folder, pattern)

    def _show_state(self) -> None:
        self._panel.resume.setVisible(bool(self._note) and self._panel.watch.isChecked())
        if not self._panel.watch.isChecked():
            self._panel.watch_state.say("")
        elif self.poller.active:
            self._panel.watch_state.say(self._state())

    def _state(self) -> str:
        """Describe what is watched and how it goes on."""
        result, reason = self._result, self._failure
        if not reason and result is not None and result.unreachable:
            reason = f"the folder {result.unreachable}"
        parts = [f"Waiting: {reason}. Looking again" if reason else "Watching"]
        if result is not None:
            parts.append(f"{result.source.sizes[0]} time points")
            if result.waiting:
                parts.append(f"{_files(result.waiting)} not complete")
            if result.dropped:
                parts.append(f"{_files(result.dropped)} dropped")
        quiet = monotonic() - self._last_growth
        if quiet > _QUIET:
            parts.append(f"nothing new for {round(quiet / 60)} min")
        if self.follower.on:
            parts.append(f"following, {self.follower.skipped} skipped")
        elif self._note:
            parts.append(self._note)
        return f"{'; '.join(parts)}."


def _files(names: tuple[str, ...]) -> str:
    return "1 file was" if len(names) == 1 else f"{len(names)} files were"
