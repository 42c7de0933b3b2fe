"""Written layers: shows what an export wrote, read in the background like raw data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.save.written_origin import written_origin
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io import FolderInfo, inspect_folder
from napari_lazy_pipeline.session import Session

_IN_TIFFS = re.compile(r"(.+)_ch\d+_t\d+\.tif")


class WrittenLayerOptions(LayerOptions):
    """What layers of written volumes are made with: no step runs again, and they have an origin."""

    def __init__(self, session: Session, origin: Triple, times: tuple[float, float]) -> None:
        super().__init__(session)
        self._origin, self._times = origin, times

    def source(self, at_least: bool = False) -> PipelineSource:
        """Source that reads the written volumes."""
        return self.session.raw_source()

    def time_axis(self, source: PipelineSource) -> tuple[float, float]:
        """When the first time point was recorded, and the distance of two, as beside them."""
        return self._times

    def place_on_screen(self, source: PipelineSource, position: Position) -> tuple[int, int | None]:
        return position.index(*self._times, source.sizes[0]), position.plane_of(source)

    def translate(self, source: PipelineSource) -> tuple[float, ...]:
        """Position of voxel 0 (z, y, x) [um], as the files say."""
        return self._origin

    def name(self, channel: int, source: PipelineSource) -> str:
        """Name of data and channel, and that they are from a file."""
        return f"{self.data_name(channel, source)} [written]"

    def metadata(self) -> dict[str, Any]:
        """Metadata of a layer: none, the files tell how they were made."""
        return {}


class WrittenLayers(QObject):
    """Shows written volumes beside the layers of the dock, at their time point and plane."""

    failed = Signal(object)  # LazyPipelineError: the result cannot be opened

    def __init__(self, viewer: Any, layers: Layers) -> None:
        super().__init__()
        self._viewer, self._beside = viewer, layers
        self._layers: dict[str, Layers] = {}
        self._folder = ""  # of the data that are open
        layers.session.stack_changed.connect(self._on_data)
        self._opener = BackgroundTask("The result cannot be shown")
        self._opener.finished.connect(self._on_opened)
        self._opener.failed.connect(self.failed)

    @property
    def layers(self) -> list[Any]:
        """The napari layers."""
        return [layer for layers in self._layers.values() for layer in layers.layers]

    def show(self, path: Path, file: Path | None = None) -> None:
        """Show a store, or of a folder the files that are named like one; returns at once."""
        pattern = _pattern(file) if file is not None else None
        one = file if file is not None and pattern is not None else path
        self._opener.start(
            str(path), lambda _: (str(path), inspect_folder(path, pattern), written_origin(one))
        )

    def close(self) -> None:
        """Disconnect from the viewer; the layers stay."""
        self._beside.session.stack_changed.disconnect(self._on_data)
        self._opener.forget()
        for layers in self._layers.values():
            layers.close()
            layers.compute_thread.stop()

    def _on_data(self, _: object) -> None:
        """Take the layers away once other data are open: they do not belong beside these."""
        info = self._beside.session.folder_info
        before, self._folder = self._folder, info.folder if info is not None else ""
        if before not in ("", self._folder):
            self._opener.forget()
            for path in list(self._layers):
                self._remove(path)

    def _remove(self, path: str) -> None:
        layers = self._layers.pop(path, None)
        if layers is not None:
            layers.close()
            layers.remove()
            layers.compute_thread.stop()

    def _on_opened(self, result: tuple[str, FolderInfo, Triple]) -> None:
        path, folder_info, origin = result
        self._remove(path)
        session, position = Session(self._beside.session.cache), self._beside.position
        options = WrittenLayerOptions(session, origin, self._times(folder_info))
        self._layers[path] = Layers(self._viewer, session, ComputeThread(), options, position)
        session.show(folder_info)

    def _times(self, written: FolderInfo) -> tuple[float, float]:
        """Time axis of files whose numbers tell which time points of the result they are."""
        source, rows = self._beside.screen.source, len(written.source.layout.table)
        labels = [written.source.layout.time_label(row) for row in range(min(rows, 2))]
        first, second = (*(int(label) for label in labels if label.isdigit()), 0, 1)[:2]
        if source is None:
            return 0.0, written.time_interval or 1.0
        start, interval = LayerOptions(self._beside.session).time_axis(source)
        return start + first * interval, max(second - first, 1) * interval


def _pattern(file: Path) -> str | None:
    """Pattern of the TIFF files of one export: others may have been written beside them."""
    named = _IN_TIFFS.fullmatch(file.name)
    return re.sub(r"[{}*?\\]", "?", named[1]) + "_ch{c}_t{t}.tif" if named else None
