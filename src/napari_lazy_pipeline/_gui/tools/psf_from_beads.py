"""PSF from beads: finds the beads of a stack, tells how large they are, and saves their average."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QProgressBar, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.tools.psf_pictures import PsfPictures
from napari_lazy_pipeline._gui.tools.shown_beads import shown_beads
from napari_lazy_pipeline._gui.tools.width_table import WidthTable
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun, Work
from napari_lazy_pipeline._gui.widgets.curve_plot import CurvePlot
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, printable
from napari_lazy_pipeline.exports.refusals import refuse_folder
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.psf.bead_average import BeadAverage, BeadStack
from napari_lazy_pipeline.psf.psf_view import PsfPicture
from napari_lazy_pipeline.session import Session

_FIND = "Find beads"


class PsfFromBeads(QWidget):
    """Makes a PSF of a stack of beads in a file, or of the raw volume on screen."""

    # A PSF was saved to this path, with this voxel size (z, y, x) [um], for this channel, or all.
    saved = Signal(str, object, str)

    def __init__(
        self, raw_folder: Callable[[], Path | None], session: Session, layers: Layers
    ) -> None:
        super().__init__()
        self._raw_folder, self._session, self._layers = raw_folder, session, layers
        self._made: BeadAverage | None = None
        self._data: object = None  # the files that beads on screen are of
        self._task = BackgroundTask("The beads cannot be averaged")
        self._saving = BackgroundTask("The PSF cannot be saved")
        self.source = QComboBox()
        self.source.setAccessibleName("Where the beads are")
        self.source.setToolTip("Beads in a file, or in the raw volume on screen")
        self.form = ModelForm(BeadStack())
        self.form.margins = (5, 0, 0, 0)
        self.find_button = push_button(_FIND, "Find, centre and average the beads", self._on_find)
        tooltip = "Save the average as TIFF, and deconvolve with it"
        self.save_button = push_button("Save and use…", tooltip, self._on_save)
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.result, self.error = Sentence(), Sentence(error=True)
        self.widths, self.plot, self.pictures = WidthTable(), CurvePlot(), PsfPictures()
        column(
            self.source, self.form.native, row(self.find_button, self.save_button), self.bar,
            self.result, self.widths, self.plot, self.pictures, self.error,
            parent=self, spacing=6,
        )  # fmt: skip
        self.source.currentIndexChanged.connect(self._on_source)
        self.form.changed.connect(self._forget)
        self._task.progressed.connect(lambda part: self.bar.setValue(round(100 * part)))
        self._task.finished.connect(self._show)
        self._task.failed.connect(self._on_failed)
        self._saving.finished.connect(self._on_saved)
        self._saving.failed.connect(self._on_failed)
        self.show_channels()

    def show_channels(self) -> None:
        """Offer the channels of the data that are open, besides a file."""
        stack = self._session.stack
        channels = stack.stack_spec.channels if stack is not None else ()
        before, self._data = self._data, stack.source.token if stack is not None else None
        if before != self._data and self.channel is not None:
            self._forget()
        offered = ["Beads in a file", *(f"Beads on screen: {name}" for name in channels)]
        if offered != [self.source.itemText(i) for i in range(self.source.count())]:
            with QSignalBlocker(self.source):
                self.source.clear()
                self.source.addItems([printable(text) for text in offered])
            self._on_source()

    @property
    def channel(self) -> int | None:
        """The channel on screen that has the beads; None: they are in a file."""
        return self.source.currentIndex() - 1 if self.source.currentIndex() > 0 else None

    def save_as(self, path: str | Path) -> None:
        """Save the average, in the background."""
        made, raw = self._made, self._raw_folder()
        assert made is not None
        self.save_button.setEnabled(False)
        beads, name = self._beads, self._name

        def work(_: TaskRun) -> tuple[Path, Any, str]:
            return _save(made, Path(path), raw, beads), made.voxel_size, name

        self._saving.start(str(path), work)

    @property
    def _beads(self) -> str:
        """What the beads are in."""
        if self.channel is None:
            return Path(self.form.value.path).name
        return f"{Path(self._raw_folder() or '').name}, channel {self._name}"

    @property
    def _name(self) -> str:
        """Name of the channel that has the beads; empty: they are in a file."""
        stack, channel = self._session.stack, self.channel
        if stack is None or channel is None:
            return ""
        return stack.stack_spec.channels[channel]

    def _on_source(self, *_: object) -> None:
        for name in ("path", "voxel_size"):
            self.form.fields[name].visible = self.channel is None
        self._forget()

    def _forget(self, *_: object) -> None:
        """What was found is of another stack."""
        self._task.forget()
        self._show(None)
        self.error.say("")

    def _show(self, made: BeadAverage | None) -> None:
        self._made = made
        self.bar.setVisible(False)
        self.find_button.setText(_FIND)
        self.save_button.setEnabled(made is not None)
        self.result.say("" if made is None else _in_words(made))
        self.widths.show_widths(made)
        self.plot.show_curve(None if made is None else made.profiles)
        pictures = [] if made is None else [PsfPicture(made.psf, made.voxel_size, "Average")]
        self.pictures.show_pictures(pictures)

    def _on_find(self) -> None:
        """Find the beads; while they are being looked for, stop that."""
        stop = self._task.busy
        self._forget()
        if stop:
            return
        beads, channel = self.form.value, self.channel
        try:
            work = self._work(beads, channel)
        except LazyPipelineError as error:
            self.error.say(str(error))
            return
        self.find_button.setText("Cancel")
        self.bar.setValue(0)
        self.bar.setVisible(True)
        place = beads.path if channel is None else str(self._raw_folder())
        self._task.start(place, work)

    def _work(self, beads: BeadStack, channel: int | None) -> Work:
        """What is done in the background; curves and widths with it."""
        shown = None
        if channel is not None:
            shown = shown_beads(self._session, self._layers, channel, beads.size)

        def work(run: TaskRun) -> BeadAverage:
            made = shown(run) if shown else beads.average(run.cancelled, run.report)
            _ = made.profiles, made.average_width
            return made

        return work

    def _on_failed(self, error: LazyPipelineError) -> None:
        self._show(self._made)
        self.error.say(str(error))

    def _on_save(self) -> None:
        stem = self._name or Path(self.form.value.path).stem
        name = f"psf_{stem}.tif".replace("/", "_")
        path, _ = QFileDialog.getSaveFileName(self, "Save PSF", name, "TIFF (*.tif *.tiff)")
        if path:
            self.save_as(path)

    def _on_saved(self, saved: tuple[Path, Any, str]) -> None:
        path, voxel_size, channel = saved
        self.save_button.setEnabled(self._made is not None)
        self.saved.emit(str(path), voxel_size, channel)


def _in_words(made: BeadAverage) -> str:
    """How many beads there are."""
    return f"{len(made.widths)} of {made.found} bright spots used"


def _save(made: BeadAverage, path: Path, raw: Path | None, beads: str) -> Path:
    """Save; the raw folder is never written to."""
    refuse_folder(path.parent, raw)
    widths = ", ".join(f"{axis} {width} um" for axis, width, _ in made.table())
    about = f"median of {len(made.widths)} beads of {beads}\nwidths = {widths}"
    return save_psf(made.psf, made.voxel_size, path, about)
