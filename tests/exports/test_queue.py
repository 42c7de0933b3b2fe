"""The queue of exports: folders with one recipe, what does not fit, and going on after a stop."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from folder_contents import listing
from napari_lazy_pipeline import Pipeline, Recipe, open_stack
from napari_lazy_pipeline.errors import ExportError, RemarkWarning
from napari_lazy_pipeline.exports.job import Job, JobSettings
from napari_lazy_pipeline.exports.proposed_folder import propose_folder
from napari_lazy_pipeline.exports.queue import ExportQueue
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import (
    BleachCorrection,
    Crop,
    Deskew,
    Select,
    Step,
    SubtractBackground,
)
from stacks import write_raw

SIZE = (0.3, 0.1, 0.1)


@pytest.fixture
def recipe(raw_folder: Path) -> Recipe:
    """For two channels of (12, 16, 20)."""
    steps = SubtractBackground(value=100), Deskew(angle=31.5), Crop(x=(0, 30))
    source = Source(folder=str(raw_folder), voxel_size=SIZE, time_interval=2.0)
    return Recipe(source=source, pipeline=Pipeline(steps))


@pytest.fixture
def job(recipe: Recipe) -> Callable[..., Job]:
    """Make a job of a folder with the recipe."""
    return lambda folder, **values: Job(
        folder.name, recipe, JobSettings(projections=("z",)), folder, channels=2, **values
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.tif")
    }


def test_each_folder_is_written_beside_itself(
    job: Callable[..., Job], recipe: Recipe, raw_folder: Path, tmp_path: Path
) -> None:
    other = write_raw(tmp_path / "cell6", times=2)
    before = [listing(folder) for folder in (raw_folder, other)]
    queue = ExportQueue([job(raw_folder), job(other)])
    states: list[tuple[str, str]] = []
    queue.run(lambda one: states.append((one.title, one.state)))
    assert [one.description for one in queue.jobs] == ["Done, 6 written", "Done, 4 written"]
    order = list(dict.fromkeys(states))
    assert order == [(name, state) for name in ("cell", "cell6") for state in ("running", "done")]
    stated = open_stack(other, voxel_size=SIZE)
    expected = recipe.pipeline.apply(stated).source.read(1, 1)
    out = tmp_path / "cell6_processed"
    with tifffile.TiffFile(out / "cell6_ch1_t0001.tif") as file:
        np.testing.assert_array_equal(file.asarray(), expected)
        assert file.imagej_metadata is not None and file.imagej_metadata["finterval"] == 0.001
    assert len(files(out)) == 8
    written = Recipe.load(out / "cell6_recipe.yaml")
    assert written.source is not None and Path(written.source.folder) == other
    assert [listing(folder) for folder in (raw_folder, other)] == before


def test_what_does_not_fit_is_said_and_the_queue_goes_on(
    job: Callable[..., Job], recipe: Recipe, raw_folder: Path, tmp_path: Path
) -> None:
    one_channel = write_raw(tmp_path / "one", channels=1)
    small = write_raw(tmp_path / "small", shape=(12, 16, 8))
    unknown = job(write_raw(tmp_path / "unknown"))
    assert recipe.source is not None
    source = recipe.source.model_copy(update={"voxel_size": None})
    unknown.recipe = recipe.model_copy(update={"source": source})
    steps = [Crop(x=(0, 10)), SubtractBackground(value={"488": 1, "560": 2})]
    cropped = job(small)
    cropped.recipe = recipe.model_copy(update={"pipeline": Pipeline(steps)})
    queue = ExportQueue(
        [job(tmp_path / "nowhere"), job(one_channel), cropped, unknown, job(raw_folder)]
    )
    queue.run()
    assert [one.state for one in queue.jobs] == ["failed"] * 4 + ["done"]
    nowhere, channel, crop, voxels = (one.error for one in queue.jobs[:4])
    assert "There is no such folder" in nowhere
    assert channel.startswith("The data have 1 channel, the recipe is for 2 channels")
    assert crop.startswith("The crop ends at x = 10, but the volume ends at 8")
    assert voxels.startswith("The voxel size is unknown")
    assert sorted(path.name for path in tmp_path.glob("*_processed")) == ["cell_processed"]


def test_what_the_files_state_is_believed(job: Callable[..., Job], tmp_path: Path) -> None:
    other = tmp_path / "imagej"
    other.mkdir()
    for t in range(2):
        for c in (488, 560):
            path = other / f"cell_{c}nm_t{t:03d}.tif"
            metadata = {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
            volume = np.full((12, 16, 20), 120 + t, "uint16")
            tifffile.imwrite(
                path, volume, imagej=True, resolution=(5, 5), metadata=metadata
            )  # fmt: skip
    one = job(other)
    ExportQueue([one]).run()
    assert one.state == "done", one.error
    written = Recipe.load(tmp_path / "imagej_processed" / "imagej_recipe.yaml").source
    assert written is not None and written.voxel_size == pytest.approx((0.5, 0.2, 0.2))


def test_a_job_may_have_its_own_recipe_and_place(
    job: Callable[..., Job], recipe: Recipe, raw_folder: Path, tmp_path: Path
) -> None:
    own = job(write_raw(tmp_path / "own"))
    own.recipe = recipe.model_copy(update={"pipeline": Pipeline([SubtractBackground(value=7)])})
    own.settings = JobSettings(folder=tmp_path / "results" / "own", times=(1, 2), channels=(0,))
    ExportQueue([job(raw_folder), own]).run()
    made = tifffile.imread(tmp_path / "results" / "own" / "own_ch0_t0002.tif")
    raw = open_stack(raw_folder).source.read(2, 0)
    np.testing.assert_array_equal(made, np.maximum(raw.astype(int) - 7, 0))
    assert len(files(tmp_path / "results" / "own")) == 2


def test_the_raw_folder_is_refused(job: Callable[..., Job], raw_folder: Path) -> None:
    one = job(raw_folder)
    one.settings = JobSettings(folder=raw_folder / "inside")
    before = listing(raw_folder)
    ExportQueue([one]).run()
    assert one.state == "failed" and "would write into the raw data" in one.error
    assert listing(raw_folder) == before


@pytest.mark.parametrize("place", ["", "inside/deep"])
@pytest.mark.parametrize("state", ["waiting", "done"])
def test_the_raw_folder_of_another_job_is_refused(
    job: Callable[..., Job],
    recipe: Recipe,
    raw_folder: Path,
    tmp_path: Path,
    place: str,
    state: str,
) -> None:
    other = write_raw(tmp_path / "cell6", times=1)
    (tmp_path / "link").symlink_to(other)
    before = listing(other)
    first, linked = job(raw_folder), job(raw_folder)
    first.settings = JobSettings(folder=other / place)
    linked.settings = JobSettings(folder=tmp_path / "link" / place)
    assert recipe.source is not None
    source = recipe.source.model_copy(update={"folder": str(other)})
    of_recipe = Job("cell6", recipe.model_copy(update={"source": source}), state=state)  # type: ignore[arg-type]
    ExportQueue([first, linked, of_recipe]).run()
    for one in (first, linked):
        assert one.state == "failed" and "would write into the raw data" in one.error
        assert one.out is None
    assert of_recipe.state == "done", of_recipe.error
    assert listing(other) == before


def test_a_new_folder_is_proposed_where_there_is_something_else(
    recipe: Recipe, raw_folder: Path, tmp_path: Path
) -> None:
    view = recipe.pipeline.apply(recipe.open())
    first = tmp_path / "cell_processed"
    assert propose_folder(view, None, "tiff") == first
    first.mkdir()
    assert propose_folder(view, None, "tiff") == first
    (first / "notes.txt").write_text("mine")
    assert propose_folder(view, None, "tiff") == tmp_path / "cell_processed_2"
    ExportQueue([Job("cell", recipe)]).run()
    assert propose_folder(view, None, "tiff") == tmp_path / "cell_processed_2", "goes on there"
    assert propose_folder(view, "uint8", "tiff") == tmp_path / "cell_processed_3"
    assert propose_folder(view, None, "tiff", "Pos 1/a").name == "cell_processed_Pos_1_a"  # type: ignore[union-attr]


def test_one_is_cancelled_the_rest_goes_on_and_it_is_resumed(
    job: Callable[..., Job], raw_folder: Path, tmp_path: Path
) -> None:
    first, second = job(raw_folder), job(write_raw(tmp_path / "cell6"))
    queue = ExportQueue([first, second])

    def stop(one: Job) -> None:
        if one is first and one.done == 2:
            one.stop.set()

    queue.run(stop)
    assert first.description == "Cancelled, 2 of 6 written" and second.state == "done"
    assert queue.resumable
    queue.resume()
    queue.run()
    assert first.state == "done" and first.report is not None and len(first.report.kept) == 2
    assert not queue.resumable


def test_all_is_cancelled_and_read_again_by_another_process(
    job: Callable[..., Job], raw_folder: Path, tmp_path: Path
) -> None:
    queue = ExportQueue([job(raw_folder), job(write_raw(tmp_path / "cell6"))])
    done: list[int] = []
    queue.run(lambda one: done.append(one.done), lambda: 3 in done)
    assert [one.state for one in queue.jobs] == ["cancelled", "waiting"]
    queue.save(tmp_path / "config" / "queue.json")
    again = ExportQueue.load(tmp_path / "config" / "queue.json")
    assert [one.description for one in again.jobs] == ["Cancelled, 3 of 6 written", "Cancelled"]
    again.resume()
    again.run()
    assert [one.state for one in again.jobs] == ["done", "done"]
    assert again.jobs[0].report is not None and len(again.jobs[0].report.kept) == 3
    again.save(tmp_path / "config" / "queue.json")
    assert not ExportQueue.load(tmp_path / "config" / "queue.json").jobs


def counted(folder: Path, *times: int) -> None:
    """Files that hold the last digits of their names."""
    folder.mkdir(exist_ok=True)
    for t in times:
        pixels = np.full((2, 8, 9), t % 1000, "uint16")
        tifffile.imwrite(folder / f"cell_t{t:06d}.tif", pixels, photometric="minisblack")


def resumed(folder: Path, job: Job, *more: int, gone: int | None = None) -> tuple[Job, set[int]]:
    """A job that was saved, and goes on once files came or are gone; the numbers it wrote."""
    ExportQueue([job]).save(folder.parent / "queue.json")
    counted(folder, *more)
    if gone is not None:
        (folder / f"cell_t{gone:06d}.tif").unlink()
    queue = ExportQueue.load(folder.parent / "queue.json")
    queue.resume()
    queue.run()
    written = folder.parent.glob("raw_processed/*.tif")
    return queue.jobs[0], {int(tifffile.imread(path).max()) for path in written}


@pytest.mark.filterwarnings("ignore:The time points have other numbers now")
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("steps", "times", "more", "written"),
    [
        ([], (4, 5), (8, 9), {14, 15}),
        ([], (4, 5), (16,), {14, 15}),
        ([Select(times=(2, 0))], (1, 2), (8, 9), {13, 14}),
        ([Select(times=(-3, 0))], (2, 2), (16,), {15}),
    ],
)
def test_time_points_that_were_chosen_stay_the_same(
    tmp_path: Path, steps: list[Step], times: tuple[int, int], more: tuple[int, ...],
    written: set[int], named: bool,
) -> None:  # fmt: skip
    raw = tmp_path / "raw"
    counted(raw, *range(10, 16))
    recipe = Recipe(source=open_stack(raw, voxel_size=SIZE), pipeline=Pipeline(steps))
    one = Job("raw", recipe, JobSettings(times=times), raw if named else None)
    job, numbers = resumed(raw, one, *more)
    assert (job.state, job.error, numbers) == ("done", "", written)


@pytest.mark.parametrize(
    ("numbers", "more", "gone", "told"),
    [
        ((10, 11, 12), 9, 12, "Time points that were chosen and are not there any more: 1"),
        (
            (100001, 300007, 900002), 500004, None,
            "It cannot be told which of the time points now are those that were chosen",
        ),
    ],
)  # fmt: skip
def test_time_points_that_were_chosen_and_are_not_found_are_told(
    tmp_path: Path, numbers: tuple[int, ...], more: int, gone: int | None, told: str
) -> None:
    raw = tmp_path / "raw"
    counted(raw, *numbers)
    recipe = Recipe(source=open_stack(raw, voxel_size=SIZE))
    one = Job("raw", recipe, JobSettings(times=(1, 2)))
    job, written = resumed(raw, one, more, gone=gone)
    assert (job.state, job.error) == ("failed", f"{told} ({raw}). Choose them anew")
    assert not written


@pytest.mark.filterwarnings("ignore:The time points have other numbers now")
def test_volumes_that_stay_under_old_numbers_are_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    counted(raw, *range(10, 14))
    recipe = Recipe(source=open_stack(raw, voxel_size=SIZE))
    one = Job("raw", recipe, JobSettings(times=(0, 3)))
    ExportQueue([one]).run(cancelled=lambda: one.done >= 2)
    assert one.state == "cancelled"
    job, _ = resumed(raw, one, 8, 9)
    assert job.state == "done" and job.report is not None
    (said,) = job.report.remarks
    assert said.text == (
        "The folder holds 2 volumes made from other files than now: "
        "export all time points and channels to remake those that need it"
    )


def test_tables_of_another_folder_are_told(tmp_path: Path) -> None:
    raw, other = tmp_path / "raw", tmp_path / "other"
    for folder in (raw, other):
        counted(folder, 0, 1, 2)
    steps = Pipeline([BleachCorrection(brightness=(1, 0.5, 0.25))])
    recipe = Recipe(source=open_stack(raw, voxel_size=SIZE), pipeline=steps)
    own, foreign = Job("raw", recipe, raw=raw), Job("other", recipe, raw=other)
    with pytest.warns(RemarkWarning, match="Correct bleaching for each time point were set on"):
        ExportQueue([own, foreign]).run()
    assert "Recipe" not in own.description
    text = "Recipe: The values of Correct bleaching for each time point were set on"
    assert f"{text} {raw}. Estimate them again for {other}, or" in foreign.description


def test_jobs_in_memory_only_are_not_saved_and_a_damaged_file_is_said(tmp_path: Path) -> None:
    recipe = Recipe(pipeline=Pipeline([lambda volume: volume + 1]))
    queue = ExportQueue([Job("nothing"), Job("function", recipe, raw=tmp_path)])
    queue.save(tmp_path / "queue.json")
    assert ExportQueue.load(tmp_path / "queue.json").jobs == []
    assert ExportQueue.load(tmp_path / "nowhere.json").jobs == []
    (tmp_path / "queue.json").write_text("[{")
    with pytest.raises(ExportError, match=r"cannot be read .*queue.json"):
        ExportQueue.load(tmp_path / "queue.json")


def test_a_queue_that_cannot_be_read_is_said_and_kept(
    job: Callable[..., Job], raw_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "queue.json"
    ExportQueue([job(raw_folder)]).save(path)
    (entry,) = json.loads(path.read_text())
    changes = (
        ("state", "odd"),
        ("total", "many"),
        ("title", 5),
        ("recipe", {"steps": [{"kind": "odd"}]}),
    )
    damaged = [json.dumps([{**entry, name: value}]) for name, value in changes]
    damaged += ["{}", "null", "", "[[]]", "[" * 100_000, json.dumps([entry])[:200]]
    for number, text in enumerate(damaged):
        path.write_text(text)
        kept = path.with_name(f"queue.json.broken{number or ''}")
        with pytest.raises(ExportError, match=f"cannot be read .*kept as {kept.name}. "):
            ExportQueue.load(path)
        assert kept.read_text() == text and not path.exists()
    path.write_text(json.dumps([entry]))
    (again,) = ExportQueue.load(path).jobs
    assert (again.title, again.state, again.raw) == ("cell", "cancelled", raw_folder)


KILLED = """
import os, signal, sys
from pathlib import Path
from napari_lazy_pipeline.exports import destination
from napari_lazy_pipeline.exports.queue import ExportQueue

moments, link = iter(range(1000)), os.link

def killed(part, path):
    if str(path).endswith(".tif") and next(moments) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    link(part, path)

os.link = killed
path = Path(sys.argv[1])
queue = ExportQueue.load(path)
queue.resume()
queue.run(lambda job: queue.save(path))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", [0, 9, 20])
def test_a_process_that_is_killed_is_gone_on_with_to_the_same_bytes(
    job: Callable[..., Job], raw_folder: Path, tmp_path: Path, moment: int
) -> None:
    """Six files a volume of the stages and projections, in two folders."""
    other = write_raw(tmp_path / "cell6", times=1)
    jobs = [job(raw_folder), job(other)]
    for one in jobs:
        one.settings = JobSettings(stages=("subtract_background",), projections=("z", "y"))
    ExportQueue(jobs).run()
    outs = [tmp_path / f"{name}_processed" for name in ("cell", "cell6")]
    whole = [files(out) for out in outs]
    assert [len(one) for one in whole] == [36, 12]
    for one, out in zip(jobs, outs, strict=True):
        shutil.rmtree(out)
        one.state, one.settings = "waiting", one.settings.model_copy(update={"folder": None})
    ExportQueue(jobs).save(tmp_path / "queue.json")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "queue.json"), str(moment)]
    assert subprocess.run(command, timeout=100, check=False).returncode == -9
    assert sum(len(files(out)) for out in outs) == moment
    assert list(tmp_path.rglob(".*.part"))
    queue = ExportQueue.load(tmp_path / "queue.json")
    queue.resume()
    queue.run()
    assert [one.state for one in queue.jobs] == ["done", "done"]
    assert queue.jobs[0].report is not None and len(queue.jobs[0].report.kept) == moment // 3
    assert [files(out) for out in outs] == whole
    assert not list(tmp_path.rglob(".*.part"))
