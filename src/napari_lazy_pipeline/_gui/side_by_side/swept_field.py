"""Swept field: a field of a step whose values are tried, in the words of its form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, get_args

from pydantic.fields import FieldInfo

from napari_lazy_pipeline._gui.widgets.forms import field_options as options
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.session.value_list import MOST, parse_values, values_around
from napari_lazy_pipeline.steps import Step
from napari_lazy_pipeline.steps._per_channel import ChannelValues, value_type

_OF_A_TABLE = 3  # values of each of two parameters


def fields_to_try(steps: Sequence[Step]) -> Iterator[SweptField]:
    """All numbers and choices of the steps that are on, by channel where they have several."""
    for index, step in enumerate(steps):
        for name, info in type(step).model_fields.items() if step.enabled else ():
            if name in {"enabled", *step.idle_fields()} or not options.can_be_tried(info):
                continue
            value = getattr(step, name)
            for channel in value if isinstance(value, ChannelValues) else ("",):
                yield SweptField(Parameter(index, name, channel), step)


@dataclass(frozen=True)
class SweptField:
    """A parameter, and the step it is part of."""

    parameter: Parameter
    step: Step

    @property
    def title(self) -> str:
        """Step, field and channel."""
        name = f"{self.step.title}: {self._info.title or self.parameter.field}"
        return f"{name} {self.parameter.channel}".rstrip()

    @cached_property
    def value(self) -> Any:
        """The present value."""
        steps = (self.step,)
        return Parameter(0, self.parameter.field, self.parameter.channel).value(steps)

    def in_words(self, value: Any) -> str:
        """A value as the form shows it, with its unit."""
        word = next((word for word, one in self._words.items() if one == value), "")
        return word or options.in_words(self._info, value)

    def parse(self, text: str) -> tuple[Any, ...]:
        """Read values from a line; a `ValueError` that says what is wrong with it."""
        return parse_values(text, self._words, numbers=self._is_number)

    def proposal(self, of_two: bool = False) -> str:
        """Values worth trying: around the present one, or all there are to choose from."""
        count = _OF_A_TABLE if of_two else 5
        if not self._is_number:
            words = list(self._words)
            words.sort(key=lambda word: self._words[word] != self.value)
            return ", ".join(words[: count if of_two else MOST])
        low, high = options.bounds(self._info)
        extra = options.extras(self._info)
        present = self.value or 0
        if not present and "slider" in extra:
            low, high = extra["slider"]
        step = 1 if self._kind is int else extra.get("step", 0.01)
        doubling = self._kind is int and not options.unit(self._info)
        values = values_around(present, step, low, high, count, doubling)
        by_value = {value: word for word, value in self._words.items()}
        return ", ".join(by_value.get(value, f"{value:g}") for value in values)

    @property
    def _info(self) -> FieldInfo:
        return type(self.step).model_fields[self.parameter.field]

    @property
    def _kind(self) -> Any:
        return options.kind(options.bare_type(value_type(self._info)))

    @property
    def _is_number(self) -> bool:
        return self._kind in (int, float) and not options.choices(self._info)

    @cached_property
    def _words(self) -> dict[str, Any]:
        """The values that have a name."""
        extra = options.extras(self._info)
        named: dict[str, Any] = {}
        for value in options.choices(self._info):
            named[str(extra.get("words", {}).get(value, value))] = value
        if self._kind is bool:
            named.update(on=True, off=False)
        if self._is_number and extra.get("zero"):
            named[str(extra["zero"])] = 0
        if NoneType in get_args(options.bare_type(value_type(self._info))):
            named[str(extra.get("empty", "nothing"))] = None
        return named
