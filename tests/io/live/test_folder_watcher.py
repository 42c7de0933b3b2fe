"""Watching a folder: nothing half-written is shown, nothing complete is forgotten."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.files.completeness import CompletenessCheck
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher
from napari_lazy_pipeline.io.live.stack_watcher import PollResult
from napari_lazy_pipeline.io.readers.tiff import READER
from napari_lazy_pipeline.samples.microscope import (
    WRITERS,
    Simulation,
    byte_range,
    put,
    simulated_volume,
)

SHAPE = (5, 12, 16)
EACH_WRITER = pytest.mark.parametrize("writer", WRITERS)


def write_all(folder: Path, **options: object) -> Simulation:
    """Write a folder to the end."""
    simulation = Simulation(folder, **{"shape": SHAPE, **options})  # type: ignore[arg-type]
    for _ in simulation.steps():
        pass
    return simulation


def watcher_of(folder: Path, **options: int) -> FolderWatcher:
    return FolderWatcher(inspect_folder(folder).source, **options)


def polls(watcher: FolderWatcher, count: int) -> PollResult:
    """Poll so many times; nothing that was shown may be lost, nor wrong."""
    for _ in range(count):
        look = watcher.poll()
        assert_whole(look.source)
    return look


def shown(source: FileSource) -> set[tuple[int, int]]:
    return {(int(t), int(c)) for t, c in np.argwhere(source.layout.table >= 0)}


def number(source: FileSource, t: int, c: int) -> int:
    """Number of the time point as the file name says it."""
    path = source.path(t, c)
    assert path is not None
    return int(path.split("_stack")[1][:4])


def assert_whole(source: FileSource) -> None:
    """Each volume that is shown is exactly what was to be written."""
    for t, c in shown(source):
        expected = simulated_volume(number(source, t, c), c, SHAPE)
        np.testing.assert_array_equal(source.read(t, c), expected)


# ---- single files -------------------------------------------------------------------------


@EACH_WRITER
def test_a_half_written_file_never_counts_as_complete(writer: str, tmp_path: Path) -> None:
    """At each of 200 moments of writing: it is complete only if every pixel is there."""
    volume = simulated_volume(1, 0, SHAPE)
    writes = WRITERS[writer](volume)
    with open(tmp_path / "whole.tif", "wb") as file:
        put(file, writes)
    info = READER.probe(str(tmp_path / "whole.tif"))
    judge = CompletenessCheck(str(tmp_path / "whole.tif"), READER, [info])
    assert judge.why_incomplete(str(tmp_path / "whole.tif")) == ""
    total = sum(len(data) for _, data in writes)
    cut, refused = tmp_path / "cut.tif", 0
    for moment in sorted({*range(0, total, max(total // 180, 1)), *range(total - 20, total)}):
        with open(cut, "wb") as file:
            put(file, byte_range(writes, 0, moment))
        if judge.why_incomplete(str(cut)):
            refused += 1
        else:
            np.testing.assert_array_equal(READER.read(str(cut), info), volume)
    assert refused >= 120


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
@EACH_WRITER
def test_nor_is_it_shown_when_the_folder_is_just_opened(writer: str, tmp_path: Path) -> None:
    """No watcher: reading such a file gives a blank and a problem, or every pixel."""
    write_all(tmp_path, writer=writer, times=2)
    source = inspect_folder(tmp_path).source
    path, expected = source.path(1, 0), source.read(1, 0)
    writes = WRITERS[writer](expected)
    total = sum(len(data) for _, data in writes)
    for moment in range(0, total, max(total // 60, 1)):
        with open(str(path), "wb") as file:
            put(file, byte_range(writes, 0, moment))
        volume = source(1, 0)
        assert not volume.any() or (volume == expected).all(), moment


def test_zeros_at_the_end_are_pixels_if_the_reference_has_them(tmp_path: Path) -> None:
    volume = np.zeros(SHAPE, np.uint16)
    volume[:, 4:8, 4:8] = 7
    for t in range(2):
        tifffile.imwrite(tmp_path / f"s{t}.tif", volume)
    source = inspect_folder(tmp_path, "s{t}.tif").source
    np.testing.assert_array_equal(source.read(1, 0), volume)
    assert source.judge.why_incomplete(str(tmp_path / "s1.tif")) == ""
    volume[-1] = 0
    tifffile.imwrite(tmp_path / "s1.tif", volume)
    assert "not all of its pixels" not in source.judge.why_incomplete(str(tmp_path / "s1.tif"))


# ---- a folder that grows --------------------------------------------------------------------


@EACH_WRITER
def test_a_growing_folder(writer: str, tmp_path: Path) -> None:
    """Two polls after it was closed, each volume is there; none is half at any moment."""
    write_all(tmp_path, writer=writer, channels=2, times=1)
    watcher = watcher_of(tmp_path)
    simulation = Simulation(tmp_path, SHAPE, 6, 2, writer, parts=5, start=1)
    closed: list[tuple[int, int]] = []
    polled: list[int] = []
    for written in simulation.steps():
        look = polls(watcher, 1)
        if written.complete:
            closed.append((written.t, written.c))
        polled.append(len(closed))
        full = (polled[-3] if len(polled) > 2 else 0) // 2  # time points closed two polls ago
        assert look.source.sizes[0] >= 1 + full
    look = polls(watcher, 2)
    assert shown(look.source) == {(t, c) for t in range(7) for c in range(2)}
    assert not look.waiting and not look.dropped
    assert not len(look.source.problems)


def test_a_file_that_changes_at_each_poll_waits(tmp_path: Path) -> None:
    write_all(tmp_path, times=1)
    watcher = watcher_of(tmp_path)
    path = write_all(tmp_path, times=1, start=1).path(1, 0)
    for moment in range(6):
        look = watcher.poll()
        os.utime(path, ns=(moment, moment))
        assert look.source.sizes == (1, 1) and look.waiting == (path.name,)
    assert not watcher.poll().grown
    assert watcher.poll().grown


def test_the_second_look_needs_no_listing(tmp_path: Path) -> None:
    write_all(tmp_path, times=1)
    watcher = watcher_of(tmp_path)
    write_all(tmp_path, times=1, start=1)
    assert not watcher.poll(listing=False).waiting, "it was not listed yet"
    watcher.poll()
    assert watcher.poll(listing=False).source.sizes == (2, 1)


def test_all_channels_or_none(tmp_path: Path) -> None:
    write_all(tmp_path, times=2, channels=2)
    watcher = watcher_of(tmp_path)
    late = write_all(tmp_path, times=1, channels=2, start=2).path(2, 1)
    content = late.read_bytes()
    late.unlink()
    assert polls(watcher, 20).source.sizes == (2, 2), "nothing later is there: it may still come"
    late.write_bytes(content[:500])
    assert polls(watcher, 20).source.sizes == (2, 2)
    late.write_bytes(content)
    assert polls(watcher, 2).source.sizes == (3, 2)


def test_out_of_order(tmp_path: Path) -> None:
    """A hole stays a blank until it is filled; what is there has its final number."""
    write_all(tmp_path, times=2)
    watcher = watcher_of(tmp_path)
    for _ in Simulation(tmp_path, SHAPE, 9, disorder=3, parts=2, start=2).steps():
        look = polls(watcher, 1)
        assert not look.shifted
        for t, c in shown(look.source):
            assert number(look.source, t, c) == t
    assert shown(polls(watcher, 2).source) == {(t, 0) for t in range(11)}


@pytest.mark.parametrize("writer", ["labview", "pages", "preallocated"])
def test_a_dropped_file_is_listed_and_the_rest_goes_on(writer: str, tmp_path: Path) -> None:
    write_all(tmp_path, times=1, channels=2)
    watcher = watcher_of(tmp_path, patience=4)
    simulation = Simulation(tmp_path, SHAPE, 9, 2, writer, dropped=(4,), start=1)
    for _ in simulation.steps():
        look = polls(watcher, 1)
    look = polls(watcher, 8)
    path = simulation.path(4, 0)
    assert look.dropped == (path.name,)
    assert shown(look.source) == {(t, c) for t in range(10) for c in range(2)} - {(4, 0)}
    (problem,) = look.source.problems
    assert problem.where == str(path) and "given up" in problem.what
    # It is completed after all.
    with open(path, "wb") as file:
        put(file, WRITERS[writer](simulated_volume(4, 0, SHAPE)))
    look = polls(watcher, 3)
    assert (4, 0) in shown(look.source) and not look.dropped
    assert not len(look.source.problems), "it is complete: nothing is wrong any more"


def test_a_channel_that_was_never_written_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    write_all(tmp_path, times=2, channels=2)
    watcher = watcher_of(tmp_path, patience=3)
    simulation = write_all(tmp_path, times=6, channels=2, start=2)
    simulation.path(3, 1).unlink()
    look = polls(watcher, 2)
    assert (3, 0) not in shown(look.source)
    look = polls(watcher, 4)
    assert (3, 0) in shown(look.source) and (3, 1) not in shown(look.source)


def test_a_restarted_writer_goes_on(tmp_path: Path) -> None:
    write_all(tmp_path, times=3)
    watcher = watcher_of(tmp_path)
    for start in (3, 6, 12):
        write_all(tmp_path, times=3, start=start)
        look = polls(watcher, 20)
    assert {t for t, _ in shown(look.source)} == {*range(9), 12, 13, 14}


def test_a_file_that_is_written_anew_is_hidden_until_it_is_complete(tmp_path: Path) -> None:
    simulation = write_all(tmp_path, times=8)
    watcher = watcher_of(tmp_path)
    polls(watcher, 3)
    path = simulation.path(2, 0)
    content = path.read_bytes()
    path.unlink()
    watcher.poll()
    path.write_bytes(content[:1000])
    look = watcher.poll()
    assert (2, 0) not in shown(look.source) and look.source.sizes[0] == 8
    path.write_bytes(content)
    assert (2, 0) in shown(polls(watcher, 2).source)


def test_what_is_incomplete_at_the_start_is_taken_out_and_comes_back(tmp_path: Path) -> None:
    """The folder is opened while its last file is being written."""
    simulation = write_all(tmp_path, times=5, writer="preallocated")
    path = simulation.path(4, 0)
    writes = WRITERS["preallocated"](simulated_volume(4, 0, SHAPE))
    path.unlink()
    with open(path, "wb") as file:
        put(file, byte_range(writes, 0, 800))
    watcher = watcher_of(tmp_path)
    assert watcher.poll().source.sizes == (4, 1)
    with open(path, "r+b") as file:
        put(file, writes)
    assert polls(watcher, 2).source.sizes == (5, 1)


def test_a_static_folder_stays_as_it_is(tmp_path: Path) -> None:
    write_all(tmp_path, times=6, channels=2)
    source = inspect_folder(tmp_path).source
    watcher = FolderWatcher(source)
    for _ in range(10):
        look = watcher.poll()
        assert look.source is source and not look.grown


# ---- numbers --------------------------------------------------------------------------------


def test_earlier_numbers_shift_the_axis_and_say_so(tmp_path: Path) -> None:
    write_all(tmp_path, times=2, start=10)
    watcher = watcher_of(tmp_path)
    write_all(tmp_path, times=1, start=9)
    assert polls(watcher, 1).shifted
    look = polls(watcher, 1)
    assert not look.shifted and look.source.sizes == (3, 1)
    assert [number(look.source, t, 0) for t in range(3)] == [9, 10, 11]


def test_another_step_of_the_numbers_shifts_the_axis_too(tmp_path: Path) -> None:
    for start in (0, 4):
        write_all(tmp_path, times=1, start=start)
    watcher = watcher_of(tmp_path)
    assert watcher.poll().source.sizes == (2, 1)
    write_all(tmp_path, times=1, start=6)
    assert polls(watcher, 1).shifted
    assert shown(polls(watcher, 1).source) == {(0, 0), (2, 0), (3, 0)}


def test_plain_names_are_taken_in_natural_order(tmp_path: Path) -> None:
    def write(name: str) -> None:
        tifffile.imwrite(tmp_path / name, np.full(SHAPE, 1000, np.uint16))

    for name in ("s1.tif", "s9.tif"):
        write(name)
    watcher = FolderWatcher(inspect_folder(tmp_path, "*.tif").source)
    write("s10.tif")
    watcher.poll()
    look = watcher.poll()
    assert not look.shifted and look.source.sizes == (3, 1)
    write("s5.tif")
    assert watcher.poll().shifted
    look = watcher.poll()
    assert [os.path.basename(str(look.source.path(t, 0))) for t in range(4)] == [
        "s1.tif", "s5.tif", "s9.tif", "s10.tif",
    ]  # fmt: skip


# ---- other trouble --------------------------------------------------------------------------


def test_the_folder_goes_away_and_comes_back(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "share", tmp_path / "elsewhere"
    write_all(folder, times=2)
    watcher = watcher_of(folder)
    watcher.poll()
    folder.rename(elsewhere)
    for _ in range(40):
        look = watcher.poll()
        assert look.unreachable == "is not there" and look.source.sizes == (2, 1)
    write_all(elsewhere, times=2, start=2)
    elsewhere.rename(folder)
    look = polls(watcher, 20)
    assert not look.unreachable and look.source.sizes == (4, 1)
    assert not len(look.source.problems)


def test_after_failures_it_looks_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path, times=1)
    watcher, scans = watcher_of(tmp_path), []

    def fail(path: str) -> None:
        scans.append(path)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "listdir", fail)
    for _ in range(100):
        assert watcher.poll().unreachable == "cannot be read (Input/output error)"
    assert len(scans) == 9, "1 + 2 + 4 + 8 + 16 + 16 + 16 + 16 polls were left out"
    monkeypatch.undo()
    assert not polls(watcher, 20).unreachable


def test_an_empty_mount_point_is_no_empty_data(tmp_path: Path) -> None:
    write_all(tmp_path / "share", times=2)
    watcher = watcher_of(tmp_path / "share")
    shutil.move(tmp_path / "share", tmp_path / "elsewhere")
    (tmp_path / "share").mkdir()
    look = watcher.poll()
    assert look.unreachable == "cannot be read (it is empty)" and look.source.sizes == (2, 1)


def test_the_first_file_was_not_complete_when_the_folder_was_opened(tmp_path: Path) -> None:
    """A page-wise writer leaves a valid file after each plane: the shape was wrong."""
    simulation = Simulation(tmp_path, SHAPE, 1, writer="pages", parts=2)
    steps = simulation.steps()
    next(steps)
    source = inspect_folder(tmp_path).source
    assert source.info.shape[0] < SHAPE[0]
    watcher = FolderWatcher(source)
    assert not watcher.poll().outdated
    for _ in steps:
        pass
    watcher.poll()
    assert "was not complete when the folder was opened" in watcher.poll().outdated


def test_a_new_channel_means_to_open_the_folder_anew(tmp_path: Path) -> None:
    simulation = write_all(tmp_path, times=2, channels=2)
    content = {t: simulation.path(t, 1).read_bytes() for t in range(2)}
    for t in content:
        simulation.path(t, 1).unlink()
    pattern = "{name}_ch{c}_stack{t}_{wave}nm_*.tif"
    watcher = FolderWatcher(inspect_folder(tmp_path, pattern).source)
    assert not watcher.poll().outdated
    simulation.path(0, 1).write_bytes(content[0])
    assert "another channel" in watcher.poll().outdated


def test_names_that_do_not_belong_are_left_alone(tmp_path: Path) -> None:
    simulation = write_all(tmp_path, times=2)
    watcher = watcher_of(tmp_path)
    for name in ("notes.txt", "MIP.tif", ".hidden.tif"):
        (tmp_path / name).write_bytes(b"")
    # The same time point and channel, under another name.
    twin = simulation.path(1, 0).name.replace("cell_", "dell_")
    shutil.copy(simulation.path(1, 0), tmp_path / twin)
    look = polls(watcher, 4)
    assert look.source.sizes == (2, 1) and not look.waiting
    assert all(problem.where.endswith(twin) for problem in look.source.problems)


def test_another_series_takes_no_place_of_this_one(tmp_path: Path) -> None:
    """Where a file is gone, or will be, one of the same number would fit."""
    simulation = write_all(tmp_path, times=4)
    watcher = watcher_of(tmp_path)
    for t in (1, 4, 5):
        other = simulation.path(t, 0).name.replace("cell", "test")
        shutil.copy(simulation.path(2, 0), tmp_path / other)
    simulation.path(1, 0).unlink()
    for _ in range(10):
        look = watcher.poll()
    assert look.source.sizes == (4, 1) and not look.waiting
    assert Path(str(look.source.path(1, 0))) == simulation.path(1, 0)
    (problem,) = look.source.problems
    assert problem.what == "It is called 'test', not 'cell' as the others"
    assert problem.done == "left out"
    write_all(tmp_path, times=2, start=4)
    for _ in range(3):
        look = watcher.poll()
    assert look.source.sizes == (6, 1)
    assert {number(look.source, t, 0) for t in range(6)} == {*range(6)}


def test_other_shapes_are_given_up(tmp_path: Path) -> None:
    simulation = write_all(tmp_path, times=2)
    watcher = watcher_of(tmp_path, patience=3)
    write_all(tmp_path, times=3, start=2)
    tifffile.imwrite(simulation.path(2, 0), np.ones((7, 4, 5), np.uint16))
    look = polls(watcher, 8)
    assert look.dropped == (simulation.path(2, 0).name,)
    (problem,) = look.source.problems
    assert "holds (7, 4, 5) uint16, not (5, 12, 16) uint16" in problem.what


def test_what_is_settled_costs_no_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a share, each stat is a round trip: only what is new is looked at."""
    write_all(tmp_path, times=30)
    watcher = watcher_of(tmp_path)
    polls(watcher, 3)
    stats: list[str] = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **o: stats.append(str(path)) or stat(path, **o))
    watcher.poll()
    watcher.poll()
    assert len(stats) == 2, "the file that told the shape, and no other"


def test_the_folder_is_left_alone(tmp_path: Path) -> None:
    write_all(tmp_path, times=4)
    before = {e.name: (e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(tmp_path)}
    polls(watcher_of(tmp_path), 5)
    after = {e.name: (e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(tmp_path)}
    assert after == before


@pytest.mark.parametrize("seed", range(12))
def test_any_interleaving_of_writers_and_polls(seed: int, tmp_path: Path) -> None:
    """Writers of all kinds at once, polls in between at random; in the end, all is there."""
    write_all(tmp_path, times=1, channels=2)
    watcher = watcher_of(tmp_path, patience=1000)
    chance = random.Random(seed)
    running = []
    for n, writer in enumerate(WRITERS):
        parts, disorder = chance.randint(1, 6), chance.choice((1, 2))
        simulation = Simulation(tmp_path, SHAPE, 2, 2, writer, parts, disorder, start=1 + 2 * n)
        running.append(simulation.steps())
    while running:
        steps = chance.choice(running)
        if next(steps, None) is None:
            running.remove(steps)
        if chance.random() < 0.4:
            look = watcher.poll(listing=chance.random() < 0.6)
            assert_whole(look.source)
            rows = (look.source.layout.table >= 0).sum(axis=1)
            assert set(rows.tolist()) <= {0, 2}, "all channels or none"
    look = polls(watcher, 3)
    assert shown(look.source) == {(t, c) for t in range(13) for c in range(2)}


# ---- other layouts --------------------------------------------------------------------------


def write_planes(folder: Path, t: int, planes: range, c: int = 0) -> None:
    """One plane a file."""
    volume = simulated_volume(t, c, SHAPE)
    for z in planes:
        tifffile.imwrite(folder / f"img_t{t:03d}_c{c}_z{z:02d}.tif", volume[z])


def test_one_plane_a_file(tmp_path: Path) -> None:
    """A volume is shown when its last plane is there."""
    for t in range(2):
        write_planes(tmp_path, t, range(SHAPE[0]))
    watcher = FolderWatcher(inspect_folder(tmp_path, "img_t{t}_c{c}_z{z}.tif").source)
    for z in range(SHAPE[0]):
        write_planes(tmp_path, 2, range(z, z + 1))
        for _ in range(3):
            look = watcher.poll()
        assert look.source.sizes == (3 if z == SHAPE[0] - 1 else 2, 1)
    np.testing.assert_array_equal(look.source.read(2, 0), simulated_volume(2, 0, SHAPE))
    assert not look.shifted and not look.outdated


def test_a_plane_that_was_dropped(tmp_path: Path) -> None:
    for t in range(2):
        write_planes(tmp_path, t, range(SHAPE[0]))
    watcher = FolderWatcher(inspect_folder(tmp_path, "img_t{t}_c{c}_z{z}.tif").source, patience=3)
    write_planes(tmp_path, 2, range(SHAPE[0] - 1))
    write_planes(tmp_path, 3, range(SHAPE[0]))
    for _ in range(6):
        look = watcher.poll()
    assert look.source.sizes == (4, 1)
    with pytest.raises(FileError, match="4 of the 5 files"):
        look.source.read(2, 0)
    np.testing.assert_array_equal(look.source.read(3, 0), simulated_volume(3, 0, SHAPE))


def test_the_first_volume_gets_more_planes(tmp_path: Path) -> None:
    write_planes(tmp_path, 0, range(3))
    watcher = FolderWatcher(inspect_folder(tmp_path, "img_t{t}_c{c}_z{z}.tif").source)
    assert not watcher.poll().outdated
    write_planes(tmp_path, 0, range(3, 4))
    assert "another plane" in watcher.poll().outdated


def test_folders_in_the_folder(tmp_path: Path) -> None:
    """One for each channel; a new file in each is a new time point."""
    for channel in ("488", "560"):
        (tmp_path / channel).mkdir()

    def write(t: int, channel: str) -> None:
        volume = simulated_volume(t, channel == "560", SHAPE)
        tifffile.imwrite(tmp_path / channel / f"t{t}.tif", volume, photometric="minisblack")

    for t in range(2):
        write(t, "488")
        write(t, "560")
    watcher = FolderWatcher(inspect_folder(tmp_path, "{c}/t{t}.tif").source)
    write(2, "488")
    assert polls_plain(watcher, 4).source.sizes == (2, 2)
    write(2, "560")
    look = polls_plain(watcher, 2)
    assert look.source.sizes == (3, 2)
    np.testing.assert_array_equal(look.source.read(2, 1), simulated_volume(2, 1, SHAPE))


def test_one_of_several_positions(tmp_path: Path) -> None:
    def write(t: int, p: int) -> None:
        volume = simulated_volume(t, p, SHAPE)
        tifffile.imwrite(tmp_path / f"p{p}_t{t}.tif", volume, photometric="minisblack")

    for p in (2, 3):
        write(0, p)
    watcher = FolderWatcher(inspect_folder(tmp_path, "p{p}_t{t}.tif", position="3").source)
    for p in (1, 2, 3):
        write(1, p)
    look = polls_plain(watcher, 3)
    assert look.source.sizes == (2, 1) and not look.shifted and not look.waiting
    np.testing.assert_array_equal(look.source.read(1, 0), simulated_volume(1, 3, SHAPE))
    assert not len(look.source.problems)


def test_raw_pixels_whose_space_is_reserved(tmp_path: Path) -> None:
    def write(t: int, count: int) -> None:
        data = simulated_volume(t, 0, SHAPE).tobytes()
        (tmp_path / f"t{t}.stack").write_bytes(data[:count] + bytes(len(data) - count))

    size = simulated_volume(0, 0, SHAPE).nbytes
    write(0, size)
    source = inspect_folder(tmp_path, "t{t}.stack", shape=SHAPE, dtype="uint16").source
    watcher = FolderWatcher(source)
    write(1, size - 40)
    assert polls_plain(watcher, 5).source.sizes == (1, 1)
    write(1, size)
    assert polls_plain(watcher, 2).source.sizes == (2, 1)


def test_files_of_several_time_points(tmp_path: Path) -> None:
    """Each file holds two: the axis grows by two."""

    def write(n: int) -> None:
        pair = np.stack([simulated_volume(2 * n + i, 0, SHAPE) for i in range(2)])
        tifffile.imwrite(tmp_path / f"s{n}.tif", pair, imagej=True, metadata={"axes": "TZYX"})

    write(0)
    watcher = FolderWatcher(inspect_folder(tmp_path, "s{t}.tif").source)
    write(1)
    look = polls_plain(watcher, 2)
    assert look.source.sizes == (4, 1)
    for t in range(4):
        np.testing.assert_array_equal(look.source.read(t, 0), simulated_volume(t, 0, SHAPE))


def polls_plain(watcher: FolderWatcher, count: int) -> PollResult:
    """Poll so many times."""
    for _ in range(count):
        look = watcher.poll()
    return look
