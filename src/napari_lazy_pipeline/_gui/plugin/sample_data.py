"""Sample data of the File menu: they open in the dock, ready to be processed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.lesson.scene import known
from napari_lazy_pipeline.samples.samples import (
    REAL_STACK,
    TIMELAPSE,
    psf_path,
    real_stack_folder,
)
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.samples.three_colours import THREE_COLOURS, write_three_colours
from napari_lazy_pipeline.session.default_pipeline import sample_pipeline


def timelapse() -> list[Any]:
    """Open a simulated time-lapse of a cell: 2 channels, 12 time points."""
    return _offer(write_timelapse(sample_cache() / "cell_timelapse"), TIMELAPSE, psf_path())


def three_colours() -> list[Any]:
    """Open a simulated stack of three colours, with a PSF of each beside it."""
    folder = write_three_colours(sample_cache() / "three_colours")
    return _offer(folder, THREE_COLOURS)


def cell() -> list[Any]:
    """Open a real stack of a cell, taken with a lattice light-sheet microscope."""
    return _offer(real_stack_folder(), REAL_STACK, psf_path())


def _offer(folder: Path, sample: Mapping[str, Any], psf: Path | None = None) -> list[Any]:
    """Open a folder in the dock, and hand its first pictures to napari as layers."""
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    dock = dock_of()
    dock.session.set_pipeline(sample_pipeline(sample["background"], psf))
    return dock.offer(*known(folder, sample))


def sample_cache() -> Path:
    """A folder of this user for data that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if base is None and (Path.home() / ".cache").is_dir():
        base = str(Path.home() / ".cache")
    return Path(base or tempfile.gettempdir()) / "napari-lazy-pipeline"
