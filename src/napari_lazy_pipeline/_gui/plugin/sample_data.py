"""Sample data of the File menu: they open in the dock, ready to be processed."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import MetadataOverrides, inspect_folder
from napari_lazy_pipeline.samples.samples import (
    REAL_STACK,
    TIMELAPSE,
    psf_path,
    real_stack_folder,
    write_timelapse,
)
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.steps._base import Step

_NAME = "sample"


def timelapse() -> list[Any]:
    """Open a simulated time-lapse: 2 channels, 6 time points."""
    folder = write_timelapse(_cache() / "timelapse")
    return _offer(
        folder,
        TIMELAPSE["voxel_size"],
        background=TIMELAPSE["background"],
        angle=TIMELAPSE["angle"],
    )


def cell() -> list[Any]:
    """Open a real stack of a cell, taken with a lattice light-sheet microscope."""
    return _offer(
        real_stack_folder(),
        REAL_STACK["voxel_size"],
        background=REAL_STACK["background"],
        angle=REAL_STACK["angle"],
    )


def sample_pipeline(background: float, angle: float) -> Pipeline:
    """The usual steps, set to what is known of the sample; deskewing is on."""
    settings: dict[str, dict[str, Any]] = {
        "subtract_background": {"value": background, "enabled": True},
        "deskew": {"angle": angle, "enabled": True},
        "deconvolve": {
            "psf": str(psf_path()),
            "psf_voxel_size": REAL_STACK["psf_voxel_size"],
        },
    }

    def set_up(step: Step) -> Step:
        return step.replace(**settings.get(step.kind, {}))

    return Pipeline(steps=tuple(set_up(step) for step in default_pipeline().steps))


def _offer(
    folder: Path, voxel_size: tuple[float, float, float], background: float, angle: float
) -> list[Any]:
    """Open a folder in the dock, and hand its first pictures to napari as layers."""
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    dock = dock_of()
    dock.session.set_pipeline(sample_pipeline(background, angle))
    folder_info = replace(
        inspect_folder(folder), voxel_size=voxel_size, voxel_source=_NAME, angle=angle,
        angle_source=_NAME, scan=Scan(angle), questions=(),
    )  # fmt: skip
    # What is said goes into a recipe, too: the files do not say it.
    return dock.offer(
        folder_info, MetadataOverrides(voxel_size=voxel_size, angle=angle, step="stage")
    )


def _cache() -> Path:
    """A folder of this user for data that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if base is None and (Path.home() / ".cache").is_dir():
        base = str(Path.home() / ".cache")
    return Path(base or tempfile.gettempdir()) / "napari-lazy-pipeline"
