"""First use: on a new computer, loops are compiled elsewhere while the dock is used already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import is_

from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.image.problem_log import Problem

_INTERVAL = 500  # ms


class FirstUse(QObject):
    """Calls a function when all loops are compiled; until then a notice says what goes on."""

    def __init__(self, ready: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._ready = ready
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL)
        self._timer.timeout.connect(self._check)

    def start(self) -> None:
        """Begin; at once ready, if there is nothing to compile."""
        if preparation.prepare_elsewhere():
            what = "The deconvolution is being prepared for this computer, once"
            notices.report(Problem("cpu", what, "computed more slowly until then"), self)
            self._timer.start()
        else:
            self._ready()

    def stop(self) -> None:
        """Wait no more."""
        self._timer.stop()
        notices.withdraw(partial(is_, self))

    def _check(self) -> None:
        if not preparation.is_under_way():
            self.stop()
            self._ready()
