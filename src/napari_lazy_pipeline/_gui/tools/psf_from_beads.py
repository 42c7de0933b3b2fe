"""PSF from beads: finds the beads of a stack, tells how large they are, and saves their average."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QProgressBar, QWidget

from napari_lazy_pipeline._gui.tools.psf_pictures import PsfPictures
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.destination import refuse_folder
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.psf.bead_average import BeadAverage, BeadStack
from napari_lazy_pipeline.psf.psf_view import PsfPicture


class PsfFromBeads(QWidget):
    """Makes a PSF of a stack of beads."""

    saved = Signal(str, object)  # A PSF was saved to this path, with this voxel size (z, y, x) [um]

    def __init__(self, raw_folder: Callable[[], Path | None]) -> None:
        super().__init__()
        self._raw_folder = raw_folder
        self._made: BeadAverage | None = None
        self._task = BackgroundTask("The beads cannot be averaged")
        self._saving = BackgroundTask("The PSF cannot be saved")
        self.form = ModelForm(BeadStack())
        self.form.margins = (5, 0, 0, 0)
        self.find_button = push_button(
            "Find beads", "Find, centre and average the beads", self._on_find
        )
        tooltip = "Save the average as TIFF, and deconvolve with it"
        self.save_button = push_button("Save and use…", tooltip, self._on_save)
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.result, self.error = Sentence(), Sentence(error=True)
        self.pictures = PsfPictures()
        column(
            self.form.native, row(self.find_button, self.save_button), self.bar, self.result,
            self.pictures, self.error, parent=self, spacing=6,
        )  # fmt: skip
        self.form.changed.connect(self._forget)
        self._task.progressed.connect(lambda part: self.bar.setValue(round(100 * part)))
        self._task.finished.connect(self._on_found)
        self._task.failed.connect(self._on_failed)
        self._saving.finished.connect(lambda path: self._on_saved(path))
        self._saving.failed.connect(self._on_failed)
        self._forget()

    def save_as(self, path: str | Path) -> None:
        """Save the average, in the background."""
        made, raw, beads = self._made, self._raw_folder(), self.form.value.path
        assert made is not None
        self.save_button.setEnabled(False)
        self._saving.start(str(path), lambda _: _save(made, Path(path), raw, beads))

    def _forget(self, *_: object) -> None:
        """What was found is of another stack."""
        self._task.forget()
        self._show(None)
        self.error.say("")

    def _show(self, made: BeadAverage | None) -> None:
        self._made = made
        self.bar.setVisible(False)
        self.find_button.setEnabled(True)
        self.save_button.setEnabled(made is not None)
        self.result.say("" if made is None else _in_words(made))
        pictures = [] if made is None else [PsfPicture(made.psf, made.voxel_size, "Average")]
        self.pictures.show_pictures(pictures)

    def _on_find(self) -> None:
        beads = self.form.value

        def work(run: TaskRun) -> BeadAverage:
            return beads.average(run.cancelled, run.report)

        self._forget()
        self.find_button.setEnabled(False)
        self.bar.setValue(0)
        self.bar.setVisible(True)
        self._task.start(beads.path, work)

    def _on_found(self, made: BeadAverage) -> None:
        self._show(made)

    def _on_failed(self, error: LazyPipelineError) -> None:
        self._show(self._made)
        self.error.say(str(error))

    def _on_save(self) -> None:
        name = f"psf_{Path(self.form.value.path).stem}.tif"
        path, _ = QFileDialog.getSaveFileName(self, "Save PSF", name, "TIFF (*.tif *.tiff)")
        if path:
            self.save_as(path)

    def _on_saved(self, path: Path) -> None:
        self.save_button.setEnabled(True)
        assert self._made is not None
        self.saved.emit(str(path), self._made.voxel_size)


def _in_words(made: BeadAverage) -> str:
    """How many beads, and their widths."""
    lines = [f"{len(made.widths)} of {made.found} bright spots used. Width at half height, µm:"]
    lines += [f"{axis}: {width} ± {spread}" for axis, width, spread in made.table()]
    return "\n".join(lines)


def _save(made: BeadAverage, path: Path, raw: Path | None, beads: str) -> Path:
    """Save; the raw folder is never written to."""
    refuse_folder(path.parent, raw)
    widths = ", ".join(f"{axis} {width} um" for axis, width, _ in made.table())
    about = f"median of {len(made.widths)} beads of {Path(beads).name}\nwidths = {widths}"
    return save_psf(made.psf, made.voxel_size, path, about)
