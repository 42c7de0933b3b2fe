"""Run of a recipe: one folder after the other, and what is said of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from napari_lazy_pipeline.errors import (
    Cancelled,
    EngineError,
    ExportError,
    LazyPipelineError,
    RecipeError,
    sentence,
)

if TYPE_CHECKING:
    from napari_lazy_pipeline.cli.option_values import Selection
    from napari_lazy_pipeline.exports.export import ExportReport
    from napari_lazy_pipeline.image import Stack
    from napari_lazy_pipeline.session import Recipe

_MOST_FAILURES = 20


def run(options: argparse.Namespace) -> int:
    """Run a recipe over its own folder, or over others."""
    from napari_lazy_pipeline.exports.other_folder import open_other, open_own
    from napari_lazy_pipeline.session import Recipe
    from napari_lazy_pipeline.session.recipe_edit import edited

    if options.unit is not None and options.out is None:
        raise ExportError("Units have to write to one folder", hint="State it by --out")
    recipe = Recipe.load(options.recipe)
    options.engine = options.engine or recipe.engine
    _check_engine(options.engine)
    # What is wrong in them is said before the folder is opened, as far as no channel is needed.
    edited(recipe.pipeline, [text for text in options.set if text.partition("=")[0].count(".") < 2])
    if recipe.sweep:
        said = f"The recipe holds values to try of {', '.join(recipe.sweep)}"
        print(f"{said}: the present values are used", file=sys.stderr)
    if options.complete:
        recipe = _of_complete_files(recipe, options.folders)
    if not options.folders:
        return _write(recipe, open_own(recipe, options.trust), options)
    code = 0
    for number, folder in enumerate(options.folders):
        try:
            raw = open_other(recipe, folder, trust=options.trust)
            code |= _write(recipe, raw, options, number)
        except (LazyPipelineError, OSError) as error:
            if options.stop.is_set():
                raise Cancelled from error
            print(f"{folder}: {sentence(error)}", file=sys.stderr)
            code = 1
    return code


def _of_complete_files(recipe: Recipe, folders: list[str]) -> Recipe:
    """The recipe, for files that nothing writes to any more."""
    from napari_lazy_pipeline.session.recipe_source import Source

    source = recipe.source or (Source(folder=folders[0]) if folders else None)
    if source is None:
        return recipe
    return recipe.model_copy(update={"source": source.model_copy(update={"complete": True})})


def _write(recipe: Recipe, raw: Stack, options: argparse.Namespace, number: int = 0) -> int:
    """Run a recipe over data that are open, of the folder of that number."""
    from pathlib import Path

    from napari_lazy_pipeline.exports.destination import raw_folder
    from napari_lazy_pipeline.exports.export import export
    from napari_lazy_pipeline.exports.maxima import maxima
    from napari_lazy_pipeline.exports.other_folder import check_fit, numbered_now
    from napari_lazy_pipeline.exports.proposed_folder import propose_folder
    from napari_lazy_pipeline.session.recipe_edit import edited

    recipe = numbered_now(recipe, raw)
    pipeline = edited(recipe.pipeline, options.set, raw.stack_spec.channels)
    if options.trust:
        recipe.model_copy(update={"pipeline": pipeline}).allow_code()
    if options.only_maxima:
        pipeline = maxima(pipeline)
    stack = pipeline.apply(raw, engine=options.engine)
    if options.folders:
        check_fit(pipeline.plan(raw.stack_spec, options.engine))
    folder, source = options.out, raw_folder(raw.source)
    if folder is None:
        folder = propose_folder(stack, options.dtype, options.format)
    elif len(options.folders) > 1 and source is not None:
        folder = Path(folder) / source.name
    times, channels = stack.source.sizes
    report = export(
        stack,
        folder,
        t=numbers(options.t, times),
        c=numbers(options.c, channels),
        dtype=options.dtype,
        format=options.format,
        stages=options.stage,
        projections=options.mip,
        scheduler=options.scheduler,
        unit=options.unit and options.unit.turned(number),
        progress=show_progress,
        cancelled=options.stop.is_set,
    )
    if report.cancelled:
        done = f"{report.done} of {report.total} volumes are written"
        raise Cancelled(f"{done}, the same command goes on")
    return _summarise(report)


def numbers(chosen: Selection | None, size: int) -> list[int]:
    """Numbers that are chosen of so many, all if nothing is stated."""
    found: list[int] = []
    for part in (slice(None),) if chosen is None else chosen:
        found += range(size)[part] if isinstance(part, slice) else [part]
    if not found:
        raise RecipeError("What -t or -c state chooses nothing", hint=f"There are {size}, from 0")
    return found


def _check_engine(name: str) -> None:
    from napari_lazy_pipeline.engines import get_engine

    reason = get_engine(name).unavailable()
    if reason:
        raise EngineError(f"The engine {name!r} cannot be used here: {reason}")


def show_progress(done: int, total: int) -> None:
    """Show how many volumes there are."""
    # A line for each volume in a log file, one line that changes on a screen.
    start, end = ("\r", "" if done < total else "\n") if sys.stderr.isatty() else ("", "\n")
    print(f"{start}{done}/{total} volumes", end=end, file=sys.stderr, flush=True)


def _summarise(report: ExportReport) -> int:
    for failure in report.failed[:_MOST_FAILURES]:
        print(f"t={failure.t}, c={failure.c}: {failure.why}", file=sys.stderr)
    if len(report.failed) > _MOST_FAILURES:
        print(f"and {len(report.failed) - _MOST_FAILURES} more", file=sys.stderr)
    print(report)
    return 0 if report.complete else 1
