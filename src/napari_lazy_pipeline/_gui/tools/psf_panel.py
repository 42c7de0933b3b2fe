"""Psf panel: what the card of the deconvolution offers besides its form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.psf_maker import PsfMaker
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.psf.psf_view import PsfPicture, psf_picture
from napari_lazy_pipeline.psf.psf_voxel_size import Spacing, recorded_spacing
from napari_lazy_pipeline.steps.deconvolve import Deconvolve


class PsfPanel(QWidget):
    """Shows the PSF of a deconvolution, says who states its spacing, and computes one.

    Parameters
    ----------
    step
        The deconvolution.
    viewer
        Where the PSF is shown.
    """

    def __init__(self, step: StepReference, viewer: Any) -> None:
        super().__init__()
        self._reference, self._viewer = step, viewer
        self._path = ""
        self._spacing: Spacing | None = None
        self._spacing_task = BackgroundTask("The voxel size of the PSF cannot be read")
        self._view_task = BackgroundTask("The PSF cannot be shown")
        self.show_button = push_button(
            "Show PSF", "Show the PSF as a layer, in the middle of what is on screen", self._on_show
        )
        self.make_button = push_button(
            "Compute PSF",
            "Compute a PSF from objective, wavelength and light sheet",
            checkable=True,
        )
        self.origin, self.question = Sentence(), Sentence(error=True)
        self.error = Sentence(error=True)
        self.maker = PsfMaker(self._raw_folder)
        for part in (self.origin, self.question, self.error, self.maker):
            part.setVisible(False)
        column(
            self.origin, self.question, row(self.show_button, self.make_button), self.error,
            self.maker, parent=self, margins=(4, 0, 4, 4), spacing=6,
        )  # fmt: skip
        self.make_button.toggled.connect(self.maker.setVisible)
        self.maker.made.connect(self._on_made)
        self._view_task.finished.connect(self._on_view)
        self._view_task.failed.connect(self._on_failed)
        self._spacing_task.finished.connect(self._on_spacing)
        step.session.plan_changed.connect(self._on_edit)
        self._on_edit()

    def _raw_folder(self) -> Path | None:
        stack = self._reference.session.stack
        return raw_folder(stack.source) if stack else None

    @property
    def _step(self) -> Deconvolve | None:
        """The step as it is now; None once it was removed."""
        step = self._reference.step
        return step if isinstance(step, Deconvolve) else None

    def _on_edit(self, *_: object) -> None:
        """Another file: ask what it says about itself; another spacing: say whose it is."""
        step = self._step
        if step is None:
            return
        self.show_button.setEnabled(bool(step.psf))
        self.error.say("")
        if step.psf != self._path:
            path = self._path = step.psf
            self._spacing = None
            self._spacing_task.start(path, lambda _: recorded_spacing(path))
        self._show_origin(step)

    def _on_spacing(self, spacing: Spacing) -> None:
        self._spacing = spacing
        self._show_origin(self._step)

    def _show_origin(self, step: Deconvolve | None) -> None:
        """Say where the voxel size comes from, or ask for it."""
        if step is None:
            return
        recorded, stated = self._spacing, step.psf_voxel_size
        origin = question = ""
        # That a file is missing is said by the step: then the voxel size is no question.
        if step.psf and recorded is not None and recorded.exists:
            known = [s or r for s, r in zip(stated, recorded.voxel_size, strict=True)]
            source = f"{recorded.source}: {_lengths(recorded.voxel_size)} µm"
            if not all(known):
                axes = ", ".join(a for a, length in zip("zyx", known, strict=True) if not length)
                question = f"Type the PSF voxel size along {axes}: the file does not say it"
            elif not any(stated):
                origin = f"Voxel size from {source}"
            else:
                origin = f"Voxel size {_lengths(known)} µm: typed"
                origin += f" ({source})" if recorded.source else ""
        self.origin.say(origin)
        self.question.say(question)

    def _on_show(self) -> None:
        step = self._step
        self.error.say("")
        if step is not None:
            path, stated = step.psf, step.psf_voxel_size
            self._view_task.start(path, lambda _: psf_picture(path, stated))

    def _on_view(self, picture: PsfPicture) -> None:
        show_psf(self._viewer, picture)

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.error.say(str(error))

    def _on_made(self, path: str, voxel_size: tuple[float, float, float]) -> None:
        self._reference.edit(psf=path, psf_voxel_size=voxel_size)
        self.make_button.setChecked(False)


def _lengths(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" if length else "?" for length in lengths)


_MARK = "napari_lazy_pipeline_psf"
# The rings of a PSF are a hundred times darker than its middle.
_GAMMA = 0.5


def show_psf(viewer: Any, picture: PsfPicture) -> Any:
    """Put a PSF on screen as a layer of its own; another one takes the place of the last.

    Its brightest point comes to lie in the middle of the window, in the plane that is shown.

    Parameters
    ----------
    viewer
        The napari viewer.
    picture
        What to show.

    Returns
    -------
    napari.layers.Image
        The layer.
    """
    for old in [layer for layer in viewer.layers if layer.metadata.get(_MARK)]:
        viewer.layers.remove(old)
    place = [c - p for c, p in zip(_centre(viewer), picture.peak, strict=True)]
    return viewer.add_image(
        picture.volume,
        name=f"PSF {picture.name}",
        scale=picture.voxel_size,
        translate=place,
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
        contrast_limits=picture.limits,
        gamma=_GAMMA,
        colormap="magma",
        blending="additive",
        metadata={_MARK: picture.name},
    )


def _centre(viewer: Any) -> list[float]:
    """The point (z, y, x) in the middle of the window, in the plane that is shown [um]."""
    dims = viewer.dims
    if not viewer.layers or dims.ndim < 3:
        return [0.0, 0.0, 0.0]
    point = list(dims.point)
    shown = viewer.scene.camera.center[-len(dims.displayed) :]
    for axis, position in zip(dims.displayed, shown, strict=True):
        point[axis] = position
    return point[-3:]
