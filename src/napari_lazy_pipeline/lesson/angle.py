"""Exercise 4: the angle by eye, by estimate, and wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.estimate.scan_angle import estimate_scan
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples import simulated_cell
from napari_lazy_pipeline.samples.samples import TIMELAPSE, plane_step

_SCENE = Scene(monitor=False)
_TRUE, _WRONG = TIMELAPSE["angle"], 45.0


def _ends() -> list[tuple[int, int, float]]:
    """Plane, row and x [um] of the vesicles at the two ends of the cell, along z."""
    (dz, _), dy = plane_step(), TIMELAPSE["voxel_size"][1]
    places = sorted(vesicle.position for vesicle in simulated_cell.vesicles(0, 0))
    return [(round(z / dz), round(y / dy), x) for z, y, x in (places[0], places[-1])]


def _distance(angle: float) -> float:
    """Distance of these vesicles along x [um] that a deskew by this angle shows."""
    (first, _, a), (last, _, b) = _ends()
    size = TIMELAPSE["voxel_size"]
    error = Scan(angle).shear(size) - Scan(_TRUE).shear(size)
    return float(abs(b - a + error * (last - first) * size[2]))


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    stack = session.stack
    assert stack is not None
    found = estimate_scan(stack.source.read(0, 0), stack.spec.voxel_size)
    made = {}
    for angle in (_TRUE, _WRONG):
        session.state(angle=angle)
        volume = session.source().read(0, 0)
        first, last = (int(np.argmax(volume[plane, row])) for plane, row, _ in _ends())
        made[angle] = abs(last - first) * stack.spec.voxel_size[2]
    return {
        "angle that Estimate finds": found.scans[0].angle,
        "distance of two vesicles along x": made[_TRUE],
        f"distance at {_WRONG:g}°": made[_WRONG],
    }


EXERCISE = Exercise(
    title="Deskew by eye, by estimate, and wrong on purpose",
    minutes=10,
    scene=_SCENE,
    task="Press Set the scene. Turn the angle of Deskew by eye, until vesicles are round in the "
    "x-z view. Then press Estimate angle in its card, and the first angle that it proposes. Then "
    f"set {_WRONG:g}° on purpose.",
    question="How near did you come to the truth? And how far apart are two vesicles, one at "
    f"each end of the cell, if the angle is {_WRONG:g}°: does anything tell that it is wrong?",
    answer="The cell was made at 31.5°; the estimate comes within 1.5°, from the cell alone. A "
    "wrong angle looks plausible: the picture is as sharp in each plane, and only lengths along x "
    "are false. "
    "Nothing but the estimate, or a bead that ought to be round, tells.",
    figures=(
        Figure("angle that Estimate finds", _TRUE, "°", within=1.5),
        Figure("distance of two vesicles along x", _distance(_TRUE), "µm", within=0.15),
        Figure(f"distance at {_WRONG:g}°", _distance(_WRONG), "µm", within=0.15),
    ),
    measure=_measure,
)
