"""The command line: look at a folder, list the steps, run a recipe over everything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_lazy_pipeline._runtime.terminal import plain_output
from napari_lazy_pipeline.errors import (
    EngineError,
    ExportError,
    LazyPipelineError,
    RecipeError,
    printable,
)

# All else is imported where it is used: --help should not wait for it.
if TYPE_CHECKING:
    from napari_lazy_pipeline.exports.export import ExportReport
    from napari_lazy_pipeline.image import Stack
    from napari_lazy_pipeline.io.patterns.field_table import FieldRow
    from napari_lazy_pipeline.samples.microscope import WrittenFile
    from napari_lazy_pipeline.session import Recipe

_MOST_FAILURES = 20


@plain_output()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: the words after the name of the program, or those it was called with.

    Returns 0 if all went well, 1 if volumes are missing, 2 if the command cannot be carried out,
    130 if it was interrupted.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except LazyPipelineError as error:
        print(f"napari-lazy-pipeline: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nnapari-lazy-pipeline: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-lazy-pipeline", description="Process light-sheet time series lazily."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_info(commands)
    _add_run(commands)
    _add_simulate(commands)
    steps = commands.add_parser("steps", help="list the steps and their parameters")
    steps.set_defaults(command=_steps)
    return parser


def _add_info(commands: Any) -> None:
    info = commands.add_parser("info", help="say what is in a folder; no pixel is read")
    info.add_argument("folder", metavar="FOLDER")
    info.add_argument(
        "--pattern", metavar="P", help="file pattern, such as '{name}_t{t}.tif' (default: proposed)"
    )
    info.add_argument("--position", metavar="P", help="which of several positions")
    info.set_defaults(command=_info)


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run a recipe over everything, and write the result",
        description="Run a recipe over everything, and write the result as TIFF files or "
        "OME-Zarr. A run that was stopped goes on when it is started again. Folders are run one "
        "after the other; one that fails does not stop the others.",
    )
    run.add_argument("recipe", metavar="RECIPE", help="recipe file (.yaml or .json)")
    run.add_argument(
        "folders", metavar="FOLDER", nargs="*",
        help="folders of raw files (default: that of the recipe)",
    )  # fmt: skip
    run.add_argument(
        "--out", metavar="DIR",
        help="folder for the files; of several folders, with one for each (default: beside the "
        "raw folder)",
    )  # fmt: skip
    run.add_argument(
        "--set",
        metavar="STEP.FIELD=VALUE",
        action="append",
        default=[],
        help="change a parameter, such as deskew.angle=30, or deconvolve.psf.488=psf.tif for one "
        "channel; can be repeated",
    )
    run.add_argument(
        "--trust",
        action="store_true",
        help="run the code that the recipe names",
    )
    run.add_argument("--engine", metavar="NAME", help="where to compute (default: as the recipe)")
    for axis, what in (("t", "time points"), ("c", "channels")):
        run.add_argument(
            f"-{axis}",
            metavar="WHICH",
            type=_selection,
            help=f"{what}, such as 0,5,7 or 10:20 or ::10 (default: all)",
        )
    run.add_argument(
        "--dtype", choices=("uint8", "uint16", "float32"), help="data type (default: as computed)"
    )
    run.add_argument(
        "--format", choices=("tiff", "ome-zarr"), default="tiff", help="of files (default: tiff)"
    )
    run.add_argument(
        "--stage", metavar="STEP", action="append", default=[], type=_stage,
        help="write also what there is after a step, such as deskew, or 2 for the second, or 0 for "
        "the raw data; can be repeated",
    )  # fmt: skip
    run.add_argument(
        "--mip", metavar="AXES", default="",
        help="write also maximum projections, such as z or zy",
    )  # fmt: skip
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a dask cluster to compute on (default: here)"
    )
    run.set_defaults(command=_run)


def _add_simulate(commands: Any) -> None:
    from napari_lazy_pipeline.samples.microscope import WRITERS

    simulate = commands.add_parser(
        "simulate",
        help="write a folder as a microscope does, to try things out",
        description="Write a folder as a microscope does: at a rate, in parts, and not always "
        "as it should. No file is ever overwritten.",
    )
    simulate.add_argument("folder", metavar="FOLDER", help="made if it is not there")
    simulate.add_argument("--rate", type=float, default=1.0, help="volumes per second (default: 1)")
    simulate.add_argument(
        "--shape", type=_shape, default=(32, 128, 160), metavar="Z,Y,X", help="of each volume"
    )
    simulate.add_argument("--times", type=int, default=60, help="time points (default: 60)")
    simulate.add_argument("--channels", type=int, default=1)
    simulate.add_argument("--start", type=int, default=0, help="first time point (default: 0)")
    simulate.add_argument(
        "--writer", choices=tuple(WRITERS), default="labview", help="how files are written"
    )
    simulate.add_argument("--parts", type=int, default=4, help="pieces of a file (default: 4)")
    simulate.add_argument(
        "--disorder", type=int, default=1, metavar="N", help="write N time points in reverse order"
    )
    simulate.add_argument(
        "--drop", type=int, action="append", default=[], metavar="T",
        help="abandon the file of this time point half-written; can be repeated",
    )  # fmt: skip
    simulate.set_defaults(command=_simulate)


def _shape(text: str) -> tuple[int, int, int]:
    """Read ``z,y,x``."""
    z, y, x = map(int, text.split(","))
    return z, y, x


def _selection(text: str) -> tuple[int | slice, ...]:
    """Read numbers and ranges, such as ``0,5,10:20``."""
    parts = [part.split(":") for part in text.split(",")]
    if any(len(part) > 3 or part[2:] == ["0"] for part in parts):
        raise ValueError(text)
    return tuple(
        slice(*(int(end) if end else None for end in part)) if part[1:] else int(part[0])
        for part in parts
    )


def _stage(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _numbers(chosen: tuple[int | slice, ...] | None, size: int) -> list[int]:
    numbers: list[int] = []
    for part in (slice(None),) if chosen is None else chosen:
        numbers += range(size)[part] if isinstance(part, slice) else [part]
    if not numbers:
        raise RecipeError("What -t or -c state chooses nothing", hint=f"There are {size}, from 0")
    return numbers


def _info(options: argparse.Namespace) -> int:
    from napari_lazy_pipeline.image.spec import size_text
    from napari_lazy_pipeline.io import inspect_folder

    folder_info = inspect_folder(options.folder, options.pattern, position=options.position)
    stack = folder_info.stack()
    size = size_text(folder_info.voxel_size)
    interval = "unknown" if stack.time_interval is None else f"{stack.time_interval:g} s"
    angle = "unknown" if folder_info.angle is None else f"{folder_info.angle:g} degrees"
    rows = {
        "folder": folder_info.folder,
        "pattern": folder_info.pattern,
        "files": folder_info.summary,
        "voxel": f"{size}, from: {folder_info.voxel_source}",
        "angle": f"{angle}, from: {folder_info.angle_source}",
        "interval": interval,
    }
    for name, value in rows.items():
        print(f"{name + ':':10}{printable(value)}")
    for field in folder_info.table:
        print(f"{'field:':10}{printable(_field(field))}")
    for note in folder_info.notes:
        print(f"{'note:':10}{printable(note)}")
    for question in folder_info.questions:
        print(f"{'ask:':10}{question.text}")
    return 0


def _field(row: FieldRow) -> str:
    role = f" ({row.role})" if row.role else ""
    values = f" = {row.values}" if row.values else ""
    missing = f"; missing: {row.missing}" if row.missing else ""
    extra = f"; {row.extra}" if row.extra else ""
    return f"{row.field}{role}{values} ({row.count} in all){missing}{extra}"


def _run(options: argparse.Namespace) -> int:
    from napari_lazy_pipeline.exports.other_folder import open_other, open_own
    from napari_lazy_pipeline.session import Recipe
    from napari_lazy_pipeline.session.recipe_edit import edited

    if options.out is not None and not options.out.strip():
        raise ExportError("--out is empty", hint="Name a folder, or leave it out")
    recipe = Recipe.load(options.recipe)
    options.engine = options.engine or recipe.engine
    _check_engine(options.engine)
    # What is wrong in them is said before the folder is opened, as far as no channel is needed.
    edited(recipe.pipeline, [text for text in options.set if text.partition("=")[0].count(".") < 2])
    if recipe.sweep:
        said = f"The recipe holds values to try of {', '.join(recipe.sweep)}"
        print(f"{said}: the present values are used", file=sys.stderr)
    if not options.folders:
        return _write(recipe, open_own(recipe, options.trust), options)
    code = 0
    for folder in options.folders:
        try:
            code |= _write(recipe, open_other(recipe, folder, trust=options.trust), options)
        except LazyPipelineError as error:
            print(f"{folder}: {error}", file=sys.stderr)
            code = 1
    return code


def _write(recipe: Recipe, raw: Stack, options: argparse.Namespace) -> int:
    """Run a recipe over data that are open."""
    from pathlib import Path

    from napari_lazy_pipeline.exports.destination import raw_folder
    from napari_lazy_pipeline.exports.export import export
    from napari_lazy_pipeline.exports.other_folder import check_fit
    from napari_lazy_pipeline.exports.proposed_folder import propose_folder
    from napari_lazy_pipeline.session.recipe_edit import edited

    pipeline = edited(recipe.pipeline, options.set, raw.stack_spec.channels)
    if options.trust:
        recipe.model_copy(update={"pipeline": pipeline}).allow_code()
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
        t=_numbers(options.t, times),
        c=_numbers(options.c, channels),
        dtype=options.dtype,
        format=options.format,
        stages=options.stage,
        projections=options.mip,
        scheduler=options.scheduler,
        progress=_show_progress,
    )
    return _summarise(report)


def _simulate(options: argparse.Namespace) -> int:
    from pathlib import Path

    from napari_lazy_pipeline.samples.microscope import Simulation, run

    simulation = Simulation(
        Path(options.folder), options.shape, options.times, options.channels, options.writer,
        options.parts, options.disorder, tuple(options.drop), options.start,
    )  # fmt: skip
    total = options.times * options.channels
    done = 0

    def report(written: WrittenFile) -> None:
        nonlocal done
        done += written.complete
        if written.complete:
            _show_progress(done, total)

    run(simulation, options.rate, report)
    print(f"{done} volumes in {simulation.folder}")
    return 0


def _check_engine(name: str) -> None:
    from napari_lazy_pipeline.engines import get_engine

    reason = get_engine(name).unavailable()
    if reason:
        raise EngineError(f"The engine {name!r} cannot be used here: {reason}")


def _show_progress(done: int, total: int) -> None:
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


def _steps(options: argparse.Namespace) -> int:
    from napari_lazy_pipeline.steps import step_types
    from napari_lazy_pipeline.steps._parameter_table import parameter_rows

    for kind, step in step_types().items():
        print(f"{kind}: {step.summary}")
        rows = list(parameter_rows(step))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
        for *cells, meaning in rows:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            print("  " + "  ".join((*padded, meaning)))
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
