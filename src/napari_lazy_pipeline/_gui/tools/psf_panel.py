"""Psf panel: what the card of the deconvolution offers besides its form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.psf_maker import PsfMaker
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import PsfArray
from napari_lazy_pipeline.psf.psf_view import PsfPicture, psf_picture
from napari_lazy_pipeline.psf.psf_voxel_size import Spacing, recorded_spacing
from napari_lazy_pipeline.steps._per_channel import ChannelValues, channel_value
from napari_lazy_pipeline.steps.deconvolve import UNKNOWN, Deconvolve

_MARK = "napari_lazy_pipeline_psf"
_GAMMA = 0.5  # the rings of a PSF are a hundred times darker than its middle


class PsfPanel(QWidget):
    """Shows the PSF of a deconvolution, says who states its spacing, and computes one."""

    def __init__(self, step: StepReference, viewer: Any) -> None:
        super().__init__()
        self._reference = step
        self._paths: list[str] = []
        self._recorded: dict[str, Spacing] = {}
        self._spacing_task = BackgroundTask("The voxel size of the PSF cannot be read")
        self._view_task = BackgroundTask("The PSF cannot be shown")
        self.show_button = push_button(
            "Show PSF", "Show the PSF as a layer, in the middle of what is on screen", self._on_show
        )
        tooltip = "Compute a PSF from objective, wavelength and light sheet"
        self.make_button = push_button("Compute PSF", tooltip, checkable=True)
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
        self.maker.saved.connect(self._on_saved)
        self._view_task.finished.connect(partial(show_psfs, viewer))
        self._view_task.failed.connect(lambda error: self.error.say(str(error)))
        self._spacing_task.finished.connect(self._on_spacing)
        step.follow(self, self._on_edit)

    def _raw_folder(self) -> Path | None:
        stack = self._reference.session.stack
        return raw_folder(stack.source) if stack else None

    @property
    def _psfs(self) -> dict[str, tuple[str, Triple]]:
        """File and stated voxel size by channel; one for all has no name."""
        step, plan = self._reference.step, self._reference.session.plan
        if not isinstance(step, Deconvolve):
            return {}
        psf, size, names = step.psf, step.psf_voxel_size, [""]
        several = {name for v in (psf, size) if isinstance(v, ChannelValues) for name in v}
        if several:
            before = plan.spec_before(self._reference.index or 0) if plan is not None else None
            names = [*(before.channels if before is not None else sorted(several))]
        return {
            name: (channel_value(psf, name, ""), channel_value(size, name, UNKNOWN))
            for name in names
        }

    def _on_edit(self, *_: object) -> None:
        """Another file: ask what it says about itself; another spacing: say whose it is."""
        psfs = {psf for psf, _ in self._psfs.values() if psf}
        paths = sorted(psf for psf in psfs if not isinstance(psf, PsfArray))
        self.show_button.setEnabled(bool(psfs))
        self.error.say("")
        if paths != self._paths:
            self._paths, self._recorded = paths, {}
            self._spacing_task.start(
                " ".join(paths), lambda _: {path: recorded_spacing(path) for path in paths}
            )
        self._show_origins()

    def _on_spacing(self, recorded: dict[str, Spacing]) -> None:
        self._recorded = recorded
        self._show_origins()

    def _show_origins(self) -> None:
        """Say where the voxel sizes come from, or ask for them."""
        origins, questions = [], []
        for name, (path, stated) in self._psfs.items():
            recorded = Spacing() if isinstance(path, PsfArray) else self._recorded.get(path)
            # That a file is missing is said by the step: then the voxel size is no question.
            if recorded is not None and recorded.readable:
                origin, question = _origin(stated, recorded)
                origins += [f"{name}: {origin}" if name else origin] * bool(origin)
                questions += [f"{name}: {question}" if name else question] * bool(question)
        self.origin.say("\n".join(origins))
        self.question.say("\n".join(questions))

    def _on_show(self) -> None:
        psfs = dict.fromkeys(psf for psf in self._psfs.values() if psf[0])
        self.error.say("")
        self._view_task.start(
            " ".join(path for path, _ in psfs), lambda _: [psf_picture(*psf) for psf in psfs]
        )

    def _on_saved(self, path: str, voxel_size: tuple[float, float, float]) -> None:
        self._reference.edit(psf=path, psf_voxel_size=voxel_size)
        self.make_button.setChecked(False)


def _origin(stated: Triple, recorded: Spacing) -> tuple[str, str]:
    """Where the voxel size of a PSF comes from; and a question, if nobody states it."""
    known = [s or r for s, r in zip(stated, recorded.voxel_size, strict=True)]
    source = f"{recorded.source}: {_lengths(recorded.voxel_size)} µm"
    if not all(known):
        axes = ", ".join(a for a, length in zip("zyx", known, strict=True) if not length)
        return "", f"Type the PSF voxel size along {axes}: the file does not say it"
    if not any(stated):
        return f"Voxel size from {source}", ""
    beside = f" ({source})" if recorded.source else ""
    return f"Voxel size {_lengths(known)} µm: typed{beside}", ""


def _lengths(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" if length else "?" for length in lengths)


def show_psfs(viewer: Any, pictures: Sequence[PsfPicture]) -> None:
    """Put PSFs on screen instead of the last ones, their peaks in the middle of the window."""
    for layer in [layer for layer in viewer.layers if layer.metadata.get(_MARK)]:
        viewer.layers.remove(layer)
    centre = _centre(viewer)
    for picture in pictures:
        viewer.add_image(
            picture.volume,
            name=f"PSF {picture.name}",
            scale=picture.voxel_size,
            translate=[c - p for c, p in zip(centre, picture.peak, strict=True)],
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
    centre = viewer.scene.camera.center[-len(dims.displayed) :]
    for axis, position in zip(dims.displayed, centre, strict=True):
        point[axis] = position
    return point[-3:]
