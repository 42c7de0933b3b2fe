"""Movie maker: a movie of the maxima of what is on screen, as it looks there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.maxima import maxima
from napari_lazy_pipeline.exports.movie import Limits, write_movie
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.session import Session


class MovieMaker(QWidget):
    """Asks for a file, and writes the movie in the background."""

    def __init__(self, session: Session, layers: Layers) -> None:
        super().__init__()
        self.session, self._layers = session, layers
        # It is waited for when the program ends: what is begun has to be taken away.
        failure = "The movie cannot be written"
        self.task = BackgroundTask(failure, name="lazy-movie", daemon=False)
        tooltip = (
            "Write the maxima along z of all time points as MP4 or GIF, as they look now; "
            "of blending, minimum and multiplicative are drawn as translucent"
        )
        self.button = push_button("Movie\u2026", tooltip, self._on_click)
        self.said = Sentence()
        self.said.say("")
        column(row(self.button, (QWidget(), 1)), self.said, parent=self)
        self.task.progressed.connect(self._show_progress)
        self.task.finished.connect(self._show_end)
        self.task.failed.connect(self._show_end)
        self.destroyed.connect(self.task.cancel)

    def _on_click(self) -> None:
        if self.task.busy:
            self.task.forget()
            self._show_end("Cancelled, nothing is written")
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Movie", "movie.mp4", "Movie (*.mp4 *.gif)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if path and self.session.stack is not None:
            self._start(Path(path), self.session.stack)

    def _start(self, path: Path, raw: Stack) -> None:
        session = self.session
        if not self._layers.screen.visible:
            self._show_end("No channel is visible: show one first")
            return
        if not self._layers.up_to_date:
            self._show_end("Wait for the picture: the movie has its colours and contrast")
            return
        pipeline = maxima(Pipeline(session.pipeline.steps[: session.until]))
        engine, (contrast, colours) = session.engine, self._look()

        def work(run: TaskRun) -> str:
            stack = pipeline.apply(raw, engine=engine)
            return write_movie(
                stack, path, contrast=contrast, colours=colours,
                progress=lambda *done: run.report(done), cancelled=run.cancelled,
            )  # fmt: skip

        self.button.setText("Cancel movie")
        self.said.say("")
        self.task.start(str(path.parent), work)

    def _look(self) -> tuple[list[Limits | None], list[np.ndarray]]:
        """Contrast and colours of all channels; one that is hidden, or deleted, stays black.

        A layer that does not add its light covers those below it, as far as it is opaque.
        """
        screen, levels = self._layers.screen, np.linspace(0, 1, 256)
        channels = range(screen.source.sizes[1] if screen.source is not None else 0)
        limits: list[Limits | None] = [None] * len(channels)
        tables = [np.zeros((len(levels), 3)) for _ in channels]
        order, seen = self._layers.viewer.layers.index, 1.0
        shown = [(channel, entry.layer) for channel, entry in screen.visible.items()]
        for channel, layer in sorted(shown, key=lambda one: order(one[1]), reverse=True):
            low, high = layer.contrast_limits
            limits[channel] = float(low), float(high)
            colours = layer.colormap.map(levels**layer.gamma)[:, :3]
            tables[channel] = seen * layer.opacity * colours
            if layer.blending != "additive":
                seen *= 1 - layer.opacity
        return limits, tables

    def _show_progress(self, progress: tuple[int, int]) -> None:
        self.said.say("{} of {} pictures".format(*progress))

    def _show_end(self, result: str | LazyPipelineError) -> None:
        self.button.setText("Movie\u2026")
        self.said.say(str(result))
