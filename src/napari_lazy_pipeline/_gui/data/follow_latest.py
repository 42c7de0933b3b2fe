"""Follow latest: shows the newest time point, until the person goes to another."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.layers import Layers


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
        layers.rendered.connect(lambda _: self.advance())

    def switch(self, on: bool) -> None:
        """Follow, or stay."""
        self.on, self._last = on, None
        self.advance()

    def renumber(self, move: Callable[[int], int] | None) -> None:
        """Follow time points that have other numbers now."""
        if move is not None and self._last is not None:
            self._last = move(self._last)

    def forget(self) -> None:
        """Count from zero: other data are open."""
        self._last, self.skipped = None, 0

    def advance(self) -> None:
        """Go to the newest time point, if the present one is on screen."""
        stack = self._layers.session.stack
        if not (self.on and stack is not None and self._layers.settled):
            return
        newest = stack.shape[0] - 1
        if newest != self._layers.position.time_point:
            if self._last is not None:
                self.skipped += max(newest - self._last - 1, 0)
            self._layers.position.go_to(newest)
        self._last = newest

    def _on_person(self, _: int) -> None:
        if self.on:
            self.switch(False)
            self.paused.emit()
