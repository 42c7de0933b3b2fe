"""See processed light-sheet data while still deciding how to process it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_lazy_pipeline.exporting import export
    from napari_lazy_pipeline.opening import open_stack
    from napari_lazy_pipeline.pipeline import Pipeline
    from napari_lazy_pipeline.recipe import Recipe
    from napari_lazy_pipeline.stack import Stack, VolumeSpec
    from napari_lazy_pipeline.step import Step

# Imported when first used: the command line answers ``--help`` without waiting for them.
_HOMES = {
    "Pipeline": "pipeline",
    "Recipe": "recipe",
    "Stack": "stack",
    "Step": "step",
    "VolumeSpec": "stack",
    "export": "exporting",
    "open_stack": "opening",
}

__all__ = ["Pipeline", "Recipe", "Stack", "Step", "VolumeSpec", "export", "open_stack"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
