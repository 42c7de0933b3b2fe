"""Estimate of a recipe: values of its steps are found in the data, and written into it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_lazy_pipeline.cli.run_recipe import Place
from napari_lazy_pipeline.errors import RecipeError

if TYPE_CHECKING:
    from napari_lazy_pipeline.compute import Pipeline
    from napari_lazy_pipeline.image import Stack
    from napari_lazy_pipeline.session import Recipe


def estimate(options: argparse.Namespace) -> int:
    """Find values of steps one after the other, each in what the steps before it make."""
    from napari_lazy_pipeline.session import Recipe

    recipe, path = Recipe.load(options.recipe), options.out or options.recipe
    own = os.path.realpath(path) == os.path.realpath(options.recipe)
    if os.path.lexists(path) and not own:
        raise RecipeError("The file is there already", str(path), "State another one by --out")
    places = _places(recipe.pipeline, options.step)
    raw = Place(options.folder).open(recipe, options.trust)
    recipe = _counted_now(recipe.numbered_now(raw, places), raw)
    if options.trust:
        recipe.allow_code()
    for index in places:
        recipe = _with_estimate(recipe, index, raw, options)
    recipe.save(path)
    print(f"Written to {path}")
    return 0


def _counted_now(recipe: Recipe, raw: Stack) -> Recipe:
    """The recipe for the time points of its folder today: values are found by their numbers."""
    from napari_lazy_pipeline.io.files.file_source import FileSource
    from napari_lazy_pipeline.session.recipe_numbers import same_folder
    from napari_lazy_pipeline.session.time_points import TimePoints

    source, files = recipe.source, raw.source
    if source is None or not isinstance(files, FileSource):
        return recipe
    if not same_folder(files.folder, source.folder):
        return recipe
    source = source.model_copy(update={"time_points": TimePoints.of(files)})
    return recipe.model_copy(update={"source": source})


def _places(pipeline: Pipeline, wanted: int | str | None) -> list[int]:
    """Places of the steps whose values are found; in the command line, they count from 1."""
    from napari_lazy_pipeline.estimate import estimators_of

    steps = pipeline.steps
    if wanted is None:
        places = [i for i, step in enumerate(steps) if step.enabled and estimators_of(step.kind)]
        if not places:
            hint = "Switch the step on, or state it by --step"
            raise RecipeError("No step that is on has values to estimate", hint=hint)
        return places
    places = [i for i, step in enumerate(steps) if wanted in (i + 1, step.kind)]
    if len(places) != 1:
        names = ", ".join(f"{i} {step.kind}" for i, step in enumerate(steps, start=1))
        what = f"There {'are several steps' if places else 'is no step'} {wanted}"
        raise RecipeError(what, hint=f"State one by its number: {names}")
    return places


def _with_estimate(recipe: Recipe, index: int, raw: Stack, options: argparse.Namespace) -> Recipe:
    """The recipe with the values of one step, which is switched on."""
    from napari_lazy_pipeline.compute import Pipeline
    from napari_lazy_pipeline.compute.step_estimate import estimate as estimate_step
    from napari_lazy_pipeline.exports.destination import raw_folder
    from napari_lazy_pipeline.exports.estimated_images import save_images

    def show(fraction: float) -> None:
        if sys.stderr.isatty():
            print(f"\r{step.label}: {fraction:.0%} ", end="", file=sys.stderr, flush=True)

    step = recipe.pipeline.steps[index]
    stack = Pipeline(recipe.pipeline.steps[:index]).apply(raw, engine=recipe.engine)
    found = estimate_step(
        step, stack, options.by or "", options.t, options.c, options.stop.is_set, show
    )
    show(1.0)
    folder = Path(options.out or options.recipe).absolute().parent
    paths = save_images(found, folder, step.kind, raw_folder(raw.source)) if found.images else {}
    print(f"{step.label}: {found.sentence}")
    changed = step.replace(**found.changes, **paths, enabled=True)
    return recipe.model_copy(update={"pipeline": recipe.pipeline.replace_step(index, changed)})
