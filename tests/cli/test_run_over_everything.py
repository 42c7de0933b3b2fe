"""Run over everything: units, positions, what would be written, and a folder that grows."""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from interrupting import command, environment, volumes, write_job
from napari_lazy_pipeline import Pipeline, Recipe, Stack, cli, open_stack
from napari_lazy_pipeline.cli import watch_folder
from napari_lazy_pipeline.cli.run_recipe import ProgressLine
from napari_lazy_pipeline.errors import MissingFileError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.other_folder import open_other
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.live.complete_volumes import complete_volumes
from napari_lazy_pipeline.io.metadata_sources import with_interval
from napari_lazy_pipeline.samples.microscope import Simulation
from napari_lazy_pipeline.steps import Crop, Deconvolve, RelativeChange, Select


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A recipe for three time points of two channels."""
    return write_job(tmp_path)


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_units_of_several_folders_share_out_small_ones(job: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        shutil.copytree(tmp_path / "cell", folder)
    words = "run", job, *folders, "-t", 0, "-c", 0, "--out", tmp_path / "out"
    for number in (1, 2, 3):
        assert run(*words, "--units", f"{number}/3") == 0
        assert len(volumes(tmp_path / "out")) == number
    assert run(*words) == 0
    assert not list((tmp_path / "out").rglob("*of3.jsonl"))


def test_a_folder_that_fails_in_one_unit_does_not_shift_its_share(
    job: Path, tmp_path: Path
) -> None:
    words = "run", job, tmp_path / "nowhere", tmp_path / "cell", "--out", tmp_path / "out"
    assert run(*words, "--units", "1/2") == 1
    shutil.copytree(tmp_path / "cell", tmp_path / "nowhere")
    assert run(*words, "--units", "2/2") == 0
    assert len(volumes(tmp_path / "out" / "cell")) == 6


def test_units_need_one_folder(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", job, "--units", "1/2") == 2
    assert "State it by --out" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_units_that_there_cannot_be(
    word: str, job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("run", job, "--units", word)
    assert "state which of how many" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "run", job, "--out", tmp_path / "out", "--stage", "1", "-t", "0:2"
    before = sorted(tmp_path.rglob("*"))
    assert run(*words, "--dry-run") == 0
    assert sorted(tmp_path.rglob("*")) == before
    said = capsys.readouterr().out
    assert f"to:      {tmp_path / 'out'}" in said
    assert (
        f"from:    {tmp_path / 'cell'}" in said and "steps:   subtract_background, deskew" in said
    )
    size = "voxels 0.3 x 0.1 x 0.1 um"
    assert f"data:    3 time points x 2 channels (488, 560), (12, 16, 20) uint16, {size}" in said
    assert "3 time points x 2 channels (488, 560), (12, 16, 50) uint16" in said
    assert "8 to write, 0 there already" in said  # 2 stages
    assert re.search(r"disk:    \d+(\.\d+)? kB \(.* free\)", said)
    assert re.search(r"memory:  .* for one volume, at Deskew", said)
    assert run(*words) == 0
    capsys.readouterr()
    assert run(*words, "--dry-run") == 0
    assert "0 to write, 8 there already" in capsys.readouterr().out


def test_a_dry_run_says_what_is_missing(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next((tmp_path / "cell").glob("*ch0_stack0001*")).unlink()
    assert run("run", job, "--out", tmp_path / "out", "--dry-run") == 0
    assert "missing: 1 raw file\n" in capsys.readouterr().out


def test_all_positions_of_a_folder(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for position in (1, 3):
        shutil.copytree(tmp_path / "cell", tmp_path / "run" / f"Pos{position}")
    recipe = tmp_path / "any.yaml"
    loaded = Recipe.load(job)
    assert loaded.source is not None
    source = loaded.source.model_copy(update={"folder": str(tmp_path / "run"), "pattern": ""})
    loaded.model_copy(update={"source": source}).save(recipe)
    words = "run", recipe, tmp_path / "run", "--out", tmp_path / "out"
    assert run(*words, "--position", "all") == 0
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(folders) == 2 and len(volumes(tmp_path / "out")) == 12
    assert run(*words[:-1], tmp_path / "one", "--position", folders[1]) == 0
    assert volumes(tmp_path / "one" / folders[1]) == volumes(tmp_path / "out" / folders[1])
    assert run(*words, "--position", "nowhere") == 1
    assert "nowhere" in capsys.readouterr().err


def test_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ProgressLine()
    for done in range(3):
        progress(done, 2)
        time.sleep(0.01)
    first, second, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("0/2 volumes", "2/2 volumes")
    assert re.fullmatch(r"1/2 volumes, \d+ ms left", second)


def test_a_new_recipe_runs(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new.yaml"
    words = "recipe", "new", tmp_path / "cell", "--out", path, "--voxel-size", "0.3,0.1,0.1"
    assert run(*words) == 0
    said = capsys.readouterr().err
    assert "All steps are off: write 'enabled: true'" in said
    assert "State angle under source" in said
    assert "State step under source: stage or perpendicular" in said
    recipe = Recipe.load(path)
    assert [step.kind for step in recipe.pipeline.steps][:3] == [
        "subtract_background", "deconvolve", "deskew",
    ]  # fmt: skip
    assert run(*words) == 2  # it is there already
    assert "State another one by --out" in capsys.readouterr().err
    assert run("run", path, "--out", tmp_path / "out", "-t", 0, "-c", 0) == 0
    assert "No step of the recipe is on" in capsys.readouterr().err
    (pixels,) = (tifffile.imread(file) for file in (tmp_path / "out").glob("*.tif"))
    (raw,) = (tmp_path / "cell").glob("*ch0_stack0000*")
    assert np.array_equal(pixels, tifffile.imread(raw))


def test_a_shell_completes_words(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("argcomplete")
    assert run("completion", "bash") == 0
    assert "napari-lazy-pipeline" in capsys.readouterr().out
    line = "napari-lazy-pipeline run r.yaml --dry"
    asked = {
        "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
    }  # fmt: skip
    done = subprocess.run(command(), env=environment(**asked), capture_output=True, text=True)
    assert done.stdout.strip() == "--dry-run"


def test_completion_without_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert run("completion", "zsh") == 2
    assert "pip install 'napari-lazy-pipeline[completion]'" in capsys.readouterr().err


def test_a_folder_is_processed_while_it_is_written(job: Path, tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    simulation = Simulation(tmp_path / "live", (12, 16, 20), times=4, channels=2)
    watching = subprocess.Popen(
        command(
            "watch", tmp_path / "live", "--recipe", job, "--out", tmp_path / "out",
            "--until-idle", "6",
        ),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stderr is not None
    assert watching.stderr.readline().startswith("Waiting: ")
    for written in simulation.steps():
        time.sleep(0.05)
        if written.complete and written.t == 1:  # the volumes before are written meanwhile
            deadline = time.monotonic() + 60
            while written.c == 1 and not volumes(tmp_path / "out"):
                assert time.monotonic() < deadline and watching.poll() is None
                time.sleep(0.1)
    result, said = watching.communicate(timeout=120)
    assert watching.returncode == 0, said
    assert result == f"8 volumes written to {tmp_path / 'out'}\n"
    assert run("run", job, tmp_path / "live", "--out", tmp_path / "whole") == 0
    assert volumes(tmp_path / "out") == volumes(tmp_path / "whole")
    assert len(volumes(tmp_path / "whole")) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="no process can send a Ctrl-C")
def test_a_watch_that_is_interrupted_goes_on(job: Path, tmp_path: Path) -> None:
    words = "watch", tmp_path / "cell", "--recipe", job, "--out", tmp_path / "out"
    watching = subprocess.Popen(
        command(*words), env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert watching.stderr is not None
    for line in watching.stderr:
        if line.startswith("6/6"):
            break
    watching.send_signal(signal.SIGINT)
    said = watching.communicate(timeout=30)[1]
    assert watching.returncode == 130 and "the same command goes on" in said
    assert run(*words, "--until-idle", "0.1") == 0
    assert len(volumes(tmp_path / "out")) == 6


@pytest.fixture
def growing(tmp_path: Path) -> Callable[[int, int], Path]:
    """Adds files of so many time points to a folder."""

    def add(first: int, stop: int) -> Path:
        folder = tmp_path / "raw"
        folder.mkdir(exist_ok=True)
        for t in range(first, stop):
            pixels = np.full((6, 8, 10), 100 + t, "uint16")
            tifffile.imwrite(tmp_path / "part.tif", pixels)
            (tmp_path / "part.tif").rename(folder / f"cell_t{t:03d}.tif")
        return folder

    return add


@pytest.fixture
def change(growing: Callable[[int, int], Path], tmp_path: Path) -> Path:
    """A recipe of dF/F0, whose F0 goes to the end, for the first two time points."""
    stack = open_stack(growing(0, 2), voxel_size=(0.3, 0.1, 0.1))
    recipe = Recipe(source=stack, pipeline=Pipeline([RelativeChange()]))
    recipe.save(tmp_path / "change.yaml")
    return tmp_path / "change.yaml"


@pytest.mark.parametrize(("chosen", "told"), [(("-t", "2:4"), True), ((), False)])
def test_volumes_of_another_f0_are_told(
    growing: Callable[[int, int], Path], change: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...], told: bool,
) -> None:  # fmt: skip
    words = "run", change, "--out", tmp_path / "out"
    assert run(*words, "-t", "0:2") == 0
    assert "other files" not in capsys.readouterr().out
    growing(2, 4)
    assert run(*words, *chosen) == 0
    assert ("volumes made from other files than now" in capsys.readouterr().out) == told


# However busy the computer is, there is time to tell what there is to tell.
AT_LEISURE = """
from napari_lazy_pipeline.cli import interruption, watch_folder
interruption.PATIENCE = watch_folder._PATIENCE = 200
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process can send a Ctrl-C")
def test_a_watch_that_is_interrupted_tells_of_volumes_of_another_f0(
    growing: Callable[[int, int], Path], change: Path, tmp_path: Path
) -> None:
    words = "watch", tmp_path / "raw", "--recipe", change, "--out", tmp_path / "out"
    watching = subprocess.Popen(
        command(*words, event=AT_LEISURE), env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert watching.stderr is not None
    written = 0
    for line in watching.stderr:
        assert "other files" not in line
        done, _, total = line.partition(" ")[0].partition("/")
        written += done == total
        if written == 1 and done == total:
            growing(2, 4)
        if written == 2:
            break
    watching.send_signal(signal.SIGINT)
    said = watching.communicate(timeout=240)[1]
    assert watching.returncode == 130 and "the same command goes on" in said
    assert "volumes made from other files than now" in said
    assert run(*words, "--until-idle", "0.1") == 0


@pytest.mark.parametrize(("patience", "told"), [(100.0, True), (-1.0, False)])
def test_a_watch_that_ends_looks_at_what_is_there_for_a_while_only(
    growing: Callable[[int, int], Path], change: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    patience: float, told: bool,
) -> None:  # fmt: skip
    options = argparse.Namespace(out=tmp_path / "out", dtype=None, format="tiff", stage=(), mip=())
    recipe = Recipe.load(change)
    export(recipe.pipeline.apply(recipe.open()), options.out)
    growing(2, 4)
    live = watch_folder._Watch(recipe, options)
    live._stack = recipe.pipeline.apply(open_other(recipe, tmp_path / "raw"))
    monkeypatch.setattr(watch_folder, "_PATIENCE", patience)
    live.tell_outdated()
    assert ("volumes made from other files than now" in capsys.readouterr().err) == told


def test_a_watch_of_what_is_not_there(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--recipe", job, "--out", tmp_path / "out", "--until-idle", "0.1"
    assert run("watch", tmp_path / "nowhere", *words) == 2
    assert "There is no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run("watch", tmp_path / "empty", *words) == 2
    assert not (tmp_path / "out").exists()


def test_a_first_time_point_alone_does_not_hide_the_time_between_two(tmp_path: Path) -> None:
    """More than the patience of a watch lies between them."""
    folder, waited = tmp_path / "live", 0
    folder.mkdir()

    def record(t: int) -> None:
        name = f"cell_ch0_stack{t:04d}_488nm_{20000 * t:07d}msec_{20000 * t:010d}msecAbs.tif"
        tifffile.imwrite(folder / name, np.full((6, 8, 10), 100 + t, np.uint16))

    def pause() -> bool:
        nonlocal waited
        waited += 1
        if waited == 16:
            record(1)
        return waited > 40

    record(0)
    told = list(complete_volumes(lambda: open_stack(folder), pause))
    news = [(volumes.new, volumes.stack.time_interval) for volumes in told if volumes.new]
    assert news == [(range(1), None), (range(2), 20.0)]


@pytest.mark.parametrize("stated", [None, 7.0])
def test_an_export_that_grows_denser_has_less_time_between_two(
    tmp_path: Path, stated: float | None
) -> None:
    raw = Stack.from_array(np.ones((5, 1, 2, 3, 4), "uint16"), (0.4, 0.1, 0.2))
    series = replace(raw, time_interval=30.0)
    export(series, tmp_path, t=[0, 4])
    opened, waited = inspect_folder(tmp_path), 0

    def pause() -> bool:
        nonlocal waited
        waited += 1
        if waited == 5:
            export(series, tmp_path)
        return waited > 15

    told = list(complete_volumes(lambda: opened.stack(time_interval=stated), pause))
    between = dict.fromkeys(volumes.stack.time_interval for volumes in told)
    assert list(between) == ([120.0, 30.0] if stated is None else [stated])
    grown = with_interval(replace(opened, source=told[-1].result.source))
    assert (opened.time_interval, grown.time_interval) == (120, 30)
    assert with_interval(grown) is grown


@pytest.mark.parametrize(
    ("steps", "files"),
    [
        ([Select(times=(1, 3))], [0, 1]),
        ([RelativeChange(f0_times=(0, 2), background=0.0, keep=False)], [0, 1, 2]),
    ],
)
def test_a_watch_waits_for_time_points_that_steps_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    steps: list[Any], files: list[int],
) -> None:  # fmt: skip
    monkeypatch.setattr(watch_folder, "_INTERVAL", 0.02)
    folder = tmp_path / "live"
    folder.mkdir()

    def record(t: int) -> None:
        tifffile.imwrite(folder / f"cell_t{t}.tif", np.full((6, 8, 10), 100 + t, np.uint16))

    def later() -> None:
        deadline = time.monotonic() + 60
        while not waiting.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        for t in (1, 2):
            record(t)

    waiting, tell = threading.Event(), watch_folder._Watch.tell

    def hear(self: Any, line: str) -> None:
        tell(self, line)
        if line.startswith("Waiting: "):
            waiting.set()

    monkeypatch.setattr(watch_folder._Watch, "tell", hear)
    record(0)
    recipe = Recipe(source=open_stack(folder, voxel_size=(1, 1, 1)), pipeline=Pipeline(steps))
    recipe.save(tmp_path / "r.yaml")
    writer = threading.Thread(target=later)
    writer.start()
    words = "--recipe", tmp_path / "r.yaml", "--out", tmp_path / "out", "--until-idle", "3"
    assert run("watch", folder, *words) == 0
    writer.join()
    assert waiting.is_set() and "Waiting: " in capsys.readouterr().err
    assert [Path(path).name for path in sorted(volumes(tmp_path / "out"))] == [
        f"live_ch0_t{t:04d}.tif" for t in files
    ]


@pytest.mark.parametrize(
    ("step", "said"),
    [(Crop(z=(5, 9)), "The crop ends at z = 9"), (Deconvolve(), "No PSF is chosen")],
)
def test_a_watch_ends_where_no_number_of_time_points_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: Any, said: str
) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    for t in range(2):
        tifffile.imwrite(folder / f"cell_t{t}.tif", np.full((6, 8, 10), 100 + t, np.uint16))
    stack = open_stack(folder, voxel_size=(1, 1, 1))
    Recipe(source=stack, pipeline=Pipeline([step])).save(tmp_path / "r.yaml")
    words = "--recipe", tmp_path / "r.yaml", "--out", tmp_path / "out", "--until-idle", "30"
    assert run("watch", folder, *words) == 2
    assert said in capsys.readouterr().err


def test_only_complete_volumes_are_told(job: Path, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "live", (12, 16, 20), times=4, disorder=2)
    recipe, polls = Recipe.load(job), threading.Event()
    steps = simulation.steps()
    whole = 0

    def open_raw():  # type: ignore[no-untyped-def]
        return open_other(recipe, tmp_path / "live")

    def pause() -> bool:
        nonlocal whole
        written = next(steps, None)
        whole += bool(written and written.complete)
        return written is None and polls.is_set()

    while whole < 2:
        whole += next(steps).complete
    good: set[int] = set()
    for now in complete_volumes(open_raw, pause):
        for t in now.new:
            try:
                pixels = now.stack.source.read(t, 0)
            except MissingFileError:  # later ones have overtaken it
                continue
            assert pixels.all()  # there is no zero in a volume
            good.add(t)
        if len(good) == 4:
            polls.set()
    assert good == {0, 1, 2, 3}


def test_the_time_between_volumes_is_known_though_the_first_came_alone(
    job: Path, tmp_path: Path
) -> None:
    """Their names state it, once there are two."""
    steps = Simulation(tmp_path / "live", (12, 16, 20), times=3).steps()
    recipe = Recipe.load(job)
    next(written for written in steps if written.complete)
    for now in complete_volumes(
        lambda: open_other(recipe, tmp_path / "live"), lambda: next(steps, None) is None
    ):
        assert now.stack.time_interval == 0.1
        assert len(now.new)
    assert now.stack.shape[0] >= 2
