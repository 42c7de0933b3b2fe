"""Folder retry: tries again to read what is blank because its folder was missing."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.layers.screen import Screen

_PAUSE = 1000  # ms from one try to the next


class FolderRetry(QObject):
    """Asks for blank pictures again, until the folder is back."""

    due = Signal(int)  # channel, whose picture is to be requested again

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._retry)

    def start(self) -> None:
        """Try again after a pause."""
        self._timer.start()

    def stop(self) -> None:
        """Try no more."""
        self._timer.stop()

    def _retry(self) -> None:
        screen = self._screen
        waiting = [c for c, entry in screen.channels.items() if entry.picture.waits]
        # One that is hidden is requested once it is visible; one may be about to be shown.
        if waiting or not screen.up_to_date:
            self._timer.start()
        for channel in waiting:
            self.due.emit(channel)
