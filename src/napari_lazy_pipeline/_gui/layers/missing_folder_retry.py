"""Away: what could not be read because its folder was not there is asked for again and again."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui.layers.screen import Screen

_PAUSE = 1.0  # s from one try to the next


class MissingFolderRetry(QObject):
    """Looks again at what is blank because its folder was away, until it is back.

    Whether the files are the same as before does not matter: they may be, and the picture is
    blank all the same.

    Parameters
    ----------
    screen
        What is shown.
    look_again
        Asks for what should be on screen of a channel.
    """

    def __init__(self, screen: Screen, reload: Callable[[int], None]) -> None:
        super().__init__()
        self._screen, self._look_again = screen, reload
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(1000 * _PAUSE))
        self._timer.timeout.connect(self._try_again)

    def wait(self) -> None:
        """Something on screen waits for its folder."""
        self._timer.start()

    def close(self) -> None:
        """Try no more."""
        self._timer.stop()

    def _try_again(self) -> None:
        waiting = [
            c for c, channel_layer in self._screen.channels.items() if channel_layer.picture.waits
        ]
        # One that is hidden is asked for once it is visible; one may be about to be shown.
        if waiting or (self._screen.channels and not self._screen.up_to_date):
            self._timer.start()
        for channel in waiting:
            self._look_again(channel)
