"""Default pipeline: the steps that a new dock starts with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.samples.samples import REAL_STACK
from napari_lazy_pipeline.steps import step_types

# All others are added by whoever wants them.
USUAL_STEPS = ("subtract_background", "deconvolve", "deskew", "rotate", "crop")


def default_pipeline(skewed: bool = False) -> Pipeline:
    """The usual steps, in their order; all off, but for deskewing of data that are skewed."""
    on = {"deskew"} if skewed else set()
    return Pipeline([step_types()[kind](enabled=kind in on) for kind in USUAL_STEPS])


def sample_pipeline(background: float, psf: Path | None = None) -> Pipeline:
    """The usual steps, set to what is known of a sample; deskewing is on."""
    settings: dict[str, dict[str, Any]] = {
        "subtract_background": {"value": background, "enabled": True},
        "deskew": {"enabled": True},
    }
    if psf is not None:
        size = REAL_STACK["psf_voxel_size"]
        settings["deconvolve"] = {"psf": str(psf), "psf_voxel_size": size}
    steps = default_pipeline().steps
    return Pipeline([step.replace(**settings.get(step.kind, {})) for step in steps])
