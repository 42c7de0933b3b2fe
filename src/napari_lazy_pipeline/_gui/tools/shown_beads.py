"""Shown beads: a PSF of the beads in the raw volume on screen, put in place if it is skewed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.background_task import TaskRun
from napari_lazy_pipeline.compute import Pipeline, Progress
from napari_lazy_pipeline.errors import PsfError, ScanUnknownError
from napari_lazy_pipeline.image import StackSpec, Triple, VolumeSpec
from napari_lazy_pipeline.psf.bead_average import BeadAverage, average_beads
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps.deskew import Deskew

_READ = 0.1  # of the work


def shown_beads(
    session: Session, layers: Layers, channel: int, size: Triple
) -> Callable[[TaskRun], BeadAverage]:
    """Prepare a task that averages the beads of a channel, at the time point on screen.

    Parameters
    ----------
    channel
        Its place among the channels.
    size
        Extent of the PSF (z, y, x) [um].

    Raises
    ------
    PsfError, VoxelSizeUnknownError, ScanUnknownError
        If nothing is open, or what is open lacks a value that only a person can state.
    """
    stack, info = session.stack, session.folder_info
    if stack is None or info is None:
        raise PsfError("Nothing is open", hint="Open a folder, or choose a bead stack")
    spec = stack.spec
    _ = spec.voxel_size
    asked = any(question.about in ("angle", "step") for question in info.questions)
    if asked and spec.scan is None and session.overrides.angle != 0:
        raise ScanUnknownError.of()
    source, (t, _) = session.source_of(Pipeline()), layers.position.raw_place

    def work(run: TaskRun) -> BeadAverage:
        volume = source.read(t, channel, Progress(cancelled=run.cancelled))
        volume, voxel_size = in_place(volume, spec)
        run.report(_READ)
        return average_beads(
            volume, voxel_size, size, run.cancelled, lambda done: run.report(_READ + 0.9 * done)
        )

    return work


def in_place(volume: np.ndarray, spec: VolumeSpec) -> tuple[np.ndarray, Triple]:
    """Deskew a raw volume, if it is skewed; and its voxel size then (z, y, x) [um].

    Voxels without data get the background: they are no edge of a bead.
    """
    if spec.scan is None or spec.frame != "camera":
        return volume, spec.voxel_size
    pipeline = Pipeline([Deskew(fill=float(np.median(volume)))])
    made = pipeline.run_volume(volume, spec)
    return made, pipeline.plan(StackSpec(spec)).after.voxel_size
