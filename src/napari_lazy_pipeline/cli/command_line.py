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
from napari_lazy_pipeline.cli.other_commands import (
    completion,
    info,
    new_recipe,
    simulate,
    steps,
    warm_up,
)
from napari_lazy_pipeline.cli.run_options import (
    add_complete,
    add_data,
    add_movie,
    add_run,
    add_watch,
)
from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError, sentence

# All else is imported where it is used: --help should not wait for it.


@plain_output()
def perform(arguments: Sequence[str] | None, stop: threading.Event | None = None) -> int:
    """Run a command; return its exit code. Raises `Cancelled` once ``stop`` is set."""
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        import argcomplete

        argcomplete.autocomplete(parser)
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args(words)
    # Python before 3.13 makes an empty list of this.
    for word in words:
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
    add_run(commands)
    add_watch(commands)
    _add_recipe(commands)
    add_movie(commands)
    _add_estimate(commands)
    _add_simulate(commands)
    exercises = commands.add_parser(
        "lesson", help="open napari with six exercises on what lazy means; 45 minutes, offline"
    )
    exercises.add_argument("--text", action="store_true", help="print them, with the answers")
    exercises.set_defaults(command=lesson)
    listing = commands.add_parser("steps", help="list the steps and their parameters")
    listing.set_defaults(command=steps)
    _add_completion(commands)
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
        help="what the pages of a TIFF, or the axes of an HDF5 or NumPy array, are, the slowest "
        "first, such as TZYX or ZCYX",
    )  # fmt: skip
    parser.add_argument(
        "--planes",
        metavar="N",
        type=values.whole_number(1),
        help="number of planes of a volume in a TIFF of several",
    )
    add_complete(parser)
    parser.set_defaults(command=info)


def _add_estimate(commands: Any) -> None:
    parser = commands.add_parser(
        "estimate",
        help="find values of steps in the data, and write them into the recipe",
        description="Find values of steps in the data, as the buttons in their cards do, and "
        "write them into the recipe. Without --step, those of all steps that are on.",
    )
    add_data(parser)
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


def _add_recipe(commands: Any) -> None:
    parser = commands.add_parser("recipe", help="make a recipe")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    new = verbs.add_parser(
        "new",
        help="write a recipe with the usual steps for a folder",
        description="Write a recipe with the steps that a new dock begins with: all are off, but "
        "for deskewing of data that are skewed.",
    )
    new.add_argument("folder", metavar="FOLDER", type=values.text)
    new.add_argument(
        "--out", metavar="RECIPE", type=values.text,
        help="recipe file to write, .yaml or .json (default: <folder>.yaml, here)",
    )  # fmt: skip
    new.add_argument("--pattern", metavar="P", type=values.text, help="of the names of the files")
    new.add_argument("--position", metavar="P", type=values.text, help="which of several")
    new.add_argument(
        "--voxel-size", metavar="Z,Y,X", type=values.voxel_size,
        help="[um], if the files do not tell it",
    )  # fmt: skip
    new.set_defaults(command=new_recipe)


def _add_completion(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="print what a shell needs to complete these words by the tab key",
        description="Print what a shell needs to complete these words by the tab key, with the "
        'package argcomplete. For instance: eval "$(napari-lazy-pipeline completion bash)"',
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(command=completion)


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
        "--rate", type=values.above_zero, default=1.0, help="volumes per second (default: 1)"
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
