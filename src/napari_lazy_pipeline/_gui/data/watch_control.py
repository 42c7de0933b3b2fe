"""Live: lets the stack grow with its folder, and keeps the newest time point on screen."""

from __future__ import annotations

from time import monotonic

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.data.data_panel import DataPanel
from napari_lazy_pipeline._gui.data.folder_poller import FolderPoller, Places, PollOutcome
from napari_lazy_pipeline._gui.data.follow_latest import FollowLatest
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.io.live.stack_watcher import PollResult
from napari_lazy_pipeline.session.session import Session

WATCH_INTERVAL = 1.0  # s
_QUIET = 60.0  # s without a new file, after which that is said


class WatchControl(QObject):
    """Connects the two switches of the data panel to a poller and a follower.

    Parameters
    ----------
    session, layers, panel
        Whose folder is watched, whose time axis grows, and where that is said.
    interval
        Time from one look for new files to the next [s].

    Signals
    -------
    reopen(str, str)
        The folder has to be opened anew, with this pattern.
    """

    reopen = Signal(str, str)

    def __init__(self, session: Session, layers: Layers, panel: DataPanel, interval: float) -> None:
        super().__init__()
        self._session, self._layers, self._panel = session, layers, panel
        self._interval = interval
        self.poller, self.follower = FolderPoller(interval), FollowLatest(layers)
        self._watched: object = None
        self._newest = monotonic()
        self._strangers = 0
        self._trouble = self._note = ""
        self._look: PollResult | None = None
        self.poller.found.connect(self._on_found)
        self.poller.troubled.connect(self._on_trouble)
        self.follower.paused.connect(self._on_paused)
        panel.watch.toggled.connect(self._on_watch)
        panel.follow.toggled.connect(self._on_follow)
        session.stack_changed.connect(self._on_stack)
        session.stack_grown.connect(self.follower.renumbered)
        layers.shown.connect(self._on_shown)

    def close(self) -> None:
        """End."""
        self.poller.close()
        self._session.stack_changed.disconnect(self._on_stack)
        self._session.stack_grown.disconnect(self.follower.renumbered)
        self._layers.shown.disconnect(self._on_shown)

    def set_interval(self, seconds: float) -> None:
        """Look for new files as often as that from now on."""
        self._interval = seconds
        self.poller.set_interval(seconds)

    def on_open_failed(self) -> None:
        """A folder that is watched may be empty, or not there yet: look again."""
        if self._panel.watch.isChecked():
            self.poller.stop()
            self._watched = None
            self._panel.watch_state.say("Waiting for the first complete file")
            asked = self._panel.asked
            QTimer.singleShot(round(1000 * self._interval), lambda: self._try_again(asked))

    def _try_again(self, asked: tuple[str, str]) -> None:
        # The person may have chosen another folder, or have lost patience.
        if self._panel.watch.isChecked() and asked == self._panel.asked and not self.poller.active:
            self.reopen.emit(*asked)

    def _on_stack(self, *_: object) -> None:
        """Other data are open, or the same with another voxel size."""
        folder_info = self._session.folder_info
        if folder_info is not None and folder_info.source is not self._watched:
            self.follower.forget()
            self._on_watch(self._panel.watch.isChecked())

    def _on_watch(self, on: bool) -> None:
        folder_info = self._session.folder_info
        self._trouble, self._look, self._strangers = "", None, 0
        if not on:
            self.poller.stop()
            self._watched = None
            self._panel.follow.setChecked(False)
        elif folder_info is not None:
            self._newest, self._watched = monotonic(), folder_info.source
            self.poller.start(stack_watcher(folder_info.source), self._on_screen)
        elif self._panel.asked[0]:
            self.on_open_failed()
        self._say()

    def _on_screen(self) -> tuple[IdentityCache, Places]:
        return self._session.raw, self._layers.places

    def _on_follow(self, on: bool) -> None:
        if on:
            self._note = ""
            self._panel.watch.setChecked(True)
        self.follower.switch(on)
        self._say()

    def _on_paused(self) -> None:
        self._note = "Following paused: you moved t. Switch it on to go on"
        self._panel.follow.setChecked(False)
        self._say()

    def _on_trouble(self, why: str) -> None:
        self._trouble = why
        self._say()

    def _on_found(self, found: PollOutcome) -> None:
        look, self._look, self._trouble = found.look, found.look, ""
        if look.outdated or (look.unmatched > self._strangers and look.source.sizes[0] == 1):
            self._open_anew(look)
            return
        if look.grown:
            self._newest, self._watched = monotonic(), look.source
            self._session.grow(look.source, look.shifted)
            assert self._session.folder_info is not None
            self._panel.show_summary(self._session.folder_info)
        for _, channel in found.replaced:
            self._layers.look_again(channel)
        self.follower.advance()
        self._say()

    def _open_anew(self, look: PollResult) -> None:
        """The first file told too little of those that were to come."""
        self._strangers = look.unmatched
        folder, pattern = self._panel.asked
        if look.outdated:
            self.poller.stop()
            self._watched = None
            pattern = pattern or look.source.pattern
        self.reopen.emit(folder, pattern)

    def _on_shown(self, _: object) -> None:
        self._say()

    def _say(self) -> None:
        """Say in words how it stands."""
        if not self._panel.watch.isChecked():
            self._panel.watch_state.say("")
        elif self.poller.active:
            self._panel.watch_state.say(self._words())

    def _words(self) -> str:
        look = self._look
        away = self._trouble or (
            f"the folder {look.unreachable}" if look and look.unreachable else ""
        )
        parts = [f"Waiting: {away}. Looking again" if away else "Watching"]
        if look is not None:
            parts.append(f"{look.source.sizes[0]} time points")
            if look.waiting:
                parts.append(f"{_files(look.waiting)} not complete")
            if look.dropped:
                parts.append(f"{_files(look.dropped)} dropped")
        quiet = monotonic() - self._newest
        if quiet > _QUIET:
            parts.append(f"nothing new for {round(quiet / 60)} min")
        if self.follower.on:
            parts.append(f"following, {self.follower.skipped} skipped")
        elif self._note:
            parts.append(self._note)
        return f"{'; '.join(parts)}."


def _files(names: tuple[str, ...]) -> str:
    return "1 file was" if len(names) == 1 else f"{len(names)} files were"
