"""HDF5: BigDataViewer, Imaris, plain datasets; written by h5py in the layouts of their makers."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline.errors import BadFileWarning, FileError, FolderError, MissingFileError
from napari_lazy_pipeline.io import inspect_folder

SHAPE = (4, 9, 11)
DATA = np.random.default_rng(0).integers(0, 4000, (3, 4, *SHAPE)).astype("uint16")

_XML = """<?xml version="1.0" encoding="UTF-8"?>
<SpimData version="0.2"><SequenceDescription>
<ImageLoader format="bdv.hdf5"><hdf5 type="relative">cell.h5</hdf5></ImageLoader>
<ViewSetups>{setups}
<Attributes name="channel"><Channel><id>0</id><name>488</name></Channel>
<Channel><id>1</id><name>561</name></Channel></Attributes>
<Attributes name="angle"><Angle><id>0</id><name>0</name></Angle>
<Angle><id>1</id><name>90</name></Angle></Attributes>
</ViewSetups></SequenceDescription></SpimData>"""
_SETUP = """<ViewSetup><id>{id}</id><size>11 9 4</size><voxelSize><unit>{unit}</unit>
<size>{size}</size></voxelSize><attributes><channel>{channel}</channel><angle>{angle}</angle>
</attributes></ViewSetup>"""


def numbered(folder: Path, *places: str) -> Path:
    """A file of BigDataViewer that has these groups; pixels are one more in each than before."""
    with h5py.File(folder / "cell.h5", "w") as file:
        for number, place in enumerate(places):
            file.require_group(place[-3:])
            file[f"{place}/0/cells"] = np.full(SHAPE, 1 + number, "int16")
    return folder


def bigdataviewer(folder: Path, unit: str = "\u00b5m", size: str = "0.1 0.1 0.4") -> Path:
    """Two channels from two angles, three time points, as its HDF5 format has them."""
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "cell.h5", "w") as file:
        for setup in range(4):
            file[f"s{setup:02d}/resolutions"] = np.array([[1.0, 1, 1], [2, 2, 1]])
            file[f"s{setup:02d}/subdivisions"] = np.array([[16, 16, 4], [16, 16, 4]])
            for t in range(3):
                place = f"t{t:05d}/s{setup:02d}"
                file.create_dataset(f"{place}/0/cells", data=DATA[t, setup], chunks=True)
                file[f"{place}/1/cells"] = DATA[t, setup][:, ::2, ::2]
    setups = "".join(
        _SETUP.format(id=i, unit=unit, size=size, channel=i % 2, angle=i // 2) for i in range(4)
    )
    (folder / "cell.xml").write_text(_XML.format(setups=setups), encoding="utf-8")
    return folder


def test_bigdataviewer_with_its_xml(tmp_path: Path) -> None:
    folder = bigdataviewer(tmp_path / "bdv")
    found = inspect_folder(folder)
    assert found.positions == ("angle 0", "angle 90") and found.channel_names == ("488", "561")
    assert (found.voxel_size, found.voxel_source) == ((0.4, 0.1, 0.1), "BigDataViewer")
    for index, view in enumerate(found.positions):
        stack = open_stack(folder, position=view)
        assert stack.shape == (3, 2, *SHAPE)
        for t in range(3):
            for c in range(2):
                np.testing.assert_array_equal(stack.volume(t, c), DATA[t, 2 * index + c])
    planes = stack.source.read_planes(1, 0, 1, 3)
    np.testing.assert_array_equal(planes, DATA[1, 2, 1:3])


def test_without_its_xml_setups_are_positions(tmp_path: Path) -> None:
    folder = bigdataviewer(tmp_path / "bdv")
    (folder / "cell.xml").unlink()
    found = inspect_folder(folder)
    assert found.positions == ("setup 0", "setup 1", "setup 2", "setup 3")
    assert found.voxel_source == "unknown" and found.voxel_size == (None, None, None)
    np.testing.assert_array_equal(open_stack(folder, position="setup 3").volume(2), DATA[2, 3])


def test_a_size_in_pixels_is_none_and_a_damaged_xml_is_told(tmp_path: Path) -> None:
    folder = bigdataviewer(tmp_path / "bdv", unit="pixel", size="1.0 1.0 1.0")
    assert inspect_folder(folder).voxel_size == (None, None, None)
    (folder / "cell.xml").write_text("<SpimData>")
    with pytest.raises(FolderError, match=r"The XML is damaged.*cell\.xml"):
        inspect_folder(folder)
    (folder / "cell.xml").write_text("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    with pytest.raises(FolderError, match="defines entities"):
        inspect_folder(folder)


def test_time_points_that_bigdataviewer_lacks_are_gaps(tmp_path: Path) -> None:
    stack = open_stack(numbered(tmp_path, "t00000/s00", "t00001/s00", "t00005/s00"))
    with pytest.warns(BadFileWarning, match=r"Nothing was recorded for t=\d, c=0 \(.*cell\.h5\)"):
        first = [stack.volume(t).max() for t in range(6)]
    assert first == [1, 2, 0, 0, 0, 3]
    assert not len(stack.problems)  # as for a file that was never there
    with pytest.raises(MissingFileError, match="Nothing was recorded for t=3"):
        open_stack(tmp_path, strict=True).volume(3)


def test_time_points_of_bigdataviewer_count_in_their_steps(tmp_path: Path) -> None:
    numbered(tmp_path, "t00010/s00", "t00015/s00", "t00025/s00")
    stack = open_stack(tmp_path)
    assert [stack.volume(t).max() for t in (0, 1, 3)] == [1, 2, 3] and stack.shape[0] == 4
    numbered(tmp_path, "t00000/s00", "t00001/s00", "t20240/s00")
    found = inspect_folder(tmp_path)
    assert found.stack().shape[0] == 3
    assert any("uneven, large steps" in note for note in found.notes)


def test_setups_of_bigdataviewer_that_begin_later(tmp_path: Path) -> None:
    """A position, or a channel where the XML says so."""
    numbered(tmp_path, "t00000/s00", "t00001/s00", "t00001/s01", "t00002/s00", "t00002/s01")
    found = inspect_folder(tmp_path)
    assert found.positions == ("setup 0", "setup 1")
    stack = open_stack(tmp_path, position="setup 1")
    with pytest.warns(BadFileWarning, match="Nothing was recorded for t=0, c=0"):
        assert [stack.volume(t).max() for t in range(3)] == [0, 3, 5]
    setups = (_SETUP.format(id=i, unit="um", size="1 1 1", channel=i, angle=0) for i in (0, 1))
    (tmp_path / "cell.xml").write_text(_XML.format(setups="".join(setups)), encoding="utf-8")
    stack = open_stack(tmp_path)
    assert stack.channel_names == ("488", "561")
    assert [stack.volume(2, c).max() for c in (0, 1)] == [4, 5]


def test_a_part_of_bigdataviewer_that_was_not_copied_is_a_bad_file(tmp_path: Path) -> None:
    """It was recorded, other than a time point that the first file does not know."""
    numbered(tmp_path, "t00000/s00")
    with h5py.File(tmp_path / "cell.h5", "a") as file:
        file["t00001/s00"] = h5py.ExternalLink("cell-01-00.h5", "t00001/s00")
    stack = open_stack(tmp_path)
    with pytest.warns(BadFileWarning, match="damaged"):
        stack.volume(1)
    assert len(stack.problems) == 1


@pytest.mark.parametrize("stored", ["<i2", ">i2"])
def test_counts_that_bigdataviewer_stores_as_signed_numbers(tmp_path: Path, stored: str) -> None:
    """As npy2bdv and Fiji write them; signed numbers of other files are signed."""
    counts = np.full(SHAPE, 40000, "uint16")
    counts[1], counts[2, 3, 4] = 7, 65535
    with h5py.File(tmp_path / "cell.h5", "w") as file:
        file["s00/resolutions"] = np.ones((1, 3))
        file["t00000/s00/0/cells"] = counts.view("int16").astype(stored)
    stack = open_stack(tmp_path, strict=True)
    assert stack.spec.dtype == "uint16"
    np.testing.assert_array_equal(stack.volume(), counts)
    np.testing.assert_array_equal(stack.source.read_planes(0, 0, 2, 4), counts[2:])
    stated = open_stack(tmp_path, axes="TYX", strict=True)
    np.testing.assert_array_equal(stated.volume(2), counts[2:3])
    (tmp_path / "plain").mkdir()
    with h5py.File(tmp_path / "plain/a.h5", "w") as file:
        file["data"] = np.full(SHAPE, -5, "int16")
    assert (open_stack(tmp_path / "plain").volume() == -5).all()


def test_parts_of_a_large_file_are_read_by_way_of_the_first(tmp_path: Path) -> None:
    """BigDataViewer splits files, and links from the first to the others."""
    with h5py.File(tmp_path / "cell-00-00.h5", "w") as file:
        file["t00000/s00/0/cells"] = DATA[0, 0]
    with h5py.File(tmp_path / "cell.h5", "w") as file:
        file["s00/resolutions"] = np.ones((1, 3))
        file["t00000/s00"] = h5py.ExternalLink("cell-00-00.h5", "t00000/s00")
    stack = open_stack(tmp_path)
    assert stack.shape == (1, 1, *SHAPE)
    np.testing.assert_array_equal(stack.volume(), DATA[0, 0])


def letters(text: str) -> np.ndarray:
    return np.array([letter.encode() for letter in text], "S1")


def test_imaris(tmp_path: Path) -> None:
    """Its datasets are filled up to whole chunks, its attributes one letter an element."""
    with h5py.File(tmp_path / "cell.ims", "w") as file:
        for t in range(3):
            for c in range(2):
                whole = np.zeros((8, 16, 16), "uint16")
                whole[:4, :9, :11] = DATA[t, c]
                place = f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}/Data"
                file.create_dataset(place, data=whole, chunks=(4, 8, 8))
        image = file.create_group("DataSetInfo/Image").attrs
        ends = {
            "ExtMin0": 5,
            "ExtMax0": 6.1,
            "ExtMin1": 0,
            "ExtMax1": 0.9,
            "ExtMin2": 0,
            "ExtMax2": 1.6,
        }
        values = {"X": 11, "Y": 9, "Z": 4, "Unit": "um", **ends}
        for name, value in values.items():
            image[name] = letters(str(value))
    found = inspect_folder(tmp_path)
    assert (found.voxel_size, found.voxel_source) == ((0.4, 0.1, 0.1), "Imaris")
    stack = found.stack()
    assert stack.shape == (3, 2, *SHAPE)
    np.testing.assert_array_equal(stack.volume(2, 1), DATA[2, 1])
    np.testing.assert_array_equal(stack.source.read_planes(1, 1, 2, 4), DATA[1, 1, 2:])


def test_plain_datasets_that_are_alike_are_positions(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["day 1/volume"], file["day 2/volume"] = DATA[0, 0], DATA[1, 0]
        file["day 1/mask"], file["day 1/small"] = DATA[0, 1] > 2000, DATA[0, 0][:, ::2, ::2]
        file["table"] = np.zeros((5,))
    found = inspect_folder(tmp_path)
    assert found.positions == ("day 1/volume", "day 2/volume")
    assert "Left out: day 1/mask (4, 9, 11) bool, day 1/small (4, 5, 6) uint16" in found.notes
    stack = open_stack(tmp_path / "a.h5", position="day 2/volume")
    np.testing.assert_array_equal(stack.volume(), DATA[1, 0])


def test_files_of_one_dataset_are_time_points(tmp_path: Path) -> None:
    for t in range(3):
        with h5py.File(tmp_path / f"a_t{t}.h5", "w") as file:
            file["data"] = DATA[t, 0]
    stack = open_stack(tmp_path)
    assert stack.shape == (3, 1, *SHAPE)
    np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])


def test_axes_without_names_are_refused_with_their_sizes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["movie"] = DATA[:, 0]
    with pytest.raises(FolderError, match=r"array of \(3, 4\) planes.*State axes=TZYX"):
        open_stack(tmp_path)
    stack = open_stack(tmp_path, axes="TZYX")
    assert stack.shape == (3, 1, 4, 9, 11)
    np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])
    planes = stack.source.read_planes(1, 0, 1, 3)
    np.testing.assert_array_equal(planes, DATA[1, 0, 1:3])


def test_arrays_of_five_axes_are_positions_if_they_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["one"], file["two"] = DATA, DATA + 1
    stack = open_stack(path, axes="TCZYX", position="two")
    np.testing.assert_array_equal(stack.volume(1, 1), DATA[1, 1] + 1)


def test_the_axes_of_one_plane_may_be_stated(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["plane"] = DATA[0, 0, 0]
    stack = open_stack(tmp_path, axes="TYX", strict=True)
    np.testing.assert_array_equal(stack.volume(0), DATA[0, 0, :1])


def series(folder: Path, *files: dict[str, np.ndarray], name: str = "cell_t{}.h5") -> Path:
    """Files of plain datasets, which follow each other in time."""
    for t, datasets in enumerate(files):
        with h5py.File(folder / name.format(t), "w") as file:
            for dataset, values in datasets.items():
                file[dataset] = values
    return folder


def test_later_files_are_asked_for_the_dataset_of_that_name(tmp_path: Path) -> None:
    """Whatever else they hold, before or behind it, of its kind or another."""
    raw, other = DATA[:, 0], DATA[:, 1]
    first = {"raw": raw[0]}
    stack = open_stack(
        series(
            tmp_path,
            first,
            {"bgsub": other[1], "raw": raw[1]},
            {"bgsub": other[2].astype("float32"), "raw": raw[2], "z": other[2]},
        ),
        strict=True,
    )
    for t in range(3):
        np.testing.assert_array_equal(stack.volume(t), raw[t])
    np.testing.assert_array_equal(stack.source.read_planes(2, 0, 1, 3), raw[2, 1:3])


def test_a_file_without_the_dataset_is_bad(tmp_path: Path) -> None:
    """One channel is not shown as the other, nor one plane after the other as a volume."""
    both = {"ch405": DATA[0, 0], "ch488": DATA[0, 1]}
    series(tmp_path, both, {"ch488": DATA[1, 1]}, {"ch405": DATA[2, 0].reshape(2, 2, 9, 11)})
    stack = open_stack(tmp_path, position="ch405")
    with pytest.warns(BadFileWarning, match=r"no dataset ch405 \(.*cell_t1.h5\)\. It holds ch488"):
        assert not stack.volume(1).any()
    with pytest.warns(BadFileWarning, match=r"\(2, 2, 9, 11\) uint16, not \(4, 9, 11\)"):
        assert not stack.volume(2).any()
    assert len(stack.problems) == 2
    np.testing.assert_array_equal(open_stack(tmp_path, position="ch488").volume(1), DATA[1, 1])


def test_a_lone_dataset_may_be_named_as_its_file_is(tmp_path: Path) -> None:
    series(tmp_path, {"GFP_000": DATA[0, 0]}, {"GFP_001": DATA[1, 0]}, name="cell_GFP_t{}.h5")
    series(tmp_path, {"RFP_000": DATA[0, 1]}, {"YFP_001": DATA[1, 1]}, name="cell_RFP_t{}.h5")
    stack = open_stack(tmp_path)
    for t, c in ((0, 0), (1, 0), (0, 1)):
        np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])
    with pytest.warns(BadFileWarning, match="no dataset GFP_000"):
        stack.volume(1, 1)


@pytest.mark.parametrize("name", ["t{}", "scan_{}/data", "2024-05-03 10:2{}:11"])
def test_a_lone_dataset_may_have_another_number(name: str, tmp_path: Path) -> None:
    series(tmp_path, *({name.format(t + 1): DATA[t, 0]} for t in range(3)), name="run_00{}0.h5")
    stack = open_stack(tmp_path, strict=True)
    for t in range(3):
        np.testing.assert_array_equal(stack.volume(t), DATA[t, 0])


@pytest.mark.parametrize("name", ["ch{}", "scan 7/channel_{}", "w0{}"])
def test_a_lone_dataset_of_another_channel_is_bad(name: str, tmp_path: Path) -> None:
    series(tmp_path, {name.format(488): DATA[0, 0]}, {name.format(561): DATA[1, 0]})
    with pytest.raises(FileError, match="There is no dataset"):
        open_stack(tmp_path, strict=True).volume(1)


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("cell_{}_t{{}}.h5", {"488": "channel0", "561": "channel1"}),
        ("cell_{}_t{{}}.h5", {"CamA": "camera_0", "CamB": "camera_1"}),
        ("cell_{}_t{{}}.h5", {"ch0": "channel_1", "ch1": "channel_2"}),
    ],
)
def test_datasets_of_channels_in_files_of_their_own_may_be_counted(
    file: str, names: dict[str, str], tmp_path: Path
) -> None:
    for c, (channel, dataset) in enumerate(names.items()):
        datasets = ({dataset: DATA[t, c]} for t in range(2))
        series(tmp_path, *datasets, name=file.format(channel))
    stack = open_stack(tmp_path, strict=True)
    assert stack.shape[:2] == (2, 2)
    for t, c in np.ndindex(2, 2):
        np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])
