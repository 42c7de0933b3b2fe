"""Raw task: does something with the raw volume on screen, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline.compute.pipeline import Pipeline, PipelineSource, Progress
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError
from napari_lazy_pipeline.session.session import Session

Work = Callable[[np.ndarray, Callable[[], bool]], object]


class RawVolumeTask(QObject):
    """One function at a time of the raw volume; the latest wins, the one before is cancelled.

    Signals
    -------
    done(object)
        What the function gave.
    failed(str)
        Why there is no result.
    """

    done = Signal(object)
    failed = Signal(str)
    _ended = Signal(int, object, str)

    def __init__(self, session: Session, layers: Layers, runner: ComputeThread) -> None:
        super().__init__()
        self._session, self._layers, self._runner = session, layers, runner
        self._latest = 0
        self.busy = False
        self._ended.connect(self._on_ended)

    def start(self, work: Work) -> None:
        """Read the volume of the first channel on screen, or take it from the cache, and go on.

        Parameters
        ----------
        work
            Called in another thread with the volume (z, y, x), and with a function that tells
            whether the result is still wanted.
        """
        self._latest += 1
        self.busy = True
        number = self._latest
        t, c = (self._layers.places or [(0, 0)])[0]
        source = PipelineSource(self._session.raw, Pipeline(), cache=self._session.cache)
        self._runner.run(lambda: self._run(number, source, t, c, work))

    def cancel(self) -> None:
        """Want nothing any more."""
        self._latest += 1
        self.busy = False

    def _run(self, number: int, source: PipelineSource, t: int, c: int, work: Work) -> None:
        def cancelled() -> bool:
            return number != self._latest

        result: Any = None
        sentence = ""
        try:
            result = work(source.read(t, c, Progress(cancelled=cancelled)), cancelled)
        except Cancelled:
            return
        except LazyPipelineError as error:
            sentence = str(error)
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            sentence = f"{type(error).__name__}: {error}"
        if not cancelled():
            self._ended.emit(number, result, sentence)

    def _on_ended(self, number: int, result: object, sentence: str) -> None:
        if number != self._latest:
            return
        self.busy = False
        if sentence:
            self.failed.emit(sentence)
        else:
            self.done.emit(result)
