"""Default pipeline: the steps that a new dock starts with."""

from __future__ import annotations

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import step_types

# All others are added by whoever wants them.
USUAL_STEPS = ("subtract_background", "deconvolve", "deskew", "rotate", "crop")


def default_pipeline(skewed: bool = False) -> Pipeline:
    """The usual steps, in their order; all off, but for deskewing of data that are skewed."""
    on = {"deskew"} if skewed else set()
    return Pipeline([step_types()[kind](enabled=kind in on) for kind in USUAL_STEPS])
