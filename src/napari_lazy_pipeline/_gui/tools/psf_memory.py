"""PSF memory: what PSF files state about their voxels, and what was entered for them earlier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.tools.psf_sizes import PsfSizes
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline.image import Triple
from napari_lazy_pipeline.psf.psf_file import PsfArray
from napari_lazy_pipeline.psf.psf_identity import psf_identity
from napari_lazy_pipeline.psf.psf_voxel_size import Spacing, recorded_spacing
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.history import LAST_GESTURE
from napari_lazy_pipeline.steps._deconvolution_fields import UNKNOWN
from napari_lazy_pipeline.steps._per_channel import ChannelValues, channel_value
from napari_lazy_pipeline.steps.deconvolve import Deconvolve

_WRITE_AFTER = 300  # ms; while a value is turned, the file is not written for each


@dataclass(frozen=True)
class PsfFacts:
    """What is known of a PSF file."""

    recorded: Spacing = field(default_factory=Spacing)  # what it states
    identity: str = ""
    remembered: Triple | None = None  # entered before it was chosen now (z, y, x) [um]


class PsfMemory(QObject):
    """Remembers the voxel size with the PSF file, and fills it in where it is chosen again.

    Only where the file does not state it, and only once: what a person changes then stays.
    """

    changed = Signal()  # more is known

    def __init__(self, session: Session, file: Path) -> None:
        super().__init__()
        self.facts: dict[str, PsfFacts] = {}
        self._session, self._sizes = session, PsfSizes(file)
        self._paths: tuple[str, ...] = ()
        self._new: set[str] = set()
        self._task = BackgroundTask("The voxel size of the PSF cannot be read")
        self._task.finished.connect(self._on_read)
        self._writing = QTimer(self, singleShot=True, interval=_WRITE_AFTER)
        self._writing.timeout.connect(self._sizes.write)
        session.plan_changed.connect(self._on_plan)
        self._on_plan()

    @property
    def busy(self) -> bool:
        """Return whether files are being read."""
        return self._task.busy

    def close(self) -> None:
        """Store what was entered last."""
        self._session.plan_changed.disconnect(self._on_plan)
        self._task.forget()
        if self._writing.isActive():
            self._writing.stop()
            self._sizes.write()

    def _on_plan(self, *_: object) -> None:
        paths = tuple(sorted({path for _, step in self._steps() for path, _ in _psfs_of(step)}))
        if paths == self._paths:
            self._note()
            return
        # What undo brings back is as it was.
        new = set() if self._session.can_redo else set(paths) - set(self._paths)
        self._new, self._paths = (self._new & set(paths)) | new, paths
        self.facts = {path: one for path, one in self.facts.items() if path in paths}
        unread = [path for path in paths if path not in self.facts]
        if unread:
            self._task.start(
                " ".join(unread),
                lambda _: {path: (recorded_spacing(path), psf_identity(path)) for path in unread},
            )

    def _on_read(self, read: dict[str, tuple[Spacing, str]]) -> None:
        for path, (recorded, identity) in read.items():
            self.facts[path] = PsfFacts(recorded, identity, self._sizes.of(identity))
        new, self._new = self._new, set()
        for index, step in [*self._steps()]:
            filled = self._filled(step, new)
            if filled != step:
                self._session.replace_step(index, filled, LAST_GESTURE)
        self._note()
        self.changed.emit()

    def _filled(self, step: Deconvolve, new: set[str]) -> Deconvolve:
        """The step with what is remembered of new files that do not state it."""
        offers = {
            path: facts.remembered
            for path, facts in self.facts.items()
            if path in new and facts.remembered and not all(facts.recorded.voxel_size)
        }
        psf: Any = step.psf
        if not isinstance(psf, ChannelValues):
            size = offers.get(psf) if step.psf_voxel_size == UNKNOWN else None
            return step.replace(psf_voxel_size=size) if size else step
        sizes = {name: channel_value(step.psf_voxel_size, name, UNKNOWN) for name in psf}
        filled = {
            name: (offers.get(psf[name]) if size == UNKNOWN else None) or size
            for name, size in sizes.items()
        }
        return step if filled == sizes else step.replace(psf_voxel_size=filled)

    def _note(self) -> None:
        """Remember what is entered now, if it is complete, and not what the file states."""
        for _, step in self._steps():
            for path, stated in _psfs_of(step):
                facts = self.facts.get(path, PsfFacts())
                recorded = facts.recorded.voxel_size
                z, y, x = (own or read for own, read in zip(stated, recorded, strict=True))
                entered = any(stated) and all((z, y, x)) and (z, y, x) != recorded
                if entered and self._sizes.note(facts.identity, PurePath(path).name, (z, y, x)):
                    self._writing.start()

    def _steps(self) -> Iterator[tuple[int, Deconvolve]]:
        for index, step in enumerate(self._session.pipeline.steps):
            if isinstance(step, Deconvolve):
                yield index, step


def _psfs_of(step: Deconvolve) -> Iterator[tuple[str, Triple]]:
    """File and stated voxel size of each PSF of a step, of each channel that has its own."""
    psf, sizes = step.psf, step.psf_voxel_size
    several: set[str] = {str(n) for v in (psf, sizes) if isinstance(v, ChannelValues) for n in v}
    for name in several or {""}:
        path = channel_value(psf, name, "")
        if path and not isinstance(path, PsfArray):
            yield path, channel_value(sizes, name, UNKNOWN)
