"""Exercise 2: a look at another time point reads that one, once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples.samples import TIMELAPSE
from napari_lazy_pipeline.session import Session

_CHANNELS = len(TIMELAPSE["waves"])
_SCENE = Scene()
KINDS = ("read", "subtract_background", "deskew")


def look(session: Session, t: int) -> dict[str, int]:
    """Make all channels of a time point; how many volumes were read and made for that."""
    log, source = session.compute_log, session.source()
    before = {kind: log.count(kind) for kind in KINDS}
    for c in range(source.sizes[1]):
        source.read(t, c)
    return {kind: log.count(kind) - before[kind] for kind in KINDS}


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    look(session, 0)
    there, back = look(session, 1), look(session, 0)
    return {
        "volumes read one time point further": there["read"],
        "chunks deskewed one time point further": there["deskew"],
        "volumes read on the way back": back["read"],
    }


EXERCISE = Exercise(
    title="One chunk lights up",
    minutes=5,
    scene=_SCENE,
    task="Press Set the scene. Move the time slider by one, and watch the map of chunks. Then go "
    "back to the first time point.",
    question="How many volumes are read when the slider moves on by one, and how many on the way "
    "back?",
    answer="One for each channel: a column of the map lights up, all others stay grey. On the way "
    "back nothing is read: what was made is cached, of every step.",
    figures=(
        Figure("volumes read one time point further", _CHANNELS),
        Figure("chunks deskewed one time point further", _CHANNELS),
        Figure("volumes read on the way back", 0),
    ),
    measure=_measure,
)
