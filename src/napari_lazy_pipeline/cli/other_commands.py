"""Other commands: what is in a folder, which steps there are, and a simulated microscope."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_lazy_pipeline.cli.run_recipe import ProgressLine
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError, RecipeError, printable

if TYPE_CHECKING:
    from napari_lazy_pipeline.io.patterns.field_table import FieldRow
    from napari_lazy_pipeline.samples.microscope import WrittenFile


def info(options: argparse.Namespace) -> int:
    """Say what is in a folder."""
    from napari_lazy_pipeline.image.spec import size_text
    from napari_lazy_pipeline.io import inspect_folder

    folder_info = inspect_folder(
        options.folder, options.pattern, position=options.position, reader=options.reader,
        trust=options.trust, shape=options.shape, dtype=options.dtype,
        axes=options.axes, planes=options.planes, complete=options.complete,
    )  # fmt: skip
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
        choices = f" --axes {' | '.join(question.choices)}" if question.about == "axes" else ""
        print(f"{'ask:':10}{question.text}{choices}")
    return 0


def _field(row: FieldRow) -> str:
    role = f" ({row.role})" if row.role else ""
    values = f" = {row.values}" if row.values else ""
    missing = f"; missing: {row.missing}" if row.missing else ""
    extra = f"; {row.extra}" if row.extra else ""
    return f"{row.field}{role}{values} ({row.count} in all){missing}{extra}"


def simulate(options: argparse.Namespace) -> int:
    """Write a folder as a microscope does."""
    from napari_lazy_pipeline.samples.microscope import Simulation, run

    simulation = Simulation(
        Path(options.folder), options.shape, options.times, options.channels, options.writer,
        options.parts, options.disorder, tuple(options.drop), options.start,
    )  # fmt: skip
    total = options.times * options.channels
    done, progress = 0, ProgressLine()

    def report(written: WrittenFile) -> None:
        nonlocal done
        if options.stop.is_set():
            raise Cancelled
        done += written.complete
        if written.complete:
            progress(done, total)

    run(simulation, options.rate, report, sleep=options.stop.wait)
    print(f"{done} volumes in {simulation.folder}")
    return 0


def warm_up(options: argparse.Namespace) -> int:
    """Compile what the first deconvolution would else wait for."""
    from time import perf_counter

    from napari_lazy_pipeline.engines.cpu import preparation
    from napari_lazy_pipeline.engines.cpu.cpu_engine import prepare

    if preparation.is_prepared():
        print("Everything is compiled already")
        return 0
    start = perf_counter()
    prepare()
    print(f"Compiled in {perf_counter() - start:.0f} s")
    return 0


def steps(options: argparse.Namespace) -> int:
    """List the steps and their parameters."""
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


def new_recipe(options: argparse.Namespace) -> int:
    """Write a recipe with the usual steps for a folder."""
    from napari_lazy_pipeline.exports.output_name import shortened
    from napari_lazy_pipeline.io import inspect_folder
    from napari_lazy_pipeline.session import Recipe
    from napari_lazy_pipeline.session.default_pipeline import default_pipeline

    folder_info = inspect_folder(options.folder, options.pattern, position=options.position)
    stack = folder_info.stack(options.voxel_size)
    path = Path(options.out or f"{shortened(Path(folder_info.folder).name)}.yaml")
    if os.path.lexists(path):
        raise RecipeError("The file is there already", str(path), "State another one by --out")
    pipeline = default_pipeline(folder_info.angle is not None)
    Recipe(source=stack, pipeline=pipeline).save(path)
    print(f"Written to {path}")
    if not any(step.enabled for step in pipeline.steps):
        print("All steps are off: write 'enabled: true' in those that you want", file=sys.stderr)
    for question in folder_info.questions:
        codes = f": {' or '.join(question.choices)}" if question.about in ("step", "axes") else ""
        print(f"ask: {question.text} State {question.about} under source{codes}", file=sys.stderr)
    return 0


def completion(options: argparse.Namespace) -> int:
    """Print what a shell needs to complete words."""
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError as error:
        hint = "pip install 'napari-lazy-pipeline[completion]'"
        raise LazyPipelineError("The package argcomplete is not installed", hint=hint) from error
    print(shellcode(["napari-lazy-pipeline"], shell=options.shell))
    return 0
