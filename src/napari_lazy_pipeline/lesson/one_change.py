"""Exercise 3: what a change makes anew, here and in a chain of map_blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Stack, VolumeSpec
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.one_chunk import KINDS, look
from napari_lazy_pipeline.lesson.scene import Scene
from napari_lazy_pipeline.samples.samples import TIMELAPSE
from napari_lazy_pipeline.steps import Step, step_types

_CHANNELS = len(TIMELAPSE["waves"])
_SCENE = Scene()
_OTHER_ANGLE = 33.0


def _measure(base: Path) -> Mapping[str, float]:
    session = _SCENE.session(base)
    look(session, 0)
    session.state(angle=_OTHER_ANGLE)
    ours = look(session, 0)
    assert session.stack is not None
    made, tasks = chained(session.stack)
    return {
        "volumes read again": ours["read"],
        "backgrounds subtracted again": ours["subtract_background"],
        "chunks deskewed again": ours["deskew"],
        "tasks of dask for a chunk": tasks,
        "volumes that map_blocks reads again": made["read"],
        "backgrounds that map_blocks subtracts again": made["subtract_background"],
    }


def chained(stack: Stack) -> tuple[Counter[str], int]:
    """Change the angle of a chain of `dask.array.map_blocks`; what is made anew for a time point.

    Besides, how many tasks dask makes of one chunk.
    """
    import dask.array as da
    from dask.base import optimize

    made: Counter[str] = Counter()
    spec = stack.spec.replace(scan=None)

    def read(block_info: Mapping[object, Mapping[str, tuple[int, ...]]]) -> np.ndarray:
        t, c = block_info[None]["chunk-location"][:2]
        made["read"] += 1
        return stack.source.read(t, c)[None, None]

    def apply(kind: str, step: Step, before: VolumeSpec) -> Callable[[np.ndarray], np.ndarray]:
        def run(block: np.ndarray) -> np.ndarray:
            made[kind] += 1
            return Pipeline([step]).run_volume(block[0, 0], before)[None, None]

        return run

    def chain(angle: float) -> da.Array:
        times, channels = stack.shape[:2]
        chunks = ((1,) * times, (1,) * channels, *((n,) for n in spec.shape))
        array = da.map_blocks(read, chunks=chunks, dtype=spec.dtype, meta=np.empty((0,) * 5))
        before = spec
        for kind in KINDS[1:]:
            values = {"angle": angle} if kind == "deskew" else {}
            step = step_types()[kind](**values)
            (after,) = Pipeline([step]).specs(before)
            chunks = (*chunks[:2], *((n,) for n in after.shape))
            array = array.map_blocks(
                apply(kind, step, before), chunks=chunks, dtype=after.dtype, meta=array._meta
            )
            before = after
        first: da.Array = array[0]
        return first

    (optimised,) = optimize(chain(TIMELAPSE["angle"])[:1])
    tasks = len([key for key in optimised.dask if "run" in str(key) or "read" in str(key)])
    chain(TIMELAPSE["angle"]).compute(scheduler="synchronous")
    made.clear()
    chain(_OTHER_ANGLE).compute(scheduler="synchronous")
    return made, tasks


EXERCISE = Exercise(
    title="What a change recomputes",
    minutes=10,
    scene=_SCENE,
    task="Press Set the scene, and Reset counters. Turn the angle of Deskew to "
    f"{_OTHER_ANGLE:g}°, and look which rows of the monitor grow, and which boxes of its "
    "graph say cached. Then think of the same steps as a chain of dask's map_blocks.",
    question="Which steps are done again for the time point on screen, and which would be with "
    "map_blocks alone?",
    answer="Only the deskew, once for each channel: what is before it stays in the cache, of the "
    "reading and of the background alike. dask fuses a chain of map_blocks into one task for each "
    "chunk, which is quick to schedule and keeps nothing on the way: each change of the last step "
    "reads the file and subtracts the background again.",
    figures=(
        Figure("volumes read again", 0),
        Figure("backgrounds subtracted again", 0),
        Figure("chunks deskewed again", _CHANNELS),
        Figure("tasks of dask for a chunk", 1),
        Figure("volumes that map_blocks reads again", _CHANNELS),
        Figure("backgrounds that map_blocks subtracts again", _CHANNELS),
    ),
    measure=_measure,
)
