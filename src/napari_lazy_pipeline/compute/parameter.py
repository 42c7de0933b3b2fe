"""Parameter: one field of one step of a pipeline, perhaps of one channel, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_lazy_pipeline.errors import ParameterError
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._per_channel import ChannelValues, is_per_channel

Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Parameter:
    """One field of the step at a place of the pipeline; with a channel, its value for that.

    Examples
    --------
    >>> from napari_lazy_pipeline.steps import Deconvolve, Deskew
    >>> parameter = Parameter.named("deskew.angle", [Deconvolve(), Deskew()])
    >>> parameter.index, parameter.field
    (1, 'angle')
    """

    index: int
    field: str
    channel: str = ""

    @classmethod
    def named(cls, name: str, steps: Sequence[Step]) -> Parameter:
        """Find a parameter by its name, ``STEP.FIELD`` or ``STEP.FIELD.CHANNEL``.

        Raises
        ------
        ParameterError
            If there is no such step or field, or several steps of the kind.
        """
        kind, _, path = name.partition(".")
        field, _, channel = path.partition(".")
        parameter = cls(_index_of(kind, steps), field, channel)
        fields = list(type(steps[parameter.index]).model_fields)
        if field not in fields:
            raise ParameterError(
                f"The step {kind!r} has no {field!r}", hint=f"It has: {', '.join(fields)}"
            )
        return parameter

    def name(self, steps: Sequence[Step]) -> str:
        """The parameter as text names it."""
        parts = (steps[self.index].kind, self.field, self.channel)
        return ".".join(part for part in parts if part)

    def value(self, steps: Sequence[Step]) -> Any:
        """The present value; of one channel, that of the channel."""
        value = getattr(steps[self.index], self.field)
        return value[self.channel] if self.channel and isinstance(value, ChannelValues) else value

    def require_effect(self, *variants: Sequence[Step]) -> None:
        """Raise a `ParameterError` if the parameter changes nothing in any of the pipelines."""
        steps = [steps[self.index] for steps in variants]
        if not steps:
            return
        name = self.name(variants[0])
        if self.field != "enabled" and not any(step.enabled for step in steps):
            hint = f"Add --set {steps[0].kind}.enabled=true"
            raise ParameterError(f"{name} changes nothing: the step is off", hint=hint)
        if all(self.field in step.idle_fields() for step in steps):
            raise ParameterError(
                f"{name} changes nothing: other fields of the step leave it out",
                hint=f"Of {self.field}, see: napari-lazy-pipeline steps",
            )

    def put(self, steps: Sequence[Step], value: Any, channels: Sequence[str] = ()) -> Steps:
        """Give it another value; of one channel, the other ``channels`` keep theirs.

        Raises
        ------
        ParameterError
            If there is no such channel, or it cannot have the value.
        """
        step = steps[self.index]
        if self.channel:
            value = {**self._values(step, channels), self.channel: value}
        changed = step.replace(**{self.field: value})
        return (*steps[: self.index], changed, *steps[self.index + 1 :])

    def _values(self, step: Step, channels: Sequence[str]) -> dict[str, Any]:
        """The value of each channel that has one."""
        name = f"{step.kind}.{self.field}"
        if not is_per_channel(type(step).model_fields[self.field]):
            raise ParameterError(f"{name} has no value per channel", hint=f"Write {name}=VALUE")
        if self.channel not in channels:
            known = ", ".join(channels)
            raise ParameterError(f"There is no channel {self.channel!r}", hint=f"Of: {known}")
        value = getattr(step, self.field)
        return dict(value if isinstance(value, ChannelValues) else dict.fromkeys(channels, value))


def _index_of(kind: str, steps: Sequence[Step]) -> int:
    indices = [index for index, step in enumerate(steps) if step.kind == kind]
    if not indices:
        kinds = ", ".join(step.kind for step in steps)
        raise ParameterError(f"There is no step {kind!r}", hint=f"Of: {kinds or 'none'}")
    if len(indices) > 1:
        raise ParameterError(
            f"There are {len(indices)} steps {kind!r}", hint="Change it in the recipe file"
        )
    return indices[0]
