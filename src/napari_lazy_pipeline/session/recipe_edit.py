"""Recipe edit: parameters are changed as the command line states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from pydantic import ValidationError

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.session.recipe_text import load_yaml, reason
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._per_channel import ChannelValues, is_per_channel


def edited(pipeline: Pipeline, changes: Sequence[str], channels: Sequence[str] = ()) -> Pipeline:
    """Change parameters as text states them: ``STEP.FIELD=VALUE`` or ``STEP.FIELD.CHANNEL=VALUE``.

    A `RecipeError` if there is no such parameter or channel, or it cannot have the value.
    """
    for change in changes:
        name, equals, text = change.partition("=")
        kind, dot, path = name.partition(".")
        if not (equals and dot):
            raise RecipeError(f"Cannot read --set {change}", hint="Write STEP.FIELD=VALUE")
        index = _index_of(kind, pipeline.steps)
        try:
            value = load_yaml(text) if text else ""
        except yaml.YAMLError as error:
            raise RecipeError(f"Cannot read the value of --set {change}") from error
        step = pipeline.steps[index]
        field, _, channel = path.partition(".")
        if channel:
            value = {**_values_of(step, field, channel, channels), channel: value}
        pipeline = pipeline.replace_step(index, _with_field(step, field, value))
    return pipeline


def _values_of(
    step: Step, field: str, channel: str, channels: Sequence[str]
) -> Mapping[str, object]:
    """The value of each channel that has one."""
    info = type(step).model_fields.get(field)
    if info is None or not is_per_channel(info):
        raise RecipeError(
            f"{step.kind}.{field} has no value per channel", hint=f"Write {step.kind}.{field}=VALUE"
        )
    if channel not in channels:
        raise RecipeError(f"There is no channel {channel!r}", hint=f"Of: {', '.join(channels)}")
    value = getattr(step, field)
    return value if isinstance(value, ChannelValues) else dict.fromkeys(channels, value)


def _index_of(kind: str, steps: Sequence[Step]) -> int:
    indices = [index for index, step in enumerate(steps) if step.kind == kind]
    if not indices:
        kinds = ", ".join(step.kind for step in steps)
        raise RecipeError(f"The recipe has no step {kind!r}", hint=f"It has: {kinds or 'none'}")
    if len(indices) > 1:
        raise RecipeError(
            f"The recipe has {len(indices)} steps {kind!r}", hint="Change it in the recipe file"
        )
    return indices[0]


def _with_field(step: Step, field: str, value: object) -> Step:
    fields = list(type(step).model_fields)
    if field not in fields:
        raise RecipeError(
            f"The step {step.kind!r} has no {field!r}", hint=f"It has: {', '.join(fields)}"
        )
    try:
        return step.replace(**{field: value})
    except ValidationError as error:
        why = "; ".join(map(reason, error.errors()))
        raise RecipeError(f"{step.kind}.{field} cannot be {value!r}: {why}") from error
