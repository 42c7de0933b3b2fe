"""Run of a recipe: one folder after the other, and what is said of it."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_lazy_pipeline.errors import (
    Cancelled,
    EngineError,
    ExportError,
    LazyPipelineError,
    RecipeError,
    RemarkWarning,
    sentence,
)
from napari_lazy_pipeline.exports.scheduler_address import check_address

if TYPE_CHECKING:
    from napari_lazy_pipeline.cli.option_values import Selection
    from napari_lazy_pipeline.compute import Pipeline
    from napari_lazy_pipeline.exports.export import ExportReport, Failure
    from napari_lazy_pipeline.image import Stack
    from napari_lazy_pipeline.session import Recipe

_MOST_FAILURES = 20


def run(options: argparse.Namespace) -> int:
    """Run a recipe over its own folder, or over others."""
    if options.unit is not None and options.out is None:
        raise ExportError("Units have to write to one folder", hint="State it by --out")
    if options.scheduler is not None and not options.dry_run:
        check_address(options.scheduler, options.stop.is_set)
    recipe = load_recipe(options)
    folders = options.folders or [None]
    code = 0
    for number, folder in enumerate(folders):
        with _told(folder, options) as outcome:
            for index, position in enumerate(_positions(recipe, folder, options)):
                with _told(folder, options, position) as outcome_here:
                    # Units agree on this number, whatever went wrong in one of them before.
                    place = Place(folder, position, len(folders) > 1, number + index)
                    outcome_here.code = _write(recipe, place, options)
                code |= outcome_here.code
        code |= outcome.code
    return code


@contextmanager
def _told(
    folder: str | None, options: argparse.Namespace, position: str | None = None
) -> Iterator[argparse.Namespace]:
    """Tell what is wrong with one of several folders or positions; of the only one, raise it."""
    outcome = argparse.Namespace(code=0)
    try:
        yield outcome
    except (LazyPipelineError, OSError) as error:
        if options.stop.is_set():
            raise Cancelled from error
        where = position if options.position == "all" and position else folder
        if where is None:
            raise
        print(f"{where}: {sentence(error)}", file=sys.stderr)
        outcome.code = 1


@dataclass(frozen=True)
class Place:
    """One of the stacks that are run over."""

    folder: str | None = None  # None: that of the recipe
    position: str | None = None
    several: bool = False  # whether there are other folders
    number: int = 0  # of those before it

    def open(self, recipe: Recipe, trust: bool, complete: bool = False) -> Stack:
        """Open the raw data."""
        from napari_lazy_pipeline.exports.other_folder import open_other

        if self.folder is None and self.position is None:
            return recipe.open_raw(trust, complete)
        folder = self.folder or (recipe.source.folder if recipe.source else "")
        return open_other(recipe, folder, self.position, trust, complete)

    def output(self, stack: Stack, options: argparse.Namespace) -> Path | None:
        """Folder to write to."""
        from napari_lazy_pipeline.exports.destination import raw_folder
        from napari_lazy_pipeline.exports.proposed_folder import position_folder, propose_folder

        if options.out is None:
            return propose_folder(stack, options.dtype, options.format, self.position)
        out, raw = Path(options.out), raw_folder(stack.source)
        if self.several and raw is not None:
            out /= raw.name
        return out / position_folder(self.position) if self.position else out


def _positions(recipe: Recipe, folder: str | None, options: argparse.Namespace) -> list[str | None]:
    """Positions to run over; None for the one that is there, or that the recipe states."""
    from napari_lazy_pipeline.exports.other_folder import positions_of
    from napari_lazy_pipeline.exports.proposed_folder import position_folder

    if options.position != "all":
        return [options.position]
    own = recipe.source.folder if recipe.source else None
    where = folder or own
    if where is None:
        raise RecipeError("The recipe names no data", hint="State a folder")
    positions = positions_of(recipe, where, options.trust, options.complete)
    if len({*map(position_folder, positions)}) < len(positions):
        what = "Two positions would be written to one folder"
        raise ExportError(what, str(where), "Run one after the other, by --position and --out")
    return [*positions] or [None]


def load_recipe(options: argparse.Namespace) -> Recipe:
    """Load the recipe; what is wrong with it is said before any folder is opened."""
    from napari_lazy_pipeline.session import Recipe
    from napari_lazy_pipeline.session.recipe_edit import edited

    recipe = Recipe.load(options.recipe)
    options.engine = options.engine or recipe.engine
    _check_engine(options.engine)
    # What is wrong in them is said before the folder is opened, as far as no channel is needed.
    early = [text for text in options.set if text.partition("=")[0].count(".") < 2]
    if not any(step.enabled for step in edited(recipe.pipeline, early).steps):
        print("No step of the recipe is on: volumes stay as they were recorded", file=sys.stderr)
    if recipe.sweep:
        said = f"The recipe holds values to try of {', '.join(recipe.sweep)}"
        print(f"{said}: the present values are used", file=sys.stderr)
    return recipe


def _write(recipe: Recipe, place: Place, options: argparse.Namespace) -> int:
    """Run a recipe over one place, or say what that would write."""
    from napari_lazy_pipeline.exports.destination import raw_folder
    from napari_lazy_pipeline.exports.forecast import forecast, in_words

    raw = place.open(recipe, options.trust, options.complete)
    stack = applied(recipe, raw, options, place.folder is not None)
    folder = place.output(stack, options)
    times, channels = stack.source.sizes
    chosen: dict[str, Any] = {"t": numbers(options.t, times), "c": numbers(options.c, channels)}
    unit = options.unit and options.unit.turned(place.number)
    if options.dry_run:
        if folder is None:
            raise ExportError("It is not stated where to write", hint="State it by --out")
        expected = forecast(stack, folder, unit=unit, **chosen, **format_of(options))
        print(f"from:    {raw_folder(raw.source)}")
        print(f"data:    {in_words(raw, raw.spec.dtype)}")
        print(*expected.lines(), sep="\n")
        return 0
    return summarise(written(stack, folder, options, unit=unit, **chosen))


def steps_of(recipe: Recipe, raw: Stack, options: argparse.Namespace) -> Pipeline:
    """The steps of a recipe for these data, as the options change them."""
    from napari_lazy_pipeline.exports.maxima import maxima
    from napari_lazy_pipeline.session.recipe_edit import edited
    from napari_lazy_pipeline.session.recipe_numbers import tables_of
    from napari_lazy_pipeline.session.table_places import TablePlaces
    from napari_lazy_pipeline.steps._function_trial import trials

    recipe = recipe.numbered_now(raw)
    pipeline = edited(recipe.pipeline, options.set, raw.stack_spec.channels)
    if options.set and tables_of(pipeline):
        with trials(at_once=False):
            plans = [steps.plan(raw.stack_spec) for steps in (recipe.pipeline, pipeline)]
        if said := TablePlaces().met_anew(*plans):
            warnings.warn(said, RemarkWarning, stacklevel=2)
    if options.trust:
        recipe.model_copy(update={"pipeline": pipeline}).allow_code()
    return maxima(pipeline) if options.only_maxima else pipeline


def applied(recipe: Recipe, raw: Stack, options: argparse.Namespace, other: bool) -> Stack:
    """Apply a recipe, as the options change it, to its own data or to others."""
    from napari_lazy_pipeline.exports.other_folder import check_fit

    pipeline = steps_of(recipe, raw, options)
    stack = pipeline.apply(raw, engine=options.engine)
    if other:
        check_fit(pipeline.plan(raw.stack_spec, options.engine))
    return stack


def format_of(options: argparse.Namespace) -> dict[str, Any]:
    """How files are written, as `export` takes it."""
    return {
        "dtype": options.dtype, "format": options.format, "stages": options.stage,
        "projections": options.mip,
    }  # fmt: skip


def written(
    stack: Stack, folder: Path | None, options: argparse.Namespace, **more: Any
) -> ExportReport:
    """Export a stack; raises `Cancelled`, with what is written by then."""
    from napari_lazy_pipeline.exports.export import export

    report = export(
        stack,
        folder or "",
        scheduler=options.scheduler,
        progress=ProgressLine(),
        cancelled=options.stop.is_set,
        **format_of(options),
        **more,
    )
    if report.cancelled:
        done = f"{report.done} of {report.total} volumes are written"
        raise Cancelled(f"{done}, the same command goes on")
    return report


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


class ProgressLine:
    """Shows how many volumes there are, or other things, and the time left."""

    def __init__(self, nouns: str = "volumes") -> None:
        from napari_lazy_pipeline.exports.time_left import TimeLeft

        self._nouns, self._left = nouns, TimeLeft()

    def __call__(self, done: int, total: int) -> None:
        """Show it: a line for each volume in a log file, one that changes on a screen."""
        from napari_lazy_pipeline.image.quantity_text import format_duration

        seconds = self._left.update(done, total) if done < total else None
        left = "" if seconds is None else f", {format_duration(seconds, 2)} left"
        line = f"{done}/{total} {self._nouns}{left}"
        if sys.stderr.isatty():
            end = "" if done < total else "\n"
            print(f"\r{line:40}", end=end, file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def summarise(report: ExportReport) -> int:
    """Say what is written and what is missing; return the exit code."""
    tell_failures(report.failed)
    print(report)
    return 0 if report.complete else 1


def tell_failures(failures: Sequence[Failure]) -> None:
    """Say which volumes could not be made, and why: of stages that failed alike, once."""
    alike: dict[tuple[int, int, str], list[Failure]] = {}
    for one in failures:
        alike.setdefault((one.t, one.c, one.why), []).append(one)
    told = [*alike.values()][:_MOST_FAILURES]
    for first, *more in told:
        stages = ", ".join(one.stage or "the result" for one in (first, *more))
        print(replace(first, stage=stages) if more else first, file=sys.stderr)
    left = len(failures) - sum(map(len, told))
    if left:
        print(f"and {left} more", file=sys.stderr)
