"""PSF finder: where a deconvolution without a PSF is switched on, finds one for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask, TaskRun
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.metadata.ome_channels import channel_wavelengths
from napari_lazy_pipeline.psf.psf_choice import PsfChoice, choose_psfs
from napari_lazy_pipeline.psf.psf_search import psf_files, psf_files_near
from napari_lazy_pipeline.psf.wavelength import wavelengths
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.history import LAST_GESTURE
from napari_lazy_pipeline.steps.deconvolve import Deconvolve

Choices = dict[str, PsfChoice]


class PsfFinder(QObject):
    """Searches beside the data; only what is certain is filled in, the rest is asked for.

    A search follows a hand that switches a deconvolution on, adds one, or opens other data: what
    was undone or emptied stays so.
    """

    changed = Signal()  # other choices, or another error

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.choices: Choices = {}  # by the name of a channel of the data that are open
        self.error = ""
        self._session = session
        self._seen: tuple[object, int] = (None, 0)
        self._task = BackgroundTask("No PSFs can be found")
        self._task.failed.connect(self._on_failed)
        self._task.finished.connect(self._on_found)
        self._fill: tuple[int | None, object] = None, None  # step that was asked for, and gesture
        session.plan_changed.connect(self._on_plan)

    @property
    def busy(self) -> bool:
        """Return whether a search is under way."""
        return self._task.busy

    def search(self, index: int, where: str | Sequence[str]) -> None:
        """Find the PSFs of one step in a folder, or among files, in the place of its own."""
        self._start(index, None, where)

    def _on_plan(self, *_: object) -> None:
        info, stack = self._session.folder_info, self._session.stack
        if info is None or stack is None:
            return
        steps, (known, count) = self._session.pipeline.steps, self._seen
        on = {i: s for i, s in enumerate(steps) if isinstance(s, Deconvolve) and s.enabled}
        data = info.folder, stack.stack_spec.channels
        self._seen = data, len(on)
        if data != known:
            self._forget()
        empty = [index for index, step in on.items() if step.psf == ""]
        if empty and (data != known or len(on) > count) and not self._session.can_redo:
            self._start(None, None if data != known else LAST_GESTURE)

    def _start(self, index: int | None, gesture: object, where: Any = None) -> None:
        info, stack = self._session.folder_info, self._session.stack
        if info is None or stack is None:
            return
        channels = stack.stack_spec.channels
        self._fill = index, gesture

        def work(run: TaskRun) -> Choices:
            if where is None:
                paths = psf_files_near(info.folder, info.source.names, run.cancelled)
            else:
                paths = psf_files(where)
            if not paths:
                return {}
            return choose_psfs(paths, channels, stated_wavelengths(info, channels))

        self._task.start(info.folder, work)

    def _on_found(self, choices: Choices) -> None:
        self.choices, self.error = choices, ""
        asked, gesture = self._fill
        steps, undone = self._session.pipeline.steps, self._session.can_redo
        on = {i: one for i, one in enumerate(steps) if isinstance(one, Deconvolve)}
        # Meanwhile, the person may have chosen a PSF, or have undone, moved or removed steps.
        empty = [i for i, one in on.items() if one.enabled and one.psf == "" and not undone]
        indices = empty if asked is None else [asked] if asked in on else []
        paths = {channel: choice.path for channel, choice in choices.items()}
        psf = paths if len(paths) > 1 else next(iter(paths.values()), "")
        for index in indices if any(paths.values()) else ():
            step = self._session.shown_step(index)
            if isinstance(step, Deconvolve):
                edited = step.replace(psf=psf).after_edit("psf", step)
                self._session.edit_step(index, edited, gesture)
        self.changed.emit()

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.error = str(error)
        self.changed.emit()

    def _forget(self) -> None:
        self._task.forget()
        self.choices, self.error = {}, ""
        self.changed.emit()


def stated_wavelengths(info: FolderInfo, channels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Wavelengths of the channels [nm]: in the names that files give them, or in OME-XML."""
    stated, source = dict[str, tuple[int, ...]](), info.source
    inner = source.info.inner[1]
    for c, (channel, name) in enumerate(zip(channels, info.channel_names, strict=False)):
        path = source.path(0, c)
        headers = channel_wavelengths(path) if path and not wavelengths(name) else ()
        own = headers[c % inner] if len(headers) == inner else ()
        stated[channel] = wavelengths(name) or own
    return stated
