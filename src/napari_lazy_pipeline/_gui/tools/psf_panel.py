"""Psf panel: what the card of the deconvolution offers besides its form."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.psf_finder import PsfFinder
from napari_lazy_pipeline._gui.tools.psf_from_beads import PsfFromBeads
from napari_lazy_pipeline._gui.tools.psf_maker import PsfMaker
from napari_lazy_pipeline._gui.tools.psf_memory import PsfFacts, PsfMemory
from napari_lazy_pipeline._gui.tools.psf_pictures import PsfPictures
from napari_lazy_pipeline._gui.tools.psf_questions import PsfQuestions
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import PsfArray
from napari_lazy_pipeline.psf.psf_view import psf_picture
from napari_lazy_pipeline.steps._deconvolution_fields import UNKNOWN
from napari_lazy_pipeline.steps._per_channel import ChannelValues, channel_value
from napari_lazy_pipeline.steps.deconvolve import Deconvolve

_FILES = "TIFF (*.tif *.tiff);;All files (*)"


class PsfPanel(QWidget):
    """Shows the PSF of a deconvolution and who states its voxel size, and computes one."""

    def __init__(
        self, step: StepReference, finder: PsfFinder, memory: PsfMemory, layers: Layers
    ) -> None:
        super().__init__()
        self._reference, self._finder, self._memory = step, finder, memory
        self._pictured: tuple[Any, ...] = ()
        self._view_task = BackgroundTask("The PSF cannot be shown")
        tooltip = "Choose one PSF or OTF file for all channels, or one for each, together"
        self.choose_button = push_button("Choose PSFs…", tooltip, self._on_choose)
        tooltip = "Choose a folder: each channel gets the PSF of its wavelength"
        self.folder_button = push_button("PSF folder…", tooltip, self._on_choose_folder)
        tooltip = "Show the PSF here, from the front and from the side"
        self.show_button = push_button("Show PSF", tooltip, checkable=True)
        tooltip = "Compute a PSF from objective, wavelength and light sheet"
        self.make_button = push_button("Compute PSF", tooltip, checkable=True)
        tooltip = "Make a PSF of a stack of beads: found, centred, averaged and measured"
        self.beads_button = push_button("From beads", tooltip, checkable=True)
        self.evidence, self.origin, self.question = Sentence(), Sentence(), Sentence()
        self.questions = PsfQuestions()
        self.error = Sentence(error=True)
        self.pictures, self.maker = PsfPictures(), PsfMaker(self._raw_folder)
        self.beads = PsfFromBeads(self._raw_folder, step.session, layers)
        sentences = self.evidence, self.origin, self.question, self.error
        for part in (*sentences, self.maker, self.beads):
            part.setVisible(False)
        column(
            self.evidence, self.questions, self.origin, self.question,
            row(self.choose_button, self.folder_button, self.show_button),
            row(self.make_button, self.beads_button),
            self.error, self.pictures, self.maker, self.beads,
            parent=self, margins=(4, 0, 4, 4), spacing=6,
        )  # fmt: skip
        self.make_button.toggled.connect(self.maker.setVisible)
        self.beads_button.toggled.connect(self.beads.setVisible)
        for maker in (self.maker, self.beads):
            maker.saved.connect(self._on_saved)
        self.show_button.toggled.connect(self._show_pictures)
        self._view_task.finished.connect(self.pictures.show_pictures)
        self._view_task.failed.connect(self._on_show_failed)
        memory.changed.connect(self._show_origins)
        self.questions.chosen.connect(self._on_chosen)
        finder.changed.connect(self._on_found)
        step.follow(self, self._on_edit)

    def _on_choose(self) -> None:
        """Let the person choose the files of all channels at once."""
        present = next((str(path) for path, _ in self._psfs.values() if path), "")
        start, index = present or str(self._raw_folder() or ""), self._reference.index
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose PSFs", start, _FILES)
        if len(paths) == 1:
            self._use(paths[0])
        elif paths and index is not None:
            self._finder.search(index, paths)

    def _on_choose_folder(self) -> None:
        """Let the person choose a folder with the PSFs of all channels."""
        start, index = str(self._raw_folder() or ""), self._reference.index
        folder = QFileDialog.getExistingDirectory(self, "Choose the folder of the PSFs", start)
        if folder and index is not None:
            self._finder.search(index, folder)

    def _on_chosen(self, channel: str, path: str) -> None:
        """The person chose a file for a channel whose PSF was not certain."""
        paths = {**self._by_channel, channel: path}
        self._use(paths if len(paths) > 1 else path)

    def _use(self, psf: object) -> None:
        """Take other PSFs, as an edit of the form would."""
        step = self._reference.step
        if step is not None:
            edited = step.replace(psf=psf).after_edit("psf", step)
            self._reference.edit(**dict(edited))

    def _on_found(self) -> None:
        """Show what was found, and ask about the rest."""
        present = self._by_channel
        choices = {name: one for name, one in self._finder.choices.items() if name in present}
        evidence = (
            f"{name}: {PurePath(one.path).name} ({one.reason})"
            for name, one in choices.items()
            if one.path and present[name] == one.path
        )
        self.evidence.say("\n".join(evidence))
        self.questions.show_choices(choices, present)
        self.error.say(self._finder.error)

    def _raw_folder(self) -> Path | None:
        stack = self._reference.session.stack
        return raw_folder(stack.source) if stack else None

    @property
    def _by_channel(self) -> dict[str, Any]:
        """The file of each channel that the step meets."""
        step = self._reference.step
        if not isinstance(step, Deconvolve):
            return {}
        return {name: channel_value(step.psf, name, "") for name in self._recorded}

    @property
    def _recorded(self) -> dict[str, str]:
        """Channels that the step meets, and the recorded one that each is made of."""
        plan, index = self._reference.session.plan, self._reference.index
        if plan is None or index is None:
            return {}
        before = plan.until(index)
        names = before.after.channels
        return {name: plan.raw.channels[before.origin(0, c)[1]] for c, name in enumerate(names)}

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
        self.show_button.setEnabled(any(psf for psf, _ in self._psfs.values()))
        self._show_pictures()
        self._show_origins()
        self._on_found()
        self.beads.show_channels()

    def _show_origins(self) -> None:
        """Say where the voxel sizes come from, or ask for them."""
        origins, questions = list[tuple[str, str]](), list[tuple[str, str]]()
        for name, (path, stated) in self._psfs.items():
            facts = PsfFacts() if isinstance(path, PsfArray) else self._memory.facts.get(path)
            # That a file is missing is said by the step: then the voxel size is no question.
            if facts is not None and facts.recorded.readable:
                origin, question = _origin(stated, facts)
                origins += [(name, origin)] * bool(origin)
                questions += [(name, question)] * bool(question)
        self.origin.say(_in_lines(origins))
        self.question.say(_in_lines(questions))

    def _show_pictures(self, *_: object) -> None:
        """Show the PSFs, if they are to be seen, or others than before."""
        wanted = self._psfs.values() if self.show_button.isChecked() else ()
        psfs = tuple(dict.fromkeys(psf for psf in wanted if psf[0]))
        if psfs == self._pictured:
            return
        self._pictured = psfs
        self.error.say("")
        self._view_task.forget()
        if psfs:
            paths = " ".join(str(path) for path, _ in psfs)
            self._view_task.start(paths, lambda _: [psf_picture(*psf) for psf in psfs])
        else:
            self.pictures.show_pictures(())

    def _on_show_failed(self, error: LazyPipelineError) -> None:
        self.pictures.show_pictures(())
        self.error.say(str(error))

    def _on_saved(self, path: str, voxel_size: Triple, channel: str = "") -> None:
        """Use a PSF that was made: for all channels, or for the one that it was made of."""
        step, paths = self._reference.step, self._by_channel
        made_of = [name for name, recorded in self._recorded.items() if recorded == channel]
        mine = [channel] if channel in paths else made_of
        if 0 < len(mine) < len(paths) and isinstance(step, Deconvolve):
            sizes = {name: channel_value(step.psf_voxel_size, name, UNKNOWN) for name in paths}
            psf: Any = {**paths, **dict.fromkeys(mine, path)}
            sizes |= dict.fromkeys(mine, voxel_size)
            self._reference.edit(psf=psf, psf_voxel_size=sizes)
        else:
            self._reference.edit(psf=path, psf_voxel_size=voxel_size)
        self.make_button.setChecked(False)
        self.beads_button.setChecked(False)


def _in_lines(texts: list[tuple[str, str]]) -> str:
    """A line for each channel and its text; one for all whose texts are alike."""
    if len(texts) > 1 and len({text for _, text in texts}) == 1:
        return f"{', '.join(name for name, _ in texts)}: {texts[0][1]}"
    return "\n".join(f"{name}: {text}" if name else text for name, text in texts)


def _origin(stated: Triple, facts: PsfFacts) -> tuple[str, str]:
    """Return the source of the voxel size of a PSF; and a question, if nobody states it."""
    recorded, remembered = facts.recorded, facts.remembered
    known = [s or r for s, r in zip(stated, recorded.voxel_size, strict=True)]
    source = f"{recorded.source}: {_lengths(recorded.voxel_size)} µm"
    if not all(known):
        axes = ", ".join(a for a, length in zip("zyx", known, strict=True) if not length)
        return "", f"Enter the PSF voxel size along {axes}: it is not in the file"
    if not any(stated):
        earlier = f"; entered earlier: {_lengths(remembered)} µm" if remembered else ""
        return f"PSF voxel size (z, y, x) from {source}{earlier}", ""
    beside = f" ({source})" if recorded.source else ""
    how = "remembered for this file" if tuple(known) == remembered else "entered by you"
    return f"PSF voxel size (z, y, x) {_lengths(known)} µm, {how}{beside}", ""


def _lengths(lengths: Any) -> str:
    return " x ".join(f"{length:.4g}" if length else "unknown" for length in lengths)
