"""Maxima: the steps that make one plane of each volume, and where possible no volume."""

from __future__ import annotations

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Deskew, DeskewedMaximum, Project


def maxima(pipeline: Pipeline) -> Pipeline:
    """Return the steps that make what is brightest along z of what a pipeline makes.

    Behind Deskew, the maximum is made straight from the raw planes, unless that step cuts, shifts
    or rounds.

    Examples
    --------
    >>> [step.kind for step in maxima(Pipeline([Deskew(angle=31.5)])).steps]
    ['deskewed_maximum']
    """
    on = [index for index, step in enumerate(pipeline.steps) if step.enabled]
    last = pipeline.steps[on[-1]] if on else None
    if isinstance(last, DeskewedMaximum):
        return pipeline
    if isinstance(last, Deskew):
        stated = {name: getattr(last, name) for name in last.model_fields_set}
        shared = stated.keys() & DeskewedMaximum.model_fields.keys()
        own = {name for name in stated.keys() - shared if stated[name] != _usual(name)}
        if not own:
            straight = DeskewedMaximum(**{name: stated[name] for name in shared})
            return pipeline.replace_step(on[-1], straight)
    return Pipeline((*pipeline.steps, Project()))


def _usual(name: str) -> object:
    """Value of a field of Deskew that nobody stated."""
    return Deskew.model_fields[name].get_default(call_default_factory=True)
