"""Pipeline: an ordered list of steps, as a frozen value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    SerializeAsAny,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from napari_lazy_pipeline._runtime.refusal import PlainModel
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.compute.pipeline_source import PipelineSource
from napari_lazy_pipeline.compute.plan import Plan
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.compute.sweep import Sweep, sweep_of, variants
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Stack, StackSpec, VolumeSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.html_table import html_table, on_one_line
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._registry import step_types
from napari_lazy_pipeline.steps.function import Function


def _kind(value: Any) -> str | None:
    return value.get("kind") if isinstance(value, Mapping) else None


def _as_step(value: Any, validate: ValidatorFunctionWrapHandler) -> Step:
    """Take a step of any class, registered or not, and any function."""
    if isinstance(value, Step):
        return value
    if callable(value) and not isinstance(value, type):
        return Function(function=value)
    step: Step = validate(value)
    return step


if TYPE_CHECKING:
    AnyStep = Step
else:
    # A union tagged by ``kind``, so that an error names the step and the known tags.
    _tagged = [Annotated[step, Tag(kind)] for kind, step in step_types().items()]
    AnyStep = Annotated[
        Annotated[reduce(or_, _tagged), Discriminator(_kind)], WrapValidator(_as_step)
    ]


class _StepsFirst(PlainModel):
    """Lets the steps be given without their name."""

    def __call__(cls, steps: Iterable[Any] = (), **data: Any) -> Any:
        return super().__call__(steps=steps, **data)


class Pipeline(BaseModel, metaclass=_StepsFirst):
    """An ordered list of steps.

    Besides steps, it takes any function of a volume (z, y, x), for instance
    ``scipy.ndimage.gaussian_filter``, a lambda or a `functools.partial`.

    Examples
    --------
    >>> from napari_lazy_pipeline.steps import Crop, Deskew
    >>> pipeline = Pipeline([Deskew(angle=31.5), Crop(z=(0, 60))])
    >>> spec = VolumeSpec((88, 320, 256), voxel_size=(0.3, 0.1, 0.1))
    >>> [after.shape for after in pipeline.specs(spec)]
    [(88, 320, 481), (60, 320, 481)]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[SerializeAsAny[AnyStep], ...] = ()

    if TYPE_CHECKING:

        def __init__(self, steps: Iterable[Any] = ()) -> None: ...

    @field_validator("steps", mode="before")
    @classmethod
    def _listed(cls, steps: Any) -> Any:
        listed = isinstance(steps, Iterable) and not isinstance(steps, str | Mapping)
        return tuple(steps) if listed else steps or ()

    def plan(self, spec: StackSpec, engine: str = "cpu") -> Plan:
        """Resolve the steps against a raw stack; what does not fit is in the plan."""
        return Plan.of(self.steps, spec, engine)

    def specs(self, spec: VolumeSpec) -> tuple[VolumeSpec, ...]:
        """Shape, type and place after each step; a step that is off changes nothing.

        Raises
        ------
        StepError
            If a step does not fit the volume it meets.
        """
        plan = self.plan(StackSpec(spec))
        plan.check()
        specs = (plan.spec_before(index + 1) for index in range(len(self.steps)))
        return tuple(after.volume for after in specs if after is not None)

    def run_volume(self, volume: np.ndarray, spec: VolumeSpec, engine: str = "cpu") -> np.ndarray:
        """Process one volume (z, y, x) now.

        Raises
        ------
        StepError
            If a step fails.
        """
        if volume.ndim != 3:
            raise GeometryError(f"An array of shape {volume.shape} is no volume (z, y, x)")
        source = ArraySource.of(volume, spec.stated_size)
        spec = spec.replace(shape=source.spec.shape, dtype=source.spec.dtype)
        plan = self._exact_plan(StackSpec(spec), engine)
        return PipelineSource(replace(source, spec=spec), plan).read(0, 0)

    def apply(
        self,
        stack: Stack | np.ndarray,
        engine: str = "cpu",
        cache: StageCache | None = None,
        blank_failures: bool = False,
    ) -> Stack:
        """Make the lazily processed stack; nothing is read.

        Parameters
        ----------
        stack
            What to process; an array is taken as `Stack.from_array` does.
        engine
            Name of the engine.
        cache
            Where to keep the result of each step, for the next time it is needed.
        blank_failures
            A step that fails leaves its volume blank and is listed as a problem, instead of
            raising. A bad file does so always.

        Raises
        ------
        StepError
            If a step does not fit the volumes.
        """
        stack = stack if isinstance(stack, Stack) else Stack.from_array(stack)
        plan = self._exact_plan(stack.stack_spec, engine)
        source = PipelineSource(stack.source, plan, cache=cache, blank_failures=blank_failures)
        after = plan.after
        return replace(
            stack,
            source=source,
            channel_names=after.channels,
            time_interval=after.time_interval,
        )

    def _exact_plan(self, spec: StackSpec, engine: str) -> Plan:
        """The plan for what is no preview: a crop is cut out of what is deconvolved as a whole."""
        plan = self.plan(spec, engine)
        return plan.on_whole_volumes() if plan.parts_differ else plan

    def sweep(
        self,
        stack: Stack | np.ndarray,
        parameter: str | Mapping[str, Sequence[Any]],
        values: Sequence[Any] = (),
        engine: str = "cpu",
        cache: StageCache | None = None,
    ) -> Sweep:
        """Process a stack with each of several values of a parameter; nothing is read.

        What the results have in common is made once, as far as the cache has room for it. A step
        whose parameter is swept is switched on.

        Parameters
        ----------
        stack
            What to process, as in `apply`.
        parameter
            ``STEP.FIELD`` or ``STEP.FIELD.CHANNEL``; or the values of several parameters by
            their names, for all combinations of them.
        values
            The values of the one parameter.
        engine
            Name of the engine.
        cache
            Where to keep the result of each step; None: a new one.

        Raises
        ------
        ParameterError
            If there is no such parameter, or it cannot have a value.
        StepError
            If a step does not fit the volumes.

        Examples
        --------
        >>> from napari_lazy_pipeline.steps import Deskew
        >>> stack = Stack.from_array(np.zeros((8, 16, 16), "uint16"), (0.3, 0.1, 0.1))
        >>> sweep = Pipeline([Deskew()]).sweep(stack, "deskew.angle", [30, 31.5, 33])
        >>> sweep.axis_labels, sweep.data.shape
        (('deskew.angle', 't', 'c', 'z', 'y', 'x'), (3, 1, 1, 8, 16, 36))
        """
        named = parameter if isinstance(parameter, Mapping) else {parameter: values}
        stack = stack if isinstance(stack, Stack) else Stack.from_array(stack)
        swept = {Parameter.named(name, self.steps): several for name, several in named.items()}
        cache = StageCache() if cache is None else cache
        channels = stack.stack_spec.channels
        results = [
            Pipeline(steps).apply(stack, engine, cache)
            for steps in variants(self.steps, swept, channels)
        ]
        return sweep_of(named, results)

    def __repr__(self) -> str:
        return on_one_line("Pipeline", self.summary())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Pipeline", self.summary())

    def summary(self) -> dict[str, str]:
        """Each step by its place: what it is called, its main values, and whether it is off."""
        return {
            str(index): f"{step.label} ({step.brief() if step.enabled else 'off'})"
            for index, step in enumerate(self.steps)
        }

    def replace_step(self, index: int, step: Step) -> Pipeline:
        """Return a pipeline in which one step is another."""
        steps = list(self.steps)
        steps[index] = step
        return Pipeline(steps)
