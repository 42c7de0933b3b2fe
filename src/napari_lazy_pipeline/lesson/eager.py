"""Exercise 6: what it would cost to compute all of it now, and then doing so."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tifffile

from napari_lazy_pipeline.compute.resource_estimate import volume_time
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.nothing_read import VOLUMES
from napari_lazy_pipeline.lesson.one_chunk import look
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples.samples import TIMELAPSE

_SCENE = Scene()
_CHANNELS = len(TIMELAPSE["waves"])
_MEGABYTES = 2e-6  # of a voxel


def _megabytes(volumes: int) -> float:
    """Size of so many deskewed volumes."""
    size, scan = TIMELAPSE["voxel_size"], Scan(TIMELAPSE["angle"])
    return volumes * _MEGABYTES * math.prod(DeskewPlan.of(TIMELAPSE["shape"], size, scan).out_shape)


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    unknown = volume_time(session.source().plan, session.compute_log)
    look(session, 0)
    session.cache.clear()
    known = volume_time(session.source().plan, session.compute_log)
    assert unknown is None and known is not None and session.stack is not None
    read, result = session.compute_log.count("read"), session.pipeline.apply(session.stack)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        report = export(result, folder)
        assert report.complete
        written = sum(tifffile.imread(path).nbytes for path in report.written)
    return {
        "volumes read until it is known": read,
        "size of everything": result.spec.nbytes * VOLUMES / 1e6,
        "files that the export writes": len(report.written),
        "size of their pixels": written / 1e6,
    }


EXERCISE = Exercise(
    title="What eager would cost, and then run it",
    minutes=5,
    scene=_SCENE,
    task="Press Set the scene, and switch to 3-D for a moment (the cube below layer list, or "
    "Ctrl+Y): whole volumes are made. Read in the monitor what computing everything at once would "
    "take. Then press Process all…, choose a folder, and start.",
    question="How large would everything be, how long would it take, and from how many volumes is "
    "that known? Was the estimate right?",
    answer="Shape and type are known without pixels, so the size is exact; the time is that of the "
    "volumes that were made so far, times all there are. A person who tunes steps for an hour "
    "would pay it at each change; a lazy one pays once, at the end, for steps that are decided.",
    figures=(
        Figure("volumes read until it is known", _CHANNELS),
        Figure("size of everything", _megabytes(VOLUMES), "MB", within=1e-3),
        Figure("files that the export writes", VOLUMES),
        Figure("size of their pixels", _megabytes(VOLUMES), "MB", within=1e-3),
    ),
    measure=_measure,
)
