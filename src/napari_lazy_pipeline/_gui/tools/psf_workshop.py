"""PSF workshop: what the cards of all deconvolutions share: a finder, and a memory for sizes."""

from __future__ import annotations

from pathlib import Path

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.tools.psf_finder import PsfFinder
from napari_lazy_pipeline._gui.tools.psf_memory import PsfMemory
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline.session import Session


class PsfWorkshop:
    """Finds PSFs, remembers their voxel sizes, and makes the tools of each card."""

    def __init__(self, session: Session, layers: Layers, settings: Path) -> None:
        self.finder = PsfFinder(session)
        self.memory = PsfMemory(session, settings / "psf_voxel_sizes.json")
        self._layers = layers

    def make(self, step: StepReference) -> PsfPanel:
        """Make what stands below the form of a deconvolution."""
        return PsfPanel(step, self.finder, self.memory, self._layers)

    @property
    def busy(self) -> bool:
        """Return whether PSFs are being searched for, or asked for their voxel size."""
        return self.finder.busy or self.memory.busy

    def close(self) -> None:
        """Store what was entered last."""
        self.memory.close()
