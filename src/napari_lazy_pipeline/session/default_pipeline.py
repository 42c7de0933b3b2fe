"""Default pipeline: the steps that a new dock starts with."""

from __future__ import annotations

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import step_types

# All others are added by whoever wants them.
USUAL_STEPS = ("subtract_background", "deconvolve", "deskew", "rotate", "crop")


def default_pipeline(angle: float | None = None) -> Pipeline:
    """The usual steps, in their order; all off, except deskewing if the angle is known."""
    steps = [step_types()[kind](enabled=False) for kind in USUAL_STEPS]
    if angle is not None:
        steps = [
            step.replace(enabled=True, angle=angle) if step.kind == "deskew" else step
            for step in steps
        ]
    return Pipeline(steps)
