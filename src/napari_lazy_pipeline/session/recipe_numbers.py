"""Recipe numbers: steps of a recipe, and time points, as these are numbered today."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Sequence
from pathlib import Path

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.image import Stack, StackSpec
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.image.renumbering import Numbers, is_same
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.recording import is_of_recording
from napari_lazy_pipeline.io.folder_info import Place
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.renumbered_steps import RenumberedSteps


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

    That is in another folder than that of the recipe, at another position, or in another recording
    of the folder. Steps whose values are ``estimated`` now, by their places, are left out.
    """
    if source is None:
        return ""
    steps = [pipeline.steps[n] for n in tables_of(pipeline) if n not in estimated]
    held = [step.label for step in steps if step.enabled]
    return set_elsewhere(held, source.place, raw)


def set_elsewhere(held: Collection[str], place: Place, raw: Stack) -> str:
    """Say that the tables of some steps were set at another place than this; empty: they were not.

    A position that is None is any, and so is a pattern that is empty.
    """
    files, (own, position, pattern) = raw.source, place
    if not held or not isinstance(files, FileSource):
        return ""
    here = str(files.folder)
    if same_folder(here, own) and not is_of_recording(files, pattern):
        own, here = pattern, files.pattern
    elif same_folder(here, own):
        if position in (None, files.position):
            return ""
        if not files.position and is_of_recording(files, pattern, position):
            return ""
        own = f"position {position}"
        here = f"position {files.position}" if files.position else files.pattern
    what = f"The values of {' and '.join(held)} for each time point were set on {own}"
    return f"{what}. Estimate them again for {here}, or leave them if they are meant for it"


def tables_of(pipeline: Pipeline) -> dict[int, Hashable]:
    """Values of single time points that steps hold, by the numbers of the steps."""
    found: dict[int, Hashable] = {}
    for number, step in enumerate(pipeline.steps):
        # Where no time point is left, a table has no rows; ranges, which are settings, stay.
        bare = step.renumbered({})
        rows = [(name, value) for name, value in step if value != getattr(bare, name)]
        if rows:
            found[number] = (step.kind, *rows)
    return found


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
    same = same_folder(files.folder, source.folder)
    if not same or not is_of_recording(files, source.pattern):
        return None
    before = (source.raw(raw.stack_spec) or raw.stack_spec).replace(
        times=points.count * files.info.inner[0]
    )
    now = points.moved_to(files) if source.pattern in ("", files.pattern) else None
    return before, now


def same_folder(folder: str | Path, other: str | Path) -> bool:
    """Return whether two paths, of which links may be a part, lead to one folder."""
    if str(folder) == str(other):
        return True
    one, two = (os.path.realpath(Path(path).expanduser()) for path in (folder, other))
    return one == two
