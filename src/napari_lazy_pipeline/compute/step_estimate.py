"""Step estimate: lets estimators look at what a step of a pipeline is given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline.compute.pipeline_source import PipelineSource
from napari_lazy_pipeline.compute.progress import Progress
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate import Estimate, StackSample, estimators_of
from napari_lazy_pipeline.image import Block, Stack, StackSpec, VolumeSource
from napari_lazy_pipeline.image.box import slices, whole
from napari_lazy_pipeline.steps._base import Step


def estimate(
    step: Step,
    stack: Stack | np.ndarray,
    title: str = "",
    t: int = 0,
    c: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Estimate:
    """Find values of a step in its data.

    Parameters
    ----------
    step
        The step; what it states already may guide the estimate, the channel to look at say.
    stack
        What the step is given: raw data, or what the steps before it make of them.
    title
        Which estimate, where a step has several: a part of what its button says. Empty: the first.
    t, c
        The time point and the channel to look at, where one will do.
    cancelled, progress
        Whether the estimate is not wanted any more; told the finished fraction.

    Returns
    -------
    Estimate
        ``step.replace(**estimate.changes)`` is the step with the values.

    Raises
    ------
    GeometryError
        If there is no such estimate, or the data do not tell.

    Examples
    --------
    >>> from napari_lazy_pipeline.steps import SubtractBackground
    >>> step, volume = SubtractBackground(), np.full((4, 16, 16), 98, "uint16")
    >>> found = estimate(step, volume)
    >>> step.replace(**found.changes).value
    98.0
    """
    stack = stack if isinstance(stack, Stack) else Stack.from_array(stack)
    fitting = [one for one in estimators_of(step.kind) if title.lower() in one.title.lower()]
    if not fitting:
        names = ", ".join(one.title for one in estimators_of(step.kind))
        what = f"There is no estimate {title!r} of" if names else "Nothing can be estimated for"
        raise GeometryError(f"{what} {step.label}", hint=f"There is: {names}" if names else "")
    for what, number, count in (("time point", t, stack.shape[0]), ("channel", c, stack.shape[1])):
        if not 0 <= number < count:
            raise GeometryError(f"There is no {what} {number}", hint=f"There are {count}, from 0")
    source = stack.source
    spec = source.plan.after if isinstance(source, PipelineSource) else stack.stack_spec
    sample = sample_of(source, spec, (t, c), cancelled, progress)
    return fitting[0].estimate(dict(step), sample)


def sample_of(
    source: VolumeSource,
    spec: StackSpec,
    place: tuple[int, int] = (0, 0),
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda fraction: None,
) -> StackSample:
    """Let an estimator look at a source; what is in its cache is taken from there, nothing put.

    An estimate of a long series would else push out what is on screen.
    """

    def part(block: Block) -> np.ndarray:
        return _part(source, block, Progress(cancelled=cancelled))

    return StackSample(spec, part, *place, source.by_planes, cancelled, progress)


def _part(source: VolumeSource, block: Block, progress: Progress) -> np.ndarray:
    t, c, box = block.t, block.c, block.box
    if isinstance(source, PipelineSource):
        volume = source.cached(t, c)
        if volume is None:
            return source.without_cache().part(block, progress)
    elif source.by_planes and box != whole(source.spec.shape):
        return source.read_planes(t, c, *box[0])[(slice(None), *slices(box)[1:])]
    else:
        volume = source.read(t, c)
    return volume[slices(box)]
