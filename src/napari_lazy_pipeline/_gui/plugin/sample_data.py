"""Sample data of the File menu: they open in the dock, ready to be processed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
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
)
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.samples.three_colours import THREE_COLOURS, write_three_colours
from napari_lazy_pipeline.session.default_pipeline import default_pipeline

_NAME = "sample"


def timelapse() -> list[Any]:
    """Open a simulated time-lapse of a cell: 2 channels, 12 time points."""
    return _offer(write_timelapse(_cache() / "cell_timelapse"), TIMELAPSE, psf_path())


def three_colours() -> list[Any]:
    """Open a simulated stack of three colours, with a PSF of each beside it."""
    folder = write_three_colours(_cache() / "three_colours")
    return _offer(folder, THREE_COLOURS)


def cell() -> list[Any]:
    """Open a real stack of a cell, taken with a lattice light-sheet microscope."""
    return _offer(real_stack_folder(), REAL_STACK, psf_path())


def sample_pipeline(background: float, psf: Path | None = None) -> Pipeline:
    """The usual steps, set to what is known of the sample; deskewing is on."""
    settings: dict[str, dict[str, Any]] = {
        "subtract_background": {"value": background, "enabled": True},
        "deskew": {"enabled": True},
    }
    if psf is not None:
        size = REAL_STACK["psf_voxel_size"]
        settings["deconvolve"] = {"psf": str(psf), "psf_voxel_size": size}
    steps = default_pipeline().steps
    return Pipeline([step.replace(**settings.get(step.kind, {})) for step in steps])


def _offer(folder: Path, sample: Mapping[str, Any], psf: Path | None = None) -> list[Any]:
    """Open a folder in the dock, and hand its first pictures to napari as layers."""
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    dock, voxel_size, angle = dock_of(), sample["voxel_size"], sample["angle"]
    dock.session.set_pipeline(sample_pipeline(sample["background"], psf))
    folder_info = replace(
        inspect_folder(folder), voxel_size=voxel_size, voxel_source=_NAME, angle=angle,
        angle_source=_NAME, scan=Scan(angle), questions=(),
    )  # fmt: skip
    # This goes into a recipe, too: the files do not state it.
    stated = MetadataOverrides(voxel_size=voxel_size, angle=angle, step="stage")
    return dock.offer(folder_info, stated)


def _cache() -> Path:
    """A folder of this user for data that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if base is None and (Path.home() / ".cache").is_dir():
        base = str(Path.home() / ".cache")
    return Path(base or tempfile.gettempdir()) / "napari-lazy-pipeline"
