"""Run options: the words of the commands that process folders, run and watch."""

from __future__ import annotations

import argparse
from typing import Any

from napari_lazy_pipeline.cli import option_values as values
from napari_lazy_pipeline.cli.movie import movie
from napari_lazy_pipeline.cli.run_recipe import run


def add_complete(parser: argparse.ArgumentParser) -> None:
    """Add that files are complete, whatever they look like."""
    parser.add_argument(
        "--complete", action="store_true",
        help="nothing writes to the files any more: zeros at the end of a new one are pixels",
    )  # fmt: skip


def add_run(commands: Any) -> None:
    """Add the command run."""
    parser = commands.add_parser(
        "run",
        help="run a recipe over everything, and write the result",
        description="Run a recipe over everything, and write the result as TIFF files or "
        "OME-Zarr. A run that was stopped goes on when it is started again. Folders are run one "
        "after the other; one that fails does not stop the others.",
    )
    parser.add_argument(
        "recipe", metavar="RECIPE", type=values.text, help="recipe file (.yaml or .json)"
    )
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="*", default=[], type=values.text,
        help="folders of raw files (default: that of the recipe)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="DIR", type=values.text,
        help="folder for the files; of several folders, with one for each (default: beside the "
        "raw folder)",
    )  # fmt: skip
    add_complete(parser)
    for axis, what in (("t", "time points"), ("c", "channels")):
        parser.add_argument(
            f"-{axis}", metavar="WHICH", type=values.selection,
            help=f"{what}, such as 0,5,7 or 10:20 or ::10 (default: all)",
        )  # fmt: skip
    _add_settings(parser)
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", type=values.text,
        help="of a dask cluster to compute on (default: here). A scheduler or worker that is "
        "silent for 20 s is given up: other workers take over, or the run ends",
    )  # fmt: skip
    parser.add_argument(
        "--units", metavar="I/N", type=values.unit, dest="unit",
        help="write only the I-th of N shares, such as 3/8: for N processes that need no "
        "scheduler, such as an array of SLURM. The same command without it then completes and "
        "joins what they wrote",
    )  # fmt: skip
    parser.add_argument(
        "--position", metavar="P", type=values.text,
        help="which of several positions, or all: each then has a folder of its own",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true",
        help="say what would be written and what it takes; write nothing",
    )  # fmt: skip
    parser.set_defaults(command=run)


def _add_steps(parser: argparse.ArgumentParser) -> None:
    """Add what is changed of the steps, and who computes them."""
    parser.add_argument(
        "--set", metavar="STEP.FIELD=VALUE", type=values.text, action="append", default=[],
        help="change a parameter, such as deskew.angle=30, or deconvolve.psf.488=psf.tif for one "
        "channel; can be repeated",
    )  # fmt: skip
    parser.add_argument("--trust", action="store_true", help="run the code that the recipe names")
    parser.add_argument(
        "--engine",
        metavar="NAME",
        type=values.text,
        help="where to compute (default: as the recipe)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add how volumes are made, and how they are written."""
    _add_steps(parser)
    parser.add_argument(
        "--dtype", choices=("uint8", "uint16", "float32"), help="data type (default: as computed)"
    )
    parser.add_argument(
        "--format", choices=("tiff", "ome-zarr"), default="tiff", help="of files (default: tiff)"
    )
    parser.add_argument(
        "--stage", metavar="STEP", action="append", default=[], type=values.stage,
        help="write also what there is after a step, such as deskew, or 2 for the second, or 0 for "
        "the raw data; can be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--mip", metavar="AXES", default=(), type=values.text,
        help="write also maximum projections, such as z or zy",
    )  # fmt: skip
    parser.add_argument(
        "--only-maxima", action="store_true",
        help="write the maximum along z of each volume instead of the volume; after Deskew, "
        "straight from the raw planes",
    )  # fmt: skip


def add_watch(commands: Any) -> None:
    """Add the command watch."""

    def watch(options: argparse.Namespace) -> int:
        # It imports what takes long: --help should not wait for it.
        from napari_lazy_pipeline.cli.watch_folder import watch

        return watch(options)

    parser = commands.add_parser(
        "watch",
        help="process the volumes of a folder as the microscope completes them",
        description="Process the volumes of a folder as the microscope completes them, until "
        "Ctrl-C. The same command goes on where it was stopped.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", type=values.text, help="of raw files, which may be empty yet"
    )
    parser.add_argument(
        "--recipe", metavar="RECIPE", required=True, type=values.text, help="recipe file"
    )
    parser.add_argument(
        "--out", metavar="DIR", required=True, type=values.text, help="folder to write to"
    )
    parser.add_argument(
        "--position", metavar="P", type=values.text, help="which of several positions"
    )
    parser.add_argument(
        "--until-idle", metavar="SECONDS", type=values.above_zero,
        help="end once there was nothing new for so long (default: go on for ever)",
    )  # fmt: skip
    _add_settings(parser)
    parser.set_defaults(command=watch, scheduler=None)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add a recipe, and the folder that it is for."""
    parser.add_argument("recipe", metavar="RECIPE", type=values.text)
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=values.text,
        help="folder of raw files (default: that of the recipe)",
    )  # fmt: skip


def add_movie(commands: Any) -> None:
    """Add the command movie."""
    parser = commands.add_parser(
        "movie",
        help="write a movie of the maxima along z, with time stamp and scale bar",
        description="Write a movie of what is brightest along z of what a recipe makes, with time "
        "stamp and scale bar.",
    )
    add_data(parser)
    parser.add_argument(
        "--out", metavar="FILE", type=values.text, required=True, help="new file, .mp4 or .gif"
    )
    parser.add_argument(
        "-t", metavar="WHICH", type=values.selection,
        help="time points, such as 0,5,7 or 10:20 or ::10 (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=values.above_zero, default=10.0, help="pictures per second (default: 10)"
    )
    parser.add_argument(
        "--contrast", metavar="[CHANNEL=]LOW,HIGH", type=values.contrast, action="append",
        default=[],
        help="values that are black and full, of all channels or of one; can be repeated "
        "(default: percentiles 1 and 99.9 of the first picture)",
    )  # fmt: skip
    _add_steps(parser)
    parser.set_defaults(command=movie, only_maxima=True)
