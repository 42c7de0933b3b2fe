"""Results: shows what was written as layers, read in the background like the raw data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline.compute.pipeline import PipelineSource
from napari_lazy_pipeline.io.open_stack import FolderInfo, inspect_folder
from napari_lazy_pipeline.session.session import Session


class WrittenLayerOptions(LayerOptions):
    """Says what layers of written volumes are made with: no step runs again."""

    def source(self) -> PipelineSource:
        """What reads the written volumes."""
        return self.session.raw_source()

    def name(self, channel: int, source: PipelineSource) -> str:
        """Data and channel, and that they are from a file."""
        return f"{self.data_name(channel, source)} [written]"

    def metadata(self) -> dict[str, Any]:
        """Where they are; how they were made is told there."""
        return {}


class WrittenLayers(QObject):
    """Shows written volumes beside what the dock shows.

    Parameters
    ----------
    viewer
        Where.
    layers
        The layers of the dock, whose time point and plane are followed.

    Signals
    -------
    failed(LazyPipelineError)
        The result cannot be opened.
    """

    failed = Signal(object)

    def __init__(self, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._beside = viewer, layers
        self._shown: dict[str, Layers] = {}
        self._opener = BackgroundTask("The result cannot be shown")
        self._opener.finished.connect(self._on_found)
        self._opener.failed.connect(self.failed)

    @property
    def layers(self) -> list[Any]:
        """The napari layers."""
        return [layer for shown in self._shown.values() for layer in shown.layers]

    def show(self, place: Path) -> None:
        """Show the files of a folder, or a store; returns at once."""
        self._opener.start(str(place), lambda _: (str(place), inspect_folder(place)))

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._opener.forget()
        for shown in self._shown.values():
            shown.close()
            shown.runner.stop()

    def _on_found(self, answer: tuple[str, FolderInfo]) -> None:
        place, found = answer
        before = self._shown.pop(place, None)
        if before is not None:
            before.close()
            before.remove()
            before.runner.stop()
        session = Session(self._beside.session.cache)
        maker, position = WrittenLayerOptions(session), self._beside.position
        self._shown[place] = Layers(self._viewer, session, ComputeThread(), maker, position)
        session.show(found)
