"""See processed light-sheet data while still deciding how to process it."""

from __future__ import annotations

import importlib

# The module typing takes longer than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from napari_lazy_pipeline.compute import Pipeline
    from napari_lazy_pipeline.exports.export import export
    from napari_lazy_pipeline.image import Stack, VolumeSpec
    from napari_lazy_pipeline.io import open_stack
    from napari_lazy_pipeline.session import Recipe
    from napari_lazy_pipeline.steps._base import Step

# Imported when first used: the command line answers ``--help`` without waiting for them.
_HOMES = {
    "Pipeline": "compute.pipeline",
    "Recipe": "session.recipe",
    "Stack": "image.stack",
    "Step": "steps._base",
    "VolumeSpec": "image.spec",
    "export": "exports.export",
    "open_stack": "io.open_stack",
}

__all__ = ["Pipeline", "Recipe", "Stack", "Step", "VolumeSpec", "export", "open_stack"]

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-lazy-pipeline")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
