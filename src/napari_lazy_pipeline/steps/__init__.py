"""The steps: one file each, see README.md. ``from napari_lazy_pipeline.steps import Deskew``."""

from __future__ import annotations

from napari_lazy_pipeline.steps._base import Context, FilterStep, Step, Unit, VoxelStep
from napari_lazy_pipeline.steps._per_channel import PerChannel
from napari_lazy_pipeline.steps._registry import step_types

__all__ = ["Context", "FilterStep", "PerChannel", "Step", "Unit", "VoxelStep", "step_types"]


def __getattr__(name: str) -> type[Step]:
    """Find a step by the name of its class."""
    if not name.startswith("_"):
        for step in step_types().values():
            if step.__name__ == name:
                return step
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *(step.__name__ for step in step_types().values())])
