"""Recipe edit: parameters are changed as the command line states it."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.session.recipe_text import load_yaml


def edited(pipeline: Pipeline, changes: Sequence[str], channels: Sequence[str] = ()) -> Pipeline:
    """Change parameters as text states them: ``STEP.FIELD=VALUE`` or ``STEP.FIELD.CHANNEL=VALUE``.

    A `RecipeError` if it cannot be read; a `ParameterError` if there is no such parameter or
    channel, it cannot have the value, or changes nothing.
    """
    steps, changed = pipeline.steps, []
    for change in changes:
        name, equals, text = change.partition("=")
        if not (equals and "." in name):
            raise RecipeError(f"Cannot read --set {change}", hint="Write STEP.FIELD=VALUE")
        try:
            value = load_yaml(text) if text else ""
        except yaml.YAMLError as error:
            what = f"Cannot read the value of --set {change[:80]}"
            raise RecipeError(what) from error
        changed.append(Parameter.named(name, steps))
        steps = changed[-1].put(steps, value, channels)
    for parameter in changed:
        parameter.require_effect(steps)
    return Pipeline(steps)
