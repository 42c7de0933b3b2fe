"""Engines: one file or folder each, behind one protocol."""

from napari_lazy_pipeline.engines.auto import best_engine
from napari_lazy_pipeline.engines.engine import (
    DeconvolutionPlan,
    Edges,
    Engine,
    Method,
    Need,
    Rounding,
    Start,
    notices,
)
from napari_lazy_pipeline.engines.engine_registry import engine_names, get_engine

__all__ = [
    "DeconvolutionPlan",
    "Edges",
    "Engine",
    "Method",
    "Need",
    "Rounding",
    "Start",
    "best_engine",
    "engine_names",
    "get_engine",
    "notices",
]
