"""PSF maker: asks for objective and light sheet, computes their PSF, and saves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.refusals import refuse_folder
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.psf.theoretical_psf import Optics, compute_psf, unavailable


class PsfMaker(QWidget):
    """Computes a PSF from a few numbers."""

    saved = Signal(str, object)  # A PSF was saved to this path, with this voxel size (z, y, x) [um]

    def __init__(self, raw_folder: Callable[[], Path | None]) -> None:
        super().__init__()
        self._raw_folder = raw_folder
        self._task = BackgroundTask("The PSF cannot be made")
        self.form = ModelForm(Optics())
        self.form.margins = (5, 0, 0, 0)
        self.extent, self.error = Sentence(), Sentence(error=True)
        self.save = push_button(
            "Save and use…",
            "Compute the PSF, save it as TIFF, and deconvolve with it",
            self._on_save,
        )
        column(self.form.native, self.extent, self.save, self.error, parent=self, spacing=6)
        self.form.changed.connect(self._show)
        self._task.finished.connect(self._on_done)
        self._task.failed.connect(self._on_failed)
        self._show()

    def save_as(self, path: str | Path) -> None:
        """Compute the PSF and save it, in the background."""
        optics, raw = self.form.value, self._raw_folder()
        self.save.setEnabled(False)
        self.error.say("")
        self._task.start(str(path), lambda _: _make(optics, Path(path), raw))

    def _show(self, *_: object) -> None:
        """Say how large the PSF will be, or why there will be none."""
        missing = unavailable()
        try:
            z, y, x = self.form.value.shape
        except LazyPipelineError as error:
            self.extent.say("")
            missing = missing or str(error)
        else:
            self.extent.say(f"{z} x {y} x {x} voxels")
        self.error.say(missing or "")
        self.save.setEnabled(missing is None)

    def _on_save(self) -> None:
        name = f"psf_{round(self.form.value.wavelength)}nm.tif"
        path, _ = QFileDialog.getSaveFileName(self, "Save PSF", name, "TIFF (*.tif *.tiff)")
        if path:
            self.save_as(path)

    def _on_done(self, result: tuple[Path, Optics]) -> None:
        path, optics = result
        self.save.setEnabled(True)
        self.saved.emit(str(path), optics.voxel_size)

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.save.setEnabled(True)
        self.error.say(str(error))


def _make(optics: Optics, path: Path, raw: Path | None) -> tuple[Path, Optics]:
    """Compute and save; the raw folder is never written to."""
    refuse_folder(path.parent, raw)
    about = "\n".join(f"{name} = {value}" for name, value in optics)
    return save_psf(compute_psf(optics), optics.voxel_size, path, about), optics
