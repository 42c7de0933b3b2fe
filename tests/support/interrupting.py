"""Runs of the command line that are interrupted: at a named event, or after some time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tifffile

from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline.session.recipe import Source
from napari_lazy_pipeline.steps import Deconvolve, Deskew, SubtractBackground
from napari_lazy_pipeline.steps._base import Step
from stacks import gaussian_psf, write_raw

# The program as it is started, but for signals that a background job, or nohup, would ignore.
COUNT = re.compile(r"\d+/\d+ volumes")  # what the line of the progress begins with
_PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
{event}
import sys
from napari_lazy_pipeline.cli import main
sys.exit(main())
"""
# A signal to this process itself, the first time that a function is called, then whatever comes.
_AT_CALL = """
import importlib, os
module = importlib.import_module({module!r})
owner, _, name = {function!r}.rpartition(".")
owner = getattr(module, owner) if owner else module
original, sent = getattr(owner, name), []

def interrupted(*arguments, **options):
    if not sent:
        sent.append(True)
        os.kill(os.getpid(), signal.{number})
        {then}
    return original(*arguments, **options)

setattr(owner, name, interrupted)
"""
_AT_IMPORT = """
import os, sys

class Interrupting:
    sent = False

    def find_spec(self, name, path=None, target=None):
        if name == {module!r} and not self.sent:
            Interrupting.sent = True
            os.kill(os.getpid(), signal.{number})

sys.meta_path.insert(0, Interrupting())
"""
_AT_EXIT = """
import atexit, os, time
import napari_lazy_pipeline.cli.command_line

def last():
    os.kill(os.getpid(), signal.{number})
    time.sleep(1000)

# After those of the program, so it is called before them.
original = napari_lazy_pipeline.cli.command_line.perform
def perform(*arguments):
    atexit.register(last)
    return original(*arguments)
napari_lazy_pipeline.cli.command_line.perform = perform
"""


def at_call(module: str, function: str, then: str = "pass", number: str = "SIGINT") -> str:
    """Code that interrupts the process when a function is first called, and then does something."""
    return _AT_CALL.format(module=module, function=function, then=then, number=number)


def at_import(module: str, number: str = "SIGINT") -> str:
    """Code that interrupts the process when a module is first looked for."""
    return _AT_IMPORT.format(module=module, number=number)


def at_exit(number: str = "SIGINT") -> str:
    """Code that interrupts the process while it ends, and would then keep it from ending."""
    return _AT_EXIT.format(number=number)


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes
    ----------
    code
        Exit code; negative if a signal ended it.
    said
        Lines of the standard error, without those that count volumes.
    seconds
        From the signal to the end of the process.
    """

    code: int
    said: list[str]
    seconds: float = 0.0
    out: str = ""

    @property
    def kind(self) -> str:
        """The outcome in a word or two, for a table."""
        if any("Traceback" in line for line in self.said):
            return f"{self.code}, traceback"
        if len(self.said) > 1:
            return f"{self.code}, {len(self.said)} lines"
        return f"{self.code}, {'a line' if self.said else 'silent'}"


def write_job(folder: Path, times: int = 3, deconvolve: bool = False, **options: object) -> Path:
    """Write raw files, and a recipe for them; return that."""
    raw = write_raw(folder / "cell", times, **options)  # type: ignore[arg-type]
    steps: list[Step] = [SubtractBackground(value=100), Deskew(angle=31.5)]
    if deconvolve:
        psf = folder / "psf.tif"
        tifffile.imwrite(psf, gaussian_psf((21, 32, 32)))
        steps.insert(1, Deconvolve(psf=str(psf), psf_voxel_size=(0.3, 0.1, 0.1)))
    path = folder / "recipe.yaml"
    source = Source(folder=str(raw), voxel_size=(0.3, 0.1, 0.1))
    Recipe(source=source, pipeline=Pipeline(steps)).save(path)
    return path


def command(*words: object, event: str = "") -> list[str]:
    """Words that start the program, with some code before it."""
    return [sys.executable, "-c", _PROGRAM.format(event=event), *map(str, words)]


def environment(**variables: str) -> dict[str, str]:
    """Variables with which a process finds what this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}


def run_interrupted(event: str, *words: object, timeout: float = 240, **env: str) -> Outcome:
    """Run the program with code that interrupts it; a process that hangs fails the test."""
    done = subprocess.run(
        command(*words, event=event),
        capture_output=True, text=True, timeout=timeout, env=environment(**env),
    )  # fmt: skip
    return Outcome(done.returncode, lines(done.stderr), out=done.stdout)


def run_until(
    seconds: float, *words: object, limit: float = 90, number: int = signal.SIGINT, **env: str
) -> Outcome:
    """Run the program, and interrupt it after some time; a limit beyond which it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_lazy_pipeline.cli", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**env),
    )  # fmt: skip
    try:
        out, said = process.communicate(timeout=seconds)
        return Outcome(process.returncode, lines(said), 0.0, out)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    start = time.monotonic()
    try:
        out, said = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, said = process.communicate()
    return Outcome(process.returncode, lines(said), time.monotonic() - start, out)


def lines(said: str) -> list[str]:
    """Lines of the standard error that do not count volumes."""
    return [line for line in said.splitlines() if line and not COUNT.match(line)]


def volumes(folder: Path) -> dict[str, bytes]:
    """Content of the files under their final names, each of which can be read."""
    found = {}
    for path in sorted(folder.rglob("*.tif")):
        tifffile.imread(path)
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found
