"""Recipe numbers: steps of a recipe, and time points, as these are numbered today."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.image import Stack, StackSpec
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.image.renumbering import Numbers, is_same
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.renumbered_steps import RenumberedSteps
from napari_lazy_pipeline.steps import Step


def of_today(pipeline: Pipeline, source: Source, raw: Stack) -> tuple[Pipeline, str]:
    """Renumber steps that were set on a source, and say so; another folder leaves them as they are.

    A `RecipeError` if they hold values of time points, and names do not tell which these are now.
    """
    found = _then_and_now(source, raw)
    if found is None or (found[1] and is_same(found[1])):
        return pipeline, ""
    before, now = found
    plan = pipeline.plan(before)
    if not now:
        later = {t: t + 1 for t in range(before.times)}
        held = RenumberedSteps.of(plan, before.times + 1, later).moved
        if held:
            what = f"The values of {held} were set on time points that the folder does not have"
            if now is None:
                what = f"It cannot be told which time points the values of {held} are of now"
            raise RecipeError(what, source.folder, "Set them anew, and save the recipe")
        return pipeline, ""
    moved = RenumberedSteps.of(plan, raw.shape[0], now)
    gone = before.times - len(now)
    left = f". Not there any more: {format_count(gone, 'time point')}" if gone else ""
    return moved.pipeline, f"{moved.sentence}{left}" if moved.sentence else ""


def of_elsewhere(
    pipeline: Pipeline, source: Source | None, raw: Stack, estimated: Collection[int] = ()
) -> str:
    """Say which steps have a table of time points that were recorded elsewhere; empty: none.

    That is in another folder than that of the source, or at another position. Steps whose values
    are ``estimated`` now, by their places, are left out.
    """
    files = raw.source
    if source is None or not isinstance(files, FileSource):
        return ""
    own, here = source.folder, str(files.folder)
    if same_folder(here, own):
        if source.position in (None, files.position) or not files.position:
            return ""
        own, here = f"position {source.position}", f"position {files.position}"
    held = " and ".join(step.label for n, step in tables_of(pipeline) if n not in estimated)
    what = f"The values of {held} for each time point were set on {own}"
    hint = f"Estimate them again for {here}, or leave them if they are meant for it"
    return f"{what}. {hint}" if held else ""


def tables_of(pipeline: Pipeline) -> list[tuple[int, Step]]:
    """Steps that are on and hold values of single time points, and their numbers."""
    # Where no time point is left, a table has no rows; ranges, which are settings, stay.
    steps = enumerate(pipeline.steps)
    return [(n, step) for n, step in steps if step.enabled and step.renumbered({}) != step]


def times_of_today(
    pipeline: Pipeline, source: Source | None, raw: Stack, times: Sequence[int]
) -> Sequence[int]:
    """Numbers by now of time points that steps made when they were set on a source.

    A `RecipeError` if they are gone, or names do not tell which they are now.
    """
    found = _then_and_now(source, raw) if source is not None else None
    if source is None or found is None:
        return times
    before, now = found
    plan = pipeline.plan(before)
    numbers = RenumberedSteps.of(plan, raw.shape[0], now).numbers[-1] if now else {}
    gone = sum(t not in numbers for t in times)
    if gone:
        what = f"Time points that were chosen and are not there any more: {gone}"
        if now is None:
            what = "It cannot be told which of the time points now are those that were chosen"
        raise RecipeError(what, source.folder, "Choose them anew")
    return [numbers[t] for t in times]


def _then_and_now(source: Source, raw: Stack) -> tuple[StackSpec, Numbers | None] | None:
    """The time points that steps were set on, and old and new numbers of these.

    None: numbers count. Numbers that are None: names of files do not tell.
    """
    files, points = raw.source, source.time_points
    if points is None or not isinstance(files, FileSource):
        return None
    if not same_folder(files.folder, source.folder):
        return None
    before = (source.raw(raw.stack_spec) or raw.stack_spec).replace(
        times=points.count * files.info.inner[0]
    )
    now = points.moved_to(files) if source.pattern in ("", files.pattern) else None
    return before, now


def same_folder(folder: str | Path, other: str | Path) -> bool:
    """Return whether two paths, of which links may be a part, lead to one folder."""
    one, two = (os.path.realpath(Path(path).expanduser()) for path in (folder, other))
    return one == two
