"""Written layers: shows what an export wrote, read in the background like raw data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.save.written_origin import written_origin
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io import FolderInfo, inspect_folder
from napari_lazy_pipeline.session import Session

_IN_TIFFS = re.compile(r"(.+)_ch\d+_t\d+\.tif")


class _Found(NamedTuple):
    """A result: where it is, what it is, where it lies, and which recorded time points it shows."""

    path: str
    info: FolderInfo
    origin: Triple
    recorded: range | None


class WrittenLayerOptions(LayerOptions):
    """What layers of written volumes are made with: no step runs again, and they have an origin.

    Their time points lie beside the recorded ones that they were made of, by the clock of those.
    """

    def __init__(
        self, session: Session, origin: Triple, beside: Session, recorded: tuple[int, int]
    ) -> None:
        super().__init__(session)
        self._origin, self._beside, self._recorded = origin, beside, recorded

    def source(self, at_least: bool = False) -> PipelineSource:
        """Source that reads the written volumes."""
        return self.session.source_of(Pipeline())

    def units(self, source: PipelineSource) -> tuple[str, ...]:
        """Units of scale and translate of a layer (t, z, y, x)."""
        return ("s" if self._interval else "pixel", *super().units(source)[1:])

    def time_axis(self, source: PipelineSource) -> tuple[float, float]:
        """When the first time point was recorded, and the distance of two, as beside them."""
        first, step = self._recorded
        interval = self._interval or 1.0
        return first * interval, step * interval

    @property
    def _interval(self) -> float | None:
        """Time between two recorded volumes [s]."""
        stack = self._beside.stack
        return stack.time_interval if stack is not None else None

    def place_on_screen(self, source: PipelineSource, position: Position) -> tuple[int, int | None]:
        """Time point and plane to show."""
        return position.index(*self.time_axis(source), source.sizes[0]), position.plane_of(source)

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
        layers.session.plan_changed.connect(self._on_plan)
        layers.session.stack_grown.connect(self._on_grown)
        self._opener = BackgroundTask("The result cannot be shown")
        self._opener.finished.connect(self._on_opened)
        self._opener.failed.connect(self.failed)

    @property
    def layers(self) -> list[Any]:
        """The napari layers."""
        return [layer for layers in self._layers.values() for layer in layers.layers]

    def show(self, path: Path, file: Path | None = None, recorded: range | None = None) -> None:
        """Show a store, or of a folder the files that are named like one; returns at once.

        ``recorded`` are the time points that those of the result show; None: as the steps do now.
        """
        pattern = _pattern(file) if file is not None else None
        one = file if file is not None and pattern is not None else path
        plan = self._beside.session.plan
        if recorded is None and plan is not None:
            recorded = plan.recorded_times

        def look(_: TaskRun) -> _Found:
            return _Found(str(path), inspect_folder(path, pattern), written_origin(one), recorded)

        self._opener.start(str(path), look)

    def close(self) -> None:
        """Disconnect from the viewer; the layers stay."""
        self._beside.session.stack_changed.disconnect(self._on_data)
        self._beside.session.plan_changed.disconnect(self._on_plan)
        self._beside.session.stack_grown.disconnect(self._on_grown)
        self._opener.forget()
        for layers in self._layers.values():
            layers.close()
            layers.compute_thread.stop()

    def _on_data(self, _: object) -> None:
        """Take the layers away once other data are open: they do not belong beside these."""
        info = self._beside.session.folder_info
        before, self._folder = self._folder, info.folder if info is not None else ""
        if before not in ("", self._folder):
            self._remove_all()

    def _on_grown(self, recorded: object) -> None:
        """Take the layers away once time points have other numbers: shown anew, they lie right."""
        if recorded is not None:
            self._remove_all()

    def _remove_all(self) -> None:
        self._opener.forget()
        for path in list(self._layers):
            self._remove(path)

    def _on_plan(self, _: object) -> None:
        """Put the layers beside the same moments of the recording, whose interval may be stated."""
        for layers in self._layers.values():
            layers.update_placement()

    def _remove(self, path: str) -> None:
        layers = self._layers.pop(path, None)
        if layers is not None:
            layers.close()
            layers.remove()
            layers.compute_thread.stop()

    def _on_opened(self, found: _Found) -> None:
        self._remove(found.path)
        beside = self._beside
        session = Session(beside.session.cache)
        recorded = _recorded(found.info, found.recorded)
        options = WrittenLayerOptions(session, found.origin, beside.session, recorded)
        made = Layers(self._viewer, session, ComputeThread(), options, beside.position)
        self._layers[found.path] = made
        session.show(found.info)


def _recorded(written: FolderInfo, shown: range | None) -> tuple[int, int]:
    """The recorded time point of the first written one, and how many lie between two.

    The numbers of files tell which time points of the result they are; a store has all.
    """
    layout, count = written.source.layout, len(written.source.layout.table)
    ends = [layout.time_label(row) for row in (0, count - 1)]
    first, last = map(int, ends) if all(map(str.isdecimal, ends)) else (0, count - 1)
    step = (last - first) // max(count - 1, 1) or 1
    times = shown or range(count)
    return times.start + first * times.step, step * times.step


def _pattern(file: Path) -> str | None:
    """Pattern of the TIFF files of one export: others may have been written beside them."""
    named = _IN_TIFFS.fullmatch(file.name)
    return re.sub(r"[{}*?\\]", "?", named[1]) + "_ch{c}_t{t}.tif" if named else None
