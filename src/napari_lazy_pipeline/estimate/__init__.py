"""Estimates: parameters of steps, found in the data; see README.md."""

from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.estimate._estimator_registry import estimators_of

__all__ = ["Estimate", "Estimator", "StackSample", "estimators_of"]
