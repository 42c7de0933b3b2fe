"""First use: on a new computer, loops are compiled elsewhere while the dock is used already."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.transforms import Affine
from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui import triangulation
from napari_lazy_pipeline.engines.cpu import preparation

NOTE = "Preparing for this computer, once"
MEANING = "Until then it computes more slowly, and times that are measured do not count"
_INTERVAL = 500  # ms


def warm_up() -> None:
    """Load the loops of the CPU engine, and those of napari that draw shapes."""
    from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up as warm_up_cpu

    warm_up_cpu()
    triangulation.warm_up()


class FirstUse(QObject):
    """Calls a function when all loops are compiled; until then it says what goes on."""

    def __init__(
        self, say: Callable[..., object], ready: Callable[[], object], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._say, self._ready = say, ready
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL)
        self._timer.timeout.connect(self._check)

    def start(self) -> None:
        """Begin; at once ready, if there is nothing to compile."""
        if preparation.prepare_elsewhere(triangulation.LOOPS):
            self._say(NOTE, MEANING)
            self._timer.start()
        else:
            self._begin()

    def stop(self) -> None:
        """Wait no more."""
        self._timer.stop()
        self._say("")

    def _check(self) -> None:
        if not preparation.is_running():
            self.stop()
            self._begin()

    def _begin(self) -> None:
        """Load the units of napari first, in this thread.

        What is loaded next makes layers in another thread, and a layer that is made here meanwhile
        meets half a table of units.
        """
        Affine()
        self._ready()
