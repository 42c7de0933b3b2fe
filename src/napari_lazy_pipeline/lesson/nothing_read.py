"""Exercise 1: all is set up, and nothing was read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples.samples import TIMELAPSE

VOLUMES = TIMELAPSE["times"] * len(TIMELAPSE["waves"])
_SCENE = Scene()


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    assert session.stack is not None
    raw, view = session.raw.source, session.pipeline.apply(session.stack)
    assert isinstance(raw, FileSource)
    chunks, before = view.data.npartitions, raw.volumes_read
    for c in range(view.shape[1]):
        view.data[0, c, view.shape[2] // 2].compute()
    used = session.stack.source
    assert isinstance(used, FileSource)
    return {
        "volumes": sum(raw.plan.recorded),
        "chunks of dask": chunks,
        "volumes read to set it up": before,
        "volumes read for the picture": used.volumes_read,
    }


EXERCISE = Exercise(
    title="Nothing was read",
    minutes=5,
    scene=_SCENE,
    task="Press Set the scene. The folder is open, two steps are set, and one picture is shown. "
    "Look at Read in the laziness monitor below. Then press Reset counters.",
    question=f"The folder has {VOLUMES} volumes. How many had to be read until the picture was "
    "there, and how many to set everything up?",
    answer="Two for the picture: the time point on screen, in each of two channels. None to set "
    "it up: names of files tell times and channels, one header tells the shape, and each step "
    "tells the shape and the place of its result without any pixel. dask holds one chunk for each "
    "volume: a promise, not pixels.",
    figures=(
        Figure("volumes", VOLUMES),
        Figure("chunks of dask", VOLUMES),
        Figure("volumes read to set it up", 0),
        Figure("volumes read for the picture", len(TIMELAPSE["waves"])),
    ),
    measure=_measure,
)
