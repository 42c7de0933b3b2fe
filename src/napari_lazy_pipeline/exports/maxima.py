"""Maxima: the steps that make one plane of each volume, and where possible no volume."""

from __future__ import annotations

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Deskew, DeskewedMaximum, Project


def maxima(pipeline: Pipeline) -> Pipeline:
    """Return the steps that make what is brightest along z of what a pipeline makes.

    Behind Deskew, the maximum is made straight from the raw planes.

    Examples
    --------
    >>> [step.kind for step in maxima(Pipeline([Deskew(angle=31.5)])).steps]
    ['deskewed_maximum']
    """
    steps = tuple(step for step in pipeline.steps if step.enabled)
    if steps and isinstance(steps[-1], Deskew):
        scan = steps[-1]
        shared = type(scan).model_fields.keys() & DeskewedMaximum.model_fields.keys()
        fields = {name: getattr(scan, name) for name in shared & scan.model_fields_set}
        return Pipeline((*steps[:-1], DeskewedMaximum(**fields)))
    if steps and isinstance(steps[-1], DeskewedMaximum):
        return Pipeline(steps)
    return Pipeline((*steps, Project()))
