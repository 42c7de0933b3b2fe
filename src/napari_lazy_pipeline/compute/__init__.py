"""Compute: the steps in their order, and what they make of a stack."""

from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.pipeline import Pipeline
from napari_lazy_pipeline.compute.pipeline_source import PipelineSource
from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.compute.progress import Progress
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.compute.sweep import Sweep

__all__ = ["ComputeLog", "Pipeline", "PipelineSource", "Plan", "Progress", "StageCache", "Sweep"]
