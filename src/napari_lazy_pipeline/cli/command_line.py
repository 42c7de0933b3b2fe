"""Command line: its words, what they mean, and how errors are told."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from napari_lazy_pipeline._runtime.terminal import plain_output
from napari_lazy_pipeline.cli import option_values as values
from napari_lazy_pipeline.cli.estimate_recipe import estimate
from napari_lazy_pipeline.cli.lesson import lesson
from napari_lazy_pipeline.cli.movie import movie
from napari_lazy_pipeline.cli.other_commands import info, simulate, steps, warm_up
from napari_lazy_pipeline.cli.run_recipe import run
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError, sentence

# All else is imported where it is used: --help should not wait for it.


@plain_output()
def perform(arguments: Sequence[str] | None, stop: threading.Event | None = None) -> int:
    """Run a command; return its exit code. Raises `Cancelled` once ``stop`` is set."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    # Python before 3.13 makes an empty list of this.
    for word in sys.argv[1:] if arguments is None else arguments:
        if word.startswith("-") and word.endswith("=--"):
            parser.error(f"argument {word}: there is no value")
    options.stop = stop or threading.Event()
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        print(end="", flush=True)
    except (LazyPipelineError, OSError) as error:
        if nobody_reads(error):
            # Whoever reads the output has enough of it. Python would try to write the rest.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if options.stop.is_set():
            raise Cancelled from error
        say(sentence(error))
        return 2
    except MemoryError:
        say("There is not enough memory")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return code


def nobody_reads(error: BaseException) -> bool:
    """Return whether the output was closed; Windows calls that an invalid argument, of no file."""
    closed = isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and closed)


def say(line: str) -> None:
    """Tell something that is not the result."""
    print(f"napari-lazy-pipeline: {line}", file=sys.stderr)


def tell_warnings() -> None:
    """Have warnings told like errors."""
    warnings.showwarning = lambda message, *_, **__: say(str(message))


class _Version(argparse.Action):
    """Tells the version; it is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it."""
        from napari_lazy_pipeline import __version__

        print(f"{parser.prog} {__version__}")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return what understands the words of all commands."""
    parser = argparse.ArgumentParser(
        prog="napari-lazy-pipeline",
        description="Process light-sheet time series lazily.",
        epilog="Ctrl-C ends any command within 5 s, with exit status 130; no file that is not "
        "complete has its final name.",
    )
    parser.add_argument("--version", action=_Version, help="tell the version, and end")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_info(commands)
    _add_run(commands)
    _add_movie(commands)
    _add_estimate(commands)
    _add_simulate(commands)
    exercises = commands.add_parser(
        "lesson", help="open napari with six exercises on what lazy means; 45 minutes, offline"
    )
    exercises.add_argument("--text", action="store_true", help="print them, with the answers")
    exercises.set_defaults(command=lesson)
    listing = commands.add_parser("steps", help="list the steps and their parameters")
    listing.set_defaults(command=steps)
    warm = commands.add_parser(
        "warm-up", help="compile what the first deconvolution would else wait for, once"
    )
    warm.set_defaults(command=warm_up)
    return parser


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="say what is in a folder; no pixel is read")
    parser.add_argument("folder", metavar="FOLDER", type=values.text)
    parser.add_argument(
        "--pattern", metavar="P", type=values.text,
        help="file pattern, such as '{name}_t{t}.tif' (default: proposed)",
    )  # fmt: skip
    parser.add_argument(
        "--position", metavar="P", type=values.text, help="which of several positions"
    )
    parser.add_argument(
        "--reader", metavar="MODULE:FUNCTION", type=values.text,
        help="function that takes a path and returns an array; with --trust",
    )  # fmt: skip
    parser.add_argument("--trust", action="store_true", help="run the code that --reader names")
    parser.add_argument(
        "--shape", type=values.shape, metavar="Z,Y,X", help="of each volume in files without header"
    )
    parser.add_argument("--dtype", metavar="TYPE", type=values.text, help="of files without header")
    parser.add_argument(
        "--axes", metavar="A", type=values.text,
        help="what the pages of a TIFF are, the slowest first, such as TZYX or ZCYX",
    )  # fmt: skip
    parser.add_argument(
        "--planes",
        metavar="N",
        type=values.whole_number(1),
        help="number of planes of a volume in a TIFF of several",
    )
    _add_complete(parser)
    parser.set_defaults(command=info)


def _add_complete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--complete", action="store_true",
        help="nothing writes to the files any more: zeros at the end of a new one are pixels",
    )  # fmt: skip


def _add_run(commands: Any) -> None:
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
        "folders", metavar="FOLDER", nargs="*", type=values.text,
        help="folders of raw files (default: that of the recipe)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="DIR", type=values.text,
        help="folder for the files; of several folders, with one for each (default: beside the "
        "raw folder)",
    )  # fmt: skip
    parser.add_argument(
        "--set", metavar="STEP.FIELD=VALUE", type=values.text, action="append", default=[],
        help="change a parameter, such as deskew.angle=30, or deconvolve.psf.488=psf.tif for one "
        "channel; can be repeated",
    )  # fmt: skip
    parser.add_argument("--trust", action="store_true", help="run the code that the recipe names")
    _add_complete(parser)
    parser.add_argument(
        "--engine",
        metavar="NAME",
        type=values.text,
        help="where to compute (default: as the recipe)",
    )
    for axis, what in (("t", "time points"), ("c", "channels")):
        parser.add_argument(
            f"-{axis}", metavar="WHICH", type=values.selection,
            help=f"{what}, such as 0,5,7 or 10:20 or ::10 (default: all)",
        )  # fmt: skip
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
        help="write the maximum along z of each volume instead of the volume; behind Deskew, "
        "straight from the raw planes",
    )  # fmt: skip
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
    parser.set_defaults(command=run)


def _add_movie(commands: Any) -> None:
    parser = commands.add_parser(
        "movie",
        help="write a movie of the maxima along z, with time stamp and scale bar",
        description="Write a movie of what is brightest along z of what a recipe makes, with time "
        "stamp and scale bar. Contrast: percentiles 1 and 99.9 of the first picture.",
    )
    parser.add_argument("recipe", metavar="RECIPE", type=values.text)
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=values.text,
        help="folder of raw files (default: that of the recipe)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", type=values.text, required=True, help="new file, .mp4 or .gif"
    )
    parser.add_argument(
        "-t", metavar="WHICH", type=values.selection,
        help="time points, such as 0,5,7 or 10:20 or ::10 (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=values.rate, default=10.0, help="pictures per second (default: 10)"
    )
    parser.add_argument("--trust", action="store_true", help="run the code that the recipe names")
    parser.set_defaults(command=movie)


def _add_estimate(commands: Any) -> None:
    parser = commands.add_parser(
        "estimate",
        help="find values of steps in the data, and write them into the recipe",
        description="Find values of steps in the data, as the buttons in their cards do, and "
        "write them into the recipe. Without --step, those of all steps that are on.",
    )
    parser.add_argument("recipe", metavar="RECIPE", type=values.text)
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=values.text,
        help="folder of raw files (default: that of the recipe)",
    )  # fmt: skip
    parser.add_argument(
        "--step", metavar="STEP", type=values.stage, help="such as drift, or 2 for the second"
    )
    parser.add_argument(
        "--by", metavar="WORDS", type=values.text,
        help="which estimate, where a step has several: a part of what its button says",
    )  # fmt: skip
    for axis, what in (("t", "time point"), ("c", "channel")):
        parser.add_argument(
            f"-{axis}", metavar=axis.upper(), default=0, type=values.whole_number(0),
            help=f"{what} to look at, where one will do (default: 0)",
        )  # fmt: skip
    parser.add_argument(
        "--out", metavar="RECIPE", type=values.text,
        help="recipe file to write (default: the recipe itself)",
    )  # fmt: skip
    parser.add_argument("--trust", action="store_true", help="run the code that the recipe names")
    parser.set_defaults(command=estimate)


def _add_simulate(commands: Any) -> None:
    from napari_lazy_pipeline.samples.microscope import WRITERS

    parser = commands.add_parser(
        "simulate",
        help="write a folder as a microscope does, to try things out",
        description="Write a folder as a microscope does: at a rate, in parts, and not always "
        "as it should. No file is ever overwritten.",
    )
    some, any_number = values.whole_number(1), values.whole_number(0)
    parser.add_argument(
        "folder", metavar="FOLDER", type=values.text, help="made if it is not there"
    )
    parser.add_argument(
        "--rate", type=values.rate, default=1.0, help="volumes per second (default: 1)"
    )
    parser.add_argument(
        "--shape", type=values.shape, default=(32, 128, 160), metavar="Z,Y,X", help="of each volume"
    )
    parser.add_argument("--times", type=some, default=60, help="time points (default: 60)")
    parser.add_argument("--channels", type=some, default=1)
    parser.add_argument("--start", type=any_number, default=0, help="first time point (default: 0)")
    parser.add_argument(
        "--writer", choices=tuple(WRITERS), default="labview", help="how files are written"
    )
    parser.add_argument("--parts", type=some, default=4, help="pieces of a file (default: 4)")
    parser.add_argument(
        "--disorder", type=some, default=1, metavar="N", help="write N time points in reverse order"
    )
    parser.add_argument(
        "--drop", type=any_number, action="append", default=[], metavar="T",
        help="abandon the file of this time point half-written; can be repeated",
    )  # fmt: skip
    parser.set_defaults(command=simulate)
