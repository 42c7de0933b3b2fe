"""Ctrl-C ends any command, whatever it is doing: in seconds, with 130, and one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from interrupting import (
    Outcome,
    at_call,
    at_exit,
    at_import,
    command,
    environment,
    run_interrupted,
    volumes,
    write_job,
)
from napari_lazy_pipeline import cli
from napari_lazy_pipeline.cli.command_line import perform
from napari_lazy_pipeline.errors import Cancelled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can send a Ctrl-C")
HANG = "import time; time.sleep(1000)"
# Until the command is asked to stop.
WAIT = "import time; any(arguments[-1].cancelled() for _ in iter(lambda: time.sleep(0.01), 1)); "
FAIL = f"{WAIT}raise OSError('no')"
# To stop cleanly takes longer on a busy computer than a person should wait.
PATIENT = "import napari_lazy_pipeline.cli.interruption as own\nown.PATIENCE = 1e6\n"
LINE = re.compile(r"napari-lazy-pipeline: interrupted(: \d of 4 volumes are written, .*)?")
SOURCE = "napari_lazy_pipeline.compute.pipeline_source"
TIFF = "napari_lazy_pipeline.exports.formats.imagej_tiff"
FRESH = "napari_lazy_pipeline._runtime.fresh_file"
LOG = "napari_lazy_pipeline.exports.export_log"
EVENTS = {
    "importing the command line": at_import("napari_lazy_pipeline.cli.command_line"),
    "importing numpy": at_import("numpy"),
    "importing numba": at_import("numba"),
    "compiling": at_call("numba.core.dispatcher", "Dispatcher.compile"),
    "compiling for ever": at_call("numba.core.dispatcher", "Dispatcher.compile", HANG),
    "the first volume": at_call(SOURCE, "PipelineSource.read"),
    "a volume without end": at_call(SOURCE, "PipelineSource.read", HANG),
    "in the middle of a file": at_call(TIFF, "_imagej_metadata"),
    "a file that is not on the disk": at_call(FRESH, "os.fsync"),
    "a disk that hangs": at_call(FRESH, "os.fsync", HANG),
    "before a file has its name": at_call(FRESH, "_give_name"),
    "the journal": at_call(LOG, "ExportLog.finish"),
    "an error of what is stopped": at_call(SOURCE, "PipelineSource.read", FAIL),
    "the summary": at_call("napari_lazy_pipeline.cli.run_recipe", "summarise"),
    "the end of the process": at_exit(),
}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_job(tmp_path_factory.mktemp("job"), times=2, deconvolve=True)


@pytest.fixture(scope="module")
def whole(job: Path) -> dict[str, bytes]:
    """The files of a run that nobody interrupts."""
    assert cli.main(["run", str(job), "--out", str(job.parent / "whole")]) == 0
    return volumes(job.parent / "whole")


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_the_program_ends_and_the_same_command_goes_on(
    event: str, job: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    words = "run", job, "--out", tmp_path / "out"
    anew = {"NUMBA_CACHE_DIR": str(tmp_path / "numba")} if "compile" in event else {}
    outcome = run_interrupted(event, *words, **anew)
    assert outcome.code == 130
    (line,) = outcome.said
    assert LINE.fullmatch(line)
    finished = volumes(tmp_path / "out")
    assert finished.items() <= whole.items()
    if "are written" in line:
        assert f": {len(finished)} of 4" in line
    assert cli.main(list(map(str, words))) == 0
    assert volumes(tmp_path / "out") == whole


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_other_signals_end_it_the_same_way(
    number: str, code: int, job: Path, tmp_path: Path
) -> None:
    event = at_call(SOURCE, "PipelineSource.read", number=number)
    outcome = run_interrupted(PATIENT + event, "run", job, "--out", tmp_path / "out")
    assert outcome.code == code and len(outcome.said) == 1
    assert outcome.said[0].startswith("napari-lazy-pipeline: terminated: 0 of 4 volumes")


def test_a_second_time_it_is_at_once(job: Path, tmp_path: Path) -> None:
    """With a command that hangs, and far more patience than this test has."""
    twice = f"{WAIT}os.kill(os.getpid(), signal.SIGINT); time.sleep(1000)"
    event = at_call(SOURCE, "PipelineSource.read", twice)
    outcome = run_interrupted(PATIENT + event, "run", job, "--out", tmp_path / "out")
    assert outcome == Outcome(130, ["napari-lazy-pipeline: interrupted"])


@pytest.mark.parametrize(
    ("words", "event"),
    [
        (["info", "{raw}"], at_call("napari_lazy_pipeline.io", "inspect_folder", HANG)),
        (["steps"], at_call("napari_lazy_pipeline.steps", "step_types")),
        (
            ["simulate", "{out}", "--rate", "0.0001", "--shape", "2,8,8"],
            at_call("napari_lazy_pipeline.samples.microscope", "put"),
        ),
    ],
    ids=["info", "steps", "simulate"],
)
def test_other_commands(words: list[str], event: str, job: Path, tmp_path: Path) -> None:
    filled = [word.format(raw=job.parent / "cell", out=tmp_path / "out") for word in words]
    outcome = run_interrupted(event, *filled)
    assert outcome.code == 130 and outcome.said == ["napari-lazy-pipeline: interrupted"]


def test_in_the_background_ctrl_c_is_ignored_as_it_was(job: Path, tmp_path: Path) -> None:
    event = at_call(SOURCE, "PipelineSource.read")
    event = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{event}"
    outcome = run_interrupted(event, "run", job, "--out", tmp_path / "out")
    assert outcome.code == 0 and not outcome.said and len(volumes(tmp_path / "out")) == 4


def test_inside_another_program_nothing_takes_its_signals(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever calls it with words, or not in the main thread, has its own way to stop."""
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["steps"]) == 0
    codes: list[int] = []
    monkeypatch.setattr(sys, "argv", ["napari-lazy-pipeline", "steps"])
    thread = threading.Thread(target=lambda: codes.append(cli.main()))
    thread.start()
    thread.join()
    assert codes == [0] and signal.getsignal(signal.SIGINT) is before


def test_output_that_nobody_reads_is_no_traceback(job: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("steps"), stdout=writing, stderr=subprocess.PIPE, text=True, env=environment()
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_stops_says_where_it_stands() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        perform(["info", "no such folder"], stop)
