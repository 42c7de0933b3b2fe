"""Files of many volumes: each volume comes back exactly, and only its pages are read."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

import hyperstack_files
from hyperstack_files import DATA, SHAPE, WRITERS, C, T, Writer, Z, ome_xml
from napari_lazy_pipeline._runtime.regular_file import BUFFER
from napari_lazy_pipeline.errors import FileError, FolderError, MissingFileError
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.readers import tiff
from napari_lazy_pipeline.io.readers.tiff import READER

EACH = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


@EACH
def test_each_volume_comes_back_exactly(write: Writer, tmp_path: Path) -> None:
    write(tmp_path / "a.tif")
    stack = open_stack(tmp_path)
    assert stack.shape == (T, C, Z, *SHAPE)
    for t, c in itertools.product(range(T), range(C)):
        np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])
    copy = pickle.loads(pickle.dumps(stack.source))
    np.testing.assert_array_equal(copy(2, 1), DATA[2, 1])


@EACH
def test_a_series_of_such_files_goes_on_in_time(write: Writer, tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / f"a_{number}.tif")
    stack = open_stack(tmp_path, "a_{t}.tif")
    assert stack.shape == (2 * T, C, Z, *SHAPE)
    np.testing.assert_array_equal(stack.volume(T + 1, 1), DATA[1, 1])
    assert str(stack.source.path(T + 1, 1)).endswith("a_1.tif")  # type: ignore[attr-defined]


class Counting(io.FileIO):
    """Counts the bytes that are asked for."""

    count = 0

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        done = super().readinto(buffer)
        type(self).count += done or 0
        return done  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["imagej", "ome TCZ", "ome ZTC", "pages", "shaped"])
def test_one_volume_reads_its_pages_only(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = np.random.default_rng(1).integers(0, 60_000, (T, C, Z, 200, 300)).astype(np.uint16)
    monkeypatch.setattr(hyperstack_files, "DATA", big)
    monkeypatch.setattr(hyperstack_files, "SHAPE", (200, 300))
    path = tmp_path / "a.tif"
    WRITERS[name](path)
    info = READER.probe(str(path)).at(1, 1)
    READER.read(str(path), info)
    monkeypatch.setattr(tiff, "open_regular", lambda p: io.BufferedReader(Counting(p), BUFFER))
    Counting.count = 0
    np.testing.assert_array_equal(READER.read(str(path), info), big[1, 1])
    volume = big[1, 1].nbytes
    assert volume <= Counting.count < volume + 100_000 < big.nbytes / 3


def test_identity_tells_the_volumes_of_a_file_apart(tmp_path: Path) -> None:
    WRITERS["imagej"](tmp_path / "a.tif")
    source = open_stack(tmp_path).source
    found = {source.identity(t, c) for t, c in itertools.product(range(T), range(C))}
    assert len(found) == T * C


def test_names_of_channels_are_taken_from_ome(tmp_path: Path) -> None:
    WRITERS["pages"](tmp_path / "a.tif")
    found = inspect_folder(tmp_path)
    assert (found.channel_names, found.channel_source) == (("actin & co", "DNA"), "the files")
    for c in ("x", "y"):
        WRITERS["pages"](tmp_path / f"b_{c}.tif")
    found = inspect_folder(tmp_path, "b_{c}.tif")
    assert found.channel_names == ("x actin & co", "x DNA", "y actin & co", "y DNA")


@pytest.mark.parametrize("name", ["a_C0.ome.tif", "renamed_C0.ome.tif"])
def test_a_file_of_a_set_holds_its_own_pages_of_what_ome_describes(
    name: str, tmp_path: Path
) -> None:
    """As in the samples of OME, where each channel is a file that describes all of them."""
    for c in range(C):
        file = tmp_path / name.replace("C0", f"C{c}")
        data = "".join(
            f'<TiffData FirstT="{t}" FirstC="{k}" IFD="{t * Z}" PlaneCount="{Z}">'
            f'<UUID FileName="a_C{k}.ome.tif">urn:uuid:{k}</UUID></TiffData>'
            for t in range(T) for k in range(C)
        )  # fmt: skip
        xml = ome_xml("", "XYZTC", data).replace('UUID="urn:uuid:1"', f'UUID="urn:uuid:{c}"', 1)
        with tifffile.TiffWriter(file, ome=False) as writer:
            for plane in DATA[:, c].reshape(-1, *SHAPE):
                writer.write(plane, contiguous=False, metadata=None, description=xml)
    found = inspect_folder(tmp_path)
    assert (found.sizes, found.shape) == ((T, C), (Z, *SHAPE))
    stack = found.stack()
    for t, c in itertools.product(range(T), range(C)):
        np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])


def test_a_renamed_file_that_holds_everything_is_taken_for_itself(tmp_path: Path) -> None:
    data = f'<TiffData IFD="0" PlaneCount="{T * C * Z}"><UUID FileName="b.tif">x</UUID></TiffData>'
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=False) as writer:
        for plane in DATA.reshape(-1, *SHAPE):
            writer.write(
                plane, contiguous=False, metadata=None, description=ome_xml("", "XYZCT", data)
            )
    np.testing.assert_array_equal(open_stack(tmp_path).volume(1, 1), DATA[1, 1])


def test_planes_in_no_regular_order_are_where_ome_says(tmp_path: Path) -> None:
    order = [0, 2, 1, *range(3, T * C * Z)]
    places = list(itertools.product(range(T), range(C), range(Z)))
    data = "".join(
        f'<TiffData IFD="{page}" FirstT="{places[i][0]}" FirstC="{places[i][1]}" '
        f'FirstZ="{places[i][2]}" PlaneCount="1"/>'
        for i, page in enumerate(order)
    )
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=False) as writer:
        for plane in DATA.reshape(-1, *SHAPE):
            writer.write(
                plane, contiguous=False, metadata=None, description=ome_xml("", "XYZCT", data)
            )
    stack = open_stack(tmp_path)
    pages = DATA.reshape(-1, *SHAPE)
    numbers = np.empty(T * C * Z, int)
    numbers[order] = np.arange(T * C * Z)
    for t, c in itertools.product(range(T), range(C)):
        expected = pages[numbers.reshape(T, C, Z)[t, c]]
        np.testing.assert_array_equal(stack.volume(t, c), expected)
        planes = stack.source.read_planes(t, c, 1, 3)
        np.testing.assert_array_equal(planes, expected[1:3])


def test_positions_in_one_file_are_chosen(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        for number in range(3):
            said = {"axes": "TCZYX", "Name": f"well {number}"}
            writer.write(DATA + np.uint16(number), metadata=said)
    found = inspect_folder(tmp_path)
    assert (found.positions, found.position) == (("well 0", "well 1", "well 2"), "well 0")
    assert any("3 positions (well 0, well 1, well 2): well 0 is shown" in n for n in found.notes)
    stacks = [open_stack(tmp_path, position=f"well {number}") for number in range(3)]
    for number, stack in enumerate(stacks):
        np.testing.assert_array_equal(stack.volume(2, 1), DATA[2, 1] + np.uint16(number))
    assert len({stack.source.token for stack in stacks}) == 3
    copy = pickle.loads(pickle.dumps(stacks[2].source))
    assert copy.position == "well 2"
    with pytest.raises(FolderError, match=r"no position 'x'.*There are well 0"):
        open_stack(tmp_path, position="x")


@pytest.mark.parametrize("kind", ["imagej", "ome"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_time_points_of_one_plane_may_be_meant_as_planes(
    kind: str, compression: str | None, tmp_path: Path
) -> None:
    options = {"compression": compression} if kind == "ome" else {}
    for number in range(2):
        tifffile.imwrite(
            tmp_path / f"a_t{number}.tif", DATA[0, 0] + np.uint16(number),
            metadata={"axes": "TYX"}, **{kind: True}, **options,
        )  # fmt: skip
    asked = inspect_folder(tmp_path)
    assert (asked.sizes, asked.shape) == ((2 * Z, 1), (1, *SHAPE))
    (question,) = (one for one in asked.questions if one.about == "axes")
    assert "4 time points of one plane" in question.text and question.choices == ("ZYX",)
    stack = open_stack(tmp_path, axes="ZYX")
    assert stack.shape == (2, 1, Z, *SHAPE)
    np.testing.assert_array_equal(stack.volume(1), DATA[0, 0] + np.uint16(1))
    with pytest.raises(FolderError, match="axes may be ZYX, TZYX, ZCYX or the like, not 'XYZ'"):
        open_stack(tmp_path, axes="XYZ")


def test_a_file_of_fewer_time_points_is_blank_where_it_ends(tmp_path: Path) -> None:
    WRITERS["imagej"](tmp_path / "a_0.tif")
    short = DATA[:2].swapaxes(1, 2)
    tifffile.imwrite(tmp_path / "a_1.tif", short, imagej=True, metadata={"axes": "TZCYX"})
    source = open_stack(tmp_path, "a_{t}.tif").source
    np.testing.assert_array_equal(source.read(4, 1), DATA[1, 1])
    with pytest.raises(MissingFileError, match=r"2 time points x 2 channels, not 3 time points"):
        source.read(5, 0)
    assert not source(5, 0).any() and not len(source.problems)


@EACH
def test_a_cut_file_never_shows_wrong_pixels(write: Writer, tmp_path: Path) -> None:
    whole, cut = tmp_path / "a.tif", tmp_path / "b" / "a.tif"
    write(whole)
    cut.parent.mkdir()
    data, info = whole.read_bytes(), READER.probe(str(whole))
    refused = 0
    for length in sorted({*range(0, len(data), len(data) // 60), *range(len(data) - 9, len(data))}):
        cut.write_bytes(data[:length])
        for t, c in ((0, 0), (2, 1)):
            try:
                shown = READER.read(str(cut), info.at(t, c))
            except FileError:
                refused += 1
            else:
                np.testing.assert_array_equal(shown, DATA[t, c])
    # What follows the pixels of ImageJ files may be missing: the pixels are all there.
    assert refused >= 50


def test_a_longer_file_in_place_of_another_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    WRITERS["pages"](path)
    info = READER.probe(str(path))
    READER.read(str(path), info)
    with tifffile.TiffWriter(path, ome=False) as writer:
        for plane in DATA[:2].reshape(-1, *SHAPE):
            writer.write(plane, contiguous=False, metadata=None)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileError):
        READER.read(str(path), info.at(2, 1))
    with pytest.raises(FileError, match=re.escape("not (4, 6, 8)")):
        READER.read(str(path), replace(info, page=(), offset=-1))


def test_positions_of_another_depth_come_last(tmp_path: Path) -> None:
    """Between two positions of five planes, one of three: it has its own shape."""
    images, first = "", 0
    for name, depth in (("A", 5), ("B", 3), ("C", 5)):
        images += (
            f'<Image Name="{name}"><Pixels DimensionOrder="XYZCT" SizeX="8" SizeY="6" '
            f'SizeZ="{depth}" SizeC="1" SizeT="1"><TiffData IFD="{first}" PlaneCount="{depth}"/>'
            "</Pixels></Image>"
        )
        first += depth
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for page in range(first):
            text = f"<OME>{images}</OME>".encode() if page == 0 else None
            plane = np.full((6, 8), page, np.uint16)
            tif.write(plane, description=text, metadata=None, contiguous=False)
    folder_info = inspect_folder(tmp_path)
    assert folder_info.positions == ("A", "C", "B")
    assert open_stack(tmp_path, position="B").volume()[:, 0, 0].tolist() == [5, 6, 7]
    assert open_stack(tmp_path, position="C").volume()[:, 0, 0].tolist() == [8, 9, 10, 11, 12]


def test_complex_pages_are_refused_by_their_path(tmp_path: Path) -> None:
    volume = np.ones((Z, *SHAPE), "complex64")
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack")
    with pytest.raises(FolderError, match="complex64: only real numbers have a picture") as caught:
        open_stack(tmp_path)
    assert caught.value.where == str(tmp_path / "a.tif")
