"""Raw volume task: works on the raw volume on screen, in the background."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.compute import Pipeline, Progress
from napari_lazy_pipeline.session import Session


class RawVolumeTask(BackgroundTask):
    """A background task on the raw volume of the first channel on screen."""

    def __init__(self, session: Session, layers: Layers, failure: str) -> None:
        super().__init__(failure)
        self._session, self._layers = session, layers

    def start_on_volume(
        self, work: Callable[[np.ndarray, Callable[[], bool]], object] = lambda volume, _: volume
    ) -> None:
        """Read the volume, or take it from the cache, and run a function of it."""
        session = self._session
        t, c = self._layers.position.raw_place
        source = session.source_of(Pipeline())
        folder = session.folder_info.folder if session.folder_info is not None else ""

        def read_and_work(run: TaskRun) -> object:
            return work(source.read(t, c, Progress(cancelled=run.cancelled)), run.cancelled)

        self.start(f"{folder}, time point {t}, channel {c}", read_and_work)
