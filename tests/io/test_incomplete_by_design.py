"""Channels that are not recorded alike: what was recorded is shown, the rest is no problem."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from micromanager_files import write_mmstack, write_ndtiff
from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.errors import FileError, NotRecordedError
from napari_lazy_pipeline.io import FolderInfo, inspect_folder
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.io.live.stack_watcher import StackWatcher
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan
from napari_lazy_pipeline.steps import Deskew

SHAPE = (5, 16, 20)
OLD = 1_000_000_000


def pixels(t: int, c: int, shape: tuple[int, ...] = SHAPE, dtype: str = "uint16") -> np.ndarray:
    """Any pixels, others for each volume, none of them 0."""
    high = min(np.iinfo(dtype).max, 4000) if np.dtype(dtype).kind in "iu" else 4000
    return np.random.default_rng([t, c]).integers(1, high, shape).astype(dtype)


def write(path: Path, volume: np.ndarray, **options: object) -> None:
    """A TIFF that was written long ago."""
    tifffile.imwrite(path, volume, photometric="minisblack", **options)  # type: ignore[arg-type]
    os.utime(path, (OLD, OLD))


def placed(part: np.ndarray, dtype: str = "uint16", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A smaller volume at the first voxel of a blank one."""
    whole = np.zeros(shape, dtype)
    whole[tuple(map(slice, part.shape))] = part
    return whole


def opened(folder: Path, **options: object) -> tuple[FolderInfo, Stack, int, int]:
    """The folder, its stack, and which channels are GFP and BF."""
    info = inspect_folder(folder, **options)  # type: ignore[arg-type]
    gfp, bf = (next(c for c, n in enumerate(info.channel_names) if w in n) for w in ("GFP", "BF"))
    return info, info.stack(), gfp, bf


def assert_shown(stack: Stack, expected: Callable[[int, int], np.ndarray]) -> None:
    """All volumes and planes are as expected, without a warning or a problem."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(stack.shape[0]):
            for c in range(stack.shape[1]):
                volume = expected(t, c)
                np.testing.assert_array_equal(stack.volume(t, c), volume)
                source = stack.source
                try:
                    planes = source.read_planes(t, c, 1, 3)
                except NotRecordedError:
                    planes = np.zeros_like(volume[1:3])
                np.testing.assert_array_equal(planes, volume[1:3])
                assert volume.dtype == planes.dtype == stack.spec.dtype
    assert not stack.problems


# ---- every n-th time point, fewer planes ------------------------------------------------------


def test_a_channel_at_every_third_time_point(tmp_path: Path) -> None:
    for t in range(8):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        if t % 3 == 0:
            write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))
    info, stack, gfp, bf = opened(tmp_path)
    assert stack.shape == (8, 2, *SHAPE)
    blank = np.zeros(SHAPE, np.uint16)
    assert_shown(stack, lambda t, c: pixels(t, 0) if c == gfp else blank if t % 3 else pixels(t, 1))
    assert info.missing == 0 and info.total_bytes == 11 * pixels(0, 0).nbytes
    assert "BF is recorded at every 3rd time point: the rest is empty" in info.notes
    strict = open_stack(tmp_path, strict=True)
    assert not strict.volume(1, bf).any(), "what nobody wanted to record is no error"
    again = pickle.loads(pickle.dumps(stack))
    np.testing.assert_array_equal(again.volume(3, bf), pixels(3, 1))


def test_a_file_that_is_missing_in_the_pattern_is_told(tmp_path: Path) -> None:
    for t in range(13):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        if t in (0, 3, 9, 12):
            write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))
    info, stack, _, bf = opened(tmp_path)
    assert info.missing == 1
    with pytest.warns(UserWarning, match="no file for t=6, channel BF"):
        stack.volume(6, bf)
    with pytest.raises(FileError, match="no file for t=6, channel BF"):
        open_stack(tmp_path, strict=True).volume(6, bf)
    with pytest.raises(NotRecordedError):
        stack.source.read(5, bf)


def test_a_channel_of_one_plane_a_file(tmp_path: Path) -> None:
    for t in range(3):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1, (1, 16, 20)))
    info, stack, gfp, _ = opened(tmp_path)
    part = (1, 16, 20)
    assert_shown(stack, lambda t, c: pixels(t, 0) if c == gfp else placed(pixels(t, 1, part)))
    assert info.missing == 0 and info.total_bytes == 3 * (5 + 1) * 16 * 20 * 2
    assert not any("voxel size" in note for note in info.notes), "one plane has no step"


@pytest.mark.parametrize("planes", [(2,), (0,), (0, 1, 2), (0, 2, 4)])
def test_a_channel_with_fewer_planes_each_in_a_file(tmp_path: Path, planes: tuple[int]) -> None:
    for t in range(3):
        for z in range(5):
            write(tmp_path / f"img_00000000{t}_GFP_{z:03d}.tif", pixels(t, 0)[z])
            if z in planes:
                write(tmp_path / f"img_00000000{t}_BF_{z:03d}.tif", pixels(t, 1)[z])
    info, stack, gfp, _ = opened(tmp_path)
    chosen = np.isin(np.arange(5), planes)[:, np.newaxis, np.newaxis]
    assert_shown(stack, lambda t, c: pixels(t, 0) if c == gfp else pixels(t, 1) * chosen)
    assert info.missing == 0
    assert f"BF is recorded in {len(planes)} of 5 planes: the rest is empty" in info.notes


def test_a_lost_plane_is_told(tmp_path: Path) -> None:
    for t in range(3):
        for z in range(5):
            write(tmp_path / f"img_00000000{t}_GFP_{z:03d}.tif", pixels(t, 0)[z])
            if z in (0, 2, 4) and (t, z) != (1, 2):
                write(tmp_path / f"img_00000000{t}_BF_{z:03d}.tif", pixels(t, 1)[z])
    info, stack, _, bf = opened(tmp_path)
    assert info.missing == 1
    with pytest.raises(FileError, match="2 of the 3 files for t=1, channel BF"):
        stack.source.read(1, bf)


def test_a_first_volume_that_is_being_recorded_is_not_shown_in_part(tmp_path: Path) -> None:
    for z in range(5):
        write(tmp_path / f"img_000000000_GFP_{z:03d}.tif", pixels(0, 0)[z])
    for z in range(2):
        tifffile.imwrite(tmp_path / f"img_000000000_BF_{z:03d}.tif", pixels(0, 1)[z])
    pattern = "img_{t}_{c}_{z}.tif"
    _, stack, _, bf = opened(tmp_path, pattern=pattern)
    with pytest.raises(FileError, match="2 of the 5 files for t=0, channel BF"):
        stack.source.read(0, bf)
    _, stack, _, bf = opened(tmp_path, pattern=pattern, complete=True)
    np.testing.assert_array_equal(stack.source.read(0, bf), placed(pixels(0, 1)[:2]))


@pytest.mark.parametrize(
    ("recorded", "planned"),
    [
        ((0, 3, 6), (0, 3, 6)),
        ((1, 4, 7), (1, 4, 7)),
        ((0,), (0,)),
        ((4,), (4,)),
        ((0, 6), (0, 6)),
        ((0, 2, 6), (0, 2, 4, 6)),
        ((0, 1, 2, 3, 5, 6, 7), range(8)),
        ((0, 1, 2, 3), range(8)),
        ((0, 1, 4, 6), range(8)),
    ],
)
def test_which_time_points_are_planned(recorded: tuple[int, ...], planned: range) -> None:
    present = np.array([[True, t in recorded] for t in range(8)])
    plan = RecordingPlan.of(present)
    assert plan.times[:, 0].all()
    assert np.flatnonzero(plan.times[:, 1]).tolist() == list(planned)
    assert plan.missing == len(planned) - len(recorded)


# ---- another camera -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "kind", "common"),
    [
        ((5, 8, 10), "uint8", "uint16"),
        ((3, 16, 20), "uint16", "uint16"),
        ((5, 12, 24), "uint16", "uint16"),
        ((7, 16, 20), "uint8", "uint16"),
        ((5, 16, 20), "float32", "float32"),
        ((5, 16, 20), "int8", "int32"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_another_size_or_type(
    tmp_path: Path, other: tuple[int, int, int], kind: str, common: str, packed: bool
) -> None:
    """Each lies at the first voxel of a volume that holds both, with all of its numbers."""
    for t in range(3):
        options = {"compression": "zlib"} if packed else {}
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0), **options)
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1, other, kind), **options)
    info, stack, gfp, _ = opened(tmp_path)
    shape = tuple(map(max, SHAPE, other))
    assert (info.shape, info.dtype) == (shape, common)
    assert_shown(
        stack,
        lambda t, c: placed(pixels(t, 0) if c == gfp else pixels(t, 1, other, kind), common, shape),
    )
    assert info.total_bytes == 3 * (pixels(0, 0).nbytes + pixels(0, 1, other, kind).nbytes)
    assert any(note.startswith("BF holds") for note in info.notes) or shape == other
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(stack)).volume(2, 1 - gfp), stack.volume(2, 1 - gfp)
    )


def test_numbers_that_no_type_holds_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a_t0_GFP.tif", pixels(0, 0, dtype="uint64"))
    write(tmp_path / "a_t0_BF.tif", pixels(0, 1, dtype="float32"))
    with pytest.raises(FileError, match="No type of numbers holds those of float32 and uint64"):
        open_stack(tmp_path)


def test_a_single_file_of_another_size_is_no_kind(tmp_path: Path) -> None:
    """Of a channel, two files have to agree: one may be damaged."""
    for t in range(3):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1, SHAPE if t else (4, 16, 20)))
    info, stack, _, bf = opened(tmp_path)
    assert info.shape == SHAPE
    with pytest.raises(FileError, match=r"\(4, 16, 20\) uint16, not \(5, 16, 20\)"):
        stack.source.read(0, bf)
    np.testing.assert_array_equal(stack.volume(1, bf), pixels(1, 1))


def test_a_file_of_the_other_camera_that_differs_is_told(tmp_path: Path) -> None:
    for t in range(4):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1, (5, 8, 10 if t < 3 else 9)))
    _, stack, _, bf = opened(tmp_path)
    with pytest.warns(UserWarning, match=r"\(5, 8, 9\) uint16, not \(5, 8, 10\)"):
        assert not stack.volume(3, bf).any()
    assert len(stack.problems) == 1


def test_the_voxel_size_of_the_other_camera(tmp_path: Path) -> None:
    """It is never assumed in silence, and that of the larger camera holds."""
    for t in range(2):
        for name, size, shape in (("GFP", 0.1, SHAPE), ("BF", 0.2, (5, 8, 10))):
            options = {"imagej": True, "resolution": (1 / size, 1 / size)}
            metadata = {"spacing": 0.3, "unit": "um", "axes": "ZYX"}
            volume = pixels(t, 0, shape)
            write(tmp_path / f"a_t{t}_{name}.tif", volume, metadata=metadata, **options)
    info = inspect_folder(tmp_path)
    assert info.voxel_size == pytest.approx((0.3, 0.1, 0.1))
    (note,) = (note for note in info.notes if "another voxel size" in note)
    assert note.startswith("The files of BF state") and "0.2" in note
    for path in tmp_path.glob("*BF.tif"):
        write(path, pixels(0, 0, (5, 8, 10)))
    note = "Nothing states the voxel size of BF: it is taken to be that of the others"
    assert note in inspect_folder(tmp_path).notes


def test_steps_are_right_on_the_part_that_was_recorded(tmp_path: Path) -> None:
    """A smaller frame is deskewed as it would be alone, save where its last column fades out."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for t in range(2):
        write(tmp_path / f"a_t{t}_GFP.tif", pixels(t, 0))
        for folder in (tmp_path, alone):
            write(folder / f"a_t{t}_BF.tif", pixels(t, 1, (5, 8, 10)))
    bf = opened(tmp_path)[3]
    size, deskew = (0.3, 0.1, 0.1), Pipeline([Deskew(angle=31.5)])
    stack = open_stack(tmp_path, voxel_size=size)
    whole = deskew.apply(stack).volume(1, bf)
    own = deskew.apply(open_stack(alone, voxel_size=size)).volume(1, 0)
    assert (own > 0).sum() == 5 * 8 * 9
    part = whole[:, : own.shape[1], : own.shape[2]]
    np.testing.assert_array_equal(part[own > 0], own[own > 0])
    assert (whole > 0).sum() <= 5 * 8 * 11, "the rest is empty"


# ---- planes that an index places ---------------------------------------------------------------


def write_indexed(kind: str, folder: Path, times: int) -> None:
    """GFP as volumes of 16 bit; RFP at every third time point, one smaller plane of 8 bit."""
    gfp = [(0, t, 0, z) for t in range(times) for z in range(5)]
    here = sorted([*gfp, *((0, t, 1, 2) for t in range(0, times, 3))])
    if kind == "NDTiff":
        write_ndtiff(folder, here, plane_at=plane_at)
    else:
        write_mmstack(folder / "a_MMStack_Pos0.ome.tif", here, (1, 7, 2, 5), plane_at=plane_at)


def plane_at(place: tuple[int, int, int, int]) -> np.ndarray:
    _, t, c, z = place
    return pixels(t, c)[z] if c == 0 else pixels(t, 1, (1, 8, 10), "uint8")[0]


@pytest.mark.parametrize("kind", ["NDTiff", "MMStack"])
def test_the_channels_of_an_index_have_their_own_size_and_type(kind: str, tmp_path: Path) -> None:
    write_indexed(kind, tmp_path, 7)
    info = inspect_folder(tmp_path)
    stack = info.stack()
    assert (stack.shape, info.dtype) == ((7, 2, *SHAPE), "uint16")

    def expected(t: int, c: int) -> np.ndarray:
        volume = np.zeros(SHAPE, np.uint16)
        if t % 3 == 0:
            volume[2, :8, :10] = plane_at((0, t, 1, 2))
        return volume if c else pixels(t, 0)

    assert_shown(stack, expected)
    assert {
        "RFP is recorded at every 3rd time point, in 1 of 5 planes: the rest is empty",
        "RFP holds 5 x 8 x 10 voxels of uint8, placed at the first voxel: the rest is empty",
        "One voxel size is stated for all channels: check that it is that of RFP",
    } <= set(info.notes)
    assert not open_stack(tmp_path, strict=True).volume(1, 1).any()


@pytest.mark.parametrize("kind", ["NDTiff", "MMStack"])
def test_an_index_of_several_sizes_is_watched(kind: str, tmp_path: Path) -> None:
    write_indexed(kind, tmp_path, 2)
    watcher = stack_watcher(inspect_folder(tmp_path).source)
    for times in range(3, 8):
        write_indexed(kind, tmp_path, times)
        source = grown(watcher)
        assert source.sizes == (times, 2)
    np.testing.assert_array_equal(source(6, 1)[2, :8, :10], plane_at((0, 6, 1, 2)))


# ---- planes that a text places ------------------------------------------------------------------

KEPT = {
    "no z-stack": lambda t, z: z == 0,
    "one plane in the middle": lambda t, z: z == 2,
    "every 3rd time point": lambda t, z: t % 3 == 0,
}


def write_ome(folder: Path, kept: Callable[[int, int], bool], name: str) -> None:
    """Write an OME-TIFF, or a set of them; channel BF has the planes that are kept."""
    here = [(t, c, z) for c in range(2) for t in range(5) for z in range(5) if not c or kept(t, z)]
    files: dict[str, list[np.ndarray]] = {}
    blocks = ""
    for t, c, z in here:
        planes = files.setdefault(name.format(t=t, c=c), [])
        uuid = f"<UUID FileName='{name.format(t=t, c=c)}'>urn:uuid:{c}{t}</UUID>"
        place = f"FirstT='{t}' FirstC='{c}' FirstZ='{z}' IFD='{len(planes)}' PlaneCount='1'"
        blocks += f"<TiffData {place}>{uuid if '{' in name else ''}</TiffData>"
        planes.append(pixels(t, c)[z])
    sizes = "SizeX='20' SizeY='16' SizeZ='5' SizeC='2' SizeT='5' DimensionOrder='XYZTC'"
    names = "<Channel Name='GFP'/><Channel Name='BF'/>"
    text = (
        f"<OME><Image ID='Image:0'><Pixels {sizes} Type='uint16'>{names}{blocks}</Pixels></Image>"
    )
    for file, planes in files.items():
        with tifffile.TiffWriter(folder / file) as tif:
            for n, plane in enumerate(planes):
                description = f"{text}</OME>".encode() if n == 0 else None
                options = {"photometric": "minisblack", "contiguous": False, "metadata": None}
                tif.write(plane, description=description, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT.keys())
@pytest.mark.parametrize("name", ["a.ome.tif", "a_C{c}.ome.tif", "a_C{c}_T{t}.ome.tif"])
def test_planes_that_ome_xml_leaves_out(
    name: str, kept: Callable[[int, int], bool], tmp_path: Path
) -> None:
    write_ome(tmp_path, kept, name)
    info, stack, gfp, _ = opened(tmp_path)
    assert stack.shape == (5, 2, *SHAPE)

    def expected(t: int, c: int) -> np.ndarray:
        there = np.array([c == gfp or kept(t, z) for z in range(5)])
        return pixels(t, 0 if c == gfp else 1) * there[:, np.newaxis, np.newaxis]

    assert_shown(stack, expected)
    assert any(note.startswith(("BF is recorded", "BF holds 1 x")) for note in info.notes)


def test_a_file_whose_text_says_more_is_cut_off(tmp_path: Path) -> None:
    """Only what the text leaves out is empty by design."""
    write_ome(tmp_path, lambda t, z: True, "a_C{c}.ome.tif")
    path = tmp_path / "a_C1.ome.tif"
    with tifffile.TiffFile(path) as tif:
        planes, text = [page.asarray() for page in tif.pages][:20], tif.pages.first.description
    with tifffile.TiffWriter(path) as tif:
        for n, plane in enumerate(planes):
            description = text.encode() if n == 0 else None
            options = {"photometric": "minisblack", "contiguous": False, "metadata": None}
            tif.write(plane, description=description, **options)  # type: ignore[arg-type]
    _, stack, _, bf = opened(tmp_path)
    np.testing.assert_array_equal(stack.volume(3, bf), pixels(3, 1))
    with pytest.raises(FileError, match="holds 4 time points x 1 channels, not 5"):
        stack.source.read(4, bf)


@pytest.mark.parametrize("depth", [1, 5])
def test_imagej_files_of_a_channel_each(depth: int, tmp_path: Path) -> None:
    """One has no z-stack, or fewer time points: nothing says which, and that is told."""
    times = {"GFP": range(4), "BF": range(4) if depth == 1 else (0, 3)}
    for name, depth_of in (("GFP", 5), ("BF", depth)):
        volumes = [pixels(t, name == "BF")[:depth_of] for t in times[name]]
        options = {"imagej": True, "metadata": {"axes": "TZYX"}}
        tifffile.imwrite(tmp_path / f"a_{name}.tif", np.stack(volumes), **options)
    info, stack, gfp, bf = opened(tmp_path)
    assert stack.shape == (4, 2, *SHAPE)
    for t in range(4):
        np.testing.assert_array_equal(stack.volume(t, gfp), pixels(t, 0))
    if depth == 1:
        np.testing.assert_array_equal(stack.volume(3, bf), placed(pixels(3, 1)[:1]))
    else:
        np.testing.assert_array_equal(stack.volume(1, bf), pixels(3, 1))
        note = "a_BF.tif holds 2 of 4 time points: they are taken to be the first"
        assert note in info.notes
        with pytest.raises(NotRecordedError):
            stack.source.read(2, bf)


# ---- while it is recorded -----------------------------------------------------------------------


def grown(watcher: StackWatcher, polls: int = 3) -> FileSource:
    """Look a few times; each volume that is shown can be read."""
    for _ in range(polls):
        source = watcher.poll().source
    for t in range(source.sizes[0]):
        for c in range(source.sizes[1]):
            source(t, c)
    assert not len(source.problems)
    return source


@pytest.mark.parametrize("every", [2, 3, 100])
def test_the_axis_grows_with_a_channel_at_every_nth_time_point(every: int, tmp_path: Path) -> None:
    def record(t: int) -> None:
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        if t % every == 0:
            write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))

    for t in range(2):
        record(t)
    watcher = stack_watcher(inspect_folder(tmp_path).source)
    for t in range(2, 9):
        record(t)
        source = grown(watcher)
    assert source.sizes == (9, 2)
    for t in range(9, 12):
        record(t)
        assert grown(watcher, 2).sizes == (t + 1, 2), "by now it is known"
    late = grown(watcher)
    expected = pixels(9, 1) if every == 3 else np.zeros(SHAPE, np.uint16)
    np.testing.assert_array_equal(late(9, 0), expected)
    np.testing.assert_array_equal(late(9, 1), pixels(9, 0))


def test_an_opened_folder_keeps_its_end(tmp_path: Path) -> None:
    """The last time points without the channel do not go when the folder is watched."""
    for t in range(9):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        if t % 4 == 0 and t < 8:
            write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))
    watcher = stack_watcher(inspect_folder(tmp_path).source)
    assert watcher.poll().source.sizes == (8, 2), "the file of time point 8 is still to come"
    write(tmp_path / "a_t008_BF.tif", pixels(8, 1))
    source = grown(watcher)
    assert source.sizes == (9, 2)
    np.testing.assert_array_equal(source(8, 0), pixels(8, 1))


def test_a_channel_that_comes_at_other_times_after_all(tmp_path: Path) -> None:
    """What is visible stays, and what comes is shown."""
    for t in range(7):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        if t in (0, 3, 6):
            write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))
    watcher = stack_watcher(inspect_folder(tmp_path).source)
    assert grown(watcher).sizes == (7, 2)
    for t in (1, 2, 4, 5):
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1))
        source = grown(watcher, 1)
        assert source.sizes == (7, 2)
        source = grown(watcher, 2)
        np.testing.assert_array_equal(source(t, 0), pixels(t, 1))
    write(tmp_path / "a_t007_GFP.tif", pixels(7, 0))
    assert grown(watcher).sizes == (7, 2), "now the channel is waited for"
    write(tmp_path / "a_t007_BF.tif", pixels(7, 1))
    assert grown(watcher).sizes == (8, 2)


def test_the_other_camera_is_watched(tmp_path: Path) -> None:
    """Each file is judged by those of its channel."""
    small = (1, 8, 10)
    for t in range(6):
        write(tmp_path / f"a_t{t:03d}_GFP.tif", pixels(t, 0))
        write(tmp_path / f"a_t{t:03d}_BF.tif", pixels(t, 1, small, "uint8"))
        if t == 1:
            watcher = stack_watcher(inspect_folder(tmp_path).source)
    source = grown(watcher)
    assert source.sizes == (6, 2)
    np.testing.assert_array_equal(source(5, 0), placed(pixels(5, 1, small, "uint8")))
    write(tmp_path / "a_t006_GFP.tif", pixels(6, 1, small, "uint8"))
    write(tmp_path / "a_t006_BF.tif", pixels(6, 1, small, "uint8"))
    look = [watcher.poll() for _ in range(3)][-1]
    assert look.source.sizes == (6, 2) and look.waiting == ("a_t006_GFP.tif",)


def test_single_planes_of_a_channel_are_watched(tmp_path: Path) -> None:
    def record(t: int) -> None:
        for z in range(5):
            write(tmp_path / f"img_{t:09d}_GFP_{z:03d}.tif", pixels(t, 0)[z])
        write(tmp_path / f"img_{t:09d}_BF_002.tif", pixels(t, 1)[2])

    for t in range(6):
        record(t)
        if t == 1:
            watcher = stack_watcher(inspect_folder(tmp_path).source)
        elif t > 1:
            source = grown(watcher)
            assert source.sizes == (t + 1, 2)
            np.testing.assert_array_equal(source(t, 0)[2], pixels(t, 1)[2])
