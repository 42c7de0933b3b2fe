"""How long the window does not answer."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from qtpy.QtCore import QTimer


class Heart:
    """Beats every 5 ms while the window is free; its longest pause is the stall."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.timer = QTimer()
        self.timer.setInterval(5)
        self.timer.timeout.connect(lambda: self.beats.append(perf_counter()))

    def longest_pause(self, action: Callable[[], None]) -> float:
        """Longest time between two beats during an action [ms]."""
        self.beats = [perf_counter()]
        self.timer.start()
        action()
        self.timer.stop()
        self.beats.append(perf_counter())
        return 1000 * float(np.diff(self.beats).max())
